"""MediaPipe's face mesh for training: its detector in OpenVINO, and whether a mesh fits a labelled face."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from livefan.core.crop import CROP_MARGIN, Crop
from livefan.core.errors import LivefanError
from livefan.core.face_mesh import N_POINTS
from livefan.core.resources import bundled_folder
from livefan.runtimes.openvino_model import from_file
from livefan.runtimes.openvino_network import load_network

_SIZE = 256
MESH_MARGIN = 1.5
"""Side of the model's crop as a multiple of the longer side of the face's box."""
TASK = "face_landmarker.task"
"""The file with MediaPipe's networks, among livefan's assets."""
_INSIDE_TASK = "face_landmarks_detector.tflite"
EYES_NOSE_MOUTH = {36: 33, 39: 133, 42: 362, 45: 263, 30: 1, 48: 61, 54: 291}
"""Landmarks of 300W and the vertices at the same places: corners of eyes and mouth, tip of the nose."""
_LARGEST_ERROR = 0.06
"""Largest accepted mean distance between these, as a share of the longer side of the landmark box."""


class MeshLandmarks:
    """Finds the points of the face mesh in the crop of a face.

    Args:
        path: the model as ``.tflite``, or a ``.task`` archive with it; the bundled one by default.

    Raises:
        LivefanError: if the file is missing or is not this model.
    """

    def __init__(self, path: Path | None = None) -> None:
        path = path or bundled_folder("assets") / TASK
        if not path.is_file():
            raise LivefanError(f"{path}: no such file; name MediaPipe's face_landmarker.task")
        try:
            network = network_of(path, _INSIDE_TASK)
            sizes = [prod(list(each.partial_shape.get_max_shape())[1:]) for each in network.outputs]
            self._output = sizes.index(3 * N_POINTS)
        except (KeyError, ValueError, LivefanError, zipfile.BadZipFile) as error:
            raise LivefanError(
                f"{path}: not MediaPipe's face landmarks detector; name its face_landmarker.task"
            ) from error
        self._run: Any = network

    def find(self, image: np.ndarray, crop: Crop) -> np.ndarray:
        """Return the ``(478, 2)`` points of the mesh in image pixels.

        Args:
            image: ``(height, width, 3)`` uint8 BGR.
            crop: the crop around the landmarks, with the head upright.
        """
        return self.find_in(image, replace(crop, side_px=crop.side_px / CROP_MARGIN * MESH_MARGIN))

    def find_in(self, image: np.ndarray, crop: Crop) -> np.ndarray:
        """Return the same points from a crop whose side is :data:`MESH_MARGIN` times the box of the mesh."""
        crop = replace(crop, size=_SIZE)
        rgb = crop.cut(image)[None, ..., ::-1].astype(np.float32) / 255
        points = np.asarray(self._run(np.ascontiguousarray(rgb))[self._output]).reshape(N_POINTS, 3)
        return crop.to_image(points[:, :2] - 0.5)  # the model counts from the edge of the first pixel


def network_of(path: Path, name: str) -> Any:
    """Return a compiled network from a ``.tflite`` file, or by its name from a ``.task`` archive.

    Raises:
        LivefanError: if OpenVINO cannot read it.
        KeyError, BadZipFile: if the archive has no such network, or is none.
    """
    with ExitStack() as opened:
        if path.suffix == ".task":
            folder = TemporaryDirectory(prefix="livefan-", ignore_cleanup_errors=True)
            archive = opened.enter_context(zipfile.ZipFile(path))
            path = Path(archive.extract(name, opened.enter_context(folder)))
        return load_network(name, lambda: from_file(path), "float32", 1)


def mesh_fits(mesh_px: np.ndarray, points_px: np.ndarray, places: Mapping[int, int]) -> bool:
    """Return whether a mesh lies on a labelled face.

    Args:
        mesh_px: ``(m, 2)`` points of the mesh.
        points_px: ``(68, 2)`` landmarks of 300W.
        places: landmarks, and the vertices at the same places.
    """
    distances = np.linalg.norm(mesh_px[list(places.values())] - points_px[list(places)], axis=1)
    return bool(distances.mean() <= _LARGEST_ERROR * np.ptp(points_px, axis=0).max())

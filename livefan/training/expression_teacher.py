"""MediaPipe's face mesh and blendshapes, the teacher of the expression head.

The two networks are those of MediaPipe's face landmarker (Google, Apache-2.0), which ships with livefan.
OpenVINO runs them. As in MediaPipe, the mesh is measured in a crop around the last mesh of the face.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from livefan.core.crop import Crop
from livefan.core.face_measures import EXPRESSION_NAMES
from livefan.core.resources import bundled_folder

TASK = "face_landmarker.task"
"""The file with the networks, among livefan's assets."""
_MESH, _BLENDSHAPES = "face_landmarks_detector.tflite", "face_blendshapes.tflite"
_N_POINTS = 478
_SIDE = 256
_MARGIN = 1.5
"""Side of the crop of the mesh, as a multiple of the longer side of its box."""
_RIGHT_EYE, _LEFT_EYE = 33, 263
"""Outer corners of the eyes in the mesh."""
_PUPILS = [468, 473]
"""Centres of the irises in the mesh, the person's right eye first."""
_FIRST_COEFFICIENT = 1
_LEFT_OUT = ("cheekPuff",)


def _ranges(text: str) -> list[int]:
    """Return the numbers of a text such as ``0-2 5``."""
    parts = [part.split("-") for part in text.split()]
    return [number for part in parts for number in range(int(part[0]), int(part[-1]) + 1)]


MESH_INPUTS = _ranges(
    "0-1 4-8 10 13-14 17 21 33 37 39-40 46 52-55 58 61 63 65-67 70 78 80-82 84 87-88 91 93 95 103 105 107 "
    "109 127 132-133 136 144-146 148-150 152-155 157-163 168 172-173 176 178 181 185 191 195 197 234 246 249 "
    "251 263 267 269-270 276 282-285 288 291 293 295-297 300 308 310-312 314 317-318 321 323-324 332 334 336 "
    "338 356 361-362 365 373-375 377-382 384-390 397-398 400 402 405 409 415 454 466 468-477"
)
"""Points of the mesh that the blendshapes are computed from."""
EYE_POINTS = _ranges(
    "7 33 133 144-145 153-155 157-161 163 173 246 249 263 362 373-374 380-382 384-388 390 398 466 468-477"
)
"""Points of lids and irises in the mesh."""
LIP_POINTS = _ranges(
    "0 13-14 17 37 39-40 61 78 80-82 84 87-88 91 95 146 178 181 185 191 267 269-270 291 308 310-312 314 "
    "317-318 321 324 375 402 405 409 415"
)
"""Points of the lips in the mesh."""
_OUTPUTS = sorted((*EXPRESSION_NAMES, *_LEFT_OUT), key=str.lower)
_KEPT = [_FIRST_COEFFICIENT + _OUTPUTS.index(name) for name in EXPRESSION_NAMES]


@dataclass(frozen=True)
class Taught:
    """The teacher's measurement of a face.

    Attributes:
        mesh_px: ``(478, 2)`` float64 points in image pixels.
        expressions: ``(k,)`` float32 coefficients, in the order of ``EXPRESSION_NAMES``.
    """

    mesh_px: np.ndarray
    expressions: np.ndarray

    @property
    def inputs_px(self) -> np.ndarray:
        """``(p, 2)`` points that the blendshapes are computed from."""
        return self.mesh_px[MESH_INPUTS]

    @property
    def pupils_px(self) -> np.ndarray:
        """``(2, 2)`` centres of the irises, the person's right eye first."""
        return self.mesh_px[_PUPILS]


class ExpressionTeacher:
    """Measures the expressions of faces by MediaPipe's networks."""

    def __init__(self) -> None:
        from livefan.runtimes.openvino_model import from_file
        from livefan.runtimes.openvino_network import load_network

        with (
            TemporaryDirectory(prefix="livefan-", ignore_cleanup_errors=True) as folder,
            zipfile.ZipFile(bundled_folder("assets") / TASK) as task,
        ):

            def load(name: str) -> Any:
                path = Path(task.extract(name, folder))
                return load_network(name, lambda: from_file(path), "float32", 1).create_infer_request()

            self._mesh, self._blendshapes = load(_MESH), load(_BLENDSHAPES)

    def measure(self, image: np.ndarray, crop: Crop, before: Taught | None = None) -> Taught:
        """Return the expressions of a face.

        Args:
            image: ``(height, width, 3)`` uint8 BGR.
            crop: a crop around the landmarks of the face, as for livefan's networks.
            before: the measurement of the same face on the frame before, if there is one.
        """
        wide = Crop(crop.centre_px, crop.side_px * _MARGIN, crop.angle, _SIDE)
        near_px = self._mesh_px(image, wide) if before is None else before.mesh_px
        mesh_px = self._mesh_px(image, _crop_around(near_px))
        self._blendshapes.infer({0: mesh_px[MESH_INPUTS][None].astype(np.float32)})
        return Taught(mesh_px, self._blendshapes.get_output_tensor(0).data.ravel()[_KEPT].copy())

    def _mesh_px(self, image: np.ndarray, crop: Crop) -> np.ndarray:
        """Return the ``(478, 2)`` mesh in a crop, in image pixels."""
        rgb = crop.cut(image)[..., ::-1].astype(np.float32) / 255
        self._mesh.infer({0: rgb[None]})
        outputs = [self._mesh.get_output_tensor(n).data for n in range(len(self._mesh.model_outputs))]
        points = next(output for output in outputs if output.size == 3 * _N_POINTS)
        return crop.to_image(points.reshape(_N_POINTS, 3)[:, :2])


def _crop_around(mesh_px: np.ndarray) -> Crop:
    """Return the upright crop around a mesh."""
    across = mesh_px[_LEFT_EYE] - mesh_px[_RIGHT_EYE]
    angle = math.atan2(across[1], across[0])
    cos, sin = math.cos(angle), math.sin(angle)
    turned = mesh_px @ np.array([[cos, -sin], [sin, cos]])
    low, high = turned.min(axis=0), turned.max(axis=0)
    x, y = ((low + high) / 2).tolist()
    return Crop((cos * x - sin * y, sin * x + cos * y), _MARGIN * float((high - low).max()), angle, _SIDE)


def mirrored_order(names: Sequence[str]) -> list[int]:
    """Return the place of the coefficient that each one becomes in a mirrored image."""
    sides = {"Left": "Right", "Right": "Left"}
    other = [
        next((name.replace(side, sides[side]) for side in sides if name.endswith(side)), name)
        for name in names
    ]
    return [list(names).index(name) for name in other]

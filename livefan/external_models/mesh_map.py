"""The fixed map from MediaPipe's face mesh to the 68 landmarks of 300W.

300W places brows, jaw and lips differently from MediaPipe's mesh. A linear map brings the 478 points to
300W's landmarks. ``livefan calibrate --mediapipe`` fits it on labelled training faces by ridge regression.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from livefan.core.crop import roll_angle
from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write
from livefan.core.landmarks import IBUG_68, MEDIAPIPE_478
from livefan.core.resources import bundled_folder

FILE_NAME = "mediapipe-to-300w.safetensors"
N_INPUTS = 2 * MEDIAPIPE_478.n_points + 1


@dataclass(frozen=True)
class MeshFrame:
    """Coordinate frame of a mesh: upright, origin at the centre of its box, unit of the box's longer side.

    Attributes:
        centre_px: ``(2,)`` in image pixels.
        size_px: longer side of the box of the upright mesh, in pixels.
        turn: ``(2, 2)`` rotation from the image to the upright face.
    """

    centre_px: np.ndarray
    size_px: float
    turn: np.ndarray

    @classmethod
    def of(cls, mesh_px: np.ndarray) -> MeshFrame:
        """Return the frame of a ``(478, 2)`` mesh."""
        right_eye, left_eye, mouth = MEDIAPIPE_478.centring @ mesh_px
        angle = roll_angle(right_eye, left_eye, mouth)
        turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        upright = mesh_px @ turn.T
        low, high = upright.min(axis=0), upright.max(axis=0)
        return cls((low + high) / 2 @ turn, max(float((high - low).max()), 1e-6), turn)

    def from_image(self, points_px: np.ndarray) -> np.ndarray:
        """Map ``(n, 2)`` image pixels to the frame."""
        return (points_px - self.centre_px) @ self.turn.T / self.size_px

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Map ``(n, 2)`` points of the frame to image pixels."""
        return points * self.size_px @ self.turn + self.centre_px


@dataclass(frozen=True)
class MeshMap:
    """A linear map of low rank from a mesh to 300W's landmarks, both in their :class:`MeshFrame`.

    Attributes:
        reduce: ``(957, rank)`` float32, from the coordinates of the mesh and a one.
        expand: ``(rank, 136)`` float32.
        mean: ``(136,)`` float32 mean landmarks.
    """

    reduce: np.ndarray
    expand: np.ndarray
    mean: np.ndarray

    def apply(self, mesh_px: np.ndarray) -> np.ndarray:
        """Return the ``(68, 2)`` landmarks of a ``(478, 2)`` mesh, both in image pixels."""
        frame = MeshFrame.of(mesh_px)
        found = mesh_inputs(mesh_px, frame) @ self.reduce @ self.expand + self.mean
        return frame.to_image(found.reshape(IBUG_68.n_points, 2))

    def save(self, path: Path, provenance: dict[str, str]) -> None:
        """Write the map with a record of its origin."""
        tensors = {"reduce": self.reduce, "expand": self.expand, "mean": self.mean}
        data = save(
            {name: np.ascontiguousarray(each, np.float32) for name, each in tensors.items()}, provenance
        )
        with atomic_write(path) as partial:
            partial.write_bytes(data)


def mesh_inputs(mesh_px: np.ndarray, frame: MeshFrame) -> np.ndarray:
    """Return the ``(957,)`` inputs of the map: the coordinates of the mesh in its frame, and a one."""
    return np.append(frame.from_image(mesh_px).ravel(), 1.0)


def load_mesh_map(path: Path | None = None) -> MeshMap:
    """Read a map, by default the bundled one.

    Raises:
        LivefanError: if the file is missing or damaged.
    """
    path = path or bundled_folder("assets") / FILE_NAME
    try:
        with safe_open(path, framework="np") as file:
            reduce, expand, mean = (file.get_tensor(name) for name in ("reduce", "expand", "mean"))
    except (OSError, SafetensorError) as error:
        raise LivefanError(
            f"{path}: not a map from MediaPipe's mesh ({error}); install livefan again"
        ) from error
    return MeshMap(reduce, expand, mean)

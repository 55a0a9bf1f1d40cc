"""MediaPipe's face mesh and blendshapes, the teacher of the expression head.

The two networks are those of MediaPipe's face landmarker (Google, Apache-2.0), which ships with livefan.
OpenVINO runs them. As in MediaPipe, the mesh is measured in a crop around the last mesh of the face.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from livefan.core.crop import Crop
from livefan.core.face_measures import EXPRESSION_NAMES
from livefan.core.resources import bundled_folder
from livefan.training.mesh_landmarks import MESH_MARGIN, TASK, MeshLandmarks, network_of

_BLENDSHAPES = "face_blendshapes.tflite"
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
        self._mesh = MeshLandmarks()
        network = network_of(bundled_folder("assets") / TASK, _BLENDSHAPES)
        self._blendshapes = network.create_infer_request()

    def measure(self, image: np.ndarray, crop: Crop, before: Taught | None = None) -> Taught:
        """Return the expressions of a face.

        Args:
            image: ``(height, width, 3)`` uint8 BGR.
            crop: a crop around the landmarks of the face, as for livefan's networks.
            before: the measurement on the frame before, if there is one. It is used if it lies on the face.
        """
        if before is not None and _lies_in(before.mesh_px, crop):
            near_px = before.mesh_px
        else:
            near_px = self._mesh.find_in(image, replace(crop, side_px=crop.side_px * MESH_MARGIN))
        mesh_px = self._mesh.find_in(image, _crop_around(near_px))
        self._blendshapes.infer({0: mesh_px[MESH_INPUTS][None].astype(np.float32)})
        return Taught(mesh_px, self._blendshapes.get_output_tensor(0).data.ravel()[_KEPT].copy())


def _lies_in(mesh_px: np.ndarray, crop: Crop) -> bool:
    """Return whether a mesh and a crop are about the same face: their middles are near each other."""
    middle = (mesh_px.min(axis=0) + mesh_px.max(axis=0)) / 2
    return math.dist(middle, crop.centre_px) < crop.side_px / 4


def _crop_around(mesh_px: np.ndarray) -> Crop:
    """Return the upright crop around a mesh."""
    across = mesh_px[_LEFT_EYE] - mesh_px[_RIGHT_EYE]
    angle = math.atan2(across[1], across[0])
    cos, sin = math.cos(angle), math.sin(angle)
    turned = mesh_px @ np.array([[cos, -sin], [sin, cos]])
    low, high = turned.min(axis=0), turned.max(axis=0)
    x, y = ((low + high) / 2).tolist()
    return Crop((cos * x - sin * y, sin * x + cos * y), MESH_MARGIN * float((high - low).max()), angle)


def mirrored_order(names: Sequence[str]) -> list[int]:
    """Return the place of the coefficient that each one becomes in a mirrored image."""
    sides = {"Left": "Right", "Right": "Left"}
    other = [
        next((name.replace(side, sides[side]) for side in sides if name.endswith(side)), name)
        for name in names
    ]
    return [list(names).index(name) for name in other]

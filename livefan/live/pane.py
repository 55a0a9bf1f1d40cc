"""A pane shows one frame under one affine map from image pixels to pane pixels.

Drawings on a pane stay sharp at every magnification, and a place under the mouse maps back into the image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from livefan.core.face_measures import Gaze
from livefan.core.frame import Face
from livefan.live.result import Result
from livefan.live.view_state import LARGEST_ZOOM, Spot, View

_NEAREST_ZOOM = 6.0
"""Magnification from which pixels are shown as squares."""
_WHOLE_PX = 1e-3
"""Distance from a whole pixel that counts as none."""


@dataclass(frozen=True)
class Pane:
    """A part of the picture that shows one frame.

    Attributes:
        left, width, height: position and size in the picture, in pixels.
        matrix: ``(2, 3)`` from image pixels to the pane's pixels.
        result: the frame and its faces.
        top: first row in the picture, in pixels.
    """

    left: int
    width: int
    height: int
    matrix: np.ndarray
    result: Result
    top: int = 0

    def to_image(self, x: float, y: float) -> np.ndarray:
        """Return the ``(2,)`` image pixels of a place in the whole picture."""
        in_pane = np.array([x - self.left, y - self.top])
        return np.linalg.solve(self.matrix[:, :2], in_pane - self.matrix[:, 2])

    def spot_at(self, x: float, y: float, reach_px: float = 14.0) -> Spot | None:
        """Return the landmark nearest to a place in the whole picture, within ``reach_px`` pixels of it."""
        nearest, distance = None, reach_px
        for face in self.result.faces:
            points_pane = self.to_pane(face.points_px)
            distances = np.hypot(*(points_pane - (x - self.left, y - self.top)).T)
            if distances.min() < distance:
                distance = float(distances.min())
                nearest = Spot(face.track_id, int(distances.argmin()))
        return nearest

    def to_pane(self, points_px: np.ndarray) -> np.ndarray:
        """Return ``(n, 2)`` image pixels as the pane's pixels."""
        return points_px @ self.matrix[:, :2].T + self.matrix[:, 2]

    def faces_on_pane(self, faces: list[Face]) -> list[Face]:
        """Return faces with their landmarks and boxes in the pane's pixels."""
        moved = []
        for face in faces:
            points_pane = self.to_pane(face.points_px)
            box = np.concatenate([points_pane.min(axis=0), points_pane.max(axis=0)])
            moved.append(
                replace(
                    face,
                    points_px=points_pane,
                    box_px=box,
                    pupils_px=None if face.pupils_px is None else self.to_pane(face.pupils_px),
                    gaze=partial(_gaze_of, face, mirrored=self.matrix[0, 0] < 0),
                )
            )
        return moved

    def _placed(self) -> np.ndarray | None:
        """Return :meth:`resampled` of a whole image at whole pixels, in half of the time; else None."""
        image, scale = self.result.frame.image, self.matrix[0, 0]  # negative in a mirror
        if not 0.5 <= scale < _NEAREST_ZOOM:
            return None
        corner = self.matrix[:, 2] - (0.5 * scale - 0.5)
        left, top = np.round(corner).astype(int)
        height, width = (round(scale * length) for length in image.shape[:2])
        fits = left >= 0 and top >= 0 and left + width <= self.width and top + height <= self.height
        if not fits or np.abs(corner - (left, top)).max() > _WHOLE_PX:
            return None
        scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        if scaled.shape[:2] == (self.height, self.width):
            return scaled
        canvas = np.zeros((self.height, self.width, 3), np.uint8)
        canvas[top : top + scaled.shape[0], left : left + scaled.shape[1]] = scaled
        return canvas

    def resampled(self) -> np.ndarray:
        """Return ``(height, width, 3)`` uint8 BGR: the visible part of the frame, black around it."""
        image, scale = self.result.frame.image, abs(self.matrix[0, 0])
        size = (self.width, self.height)
        if (placed := self._placed()) is not None:
            return placed
        if scale >= 1:
            flags = cv2.INTER_NEAREST if scale >= _NEAREST_ZOOM else cv2.INTER_LINEAR
            return cv2.warpAffine(image, self.matrix, size, flags=flags)
        if scale >= 0.5:
            return cv2.warpAffine(image, self.matrix, size, flags=cv2.INTER_LINEAR)
        # Bilinear interpolation alone would alias.
        reduction = int(1 / scale)
        small = cv2.resize(
            image,
            (max(1, image.shape[1] // reduction), max(1, image.shape[0] // reduction)),
            interpolation=cv2.INTER_AREA,
        )
        factor = np.array([image.shape[1] / small.shape[1], image.shape[0] / small.shape[0]])
        matrix = self.matrix.copy()
        matrix[:, 2] += matrix[:, :2] @ ((factor - 1) / 2)
        matrix[:, :2] *= factor
        return cv2.warpAffine(small, matrix, size, flags=cv2.INTER_LINEAR)


def _gaze_of(face: Face, *, mirrored: bool) -> Gaze | None:
    """Return the gaze of a face as seen on a pane."""
    return face.gaze.mirrored() if mirrored and face.gaze is not None else face.gaze


def pane_of(result: Result, view: View, left: int, width: int, height: int, top: int = 0) -> Pane:
    """Return the pane that shows a result under a view, at a position in the picture."""
    if result.photographs:  # only a moving picture serves as a mirror
        view = replace(view, mirror=False)
    matrix = frame_to_pane(result.frame.image.shape, view, width, height)
    return Pane(left, width, height, matrix, result, top)


def frame_to_pane(shape: tuple[int, ...], view: View, width: int, height: int) -> np.ndarray:
    """Return the ``(2, 3)`` matrix that fits an image of ``(height, width, ...)`` into a pane under a view.

    The image moves no further than its edge to the pane's edge. An image smaller than the pane is centred, to
    a whole pixel.
    """
    image_height, image_width = shape[:2]
    scale = min(width / image_width, height / image_height) * min(max(view.zoom, 1.0), LARGEST_ZOOM)
    centre_x = 1 - view.centre[0] if view.mirror else view.centre[0]
    shift = (
        _shift(image_width * scale, width, centre_x),
        _shift(image_height * scale, height, view.centre[1]),
    )
    # An image of width w spans -0.5 ... w - 0.5, and so does the pane.
    to_corner = 0.5 * scale - 0.5
    matrix = np.array([[scale, 0.0, shift[0] + to_corner], [0.0, scale, shift[1] + to_corner]])
    if view.mirror:
        matrix[0] = -scale, 0.0, shift[0] + scale * (image_width - 0.5) - 0.5
    return matrix


def _shift(length: float, room: float, centre: float) -> float:
    if length <= room:
        return float(round((room - length) / 2))
    return float(np.clip(room / 2 - centre * length, room - length, 0.0))

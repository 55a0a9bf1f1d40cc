"""Crops: squares around a face, with the similarity transform between image and crop.

Training, evaluation and the live application all use :class:`Crop`, so the crops of the network have the same
geometry everywhere. Pixel centres lie at integer coordinates in every space: an image
of width ``w`` spans ``[-0.5, w - 0.5]``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from livefan.core.boxes import bounding_box
from livefan.core.landmarks import LandmarkScheme

CROP_MARGIN = 1.25
"""Side of a crop as a multiple of the longer side of the landmark box (MobileFAN, arXiv 1908.03839)."""
CLOSEST_SIZE = 224
"""Part of a crop of 256 pixels that every smaller crop still shows, in pixels."""


@dataclass(frozen=True)
class Crop:
    """A rotated square in an image and the similarity transform that maps it to ``size x size`` pixels.

    Attributes:
        centre_px: centre of the square, ``(x, y)`` in image pixels.
        side_px: length of its side in image pixels.
        angle: clockwise rotation of the square on the screen, in radians; a head that leans by this
            angle is upright in the crop.
        size: side of the output in pixels.
    """

    centre_px: tuple[float, float]
    side_px: float
    angle: float = 0.0
    size: int = 256

    def sized(self, size: int) -> Crop:
        """Return the crop for a network with an input of ``size x size`` pixels.

        A smaller crop shows the middle of a larger crop, at the same resolution. A face that moves leaves a
        closer crop sooner, so below :data:`CLOSEST_SIZE` only the resolution falls; see docs/experiments.md.
        """
        if size == self.size:
            return self
        shown, wanted = (max(each, CLOSEST_SIZE) for each in (self.size, size))
        return Crop(self.centre_px, self.side_px * wanted / shown, self.angle, size)

    def to_crop(self, points_px: np.ndarray) -> np.ndarray:
        """Map ``(..., 2)`` image points to crop pixels, float64."""
        return np.asarray(points_px, np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2]

    def to_image(self, points_crop: np.ndarray) -> np.ndarray:
        """Map ``(..., 2)`` crop points back to image pixels, float64; the inverse of :meth:`to_crop`."""
        scale, middle = self.side_px / self.size, (self.size - 1) / 2
        cos, sin = scale * math.cos(self.angle), scale * math.sin(self.angle)
        x, y = self.centre_px
        origin = np.array([x - (cos - sin) * middle, y - (sin + cos) * middle])
        return np.asarray(points_crop, np.float64) @ np.array([[cos, sin], [-sin, cos]]) + origin

    @cached_property
    def matrix(self) -> np.ndarray:
        """The ``(2, 3)`` affine matrix from image pixels to crop pixels."""
        scale, middle = self.size / self.side_px, (self.size - 1) / 2
        cos, sin = scale * math.cos(self.angle), scale * math.sin(self.angle)
        x, y = self.centre_px
        matrix = np.array([[cos, sin, middle - cos * x - sin * y], [-sin, cos, middle + sin * x - cos * y]])
        matrix.setflags(write=False)
        return matrix

    def cut(self, image: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Resample the square into a ``(size, size, channels)`` image; outside the image is black.

        Args:
            image: ``(height, width, channels)`` uint8, any colour order, which is kept.
            out: ``(size, size, channels)`` uint8, to write to and return; its rows are contiguous.
        """
        # A strong reduction by bilinear taps alone would alias, so shrink by averaging first.
        if self.side_px >= 2 * self.size:
            return self._cut_reduced(image, out)
        return self._warp(image, out)

    def _warp(self, image: np.ndarray, out: np.ndarray | None) -> np.ndarray:
        return cv2.warpAffine(image, self.matrix, (self.size, self.size), dst=out, flags=cv2.INTER_LINEAR)

    def _cut_reduced(self, image: np.ndarray, out: np.ndarray | None) -> np.ndarray:
        """Cut from the neighbourhood of the square, halved until bilinear taps reach every pixel.

        Only pixels under the square are touched. Halving is the one reduction that OpenCV has a fast way
        for: twice by two takes a third of the time of once by four.
        """
        halvings = int(math.log2(self.side_px / self.size))
        reduction = 2**halvings
        reach = self.side_px / 2 * (abs(math.cos(self.angle)) + abs(math.sin(self.angle))) + reduction
        height, width = image.shape[:2]
        x0, y0 = (max(0, int(centre - reach)) for centre in self.centre_px)
        x1 = min(width, int(self.centre_px[0] + reach) + 1)
        y1 = min(height, int(self.centre_px[1] + reach) + 1)
        x1, y1 = x1 - (x1 - x0) % reduction, y1 - (y1 - y0) % reduction
        if x1 <= x0 or y1 <= y0:
            out = np.empty((self.size, self.size, *image.shape[2:]), image.dtype) if out is None else out
            out.fill(0)
            return out
        small = image[y0:y1, x0:x1]
        for _ in range(halvings):
            half = small.shape[1] // 2, small.shape[0] // 2
            small = cv2.resize(small, half, interpolation=cv2.INTER_AREA)
        # Averaged pixel k covers image pixels x0 + k * r ... x0 + k * r + r - 1.
        x, y = (
            (centre - origin - (reduction - 1) / 2) / reduction
            for centre, origin in zip(self.centre_px, (x0, y0), strict=True)
        )
        return Crop((x, y), self.side_px / reduction, self.angle, self.size)._warp(small, out)


def mirrored_x(x: np.ndarray, size: int, offset: float = 0.0) -> np.ndarray:
    """Return the x coordinates of points of a crop in its mirror image.

    Args:
        x: x coordinates in crop pixels.
        size: side of the crop in pixels.
        offset: constant error of the coordinates to the right, in both images, as a share of the side; see
            :class:`livefan.networks.checkpoint_info.WeightsInfo`.
    """
    return size * (1 + 2 * offset) - 1 - x


def roll_angle(right_eye: Iterable[float], left_eye: Iterable[float], mouth: Iterable[float]) -> float:
    """Return the roll of a head in radians, clockwise on the screen, from three ``(2,)`` points.

    The angle is a mean of the directions from eye to eye and from the eyes to the mouth, weighted by their
    lengths. So it is defined in profile views too, where the eyes coincide.
    """
    (right_x, right_y), (left_x, left_y), (mouth_x, mouth_y) = right_eye, left_eye, mouth
    across_x, across_y = left_x - right_x, left_y - right_y
    down_x, down_y = mouth_x - (left_x + right_x) / 2, mouth_y - (left_y + right_y) / 2
    return math.atan2(across_y - down_x, across_x + down_y)


def crop_from_landmarks(points_px: np.ndarray, *, angle: float = 0.0, size: int = 256) -> Crop:
    """Return the crop around the landmarks of a face: centre of their box, 1.25 times its longer side.

    Args:
        points_px: ``(n, 2)`` landmarks in image pixels.
        angle: rotation of the crop in radians; the box is taken in the rotated frame.
        size: side of the output in pixels.
    """
    cos, sin = math.cos(angle), math.sin(angle)
    turned = np.asarray(points_px, np.float64) @ np.array([[cos, -sin], [sin, cos]])
    left, top, right, bottom = bounding_box(turned).tolist()
    x, y = (left + right) / 2, (top + bottom) / 2
    side = max(max(right - left, bottom - top) * CROP_MARGIN, 1.0)
    return Crop((cos * x - sin * y, sin * x + cos * y), side, angle, size)


def upright_crop(points_px: np.ndarray, scheme: LandmarkScheme, size: int = 256) -> Crop:
    """Return the crop around the landmarks of a face in which the head is upright."""
    right_eye, left_eye, mouth = (scheme.centring @ points_px).tolist()
    return crop_from_landmarks(points_px, angle=roll_angle(right_eye, left_eye, mouth), size=size)

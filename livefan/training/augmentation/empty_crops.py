"""Crops without a face: beside faces, of pictures without faces, and computed ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from livefan.core.boxes import iou
from livefan.core.crop import Crop
from livefan.detection.detection_to_crop import load_detection_to_crop
from livefan.detection.detector import FaceDetector

_WIDER = 1.6
"""Side of the region around a face that crops without a face must not touch, in boxes of its landmarks."""
_OF_PICTURE = 6
"""Number of random crops of a picture without faces."""
_TRIES = 12


def random_crop(image: np.ndarray, size: int, rng: np.random.Generator) -> Crop:
    """Return a crop of a picture at a random place, of random size and angle."""
    height, width = image.shape[:2]
    centre = rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.9) * height
    return Crop(centre, min(height, width) * rng.uniform(0.15, 1.0), rng.uniform(-math.pi, math.pi), size)


def background_crop(
    image: np.ndarray, points_px: np.ndarray, detector: FaceDetector, size: int, rng: np.random.Generator
) -> np.ndarray | None:
    """Return a crop of an image that touches neither a labelled nor a detected face; None if none is found.

    Args:
        image: ``(height, width, 3)`` uint8 BGR.
        points_px: landmarks of the labelled face.
        detector: finds other faces.
        size: side of the crop in pixels.
        rng: decides the place.
    """
    height, width = image.shape[:2]
    found = detector.detect(image, faint=True)
    apart = [_around(points) for points in (points_px, *(each.box_px.reshape(2, 2) for each in found))]
    for _ in range(_TRIES):
        side = min(height, width) * rng.uniform(0.12, 0.7)
        crop = Crop((rng.uniform(0, width), rng.uniform(0, height)), side, rng.uniform(-0.5, 0.5), size)
        reach = 0.75 * side  # the crop is rotated
        x, y = crop.centre_px
        box = np.array([x - reach, y - reach, x + reach, y + reach])
        if all(iou(box, other) == 0 for other in apart):
            return crop.cut(image)
    return None


def _around(points_px: np.ndarray) -> np.ndarray:
    """Return the box around a face that no crop without a face may touch."""
    low, high = points_px.min(axis=0), points_px.max(axis=0)
    reach = _WIDER / 2 * (high - low).max()
    return np.concatenate([(low + high) / 2 - reach, (low + high) / 2 + reach])


def empty_crops(
    image: np.ndarray, detector: FaceDetector, size: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield crops of a picture without faces: random ones, and those that the detector takes for faces."""
    for _ in range(_OF_PICTURE):
        yield random_crop(image, size, rng).cut(image)
    to_crop = load_detection_to_crop()
    for detection in detector.detect(image, faint=True):
        yield to_crop.crop(detection).sized(size).cut(image)


def made_crops(count: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield ``(size, size, 3)`` uint8 crops of one colour, of noise, with a gradient, and with soft spots."""
    makers: tuple[Callable[[], np.ndarray | float], ...] = (
        lambda: 0.0,
        lambda: rng.normal(0, rng.uniform(1, 60), (size, size, 3)),
        lambda: np.linspace(-1, 1, size)[:, None, None] * rng.uniform(0, 128, 3),
        lambda: cv2.resize(
            rng.uniform(-128, 128, (int(rng.integers(2, 12)), int(rng.integers(2, 12)), 3)),
            (size, size),
            interpolation=cv2.INTER_CUBIC,
        ),
    )
    for number in range(count):
        colour = np.full((size, size, 3), rng.integers(0, 256, 3), np.float64)
        yield np.clip(colour + makers[number % len(makers)](), 0, 255).astype(np.uint8)

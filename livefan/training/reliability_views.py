"""Crops to fit the reliability head to: plain, covered and hard faces, and crops without a face."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from livefan.core.boxes import iou
from livefan.core.crop import Crop, crop_from_landmarks
from livefan.core.files import name_bytes
from livefan.datasets import LabelledFace
from livefan.detection.detection_to_crop import load_detection_to_crop
from livefan.detection.detector import FaceDetector
from livefan.training.augmentation import distortions
from livefan.training.augmentation.face_mesh import canvas
from livefan.training.augmentation.robustness import HARD_KINDS
from livefan.training.head_samples import disturbed_colours, disturbed_crop

TEXTURE, RECTANGLE = "texture", "rectangle"
COVERED = (*distortions.COVERS, TEXTURE, RECTANGLE)
"""Kinds of covered faces, by the cover."""
_ROTATED = "rotated"
_PLAIN = "plain"
_SEED = 24
_OTHER_HARD = (*(kind for kind in HARD_KINDS if kind != "covered"), _ROTATED)
_LARGEST_ROLL = 60.0
_WIDER = 1.6
"""Side of the region around a face that crops without a face must not touch, in boxes of its landmarks."""
_OF_PICTURE = 6
"""Number of random crops of a picture without faces."""
_TRIES = 12


@dataclass(frozen=True)
class FaceView:
    """A crop of a labelled face.

    Attributes:
        pixels: ``(size, size, 3)`` uint8 BGR.
        points_crop: ``(n, 2)`` labels in crop pixels.
        occluded: ``(n,)`` float32, the opacity of the cover at each landmark; 0 without a cover.
        kind: ``"plain"``, one of :data:`COVERED`, or the name of another distortion.
    """

    pixels: np.ndarray
    points_crop: np.ndarray
    occluded: np.ndarray
    kind: str


def face_views(
    image: np.ndarray, face: LabelledFace, size: int, textures: Sequence[np.ndarray], *, disturb: bool
) -> Iterator[FaceView]:
    """Yield a face as it is, behind each kind of cover, and in one other hard form, or in all of them.

    The views depend on the name of the face alone.

    Args:
        image: ``(height, width, 3)`` uint8 BGR.
        face: the face on it.
        size: side of the crops in pixels.
        textures: pictures for covers.
        disturb: disturb crops and colours, and yield one other hard form, as for training; else all.
    """
    rng = np.random.default_rng((_SEED, zlib.crc32(name_bytes(face.name))))
    wide = canvas(face.points_px)
    pixels, points = wide.cut(image), wide.to_crop(face.points_px)
    others = (str(rng.choice(_OTHER_HARD)),) if disturb else _OTHER_HARD
    for kind in (_PLAIN, *COVERED, *others):
        shown, mask = _distorted(pixels, kind, textures, rng)
        crop = crop_from_landmarks(points).sized(size)
        if kind == _ROTATED:
            crop = replace(crop, angle=math.radians(rng.uniform(-_LARGEST_ROLL, _LARGEST_ROLL)))
        if disturb:
            crop = disturbed_crop(crop, rng)
        cut = crop.cut(shown)
        yield FaceView(
            disturbed_colours(cut, rng) if disturb else cut, crop.to_crop(points), _at(mask, points), kind
        )


def _distorted(
    pixels: np.ndarray, kind: str, textures: Sequence[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return a distorted face, and the mask of its cover."""
    if kind in distortions.COVERS:
        return distortions.COVERS[kind](pixels, rng)
    if kind == TEXTURE:
        return distortions.cover_by_picture(pixels, _piece(textures, len(pixels), rng), rng)
    if kind == RECTANGLE:
        return distortions.cover_by_rectangle(pixels, rng)
    nothing = np.zeros(pixels.shape[:2], np.uint8)
    return (HARD_KINDS[kind](pixels, rng) if kind in HARD_KINDS else pixels), nothing


def _piece(textures: Sequence[np.ndarray], size: int, rng: np.random.Generator) -> np.ndarray:
    """Return a random square of a random picture, ``(size, size, 3)``."""
    picture = textures[int(rng.integers(len(textures)))]
    return _random_crop(picture, size, rng).cut(picture)


def _random_crop(image: np.ndarray, size: int, rng: np.random.Generator) -> Crop:
    height, width = image.shape[:2]
    centre = rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.9) * height
    return Crop(centre, min(height, width) * rng.uniform(0.15, 1.0), rng.uniform(-math.pi, math.pi), size)


def _at(mask: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the opacity of a mask at points; 0 outside."""
    columns, rows = np.round(points).astype(int).T
    inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    found = np.zeros(len(points), np.float32)
    found[inside] = mask[rows[inside], columns[inside]] / 255
    return found


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
        yield _random_crop(image, size, rng).cut(image)
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

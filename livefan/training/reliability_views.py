"""Crops of faces to fit the reliability head to: plain, covered and hard ones."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from livefan.core.crop import crop_from_landmarks
from livefan.core.files import name_bytes
from livefan.datasets import LabelledFace
from livefan.training.augmentation import distortions
from livefan.training.augmentation.empty_crops import random_crop
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
    return random_crop(picture, size, rng).cut(picture)


def _at(mask: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the opacity of a mask at points; 0 outside."""
    columns, rows = np.round(points).astype(int).T
    inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    found = np.zeros(len(points), np.float32)
    found[inside] = mask[rows[inside], columns[inside]] / 255
    return found

"""Distortions of a crop: blur, compression, difficult light, low resolution and occlusion.

Each function takes ``(height, width, 3)`` uint8 BGR pixels with the face near the centre and a random
generator, and returns new pixels of the same shape. No function moves landmarks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np

Distortion: TypeAlias = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Cover: TypeAlias = Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]
"""Returns new pixels, and a ``(height, width)`` uint8 mask of the cover; 255 is opaque."""


def motion_blur(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur along a straight line of up to 12 % of the crop, as by a moving head or camera."""
    length = rng.uniform(0.02, 0.12) * len(pixels)
    angle = rng.uniform(0, math.pi)
    size = 2 * math.ceil(length / 2) + 1
    half_line = np.array([math.cos(angle), math.sin(angle)]) * length / 2
    start, end = (np.round(16 * (size // 2 + sign * half_line)).astype(int).tolist() for sign in (-1, 1))
    kernel = np.zeros((size, size), np.float32)
    cv2.line(kernel, start, end, (1.0,), 1, cv2.LINE_AA, 4)
    return _filtered(pixels, kernel)


def defocus(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur by a disc with a radius of up to 3 % of the crop, as by a lens out of focus."""
    radius = rng.uniform(0.008, 0.03) * len(pixels)
    cells = np.arange(-math.ceil(radius), math.ceil(radius) + 1)
    disc = np.clip(radius + 0.5 - np.hypot(cells[:, None], cells), 0, 1).astype(np.float32)
    return _filtered(pixels, disc)


def _filtered(pixels: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    kernel = kernel / kernel.sum()
    return cv2.filter2D(np.ascontiguousarray(pixels), -1, kernel, borderType=cv2.BORDER_REFLECT)


def compress(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Compress as JPEG with a quality of 6 to 35."""
    quality = int(rng.integers(6, 36))
    _, code = cv2.imencode(".jpg", np.ascontiguousarray(pixels), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(code, cv2.IMREAD_COLOR)
    assert decoded is not None  # encoded above
    return decoded


def side_light(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light the face from one side; the other side is dark and tinted."""
    height, width = pixels.shape[:2]
    angle = rng.uniform(0, 2 * math.pi)
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    along = (xs / width - 0.5) * math.cos(angle) + (ys / height - 0.5) * math.sin(angle)
    softness = rng.uniform(0.05, 0.3)
    lit = 1 / (1 + np.exp(-(along - rng.uniform(-0.12, 0.12)) / softness))[..., None]
    dark, bright = rng.uniform(0.05, 0.4), rng.uniform(0.9, 1.4)
    tint = rng.uniform(0.8, 1.2, 3).astype(np.float32)
    return np.clip(pixels * (dark * tint + (bright - dark * tint) * lit), 0, 255).astype(np.uint8)


def darken(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Darken the crop, with a colour cast and the sensor noise of high gain."""
    gain = rng.uniform(0.12, 0.35) * rng.uniform(0.85, 1.15, 3)
    noise = rng.normal(0, rng.uniform(2, 7), pixels.shape)
    return np.clip(pixels * gain + noise, 0, 255).astype(np.uint8)


def shrink(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Reduce the resolution to that of a face of 20 to 45 pixels, and enlarge again."""
    size = int(rng.integers(36, 81))  # of the whole crop; a face takes little more than half of it
    small = cv2.resize(np.ascontiguousarray(pixels), (size, size), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def cover(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cover part of the face by a hand, strands of hair or an object with an uneven outline."""
    return cover_with_mask(pixels, rng)[0]


def cover_with_mask(pixels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cover part of the face as :func:`cover` does; return the mask of the cover as well."""
    return tuple(COVERS.values())[int(rng.choice(3, p=(0.4, 0.35, 0.25)))](pixels, rng)


def _hand(pixels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw a palm with fingers, in a tone near that of the face."""
    size = len(pixels)
    mask = np.zeros(pixels.shape[:2], np.uint8)
    centre = size * rng.uniform(0.25, 0.75, 2)
    unit = size * rng.uniform(0.07, 0.14)
    direction = math.atan2(size / 2 - centre[1], size / 2 - centre[0]) + rng.normal(0, 0.6)
    for angle in np.linspace(-0.5, 0.5, 4) * rng.uniform(0.7, 1.4):
        finger = np.array([math.cos(direction + angle), math.sin(direction + angle)])
        tip = centre + finger * unit * rng.uniform(2.2, 3.2)
        _stroke(mask, [centre + finger * unit * 0.5, tip], 0.3 * unit)
    palm = tuple(np.round(centre).astype(int).tolist())
    cv2.ellipse(mask, palm, (round(1.2 * unit), round(unit)), math.degrees(direction), 0, 360, (255,), -1)
    wrist = centre - np.array([math.cos(direction), math.sin(direction)]) * size
    _stroke(mask, [centre, wrist], 1.3 * unit)
    skin = np.median(pixels[3 * size // 8 : 5 * size // 8, 3 * size // 8 : 5 * size // 8], axis=(0, 1))
    return _filled_mask(pixels, mask, skin * rng.uniform(0.7, 1.25) + rng.normal(0, 8, 3), rng)


def _hair(pixels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw a lock of hair: many strands from the top of the crop, with gaps between them."""
    size = len(pixels)
    mask = np.zeros(pixels.shape[:2], np.uint8)
    top, middle, end = (rng.uniform(low, high) * size for low, high in ((0.2, 0.8), (0.15, 0.85), (0.1, 0.9)))
    width, tail = rng.uniform(0.04, 0.16) * size, rng.uniform(0.45, 1.0) * size
    for _ in range(int(rng.integers(25, 70))):
        offset = rng.normal(0, 1) * width
        fall = end + offset * rng.uniform(0.6, 1.6)
        control = np.array([(top + 0.6 * offset, 0), (middle + offset, tail / 2), (fall, tail)])
        _stroke(mask, list(_curve(control)), size * rng.uniform(0.004, 0.02))
    colour = rng.uniform(0, 1) ** 2 * np.array([120, 170, 210]) * rng.uniform(0.7, 1.1, 3) + 10
    return _filled_mask(pixels, mask, colour, rng)


def _object(pixels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw an object of one colour with an uneven round outline."""
    mask = _uneven_disc(len(pixels), rng)
    return _filled_mask(pixels, mask, rng.uniform(0, 255, 3), rng)


def _uneven_disc(size: int, rng: np.random.Generator) -> np.ndarray:
    """Return the ``(size, size)`` uint8 mask of a disc with an uneven outline."""
    mask = np.zeros((size, size), np.uint8)
    angles = np.linspace(0, 2 * math.pi, int(rng.integers(5, 12)), endpoint=False)
    radii = size * rng.uniform(0.12, 0.28) * rng.uniform(0.6, 1.2, len(angles))
    around = np.column_stack([np.cos(angles), np.sin(angles)]) * radii[:, None]
    outline = size * rng.uniform(0.2, 0.8, 2) + around
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], (255,), cv2.LINE_AA)
    return mask


def _curve(control: np.ndarray) -> np.ndarray:
    """Return nine points of the quadratic Bézier curve of ``(3, 2)`` control points."""
    t = np.linspace(0, 1, 9)[:, None]
    return (1 - t) ** 2 * control[0] + 2 * t * (1 - t) * control[1] + t**2 * control[2]


def _stroke(mask: np.ndarray, points: list[np.ndarray], width: float) -> None:
    line = np.round(np.array(points)).astype(np.int32)
    cv2.polylines(mask, [line], False, (255,), max(1, round(2 * width)), cv2.LINE_AA)


def _filled_mask(
    pixels: np.ndarray, mask: np.ndarray, colour: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Fill a mask with a shaded, mottled colour and a soft edge; return the pixels and the soft mask."""
    height, width = mask.shape
    coarse = rng.normal(0, 14, (8, 8)).astype(np.float32)
    spots = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    grain = rng.normal(0, 4, (height, width, 1))
    depth = cv2.GaussianBlur(mask, (0, 0), 0.02 * width).astype(np.float32)[..., None] / 255
    shade = (0.65 + 0.35 * depth) * (colour + spots + grain)
    soft = cv2.GaussianBlur(mask, (0, 0), 0.7)
    weight = soft.astype(np.float32)[..., None] / 255
    return np.clip(pixels * (1 - weight) + shade * weight, 0, 255).astype(np.uint8), soft


def cover_by_picture(
    pixels: np.ndarray, picture: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Cover part of the face by a piece of another picture, with an uneven round outline.

    Args:
        pixels: ``(size, size, 3)`` uint8 BGR.
        picture: ``(size, size, 3)`` uint8 BGR.
        rng: decides place and outline.

    Returns:
        The new pixels, and the mask of the cover, as :data:`Cover`.
    """
    soft = cv2.GaussianBlur(_uneven_disc(len(pixels), rng), (0, 0), 0.7)
    weight = soft[..., None].astype(np.float32) / 255
    return (pixels * (1 - weight) + picture * weight).astype(np.uint8), soft


def cover_by_rectangle(pixels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cover part of the crop by a rectangle of one colour."""
    covered, mask = pixels.copy(), np.zeros(pixels.shape[:2], np.uint8)
    height, width = (rng.uniform(0.1, 0.45, 2) * pixels.shape[0]).astype(int)
    y, x = int(rng.integers(0, pixels.shape[0] - height)), int(rng.integers(0, pixels.shape[1] - width))
    covered[y : y + height, x : x + width] = rng.integers(0, 256, 3)
    mask[y : y + height, x : x + width] = 255
    return covered, mask


COVERS: dict[str, Cover] = {"hand": _hand, "hair": _hair, "object": _object}
"""The covers by their kind."""

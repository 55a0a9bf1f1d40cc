"""What spoils a picture of a face: movement, compression, odd light, and things in front of it.

Each takes ``(height, width, 3)`` uint8 BGR pixels with the face about the middle and a generator, and returns
new pixels of that shape. None moves a landmark.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np

Distortion: TypeAlias = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def motion_blur(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur along a straight way of up to 12 % of the picture, as of a head or camera that moves."""
    length = rng.uniform(0.02, 0.12) * len(pixels)
    angle = rng.uniform(0, math.pi)
    size = 2 * math.ceil(length / 2) + 1
    way = np.array([math.cos(angle), math.sin(angle)]) * length / 2
    start, end = (np.round(16 * (size // 2 + sign * way)).astype(int).tolist() for sign in (-1, 1))
    kernel = np.zeros((size, size), np.float32)
    cv2.line(kernel, start, end, (1.0,), 1, cv2.LINE_AA, 4)
    return _filtered(pixels, kernel)


def defocus(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur by a disc of up to 3 % of the picture, as of a lens focused elsewhere."""
    radius = rng.uniform(0.008, 0.03) * len(pixels)
    reach = np.arange(-math.ceil(radius), math.ceil(radius) + 1)
    disc = np.clip(radius + 0.5 - np.hypot(reach[:, None], reach), 0, 1).astype(np.float32)
    return _filtered(pixels, disc)


def _filtered(pixels: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    kernel = kernel / kernel.sum()
    return cv2.filter2D(np.ascontiguousarray(pixels), -1, kernel, borderType=cv2.BORDER_REFLECT)


def compress(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """JPEG at a quality of 6 to 35."""
    quality = int(rng.integers(6, 36))
    _, code = cv2.imencode(".jpg", np.ascontiguousarray(pixels), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(code, cv2.IMREAD_COLOR)
    assert decoded is not None  # encoded above
    return decoded


def side_light(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light from one side: the picture falls off to a dark, tinted other side."""
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
    """A dark room: little light, a cast of colour, and the sensor's noise lifted with what is left."""
    gain = rng.uniform(0.12, 0.35) * rng.uniform(0.85, 1.15, 3)
    noise = rng.normal(0, rng.uniform(2, 7), pixels.shape)
    return np.clip(pixels * gain + noise, 0, 255).astype(np.uint8)


def shrink(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A small or distant face: as many pixels as a face of 20 to 45 has, enlarged."""
    size = int(rng.integers(36, 81))  # of the whole picture, of which a face is little more than a half
    small = cv2.resize(np.ascontiguousarray(pixels), (size, size), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def cover(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A hand, strands of hair or a thing with an uneven outline in front of part of the face."""
    return (_hand, _hair, _thing)[int(rng.choice(3, p=(0.4, 0.35, 0.25)))](pixels, rng)


def _hand(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A palm with fingers, in a tone near the face's own."""
    size = len(pixels)
    mask = np.zeros(pixels.shape[:2], np.uint8)
    where = size * rng.uniform(0.25, 0.75, 2)
    unit = size * rng.uniform(0.07, 0.14)
    towards = math.atan2(size / 2 - where[1], size / 2 - where[0]) + rng.normal(0, 0.6)
    for sigma in np.linspace(-0.5, 0.5, 4) * rng.uniform(0.7, 1.4):
        finger = np.array([math.cos(towards + sigma), math.sin(towards + sigma)])
        tip = where + finger * unit * rng.uniform(2.2, 3.2)
        _stroke(mask, [where + finger * unit * 0.5, tip], 0.3 * unit)
    palm = tuple(np.round(where).astype(int).tolist())
    cv2.ellipse(mask, palm, (round(1.2 * unit), round(unit)), math.degrees(towards), 0, 360, (255,), -1)
    wrist = where - np.array([math.cos(towards), math.sin(towards)]) * size
    _stroke(mask, [where, wrist], 1.3 * unit)
    skin = np.median(pixels[3 * size // 8 : 5 * size // 8, 3 * size // 8 : 5 * size // 8], axis=(0, 1))
    return _laid_over(pixels, mask, skin * rng.uniform(0.7, 1.25) + rng.normal(0, 8, 3), rng)


def _hair(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A lock: many strands that fall from above side by side, with gaps between them."""
    size = len(pixels)
    mask = np.zeros(pixels.shape[:2], np.uint8)
    top, middle, end = (rng.uniform(low, high) * size for low, high in ((0.2, 0.8), (0.15, 0.85), (0.1, 0.9)))
    wide, tail = rng.uniform(0.04, 0.16) * size, rng.uniform(0.45, 1.0) * size
    for _ in range(int(rng.integers(25, 70))):
        aside = rng.normal(0, 1) * wide
        fall = end + aside * rng.uniform(0.6, 1.6)
        bend = np.array([(top + 0.6 * aside, 0), (middle + aside, tail / 2), (fall, tail)])
        _stroke(mask, list(_curve(bend)), size * rng.uniform(0.004, 0.02))
    colour = rng.uniform(0, 1) ** 2 * np.array([120, 170, 210]) * rng.uniform(0.7, 1.1, 3) + 10
    return _laid_over(pixels, mask, colour, rng)


def _thing(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Something of one colour with an uneven round outline: a cup, a microphone, another's shoulder."""
    size = len(pixels)
    mask = np.zeros(pixels.shape[:2], np.uint8)
    angles = np.linspace(0, 2 * math.pi, int(rng.integers(5, 12)), endpoint=False)
    reach = size * rng.uniform(0.12, 0.28) * rng.uniform(0.6, 1.2, len(angles))
    around = np.column_stack([np.cos(angles), np.sin(angles)]) * reach[:, None]
    outline = size * rng.uniform(0.2, 0.8, 2) + around
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], (255,), cv2.LINE_AA)
    return _laid_over(pixels, mask, rng.uniform(0, 255, 3), rng)


def _curve(bend: np.ndarray) -> np.ndarray:
    """Nine points of the quadratic Bézier curve of ``(3, 2)`` control points."""
    t = np.linspace(0, 1, 9)[:, None]
    return (1 - t) ** 2 * bend[0] + 2 * t * (1 - t) * bend[1] + t**2 * bend[2]


def _stroke(mask: np.ndarray, points: list[np.ndarray], width: float) -> None:
    line = np.round(np.array(points)).astype(np.int32)
    cv2.polylines(mask, [line], False, (255,), max(1, round(2 * width)), cv2.LINE_AA)


def _laid_over(
    pixels: np.ndarray, mask: np.ndarray, colour: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The mask filled with a colour that is shaded, mottled and soft at its edge."""
    height, width = mask.shape
    coarse = rng.normal(0, 14, (8, 8)).astype(np.float32)
    spots = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    grain = rng.normal(0, 4, (height, width, 1))
    depth = cv2.GaussianBlur(mask, (0, 0), 0.02 * width).astype(np.float32)[..., None] / 255
    shade = (0.65 + 0.35 * depth) * (colour + spots + grain)
    weight = cv2.GaussianBlur(mask, (0, 0), 0.7).astype(np.float32)[..., None] / 255
    return np.clip(pixels * (1 - weight) + shade * weight, 0, 255).astype(np.uint8)

"""Write text on images, with antialiased letters and a dark rim."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from PIL import ImageFont

_FONT = Path("mpl-data", "fonts", "ttf", "DejaVuSans.ttf")
_RIM = 0.7
"""Opacity of the black rim, which keeps letters readable on any background."""

_PLATE = 0.65
"""Opacity of the black plate under a label."""


@cache
def _font(height_px: int) -> ImageFont.FreeTypeFont:
    """Return DejaVu Sans, which comes with Matplotlib and covers Latin, Greek, Cyrillic and more."""
    spec = find_spec("matplotlib")
    folder = Path(next(iter((spec and spec.submodule_search_locations) or ["."])))
    return ImageFont.truetype(str(folder / _FONT), height_px)


@lru_cache(maxsize=512)
def _letters(text: str, height_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the opacity of letters and of rim, both ``(height, width, 1)`` float32 in [0, 1]."""
    font = _font(height_px)
    rim = max(1, round(height_px / 10))
    ascent, descent = font.getmetrics()
    width = max(1, round(font.getlength(text)))
    ink = np.zeros((ascent + descent + 2 * rim, width + 2 * rim), np.uint8)
    mask, offset = font.getmask2(text)
    drawn = np.array(mask, np.uint8).reshape(mask.size[::-1])
    top, left = rim + offset[1], rim + max(0, offset[0])
    area = ink[top : top + drawn.shape[0], left : left + drawn.shape[1]]
    area[:] = drawn[: area.shape[0], : area.shape[1]]
    widened = cv2.dilate(ink, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1)))
    return ink[..., None].astype(np.float32) / 255, _RIM * widened[..., None].astype(np.float32) / 255


def size_of(text: str, height_px: int) -> tuple[int, int]:
    """Return width and height of a line of text in pixels, its rim included."""
    ink, _ = _letters(text, height_px)
    return ink.shape[1], ink.shape[0]


def write(
    canvas: np.ndarray,
    text: str,
    origin: tuple[int, int],
    colour: tuple[int, int, int],
    height_px: int = 13,
    *,
    plate: bool = False,
) -> None:
    """Write a line of text; a line that would cross an edge is moved inward.

    Args:
        canvas: ``(height, width, 3)`` uint8 BGR, drawn on in place.
        text: the line; characters that do not fit on the canvas are cut off.
        origin: x and y of the line's lower left corner in pixels.
        colour: BGR.
        height_px: font size in pixels.
        plate: write on a dark plate instead of with a dark rim.
    """
    ink, rim = _letters(text, height_px)
    height, width = ink.shape[:2]
    left = int(np.clip(origin[0], 0, max(0, canvas.shape[1] - width)))
    top = int(np.clip(origin[1] - height, 0, max(0, canvas.shape[0] - height)))
    under = canvas[top : top + height, left : left + width]
    ink, rim = ink[: under.shape[0], : under.shape[1]], rim[: under.shape[0], : under.shape[1]]
    if plate:
        rim = np.full_like(rim, _PLATE)
    under[:] = under * (1 - rim) * (1 - ink) + np.asarray(colour, np.float32) * ink

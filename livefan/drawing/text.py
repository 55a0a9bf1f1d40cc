"""Writes on pictures, in letters that are smooth at every size."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from PIL import ImageFont

_FONT = Path("mpl-data", "fonts", "ttf", "DejaVuSans.ttf")
_RIM = 0.7
"""How dark the rim around letters is, which has them read on any picture."""


@cache
def _font(height_px: int) -> ImageFont.FreeTypeFont:
    """The font that comes with Matplotlib, which has most of the world's letters and signs."""
    spec = find_spec("matplotlib")
    folder = Path(next(iter((spec and spec.submodule_search_locations) or ["."])))
    return ImageFont.truetype(str(folder / _FONT), height_px)


@lru_cache(maxsize=512)
def _letters(text: str, height_px: int) -> tuple[np.ndarray, np.ndarray]:
    """How much ink and how much rim is on each pixel, both ``(height, width, 1)`` float32 in [0, 1]."""
    font = _font(height_px)
    rim = max(1, round(height_px / 10))
    ascent, descent = font.getmetrics()
    width = max(1, round(font.getlength(text)))
    ink = np.zeros((ascent + descent + 2 * rim, width + 2 * rim), np.uint8)
    mask, offset = font.getmask2(text)
    drawn = np.array(mask, np.uint8).reshape(mask.size[::-1])
    top, left = rim + offset[1], rim + max(0, offset[0])
    place = ink[top : top + drawn.shape[0], left : left + drawn.shape[1]]
    place[:] = drawn[: place.shape[0], : place.shape[1]]
    sigma = cv2.dilate(ink, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1)))
    return ink[..., None].astype(np.float32) / 255, _RIM * sigma[..., None].astype(np.float32) / 255


def size_of(text: str, height_px: int) -> tuple[int, int]:
    """Width and height of a line in pixels."""
    ink, _ = _letters(text, height_px)
    return ink.shape[1], ink.shape[0]


def write(
    canvas: np.ndarray, text: str, place: tuple[int, int], colour: tuple[int, int, int], height_px: int = 13
) -> None:
    """Write a line with a dark rim, moved so that all of it is on the picture where there is room.

    Args:
        canvas: ``(height, width, 3)`` uint8 BGR, drawn on in place.
        place: x and y of the line's lower left corner.
        colour: BGR.
        height_px: of the letters.
    """
    ink, rim = _letters(text, height_px)
    height, width = ink.shape[:2]
    left = int(np.clip(place[0], 0, max(0, canvas.shape[1] - width)))
    top = int(np.clip(place[1] - height, 0, max(0, canvas.shape[0] - height)))
    under = canvas[top : top + height, left : left + width]
    ink, rim = ink[: under.shape[0], : under.shape[1]], rim[: under.shape[0], : under.shape[1]]
    under[:] = under * (1 - rim) * (1 - ink) + np.asarray(colour, np.float32) * ink

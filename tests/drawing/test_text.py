"""Text on images: position, legibility, clipping at the edges."""

import numpy as np
import pytest

from livefan.drawing.text import size_of, write

GREY = 120


def written(text: str, origin: tuple[int, int], height_px: int = 13) -> tuple[np.ndarray, np.ndarray]:
    """Return a grey image with white text, and ``(n, 2)`` rows and columns of the pixels that changed."""
    canvas = np.full((100, 300, 3), GREY, np.uint8)
    write(canvas, text, origin, (255, 255, 255), height_px)
    return canvas, np.argwhere((canvas != GREY).any(axis=2))


@pytest.mark.parametrize("height_px", [8, 13, 26])
def test_line_starts_at_its_origin_with_light_letters_and_dark_rim(height_px: int):
    canvas, touched = written("livefan 12", (20, 80), height_px)
    width, height = size_of("livefan 12", height_px)
    top, left = touched.min(axis=0)
    bottom, right = touched.max(axis=0)
    assert 20 <= left <= 20 + height_px / 3
    assert left + 0.8 * width < right < 20 + width
    assert 80 - height <= top < bottom < 80
    assert canvas.max() > 240
    assert canvas.min() < 0.6 * GREY


@pytest.mark.parametrize("origin", [(-500, -500), (1000, 1000), (290, 5)])
def test_line_beyond_an_edge_is_moved_inward(origin: tuple[int, int]):
    _, inside = written("mobilefan-300w", (100, 60))
    _, moved = written("mobilefan-300w", origin)
    assert len(moved) == len(inside)


def test_text_larger_than_the_image_is_cut_off():
    for height, width in ((20, 6), (4, 300), (1, 1)):
        canvas = np.full((height, width, 3), GREY, np.uint8)
        write(canvas, "mobilefan-300w", (0, height), (255, 255, 255))
        assert canvas.shape == (height, width, 3)
    write(canvas, "", (0, 4), (255, 255, 255))
    high = np.full((20, 6, 3), GREY, np.uint8)
    write(high, "mobilefan-300w", (0, 20), (255, 255, 255))
    assert (high != GREY).any()


def test_letters_of_other_scripts_have_glyphs():
    def ink(text: str) -> np.ndarray:
        return written(text, (20, 80))[0]

    assert not np.array_equal(ink("Ж"), ink("Ω"))
    assert not np.array_equal(ink("é"), ink("e"))

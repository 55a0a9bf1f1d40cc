"""Files of several pictures: animations and TIFF stacks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numbered import number_of, picture_of
from PIL import Image, features

from livefan.core.errors import LivefanError
from livefan.io.open import open_source

DURATIONS = [100, 40, 200, 80, 100]


def save(path: Path, durations: list[int]) -> Path:
    """Write numbered pictures, each shown for some milliseconds."""
    pictures = [Image.fromarray(picture_of(6 * n)[..., ::-1].copy()) for n in range(len(durations))]
    options = {"quality": 95} if path.suffix in (".webp", ".avif") else {}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, **options)
    return path


@pytest.mark.parametrize("suffix", [".webp", ".png", ".gif", ".avif"])
def test_animation_is_a_recording_of_all_its_pictures(tmp_path: Path, suffix: str):
    if suffix == ".avif" and not features.check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    with open_source(save(tmp_path / f"animation{suffix}", DURATIONS)) as source:
        frames = list(source)
    assert [round(number_of(frame.image) / 6) for frame in frames] == [0, 1, 2, 3, 4]
    starts = [0.0, 0.1, 0.14, 0.34, 0.42]
    assert [frame.source_time for frame in frames] == pytest.approx(starts, abs=0.011)
    assert source.warnings == []


def test_animated_webp_states_its_length_and_seeks(tmp_path: Path):
    with open_source(save(tmp_path / "a.webp", DURATIONS)) as source:
        assert (source.n_frames, source.duration) == (5, pytest.approx(0.52))
        assert source.seekable
        source.seek(0.35)
        frame = source.read()
        assert frame is not None
        assert frame.index == 3
        source.seek_before(0.14)
        frame = source.read()
        assert frame is not None
        assert (frame.index, round(number_of(frame.image) / 6)) == (1, 1)


def test_cut_animation_is_an_error_of_one_line(tmp_path: Path):
    path = save(tmp_path / "cut.webp", DURATIONS)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(LivefanError, match=r"cut\.webp: cannot be decoded"):
        open_source(path)


def test_pages_of_a_tiff_are_frames(tmp_path: Path):
    pages = [picture_of(6 * n).astype(np.uint16) * 257 for n in range(4)]
    cv2.imwritemulti(str(tmp_path / "stack.tif"), pages)
    with open_source(tmp_path / "stack.tif") as source:
        frames = list(source)
        assert source.rate_assumed
        source.seek(0.08)
        again = source.read()
    assert [round(number_of(frame.image) / 6) for frame in frames] == [0, 1, 2, 3]
    assert again is not None
    assert again.index == 2


def test_preview_in_a_tiff_is_no_frame(tmp_path: Path):
    cv2.imwritemulti(str(tmp_path / "photo.tif"), [picture_of(30), picture_of(30)[::4, ::4].copy()])
    with open_source(tmp_path / "photo.tif") as source:
        assert len(list(source)) == 1

"""Images: single files, folders, numbered images."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numbered import (
    BLUE,
    GREEN,
    HEIGHT,
    RED,
    WHITE,
    WIDTH,
    corners,
)

from livefan.core.errors import LivefanError
from livefan.io.images import images_in
from livefan.io.open import open_source


def test_one_image_is_one_frame(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "face.png"), corners())
    with open_source(tmp_path / "face.png") as source:
        (frame,) = source
    np.testing.assert_array_equal(frame.image, corners())
    assert (frame.index, frame.source_time, source.size) == (0, 0.0, (WIDTH, HEIGHT))
    assert (source.n_frames, source.fps, source.live) == (1, None, False)


def test_file_name_outside_ascii(tmp_path: Path) -> None:
    (tmp_path / "Gesicht ä 顔.png").write_bytes(cv2.imencode(".png", corners())[1].tobytes())
    with open_source(tmp_path / "Gesicht ä 顔.png") as source:
        assert source.name == "Gesicht ä 顔.png"
        assert len(list(source)) == 1


@pytest.mark.parametrize("kind", ["grey", "sixteen bits", "alpha"])
def test_other_pixel_formats_become_bgr(tmp_path: Path, kind: str) -> None:
    colour = {"grey": (77, 77, 77), "sixteen bits": (10, 120, 250), "alpha": (10, 120, 250)}[kind]
    bgr = np.full((8, 6, 3), colour, np.uint8)
    stored = {
        "grey": bgr[..., 0],
        "sixteen bits": bgr.astype(np.uint16) * 257,
        "alpha": np.dstack([bgr, np.full((8, 6), 128, np.uint8)]),
    }[kind]
    cv2.imwrite(str(tmp_path / "face.png"), stored)
    with open_source(tmp_path / "face.png") as source:
        (frame,) = source
    assert frame.image.dtype == np.uint8
    np.testing.assert_array_equal(frame.image, bgr)


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    jpeg = cv2.imencode(".jpg", corners(), [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
    # The tag "orientation" (0x0112) of value 6: turn a quarter clockwise to show.
    tiff = b"II*\0\x08\0\0\0\x01\0" + b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0" + bytes(4)
    exif = b"Exif\0\0" + tiff
    header = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    (tmp_path / "phone.jpg").write_bytes(jpeg[:2] + header + jpeg[2:])
    with open_source(tmp_path / "phone.jpg") as source:
        (frame,) = source
    assert frame.image.shape == (WIDTH, HEIGHT, 3)
    seen = [frame.image[y, x] for y in (10, -10) for x in (10, -10)]
    np.testing.assert_allclose(seen, (RED, BLUE, WHITE, GREEN), atol=16)


def test_folder_is_read_in_natural_order_and_sizes_may_differ(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        cv2.imwrite(str(tmp_path / f"frame{number}.png"), np.full((number, 4, 3), number, np.uint8))
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "._frame3.png").write_bytes(b"metadata of macOS")
    with open_source(tmp_path) as source:
        frames = list(source)
    assert [frame.image.shape[0] for frame in frames] == [1, 2, 10]
    assert [frame.source_time for frame in frames] == pytest.approx([0, 0.04, 0.08])
    assert (source.n_frames, source.fps, source.warnings) == (3, 25.0, [])


def test_superscript_digit_in_a_name_is_not_part_of_a_number(tmp_path: Path) -> None:
    for name in ("10²3", "10²", "9²"):
        (tmp_path / f"{name}.png").write_bytes(cv2.imencode(".png", corners())[1].tobytes())
    assert [path.stem for path in images_in(tmp_path)] == ["9²", "10²3", "10²"]


def test_unreadable_image_is_skipped_with_a_warning(tmp_path: Path) -> None:
    for number in (0, 2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((4, 4, 3), number, np.uint8))
    (tmp_path / "1.png").write_bytes(b"no image")
    with open_source(tmp_path) as source:
        frames = list(source)
    assert [source.paths[frame.index].name for frame in frames] == ["0.png", "2.png"]
    assert len(source.warnings) == 1
    assert "1.png" in source.warnings[0]


def test_folder_without_images_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not an image")
    with pytest.raises(LivefanError, match="no images in this folder"):
        open_source(tmp_path)

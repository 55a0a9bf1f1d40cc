"""Still images in ISO's container."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from heif_writer import write_tiled_heic
from PIL import Image, features

from livefan.core.errors import LivefanError
from livefan.io.heif import read_heif
from livefan.io.open import open_source


@pytest.fixture
def gradient() -> np.ndarray:
    """An image of 150 x 100 pixels that is no multiple of a tile and differs from all its rotations."""
    y, x = np.mgrid[:100, :150]
    return np.dstack([x, 2 * y, 255 - x]).astype(np.uint8)


def assert_close(image: np.ndarray, expected: np.ndarray) -> None:
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < 3


def test_picture_of_several_tiles_is_whole(tmp_path: Path, gradient: np.ndarray):
    write_tiled_heic(tmp_path / "phone.HEIC", gradient)
    with open_source(tmp_path / "phone.HEIC") as source:
        (frame,) = source
    assert_close(frame.image, gradient)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_rotation_turns_the_whole_picture_and_not_its_tiles(
    tmp_path: Path, gradient: np.ndarray, quarters: int
):
    write_tiled_heic(tmp_path / "phone.heic", gradient, quarters)
    assert_close(read_heif(tmp_path / "phone.heic"), np.rot90(gradient, quarters))


def test_mirroring_follows_rotation(tmp_path: Path, gradient: np.ndarray):
    write_tiled_heic(tmp_path / "phone.heic", gradient, 1, mirror=1)
    assert_close(read_heif(tmp_path / "phone.heic"), np.rot90(gradient)[:, ::-1])


def test_lost_tile_is_an_error_of_one_line(tmp_path: Path, gradient: np.ndarray):
    path = tmp_path / "phone.heic"
    write_tiled_heic(path, gradient)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(LivefanError, match=r"phone\.heic: ") as error:
        read_heif(path)
    assert "\n" not in str(error.value)


def test_damaged_number_of_items_is_not_followed(tmp_path: Path):
    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", 8 + len(body)) + kind + body

    no_items = box(b"iinf", bytes(6)) + box(b"iprp", box(b"ipco", b"") + box(b"ipma", bytes(8)))
    # Version 2 counts items in 32 bits. To follow this count would take an hour.
    places = box(b"iloc", struct.pack(">IHI", 2 << 24, 0x4440, 0xFFFFFFFF))
    meta = box(b"meta", bytes(4) + box(b"pitm", bytes(6)) + no_items + places)
    path = tmp_path / "phone.heic"
    path.write_bytes(box(b"ftyp", b"heic" + bytes(4) + b"mif1") + meta)
    with pytest.raises(LivefanError, match=r"phone\.heic: "):
        read_heif(path)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow writes no AVIF")
def test_avif_with_exif_is_upright(tmp_path: Path, gradient: np.ndarray):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    stored = np.rot90(gradient)[..., ::-1]
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.avif", exif=exif, quality=95)
    with open_source(tmp_path / "a.avif") as source:
        (frame,) = source
    assert_close(frame.image, gradient)


@pytest.mark.slow
def test_mutated_files_give_a_picture_or_an_error(tmp_path: Path, gradient: np.ndarray):
    path = tmp_path / "phone.heic"
    write_tiled_heic(path, cv2.resize(gradient, (70, 50)), 1)
    data, random = path.read_bytes(), np.random.default_rng(0)
    for _ in range(150):
        changed = bytearray(data)
        for place in random.integers(12, 800, 3):
            changed[place] = random.integers(256)
        path.write_bytes(changed)
        with suppress(LivefanError), open_source(path) as source:
            assert len(list(source)) >= 1

"""Images by their content, whatever their names; orientation; damage."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numbered import HEIGHT, WIDTH, corners
from PIL import Image

from livefan.core.errors import LivefanError
from livefan.io.content import content_of, is_picture
from livefan.io.image_file import read_image, read_image_file
from livefan.io.open import open_source


def encoded(kind: str, image: np.ndarray | None = None) -> bytes:
    return cv2.imencode(f".{kind}", corners() if image is None else image)[1].tobytes()


@pytest.mark.parametrize("kind", ["png", "jpg", "jp2", "bmp", "webp", "tif", "ppm"])
@pytest.mark.parametrize("name", ["photo", "photo.dat", "photo.mp4"])
def test_content_decides_and_not_the_name(tmp_path: Path, kind: str, name: str):
    (tmp_path / name).write_bytes(encoded(kind))
    with open_source(tmp_path / name) as source:
        (frame,) = source
    assert (source.n_frames, frame.image.shape) == (1, (HEIGHT, WIDTH, 3))
    assert np.abs(frame.image.astype(int) - corners()).mean() < 8


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "A.JPG", "without_suffix"])
def test_folder_lists_every_image(tmp_path: Path, name: str):
    (tmp_path / "b.png").write_bytes(encoded("png"))
    (tmp_path / name).write_bytes(encoded("jpg"))
    (tmp_path / "notes.txt").write_text("BMs are no bitmaps")
    with open_source(tmp_path) as source:
        assert [frame.image_name for frame in source] == sorted([name, "b.png"], key=str.lower)


def test_recording_with_the_name_of_an_image_is_read(tmp_path: Path, numbered_clip: Path):
    (tmp_path / "clip.jpg").write_bytes(numbered_clip.read_bytes())
    with open_source(tmp_path / "clip.jpg") as source:
        assert len(list(source)) == 60


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpeg", "webp", "png", "tiff"])
def test_exif_orientation_is_applied_in_every_format(tmp_path: Path, kind: str, orientation: int):
    turned = {  # EXIF 2.32, 4.6.4 A: the stored image, from the one to show
        1: lambda image: image,
        2: lambda image: image[:, ::-1],
        3: lambda image: image[::-1, ::-1],
        4: lambda image: image[::-1],
        5: lambda image: image.transpose(1, 0, 2),
        6: np.rot90,
        7: lambda image: np.rot90(image.transpose(1, 0, 2), 2),
        8: lambda image: np.rot90(image, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "maker"
    stored = np.ascontiguousarray(turned(corners())[..., ::-1])
    Image.fromarray(stored).save(tmp_path / "photo", format=kind, exif=exif)
    image = read_image(tmp_path / "photo")
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(image.astype(int) - corners()).mean() < 8


def scrambled() -> bytes:
    """Return a JPEG whose compressed pixels hold a marker that does not belong there."""
    noise = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    data = bytearray(encoded("jpg", noise))
    middle = len(data) // 2
    data[middle : middle + 4] = b"\xff\xd3\x12\x34"
    return bytes(data)


def test_damage_of_a_jpeg_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    (tmp_path / "1.jpg").write_bytes(encoded("jpg"))
    (tmp_path / "2.jpg").write_bytes(scrambled())
    (tmp_path / "3.jpg").write_bytes(encoded("jpg"))
    with open_source(tmp_path) as source:
        assert [frame.damage for frame in source] == ["", "errors", ""]
    (warning,) = source.warnings
    assert "2.jpg: damaged (Corrupt JPEG data" in warning
    assert capfd.readouterr().err == ""


def test_undamaged_image_has_no_fault(tmp_path: Path):
    (tmp_path / "1.jpg").write_bytes(encoded("jpg"))
    assert read_image_file(tmp_path / "1.jpg").fault == ""


@pytest.mark.parametrize("content", [b"", b"BM", b"not a jpeg", b"P5", b"RIFF....WEBP", b"\xff\xd8\xff"])
def test_unreadable_image_is_an_error_that_names_it(tmp_path: Path, content: bytes):
    (tmp_path / "broken.jpg").write_bytes(content)
    with pytest.raises(LivefanError, match=r"broken\.jpg: "):
        open_source(tmp_path / "broken.jpg")


def test_animation_is_no_still_picture(tmp_path: Path):
    pictures = [Image.fromarray(np.full((8, 8, 3), level, np.uint8)) for level in (0, 200)]
    for name in ("a.webp", "a.png", "a.gif"):
        pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:])
        assert not is_picture(tmp_path / name), content_of(tmp_path / name)

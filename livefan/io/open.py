"""io.open."""

from __future__ import annotations

import os
from pathlib import Path

from livefan.core.errors import LivefanError
from livefan.io.camera import Camera, camera_index
from livefan.io.images import IMAGE_SUFFIXES, ImageSource, images_in, images_numbered, is_image_pattern
from livefan.io.source import Source
from livefan.io.stream import is_address, is_url, open_url, public_name
from livefan.io.video import VideoSource


def open_source(
    spec: str | int | Path, *, size: tuple[int, int] | None = None, photographs: bool = False
) -> Source:
    """Open what ``spec`` names.

    Args:
        spec: a camera's number (``0`` or ``"0"``) or device (``/dev/video0``), the address of a
            stream, or a video file, an image or a folder of images. A file whose name is a number
            is reached as ``./0``, or as a :class:`~pathlib.Path`.
        size: width and height in pixels to ask of a camera; the others keep their own.
        photographs: whether images have nothing to do with each other, rather than being the frames of one
            recording in the order of their names; numbered ones, ``frame_%04d.png``, always are such frames.

    Raises:
        LivefanError: if it does not exist or cannot be read.
    """
    if isinstance(spec, int):
        return Camera(spec, size)
    if isinstance(spec, str) and is_url(spec):
        return open_url(spec)
    index = camera_index(spec)
    if index is not None:
        return Camera(index, size)
    if not str(spec).strip():
        raise LivefanError("no source given; name a camera, a stream, a video, an image or a folder")
    return _open_recorded(_path(spec), photographs)


def _path(spec: str | Path) -> Path:
    return Path(os.path.expanduser(spec))  # that of Path raises where there is no such user


def _open_recorded(path: Path, photographs: bool) -> Source:
    files = recorded_files(path)
    if path.is_dir():
        return ImageSource(files, path.name or str(path), photographs=photographs)
    if not path.exists():
        return ImageSource(files, path.name)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageSource(files, path.name, photographs=photographs)
    return VideoSource(f"file:{path}", path.name)


def recorded_files(spec: str | Path) -> list[Path]:
    """The files that a recording is read from: the images of a folder, numbered images, or itself.

    Raises:
        LivefanError: if there is none.
    """
    path = _path(spec)
    if path.is_dir():
        return images_in(path)
    if path.exists():
        return [path]
    if is_image_pattern(path):
        return images_numbered(path)
    raise LivefanError(f"{path}: no such file or folder; check the path")


def display_name(spec: str | int | Path) -> str:
    """What to call a source before a user: an address without its password, else as it was given."""
    return public_name(spec) if isinstance(spec, str) and is_address(spec) else str(spec)

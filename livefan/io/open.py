"""Open a source of frames from a path, a camera number or an address.

Every source is an iterator of :class:`~livefan.core.frame.Frame` and a context manager::

    with open_source("clip.mp4") as source:
        for frame in source:
            ...
    for line in source.warnings:
        print(line)
"""

from __future__ import annotations

import os
from pathlib import Path

from livefan.core.arguments import checked_type
from livefan.core.errors import LivefanError
from livefan.io.animation import AnimationSource, n_pictures
from livefan.io.camera import Camera, camera_index
from livefan.io.content import content_of
from livefan.io.images import IMAGE_SUFFIXES, ImageSource, images_in, images_numbered, is_image_pattern
from livefan.io.source import Source, one_line_errors
from livefan.io.stream import is_address, is_url, open_url, public_name
from livefan.io.video import VideoSource


def open_source(
    spec: str | int | Path,
    *,
    size: tuple[int, int] | None = None,
    photographs: bool = False,
    patient: bool = False,
) -> Source:
    """Open a source of frames.

    Args:
        spec: number of a camera (``0`` or ``"0"``) or its device (``/dev/video0``), the address of a stream,
            or a video file, an image, a folder of images, or numbered images (``frame_%04d.png``). To read a
            file whose name is a number, use ``./0`` or a :class:`~pathlib.Path`.
        size: width and height in pixels to request from a camera; other sources ignore it.
        photographs: whether the images of a folder are independent photographs, rather than the frames of
            one recording in the order of their names. Numbered images always are frames.
        patient: return a stream that cannot be opened yet. Reading it tries again, and its ``status`` says
            so.

    Raises:
        LivefanError: if the source does not exist or cannot be read.

    Examples:
        >>> import livefan
        >>> with livefan.open_source("clip.mp4") as source:
        ...     print(next(iter(source)).image.shape)
        (360, 640, 3)
    """
    checked_type("spec", spec, str, int, os.PathLike)
    if isinstance(spec, int):
        return Camera(spec, size)
    if isinstance(spec, str) and is_url(spec):
        return open_url(spec, patient=patient)
    index = camera_index(spec)
    if index is not None:
        return Camera(index, size)
    if not str(spec).strip():
        raise LivefanError("no source given; name a camera, a stream, a video, an image or a folder")
    path = _path(spec)
    with one_line_errors(path):
        return _open_recorded(path, photographs)


def _path(spec: str | Path) -> Path:
    return Path(os.path.expanduser(spec))  # Path.expanduser raises for an unknown user


def _open_recorded(path: Path, photographs: bool) -> Source:
    files = recorded_files(path)
    if path.is_dir():
        return ImageSource(files, path.name or str(path), photographs=photographs)
    if not path.exists():
        return ImageSource(files, path.name)
    content = content_of(path)
    if content == "animation" or (content == "tiff" and n_pictures(path) > 1):
        return AnimationSource(path, path.name)
    if content in ("picture", "heif", "tiff"):
        return ImageSource(files, path.name, photographs=photographs)
    if content == "other" and path.suffix.lower() in IMAGE_SUFFIXES:
        return _open_misnamed(path, photographs)
    return VideoSource(f"file:{path}", path.name)


def _open_misnamed(path: Path, photographs: bool) -> Source:
    """Open a file that has the name of an image, but not the content of one that is known."""
    try:
        return ImageSource([path], path.name, photographs=photographs)
    except LivefanError as error:
        try:
            return VideoSource(f"file:{path}", path.name)
        except LivefanError:
            raise error from None


def recorded_files(spec: str | Path) -> list[Path]:
    """Return the files of a recording: the images of a folder, numbered images, or the one file itself.

    Raises:
        LivefanError: if there is no such file.
    """
    path = _path(spec)
    try:
        if path.is_dir():
            return images_in(path)
        if path.exists():
            return [path]
    except OSError as error:
        raise LivefanError(f"{path}: {error.strerror}; check the path and its permissions") from error
    if is_image_pattern(path):
        return images_numbered(path)
    raise LivefanError(f"{path}: no such file or folder; check the path")


def display_name(spec: str | int | Path) -> str:
    """Return the name of a source to show to the user: addresses without password, others unchanged."""
    return public_name(spec) if isinstance(spec, str) and is_address(spec) else str(spec)

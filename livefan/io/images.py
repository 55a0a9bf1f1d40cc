"""Read images: single files, the images of a folder, numbered images."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

from livefan.core.errors import LivefanError
from livefan.core.frame import Damage, Frame
from livefan.io.animation import n_pictures
from livefan.io.content import content_of, is_picture
from livefan.io.image_file import ImageFile, read_image_file
from livefan.io.source import PHOTOGRAPH_SECONDS, SAME_INSTANT, Source

# fmt: off
IMAGE_SUFFIXES = frozenset({
    ".apng", ".avif", ".bmp", ".dib", ".heic", ".heif", ".hif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg",
    ".jpg", ".jpx", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp",
})
# fmt: on
"""Suffixes of image files; :func:`livefan.io.content.is_picture` tells for other names."""
WRITABLE_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")

_NUMBER = r"%0?[0-9]*d"


def natural_key(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts ``frame2`` before ``frame10``."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part)
        for part in re.split(r"([0-9]+)", path.name.lower())
    ]


def images_in(folder: Path) -> list[Path]:
    """Return the images of a folder in natural order, without those of its subfolders.

    Raises:
        LivefanError: if there is none, or the folder cannot be read.
    """
    try:
        # Systems leave files such as ._frame1.png beside images; they hold no image.
        files = [path for path in folder.iterdir() if not path.name.startswith(".")]
        paths = sorted((path for path in files if is_image_file(path)), key=natural_key)
    except OSError as error:
        raise LivefanError(f"{folder}: {error.strerror}; check the path and its permissions") from error
    if not paths:
        kinds = ", ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
        raise LivefanError(f"{folder}: no images in this folder; it should hold files of type {kinds}")
    return paths


def images_below(folder: Path, content: str) -> list[Path]:
    """Return the images of a folder and of its subfolders, sorted.

    Args:
        folder: the folder.
        content: the pictures that the folder should hold, in words, for the error.

    Raises:
        LivefanError: if there is no such folder, or it holds no image.
    """
    if not folder.is_dir():
        raise LivefanError(f"{folder}: no such folder; name one with {content}")
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and is_image_file(path)]
    if not found:
        raise LivefanError(f"{folder}: holds no pictures; name a folder with {content}")
    return found


def is_image_file(path: Path) -> bool:
    """Return whether a file is an image by its name or by its content; a damaged image is one too."""
    return path.suffix.lower() in IMAGE_SUFFIXES or is_picture(path)


def holds_one_image(path: Path) -> bool:
    """Return whether a file holds a single image; a damaged or missing one counts by its name."""
    content = content_of(path)
    if content == "tiff":
        return n_pictures(path) == 1
    return content in ("picture", "heif") or (content == "other" and path.suffix.lower() in IMAGE_SUFFIXES)


def is_image_pattern(spec: str | Path) -> bool:
    """Return whether a path names numbered images in FFmpeg's form, such as ``frame_%04d.png``."""
    path = Path(spec)
    return bool(re.search(_NUMBER, path.name)) and path.suffix.lower() in IMAGE_SUFFIXES


def images_numbered(pattern: Path) -> list[Path]:
    """Return the images that a pattern such as ``frame_%04d.png`` names, in natural order.

    Raises:
        LivefanError: if there is none, or the folder cannot be read.
    """
    before, after = re.split(_NUMBER, pattern.name, maxsplit=1)
    shape = re.compile(re.escape(before) + "([0-9]+)" + re.escape(after))
    paths = [path for path in images_in(pattern.parent) if shape.fullmatch(path.name)]
    if not paths:
        raise LivefanError(f"{pattern}: no images of such names; check the path")
    return paths


class ImageSource(Source):
    """One frame for each image, ``1 / DEFAULT_FPS`` seconds apart, or ``PHOTOGRAPH_SECONDS``.

    ``paths[frame.index]`` is the file of a frame: an image that cannot be read is skipped with a warning, and
    its index is left out.

    Args:
        paths: the images in order.
        name: name to show to the user.
        photographs: whether the images are independent photographs.

    Raises:
        LivefanError: if no image can be read.
    """

    def __init__(self, paths: Sequence[Path], name: str, *, photographs: bool = False) -> None:
        super().__init__(name)
        self.paths = list(paths)
        self.photographs = photographs
        self._step = self.time_base
        if photographs:
            self.time_base, self._step = Fraction(1), Fraction(PHOTOGRAPH_SECONDS)
        self.n_frames = len(self.paths)
        self.fps = float(1 / self._step) if len(self.paths) > 1 else None
        self.end = self.n_frames * self._step
        self.duration = float(self.end)
        self.seekable = len(self.paths) > 1
        self.rate_assumed = True
        self._position = 0
        self._skipped = False
        self._ahead = self._load()
        if self._ahead is None:
            raise LivefanError(
                self.warnings[0] if len(self.paths) == 1 else f"{name}: none of its images can be read"
            )
        self.size = (self._ahead.image.shape[1], self._ahead.image.shape[0])

    def _load(self) -> Frame | None:
        while self._position < len(self.paths):
            index, self._position = self._position, self._position + 1
            try:
                picture = read_image_file(self.paths[index])
            except LivefanError as error:
                if str(error) not in self.warnings:
                    self.warnings.append(str(error))
                self._skipped = True
                continue
            damage = self._damage(picture)
            timestamp = index * self._step
            return Frame(
                picture.image,
                index,
                time.perf_counter(),
                float(timestamp),
                timestamp,
                damage,
                picture.path.name,
            )
        return None

    def _damage(self, picture: ImageFile) -> Damage:
        if picture.fault:
            line = f"{picture.path}: damaged ({picture.fault}); shown with errors, copy it again"
            if line not in self.warnings:
                self.warnings.append(line)
        after_gap = self._skipped and not self.photographs
        self._skipped = False
        return "errors" if picture.fault else "gap" if after_gap else ""

    def _read_frame(self) -> Frame | None:
        frame, self._ahead = (self._ahead or self._load()), None
        return frame

    def _seek(self, seconds: float, *, before: bool) -> None:
        position = seconds / self._step
        index = ceil(position - SAME_INSTANT) - 1 if before else floor(position + SAME_INSTANT)
        index = min(max(index, 0), len(self.paths) - 1)
        for start in range(index, -1, -1):  # backwards past images that cannot be read
            self._position = start
            self._ahead = self._load()
            if self._ahead is not None and self._ahead.index == start:
                return

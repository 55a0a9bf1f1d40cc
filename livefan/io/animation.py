"""Read the files of several pictures that FFmpeg does not read: animated WebP, and TIFF of several pages."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from livefan.core.errors import LivefanError
from livefan.core.frame import Frame, as_bgr
from livefan.io.content import content_of
from livefan.io.source import SAME_INSTANT, Source

_MILLISECOND = Fraction(1, 1000)


class AnimationSource(Source):
    """Every picture of an animated WebP at its own time, or every page of a TIFF at ``DEFAULT_FPS``.

    Args:
        path: the file.
        name: name to show to the user.

    Raises:
        LivefanError: if no picture can be read.
    """

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(name)
        self._path = path
        self._webp = content_of(path) == "animation"
        durations = _webp_durations(path) if self._webp else []
        if durations:
            self.time_base = _MILLISECOND
        else:
            durations = [1] * n_pictures(path)
            self.rate_assumed = True
        self._starts = [0, *accumulate(durations)]  # in units of time_base; the end of the last is the last
        self.n_frames = len(durations)
        self.duration = float(self._starts[-1] * self.time_base)
        self.end = self._starts[-1] * self.time_base
        self.fps = self.n_frames / self.duration if self.duration else None
        self.seekable = True
        self._index = 0
        self._pictures = self._decoded(0)
        first = self._next_picture()
        if first is None:
            raise LivefanError(f"{name}: no picture can be read; the file is damaged, get it anew")
        self.size = (first.image.shape[1], first.image.shape[0])
        self._ahead: Frame | None = first

    def _read_frame(self) -> Frame | None:
        frame, self._ahead = (self._ahead or self._next_picture()), None
        return frame

    def _next_picture(self) -> Frame | None:
        try:
            image = next(self._pictures, None)
        except (OSError, ValueError, EOFError, cv2.error) as error:
            self._pictures = iter(())
            if self._index == 0:
                raise LivefanError(f"{self.name}: cannot be decoded ({error}); get it anew") from error
            self.warnings.append(
                f"{self.name}: ends early, {self._index} of {self.n_frames} frames could be read"
            )
            return None
        if image is None:
            return None
        index, self._index = self._index, self._index + 1
        timestamp = self._starts[index] * self.time_base
        return Frame(as_bgr(image, self.name), index, time.perf_counter(), float(timestamp), timestamp)

    def _decoded(self, start: int) -> Iterator[np.ndarray]:
        """Yield the pictures from a number on."""
        return _webp_pictures(self._path, start) if self._webp else _tiff_pages(self._path, start)

    def _seek(self, seconds: float, *, before: bool) -> None:
        count = int(self.n_frames or 1)
        starts = [float(start * self.time_base) for start in self._starts[:count]]
        index = bisect_right(starts, seconds - SAME_INSTANT if before else seconds + SAME_INSTANT) - 1
        self._index = min(max(index, 0), count - 1)
        self._pictures, self._ahead = self._decoded(self._index), None


def n_pictures(path: Path) -> int:
    """Return how many pictures of one size a TIFF holds; further pages of other sizes are previews."""
    unreadable = suppress(OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)
    with unreadable, Image.open(path) as image:
        count: int = getattr(image, "n_frames", 1)
        size = image.size
        for page in range(1, count):
            image.seek(page)
            if image.size != size:
                return page
        return count
    return 1


def _tiff_pages(path: Path, start: int) -> Iterator[np.ndarray]:
    data = np.fromfile(path, np.uint8)
    for page in range(start, n_pictures(path)):
        read, pictures = cv2.imdecodemulti(data, cv2.IMREAD_COLOR, range=(page, page + 1))
        if not read or not len(pictures):
            raise ValueError(f"page {page + 1} is damaged")
        yield pictures[0]


def _webp_pictures(path: Path, start: int) -> Iterator[np.ndarray]:
    with Image.open(path) as image:
        for number in range(start, getattr(image, "n_frames", 1)):
            image.seek(number)
            yield cv2.cvtColor(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2BGR)


def _webp_durations(path: Path) -> list[int]:
    """Return the milliseconds for which each picture of a WebP is shown, at least one."""
    durations = []
    with path.open("rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            size = int.from_bytes(head[4:], "little")
            end = file.tell() + size + size % 2
            if head[:4] == b"ANMF":
                durations.append(max(1, int.from_bytes(file.read(15)[12:], "little")))
            file.seek(end)
    return durations

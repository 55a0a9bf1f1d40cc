"""Where pictures go: a video or an image. Each appears whole or not at all."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation

from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
_EXACT = int(Interpolation.BICUBIC) | int(Interpolation.ACCURATE_RND)
TICKS = 90_000
"""Ticks a second of a video's timestamps; 24, 25, 30 and 60 frames a second are whole numbers of them."""


class _Whole(AbstractContextManager[Any]):
    """A sink that writes beside its path; leaving the block without an error moves it there."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self._open(opening.enter_context(atomic_write(self.path)))
            self._stack = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        try:
            self._finish(complete=error is None)
        except BaseException as failure:
            self._stack.__exit__(type(failure), failure, failure.__traceback__)
            raise
        return self._stack.__exit__(kind, error, traceback)

    def _open(self, partial: Path) -> None:
        raise NotImplementedError

    def _finish(self, *, complete: bool) -> None:
        raise NotImplementedError


class PictureSink(Protocol):
    """What takes drawn frames one by one, as a context manager."""

    def __enter__(self) -> PictureSink: ...

    def __exit__(self, *error: Any) -> bool | None: ...

    def write(self, image: np.ndarray, source_time: float) -> None:
        """Take a ``(height, width, 3)`` uint8 BGR image and its place in time, in seconds."""
        ...


class VideoSink(_Whole):
    """An H.264 video whose frames keep their own timestamps.

    A width or height that is odd grows by a row of black, since the codec's colours come in pairs.
    Frames of another size than the first are scaled to fit and centred on black.

    Args:
        path: the video; .mp4, .mov or .mkv.
        fragmented: write what is needed for playing along with the frames, rather than at the end; what
            there is of a video that was never finished can then be played.
    """

    def __init__(self, path: Path, *, fragmented: bool = False) -> None:
        super().__init__(path)
        self._fragmented = fragmented

    def _open(self, partial: Path) -> None:
        if self.path.suffix.lower() not in VIDEO_SUFFIXES:
            raise LivefanError(
                f"{self.path}: cannot write this kind of video; end the name in {', '.join(VIDEO_SUFFIXES)}"
            )
        options = (
            {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
            if self._fragmented
            else {}
        )
        self._container = av.open(str(partial), "w", options=options)
        self._stream: Any = None
        self._size = (0, 0)
        self._last_tick = -1

    def write(self, image: np.ndarray, source_time: float) -> None:
        """Add a ``(height, width, 3)`` uint8 BGR frame shown from ``source_time`` seconds on."""
        if self._stream is None:
            self._begin(image)
        tick = max(round(source_time * TICKS), self._last_tick + 1)
        self._last_tick = tick
        picture = av.VideoFrame.from_ndarray(fit_image(image, self._size), format="bgr24")
        # The default conversion rounds down, and darkens every picture by some levels.
        picture = picture.reformat(format="yuv420p", interpolation=_EXACT)
        picture.pts, picture.time_base = tick, Fraction(1, TICKS)
        self._container.mux(self._stream.encode(picture))

    def _begin(self, image: np.ndarray) -> None:
        height, width = image.shape[:2]
        self._size = (width + width % 2, height + height % 2)
        # The header of a fragmented file cannot tell of the delay that pictures out of order bring.
        order = {"bf": "0"} if self._fragmented else {}
        options = {"crf": "20", "preset": "veryfast", **order}
        self._stream = self._container.add_stream("libx264", options=options)
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, TICKS)

    def _finish(self, *, complete: bool) -> None:
        try:
            if complete and self._stream is None:
                raise LivefanError(f"{self.path}: nothing to write, the source had no frames")
            if complete:
                self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()


def fit_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The image on a black canvas of ``(width, height)``; at its own size where it fits exactly."""
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    if not (0 <= size[0] - width <= 1 and 0 <= size[1] - height <= 1):
        scale = min(size[0] / width, size[1] / height)
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    x, y = (size[0] - width) // 2, (size[1] - height) // 2
    canvas[y : y + height, x : x + width] = image
    return canvas


class ImageSink(_Whole):
    """A single image; a second frame is an error."""

    def _open(self, partial: Path) -> None:
        self._partial = partial
        self._written = False

    def write(self, image: np.ndarray, source_time: float) -> None:
        """Write a ``(height, width, 3)`` uint8 BGR image.

        Raises:
            LivefanError: if it is the second, or cannot be encoded.
        """
        if self._written:
            raise LivefanError(f"{self.path}: the source has several frames; name a video for the output")
        encoded, data = cv2.imencode(self.path.suffix, image)
        if not encoded:
            raise LivefanError(f"{self.path}: the image could not be encoded; choose .png or .jpg")
        self._partial.write_bytes(data.tobytes())
        self._written = True

    def _finish(self, *, complete: bool) -> None:
        if complete and not self._written:
            raise LivefanError(f"{self.path}: nothing to write, the source had no frames")

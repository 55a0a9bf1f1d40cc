"""Write frames as an H.264 video that appears whole or not at all."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import av.error
import cv2
import numpy as np
from av.video.reformatter import Interpolation

from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write
from livefan.io.container import named_errors
from livefan.io.convert import converted

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv")
_EXACT = int(Interpolation.BICUBIC) | int(Interpolation.ACCURATE_RND)
TICKS = 90_000
"""Ticks a second of a video's timestamps; 24, 25, 30 and 60 frames a second are whole numbers of them."""


class VideoWriter:
    """An H.264 video whose frames keep their own timestamps; a context manager.

    The video is written beside its path. Leaving the block without an error moves it there; an error removes
    the unfinished file and leaves an earlier one in place. An odd width or height grows by one black column
    or row, since the codec stores colours for pairs of pixels. Frames of another size than the first are
    scaled to fit and centred on black.

    Args:
        path: the video; .mp4, .mov or .mkv.
        fragmented: write the index along with the frames rather than at the end. An unfinished video can
            then be played.

    Raises:
        LivefanError: on entering, if the suffix or the folder is wrong; on writing and leaving, if the video
            cannot be encoded or stored, or no frame was written.
    """

    def __init__(self, path: Path, *, fragmented: bool = False) -> None:
        self.path = Path(path)
        self._fragmented = fragmented
        self._stack = ExitStack()
        self._stream: Any = None
        self._size = (0, 0)
        self._last_tick = -1

    def __enter__(self) -> Self:
        if self.path.suffix.lower() not in VIDEO_SUFFIXES:
            raise LivefanError(
                f"{self.path}: cannot write this kind of video; end the name in {', '.join(VIDEO_SUFFIXES)}"
            )
        options = (
            {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
            if self._fragmented
            else {}
        )
        with ExitStack() as opening:
            partial = opening.enter_context(atomic_write(self.path))
            with self._named_errors():
                # Without "file:", FFmpeg takes a name such as 12:30.mp4 for a protocol.
                self._container = av.open(f"file:{partial}", "w", options=options)
            self._stack = opening.pop_all()
        return self

    def write(self, image: np.ndarray, source_time: float) -> None:
        """Add a frame.

        Args:
            image: ``(height, width, 3)`` uint8 BGR.
            source_time: seconds from the start of the video at which the frame is shown; a time that is not
                after the last becomes the next tick.

        Raises:
            LivefanError: if the frame cannot be encoded or stored.
        """
        with self._named_errors():
            if self._stream is None:
                self._add_stream(image)
            tick = max(round(source_time * TICKS), self._last_tick + 1)
            self._last_tick = tick
            picture = av.VideoFrame.from_ndarray(fit_image(image, self._size), format="bgr24")
            # The default conversion rounds down, and darkens every picture by some levels.
            picture = converted(picture, "yuv420p", interpolation=_EXACT)
            picture.pts, picture.time_base = tick, Fraction(1, TICKS)
            self._container.mux(self._stream.encode(picture))

    def _add_stream(self, image: np.ndarray) -> None:
        height, width = image.shape[:2]
        self._size = (width + width % 2, height + height % 2)
        # The header of a fragmented file cannot state the delay that reordered pictures bring.
        order = {"bf": "0"} if self._fragmented else {}
        options = {"crf": "20", "preset": "veryfast", **order}
        self._stream = self._container.add_stream("libx264", options=options)
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, TICKS)

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

    def _finish(self, *, complete: bool) -> None:
        with self._named_errors():
            try:
                if complete and self._stream is None:
                    raise LivefanError(f"{self.path}: nothing to write, the source had no frames")
                if complete:
                    self._container.mux(self._stream.encode(None))
            finally:
                self._container.close()

    def _named_errors(self) -> AbstractContextManager[None]:
        return named_errors(
            self.path, "cannot be written", "check the folder's permissions and the free space"
        )


def fit_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an image on a black canvas, scaled only if it differs from the canvas by more than a pixel.

    Args:
        image: ``(height, width, 3)`` uint8 BGR.
        size: width and height of the canvas in pixels.

    Returns:
        ``(size[1], size[0], 3)`` uint8 BGR; the image itself where the sizes are equal.
    """
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

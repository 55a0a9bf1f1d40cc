"""Recordings and live sources whose frames show their own numbers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from livefan.core.frame import Frame
from livefan.io.source import Source

WIDTH, HEIGHT, RATE, N_FRAMES = 96, 64, 25, 60
BLUE, GREEN, RED, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def picture_of(number: int) -> np.ndarray:
    """Return an image whose grey level is four times its number; a noisy strip enlarges its packet."""
    image = np.full((HEIGHT, WIDTH, 3), 4 * number, np.uint8)
    image[-16:] = np.random.default_rng(number).integers(0, 255, (16, WIDTH, 3))
    return image


def number_of(image: np.ndarray) -> int:
    """Return the number that an image shows."""
    return round(float(image[8:32, 8:-8].mean()) / 4)


def corners() -> np.ndarray:
    """Return an image with blue, green, red and white corners: from the top left, by rows."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:32, :48], image[:32, 48:], image[32:, :48], image[32:, 48:] = BLUE, GREEN, RED, WHITE
    return image


def write_clip(
    path: Path,
    pictures: Sequence[np.ndarray],
    *,
    milliseconds: Sequence[int] | None = None,
    turn: Callable[[av.VideoStream], None] = lambda stream: None,
    muxing: dict[str, str] | None = None,
    silence: float = 0.0,
    codec: str = "libx264",
) -> Path:
    """Write a video of 25 frames a second, or with the given timestamps."""
    with av.open(str(path), "w", options=muxing or {}) as container:
        stream = container.add_stream(codec, rate=RATE, options={"crf": "12"} if codec == "libx264" else {})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = WIDTH, HEIGHT, "yuv420p", 5
        if milliseconds is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        turn(stream)
        if silence:
            sound = container.add_stream("pcm_s16le", rate=8000, layout="mono")
            quiet = av.AudioFrame.from_ndarray(
                np.zeros((1, int(8000 * silence)), np.int16), format="s16", layout="mono"
            )
            quiet.sample_rate = 8000
        for number, image in enumerate(pictures):
            # OpenCV converts, since FFmpeg's conversion rounds down and would shift the greys.
            frame = av.VideoFrame.from_ndarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), format="yuv420p")
            frame.time_base = Fraction(1, RATE) if milliseconds is None else Fraction(1, 1000)
            frame.pts = number if milliseconds is None else milliseconds[number]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if silence:
            container.mux(sound.encode(quiet))
    return path


class Numbered(Source):
    """A source of ``count`` frames, all pixels equal to the number.

    A live one gives one frame for each release of ``turns``.

    After the last frame it raises ``fail``, if given.
    """

    def __init__(self, count: int, *, live: bool = False, fail: BaseException | None = None) -> None:
        super().__init__("numbers", live=live)
        self.count, self.fail, self.given, self.released = count, fail, 0, 0
        self.turns = threading.Semaphore(0)

    def _read_frame(self) -> Frame | None:
        if self.live:
            self.turns.acquire()
        if self.given == self.count:
            if self.fail is not None:
                raise self.fail
            return None
        self.given += 1
        image = np.full((2, 2, 3), self.given - 1, np.uint8)
        return Frame(image, self.given - 1, time.perf_counter(), (self.given - 1) * 0.02)

    def _release(self) -> None:
        self.released += 1

"""Frames for measurements: those of a clip, scaled, repeated, and with several faces."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.frame import Frame, as_bgr
from livefan.io.open import open_source
from livefan.io.video_writer import VideoWriter

if TYPE_CHECKING:
    from livefan.runtimes.base import Runtime

_RATE = 25
_TILE = 216
_CANVAS = (720, 1280)
_COLUMNS = 5


def read_frames(clip: str | Path, count: int) -> list[Frame]:
    """Return the first ``count`` frames of a recording, or all of a shorter one.

    Raises:
        LivefanError: if it cannot be read or holds none.
    """
    with open_source(str(clip)) as source:
        frames = list(itertools.islice(source, count))
    if not frames:
        raise LivefanError(f"{clip}: no frames; choose another recording")
    return frames


def read_from_first_face(clip: str | Path, runtime: Runtime, count: int) -> list[Frame]:
    """Return ``count`` frames of a recording from the first with a face on, or as many as there are.

    Raises:
        LivefanError: if it cannot be read or shows no face.
    """
    # Imported here: the start of the window is measured with this module loaded.
    from livefan.tracking.pipeline import Pipeline

    with Pipeline(runtime, max_faces=1) as pipeline, open_source(str(clip)) as source:
        rest = itertools.dropwhile(lambda frame: not pipeline.process_image(as_bgr(frame.image)), source)
        frames = list(itertools.islice(rest, count))
    if not frames:
        raise LivefanError(f"{clip}: no face on any of its frames; choose a recording that shows one")
    return frames


def write_frames(path: Path, frames: Sequence[Frame], rate: float = _RATE) -> None:
    """Write a video of the frames at a frame rate."""
    with VideoWriter(path) as video:
        for number, frame in enumerate(frames):
            video.write(as_bgr(frame.image), number / rate)


def repeat_video(path: Path, seconds: float, times: int, out: Path) -> None:
    """Write the pictures of a video of some seconds several times in a row, without encoding them again."""
    with av.open(str(path)) as video, av.open(str(out), "w") as repeated:
        stream = video.streams.video[0]
        copy = repeated.add_stream_from_template(stream)
        for number in range(times):
            video.seek(0)
            for packet in video.demux(stream):
                if packet.pts is None or packet.dts is None:
                    continue  # the end
                later = round(number * seconds / packet.time_base)
                packet.pts, packet.dts = packet.pts + later, packet.dts + later
                packet.stream = copy
                repeated.mux(packet)


def scaled(frames: Sequence[Frame], width: int, height: int) -> list[Frame]:
    """Return the frames scaled to fit ``(width, height)``, centred on black."""
    return [_with_image(frame, fit(as_bgr(frame.image), width, height)) for frame in frames]


def there_and_back(frames: Sequence[Frame], count: int) -> list[Frame]:
    """Return ``count`` frames that play forwards and backwards in turn, at 25 frames a second."""
    turn = [*frames, *frames[-2:0:-1]]
    return [
        Frame(frame.image, frame.index, frame.captured_at, number / _RATE)
        for number, frame in enumerate(itertools.islice(itertools.cycle(turn), count))
    ]


def rewritten(frame: Frame) -> Frame:
    """Return a copy of the frame, so that it lies in the CPU caches as after a capture."""
    return _with_image(frame, frame.image.copy())


def fit(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return an image scaled to fit ``(width, height)``, centred on black."""
    scale = min(width / image.shape[1], height / image.shape[0])
    size = round(image.shape[1] * scale), round(image.shape[0] * scale)
    canvas = np.zeros((height, width, 3), np.uint8)
    x, y = (width - size[0]) // 2, (height - size[1]) // 2
    canvas[y : y + size[1], x : x + size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return canvas


def crowd(
    frames: Sequence[Frame], centre_px: np.ndarray, side_px: float, faces: int, *, dense: bool = False
) -> list[Frame]:
    """Return frames of 1280 x 720 that show one face ``faces`` times, in rows of five.

    Args:
        frames: frames that show the face.
        centre_px: ``(2,)`` centre of the square that is repeated.
        side_px: side of the square.
        faces: number of copies, at most 10.
        dense: place smaller copies in rows of seven, at most 21.
    """
    tile, columns, gap = (168, 7, 12) if dense else (_TILE, _COLUMNS, 60)
    left, top = (round(float(value)) for value in centre_px - side_px / 2)
    matrix = np.array([[tile / side_px, 0, 0], [0, tile / side_px, 0]])
    matrix[:, 2] = -matrix[:, :2] @ (left, top)
    made = []
    for frame in frames:
        copy = cv2.warpAffine(as_bgr(frame.image), matrix, (tile, tile), borderMode=cv2.BORDER_REPLICATE)
        canvas = np.full((*_CANVAS, 3), 90, np.uint8)
        for place in range(faces):
            row, column = divmod(place, columns)
            y, x = gap + row * (tile + gap), gap * 2 // 3 + column * (tile + gap // 2)
            canvas[y : y + tile, x : x + tile] = copy
        made.append(_with_image(frame, canvas))
    return made


def _with_image(frame: Frame, image: np.ndarray) -> Frame:
    return Frame(image, frame.index, frame.captured_at, frame.source_time)

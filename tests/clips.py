"""Small recordings in the forms that cameras, phones and editors write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

MILLISECONDS = Fraction(1, 1000)


@dataclass(frozen=True)
class Coding:
    """Settings of an encoder.

    Attributes:
        codec: FFmpeg's name of the encoder.
        pixels: FFmpeg's name of the pixel format.
        options: options of the encoder.
        turn: called with the stream, to set its rotation.
    """

    codec: str = "libx264"
    pixels: str = "yuv420p"
    options: dict[str, str] = field(default_factory=lambda: {"crf": "16", "preset": "ultrafast"})
    turn: Callable[[Any], None] = lambda stream: None


def write_recording(
    path: Path,
    pictures: Sequence[np.ndarray],
    *,
    milliseconds: Sequence[int] | None = None,
    coding: Coding | None = None,
    sound: bool = False,
    subtitles: Sequence[str] = (),
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a video of 25 frames a second, or at given times; a tone and a subtitle a second on request."""
    coding = coding or Coding()
    height, width = pictures[0].shape[:2]
    times = milliseconds or [40 * number for number in range(len(pictures))]
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        stream: Any = container.add_stream(coding.codec, rate=25, options=coding.options)
        stream.width, stream.height, stream.pix_fmt = width, height, coding.pixels
        if milliseconds:
            stream.time_base = stream.codec_context.time_base = MILLISECONDS
        coding.turn(stream)
        tone: Any = container.add_stream("aac", rate=16000, layout="mono") if sound else None
        texts: Any = None
        if subtitles:
            texts = container.add_mux_stream("mov_text" if path.suffix == ".mp4" else "subrip")
        container.start_encoding()
        for image, time in zip(pictures, times, strict=True):
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            picture.pts, picture.time_base = time, MILLISECONDS
            container.mux(stream.encode(picture.reformat(format=coding.pixels)))
        container.mux(stream.encode(None))
        if sound:
            _write_tone(container, tone, times[-1] / 1000)
        for second, text in enumerate(subtitles):
            data = text.encode()
            packet = av.Packet(len(data).to_bytes(2, "big") + data if path.suffix == ".mp4" else data)
            packet.stream, packet.time_base = texts, MILLISECONDS
            packet.pts = packet.dts = 1000 * second
            packet.duration = 800
            container.mux(packet)
    return path


def _write_tone(container: Any, stream: Any, seconds: float) -> None:
    samples = np.sin(np.arange(int(16000 * seconds) + 1024) / 9).astype(np.float32)[None]
    for start in range(0, samples.shape[1] - 1023, 1024):
        sound = av.AudioFrame.from_ndarray(samples[:, start : start + 1024], format="fltp", layout="mono")
        sound.sample_rate, sound.pts, sound.time_base = 16000, start, Fraction(1, 16000)
        container.mux(stream.encode(sound))
    container.mux(stream.encode(None))


def read_pictures(path: Path) -> tuple[list[np.ndarray], list[Fraction]]:
    """Return all pictures of a video, BGR, and their exact timestamps in seconds."""
    with av.open(str(path)) as container:
        decoded = list(container.decode(video=0))
    times = [frame.pts * frame.time_base for frame in decoded]
    return [frame.to_ndarray(format="bgr24") for frame in decoded], times


def read_packets(path: Path, kind: str) -> list[tuple[float, bytes]]:
    """Return timestamps in seconds and data of the packets of a video's first stream of a type."""
    with av.open(str(path)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [
            (float(packet.pts * packet.time_base), bytes(packet))
            for packet in container.demux(stream)
            if packet.size and packet.pts is not None and packet.time_base
        ]


def shrunk(photo: np.ndarray, width: int = 160, height: int = 120) -> np.ndarray:
    """Return a small copy that encodes quickly and whose face can still be detected."""
    return cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)


def moved(photo: np.ndarray, right: float, down: float = 0.0) -> np.ndarray:
    """Return a photograph shifted by some pixels; its edge pixels are repeated."""
    matrix = np.array([[1, 0, right], [0, 1, down]], np.float64)
    return cv2.warpAffine(photo, matrix, photo.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


def recoloured(photo: np.ndarray) -> np.ndarray:
    """Return a photograph with other colours of skin and hair."""
    lab = cv2.cvtColor(photo, cv2.COLOR_BGR2LAB).astype(int)
    lab += [-25, 8, 18]
    return cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2BGR)


def relit(photo: np.ndarray, seed: int) -> np.ndarray:
    """Return a photograph with random light in smooth blocks; copies with other seeds are no duplicates."""
    light = np.random.default_rng(seed).uniform(0.3, 1.5, (8, 8))
    light = cv2.resize(light, photo.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(photo * light[..., None], 0, 255).astype(np.uint8)

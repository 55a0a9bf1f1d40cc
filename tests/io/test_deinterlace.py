"""Deinterlacing keeps the number of pictures and their timestamps, and removes the comb."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from livefan.io.deinterlace import deinterlaced
from livefan.io.open import open_source

WIDTH, HEIGHT, N = 320, 240, 20
STEP = 6


def moving_bar(field: int) -> np.ndarray:
    """Return an image of a bright bar that moves right with each field."""
    image = np.zeros((HEIGHT, WIDTH), np.uint8)
    image[:, 20 + field * STEP : 60 + field * STEP] = 255
    return image


def write(path: Path, *, interlaced: bool) -> Path:
    """Write a video of a bar that moves from field to field."""
    params = "tff=1" if interlaced else "crf=10"
    flags = {"flags": "+ilme+ildct"} if interlaced else {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=25, options={"x264-params": params, "crf": "10", **flags}
        )
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = WIDTH, HEIGHT, "yuv420p", 5
        for number in range(N):
            image = moving_bar(2 * number)
            if interlaced:
                image[1::2] = moving_bar(2 * number + 1)[1::2]
            planes = cv2.cvtColor(cv2.merge([image] * 3), cv2.COLOR_BGR2YUV_I420)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def comb(image: np.ndarray) -> float:
    """Return the mean difference of rows from the mean of their neighbours."""
    grey = image.mean(axis=2)
    return float(np.abs(2 * grey[1:-1] - grey[:-2] - grey[2:]).mean())


@pytest.fixture
def interlaced(tmp_path: Path) -> Path:
    return write(tmp_path / "interlaced.mp4", interlaced=True)


def test_comb_is_removed_and_every_frame_keeps_its_timestamp(interlaced: Path):
    with av.open(str(interlaced)) as container:
        raw = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    with open_source(interlaced) as source:
        frames = list(source)
    assert [frame.timestamp for frame in frames] == [Fraction(n, 25) for n in range(N)]
    assert comb(raw[10]) > 10
    assert comb(frames[10].image) < 1
    for number in range(2, N - 2):
        columns = np.flatnonzero(frames[number].image[HEIGHT // 2, :, 0] > 128)
        assert columns.mean() == pytest.approx(39.5 + 2 * number * STEP, abs=STEP)


def test_seek_finds_the_frame_and_seek_before_the_previous_one(interlaced: Path):
    with open_source(interlaced) as source:
        for place in (12, 3, 0, N - 1):
            source.seek(place / 25)
            frame = source.read()
            assert frame is not None
            assert frame.timestamp == Fraction(place, 25)
        source.seek_before(10 / 25)
        frame = source.read()
        assert frame is not None
        assert frame.timestamp == Fraction(9, 25)


def test_progressive_pictures_pass_unchanged(tmp_path: Path):
    with av.open(str(write(tmp_path / "plain.mp4", interlaced=False))) as container:
        pictures = list(container.decode(video=0))
    assert all(ours is theirs for ours, theirs in zip(deinterlaced(iter(pictures)), pictures, strict=True))


def test_change_of_size_loses_no_picture(interlaced: Path):
    with av.open(str(interlaced)) as container:
        pictures = list(container.decode(video=0))
    black = np.zeros((120, 80), np.uint8)
    small = [av.VideoFrame.from_ndarray(black, format="yuv420p") for _ in range(3)]
    mixed = [*pictures[:5], *small, *pictures[5:]]
    sizes = [picture.width for picture in deinterlaced(iter(mixed))]
    assert sizes == [picture.width for picture in mixed]

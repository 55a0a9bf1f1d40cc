"""Videos written frame by frame."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from livefan.core.errors import LivefanError
from livefan.io.video_writer import VideoWriter


def write_clip(path: Path, images: list[np.ndarray], times: list[float]) -> None:
    with VideoWriter(path) as writer:
        for image, time in zip(images, times, strict=True):
            writer.write(image, time)


def read_clip(path: Path) -> tuple[list[np.ndarray], list[float]]:
    with av.open(str(path)) as container:
        decoded = list(container.decode(video=0))
    return [frame.to_ndarray(format="bgr24") for frame in decoded], [frame.time for frame in decoded]


def test_video_keeps_every_frame_and_uneven_timestamps(tmp_path: Path):
    times = [0.0, 0.04, 0.05, 0.3, 0.35, 1.0]
    images = [np.full((48, 64, 3), 40 * i, np.uint8) for i in range(6)]
    write_clip(tmp_path / "clip.mp4", images, times)
    read, read_times = read_clip(tmp_path / "clip.mp4")
    assert read_times == pytest.approx(times, abs=1e-4)
    assert [int(image.mean()) for image in read] == pytest.approx([40 * i for i in range(6)], abs=4)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_odd_sizes_grow_by_a_black_row_and_column(tmp_path: Path, suffix: str):
    path = tmp_path / f"odd{suffix}"
    write_clip(path, [np.full((33, 47, 3), 200, np.uint8)] * 3, [0, 0.1, 0.2])
    read, _ = read_clip(path)
    assert read[0].shape == (34, 48, 3)
    assert abs(int(read[0][:32, :46].mean()) - 200) < 6


def test_frames_of_another_size_are_scaled_to_fit(tmp_path: Path):
    images = [np.full((48, 64, 3), 200, np.uint8), np.full((100, 40, 3), 200, np.uint8)]
    write_clip(tmp_path / "clip.mp4", images, [0, 0.1])
    read, _ = read_clip(tmp_path / "clip.mp4")
    assert read[1].shape == (48, 64, 3)
    assert read[1][:, 28:36].mean() > 180
    assert read[1][:, :20].mean() < 20


def test_interrupted_output_leaves_no_file_and_keeps_the_earlier_one(tmp_path: Path):
    class StoppedError(Exception):
        pass

    video = tmp_path / "v.mp4"
    video.write_text("before")
    with pytest.raises(StoppedError), VideoWriter(video) as writer:  # noqa: PT012
        writer.write(np.zeros((32, 32, 3), np.uint8), 0.0)
        raise StoppedError
    assert [path.name for path in tmp_path.iterdir()] == ["v.mp4"]
    assert video.read_text() == "before"


def test_output_without_frames_is_an_error(tmp_path: Path):
    with pytest.raises(LivefanError, match="no frames"), VideoWriter(tmp_path / "v.mp4"):
        pass
    assert not list(tmp_path.iterdir())


def test_full_disk_gives_one_line_that_names_the_file(tmp_path: Path, full_beyond: Callable[[int], None]):
    noise = np.random.default_rng(0)
    full_beyond(20_000)
    images = [noise.integers(0, 256, (128, 128, 3), np.uint8) for _ in range(100)]
    with pytest.raises(LivefanError, match=r"v\.mp4: cannot be written \(File too large\)"):
        write_clip(tmp_path / "v.mp4", images, [n / 25 for n in range(100)])
    assert not list(tmp_path.iterdir())

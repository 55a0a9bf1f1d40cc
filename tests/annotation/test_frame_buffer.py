import threading
from pathlib import Path

import numpy as np
import pytest
from clips import moved, read_pictures, shrunk, write_recording

from livefan.annotation import annotate as annotate_module
from livefan.annotation.annotate import annotate
from livefan.annotation.frame_buffer import FrameBuffer, capacity_for
from livefan.annotation.outputs import Outputs
from livefan.core.errors import LivefanError
from livefan.core.frame import Frame
from livefan.io.video import VideoSource


def frame(index: int) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), index, 0.0, float(index))


def test_frames_come_in_order_and_a_full_buffer_waits():
    buffer = FrameBuffer(2)
    thread = threading.Thread(target=lambda: [buffer.put(frame(index)) for index in range(6)])
    thread.start()
    taken = [buffer.get() for _ in range(6)]
    thread.join()
    assert [each.index for each in taken if each is not None] == list(range(6))


def test_error_of_the_other_thread_ends_the_wait_and_stop_releases_both_sides():
    def fail() -> None:
        raise LivefanError("the disk is full")

    buffer = FrameBuffer(1)
    buffer.put(frame(0))
    with pytest.raises(LivefanError, match="the disk is full"):
        buffer.put(frame(1), fail)
    buffer.stop()
    buffer.put(frame(2))
    assert buffer.get() is None


def test_only_frames_within_the_memory_limit_are_buffered():
    assert (capacity_for((640, 360), 0.5, 24.0) or 0) > 172
    assert capacity_for((1280, 720), 0.5, 24.0) is None
    assert capacity_for((640, 360), 60.0, 60.0) is None


@pytest.mark.slow
def test_small_recording_is_decoded_once(tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    clip = write_recording(tmp_path / "clip.mkv", [moved(shrunk(photo, 160, 90), n) for n in range(7)])
    read: list[int] = []
    read_frame = VideoSource._read_frame  # private: nothing public counts decoded frames

    def counted(self: VideoSource) -> Frame | None:
        read.append(1)
        return read_frame(self)

    monkeypatch.setattr(VideoSource, "_read_frame", counted)
    annotate(clip, Outputs(tmp_path / "once"))
    once = len(read)
    monkeypatch.setattr(annotate_module, "capacity_for", lambda *_: None)
    annotate(clip, Outputs(tmp_path / "twice"))
    assert len(read) - once == 2 * once
    assert (tmp_path / "once.csv").read_bytes() == (tmp_path / "twice.csv").read_bytes()
    one, two = (read_pictures(tmp_path / f"{name}.mp4")[0] for name in ("once", "twice"))
    assert len(one) == 7
    for picture, other in zip(one, two, strict=True):
        assert np.abs(picture.astype(int) - other).mean() < 0.5

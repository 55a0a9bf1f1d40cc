"""The capture thread: newest frame of a live source, every frame of a recording, playback."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numbered import (
    N_FRAMES,
    RATE,
    Numbered,
    number_of,
    picture_of,
    write_clip,
)
from waiting import PATIENCE_S, wait_for

from livefan.core.errors import LivefanError
from livefan.io import capture_thread, playback_clock
from livefan.io.capture_thread import FRAMES_AHEAD, CaptureThread
from livefan.io.open import open_source


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of ten numbered images."""
    folder = tmp_path_factory.mktemp("images")
    for index in range(10):
        cv2.imwrite(str(folder / f"{index:02}.png"), picture_of(index))
    return folder


@pytest.fixture
def capture(numbered_clip: Path) -> Iterator[CaptureThread]:
    with CaptureThread(open_source(numbered_clip), paced=False, hold_at_end=True) as thread:
        yield thread


def taken(capture: CaptureThread) -> int:
    """Take the next frame, and return its number."""
    frame = capture.get(PATIENCE_S)
    assert frame is not None
    assert number_of(frame.image) == frame.index
    return frame.index


def test_live_source_gives_the_newest_frame_and_counts_the_dropped() -> None:
    source = Numbered(100, live=True)
    with CaptureThread(source) as thread:
        taken, sent = [], 0
        for burst in (1, 4, 10):
            source.turns.release(burst)
            sent += burst
            newest = sent - 1
            # Private: taking the frame would change what the test waits for.
            wait_for(lambda: [frame.index for frame, _ in thread._frames] == [newest])  # noqa: B023
            frame = thread.get(PATIENCE_S)
            assert frame is not None
            taken.append(frame.index)
        assert thread.get(0.02) is None
        assert not thread.finished
        source.turns.release()
    assert taken == [0, 4, 14]
    assert thread.dropped == 0 + 3 + 9


def test_stop_does_not_wait_for_a_blocked_camera() -> None:
    source = Numbered(100, live=True)
    thread = CaptureThread(source)
    thread.start()
    thread.stop()
    assert thread.finished
    assert thread.get() is None
    assert source.released == 0  # not while a read is in progress
    source.turns.release()
    wait_for(lambda: source.released > 0)


def test_stop_wakes_a_waiting_reader() -> None:
    source = Numbered(100, live=True)
    with CaptureThread(source) as thread:
        threading.Timer(0.05, thread.stop).start()
        assert thread.get() is None
        source.turns.release()


def test_no_frame_of_a_recording_is_dropped_for_a_slow_reader(numbered_clip: Path) -> None:
    numbers = []
    with CaptureThread(open_source(numbered_clip), paced=False) as thread:
        for frame in thread:
            numbers.append(number_of(frame.image))
            time.sleep(0.002)
        assert thread.finished
    assert numbers == list(range(60))
    assert thread.dropped == 0


def test_decoding_ahead_is_limited() -> None:
    source = Numbered(100)
    with CaptureThread(source, paced=False):
        wait_for(lambda: source.given >= FRAMES_AHEAD)
        time.sleep(0.05)
        assert source.given <= FRAMES_AHEAD + 1


def test_paced_frames_come_no_earlier_than_their_time() -> None:
    with CaptureThread(Numbered(20)) as thread:
        frames = list(thread)
    assert [frame.index for frame in frames] == list(range(20))
    for frame in frames:
        # A late reader only ever sets the clock back, never forward.
        assert frame.captured_at - frames[0].captured_at >= frame.source_time - 1e-6


def test_slow_recording_takes_longer_and_a_live_source_keeps_real_time() -> None:
    thread = CaptureThread(Numbered(6))
    thread.speed = 0.5
    with thread:
        frames = list(thread)
    assert frames[-1].captured_at - frames[0].captured_at >= 2 * frames[-1].source_time - 1e-6
    live = CaptureThread(Numbered(1, live=True))
    live.speed = 0.5
    assert live.speed == 1.0


def test_playback_does_not_hurry_after_a_late_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playback_clock, "LATE_S", 0.05)
    with CaptureThread(Numbered(12)) as thread:
        first = thread.get(PATIENCE_S)
        time.sleep(0.4)
        rest = list(thread)
    assert first is not None
    for frame in rest:
        waited = frame.captured_at - rest[0].captured_at
        assert waited >= frame.source_time - rest[0].source_time - 1e-6


def test_time_limit_before_the_next_frame_is_not_the_end() -> None:
    thread = CaptureThread(Numbered(2))
    thread.speed = 1e-4  # the second frame is due after 200 seconds
    with thread:
        assert thread.get(PATIENCE_S) is not None
        assert thread.get(0.0) is None
        assert not thread.finished
        thread.speed = 1.0
        assert thread.get(PATIENCE_S) is not None
        assert thread.get(PATIENCE_S) is None
        assert thread.finished


def test_paused_recording_continues_with_the_next_frame() -> None:
    with CaptureThread(Numbered(5)) as thread:
        assert thread.get(PATIENCE_S) is not None
        thread.paused = True
        assert thread.get(0.1) is None
        thread.paused = False
        assert [frame.index for frame in thread] == [1, 2, 3, 4]


def test_frame_rate_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_thread, "FPS_WINDOW_S", 1000.0)
    with CaptureThread(Numbered(20)) as thread:
        assert thread.fps == 0
        list(thread)
        assert 0 < thread.fps <= 51


@pytest.mark.parametrize(
    "failure",
    [LivefanError("numbers: broke; mend them"), ValueError("a bug"), MemoryError(), SystemExit(1)],
    ids=lambda failure: type(failure).__name__,
)
def test_error_is_raised_after_the_last_frame(failure: BaseException) -> None:
    source = Numbered(3, fail=failure)
    with CaptureThread(source, paced=False) as thread:
        got = [thread.get(PATIENCE_S) for _ in range(3)]
        with pytest.raises(LivefanError, match="numbers: "):
            thread.get(PATIENCE_S)
        assert thread.finished
        assert isinstance(thread.error, LivefanError)
    assert None not in got
    assert source.released > 0


class FailingSource(Numbered):
    """Numbered frames of a source that fails when it is sought or released."""

    def __init__(self, count: int, *, on_seek: bool = False, on_release: bool = False) -> None:
        super().__init__(count)
        self.seekable = True
        self.on_seek, self.on_release = on_seek, on_release

    def _seek(self, seconds: float, *, before: bool) -> None:
        if self.on_seek:
            raise OSError("the disk is gone")

    def _release(self) -> None:
        if self.on_release:
            raise OSError("the disk is gone")


def test_failure_to_seek_ends_the_reading_with_an_error() -> None:
    with CaptureThread(FailingSource(100, on_seek=True), paced=False) as thread:
        assert thread.get(PATIENCE_S) is not None
        thread.seek(1.0)
        with pytest.raises(LivefanError, match=r"numbers: reading failed \(the disk is gone\)"):
            thread.get(PATIENCE_S)


def test_failure_to_release_ends_the_reading_with_an_error() -> None:
    source = FailingSource(3, on_release=True)
    thread = CaptureThread(source, paced=False)
    thread.start()
    assert [thread.get(PATIENCE_S) is None for _ in range(3)] == [False] * 3
    with pytest.raises(LivefanError, match=r"numbers: reading failed \(the disk is gone\)"):
        thread.get(PATIENCE_S)
    assert thread.finished


def test_source_is_closed_at_the_end() -> None:
    source = Numbered(3)
    thread = CaptureThread(source, paced=False)
    thread.start()
    assert len(list(thread)) == 3
    wait_for(lambda: source.released > 0)


def test_stop_before_the_end_and_without_start() -> None:
    for started in (True, False):
        source = Numbered(1000)
        thread = CaptureThread(source)
        if started:
            thread.start()
        thread.stop()
        thread.stop()
        assert thread.get() is None
        wait_for(lambda source=source: source.released > 0)


def test_frames_after_a_seek_follow_each_other(capture: CaptureThread) -> None:
    assert taken(capture) == 0
    capture.seek(1.0)
    assert [taken(capture) for _ in range(5)] == [25, 26, 27, 28, 29]


def test_folder_of_images_can_be_stepped_and_sought(images: Path) -> None:
    with CaptureThread(open_source(images), paced=False, hold_at_end=True) as capture:
        assert taken(capture) == 0
        capture.step(1)
        assert taken(capture) == 1
        capture.step(-1)
        assert taken(capture) == 0
        capture.seek(1e9)
        assert taken(capture) == 9


def test_seek_drops_frames_decoded_ahead(capture: CaptureThread) -> None:
    assert taken(capture) == 0
    time.sleep(0.2)  # some are decoded ahead by now
    capture.seek(2.0)
    assert taken(capture) == 50


def test_no_frame_comes_while_paused(capture: CaptureThread) -> None:
    assert taken(capture) == 0
    capture.paused = True
    assert capture.get(timeout=0.3) is None
    capture.paused = False
    assert taken(capture) == 1


def test_steps_move_by_one_frame_forward_and_back(capture: CaptureThread) -> None:
    for _ in range(10):
        last = taken(capture)
    capture.step(1)
    assert taken(capture) == last + 1
    assert capture.get(timeout=0.2) is None
    for index in range(last, last - 5, -1):
        capture.step(-1)
        assert taken(capture) == index
        assert capture.get(timeout=0.1) is None


def test_step_back_at_the_first_frame_stays_there(capture: CaptureThread) -> None:
    assert taken(capture) == 0
    capture.step(-1)
    assert taken(capture) == 0


def test_seek_returns_one_frame_while_paused(capture: CaptureThread) -> None:
    assert taken(capture) == 0
    capture.paused = True
    capture.seek(1.0)
    assert taken(capture) == 25
    assert capture.get(timeout=0.2) is None


def test_recording_held_at_its_end_can_be_played_again(capture: CaptureThread) -> None:
    assert [taken(capture) for _ in range(N_FRAMES)] == list(range(N_FRAMES))
    wait_for(lambda: capture.at_end)
    assert capture.get(timeout=0.01) is None
    assert not capture.finished
    capture.paused = False
    assert taken(capture) == 0
    assert not capture.at_end


def test_step_back_from_the_end_is_the_last_frame_but_one(capture: CaptureThread) -> None:
    for _ in range(N_FRAMES):
        taken(capture)
    capture.step(-1)
    assert taken(capture) == N_FRAMES - 2


def test_loop_starts_again_with_a_new_epoch(numbered_clip: Path) -> None:
    with CaptureThread(open_source(numbered_clip), paced=False, hold_at_end=True) as capture:
        capture.loop = True
        seen = []
        for _ in range(2 * N_FRAMES + 5):
            seen.append((capture_index := taken(capture), capture.epoch))
            assert capture_index < N_FRAMES
    indices, epochs = zip(*seen, strict=True)
    assert list(indices) == [*range(N_FRAMES), *range(N_FRAMES), *range(5)]
    assert list(epochs) == [0] * N_FRAMES + [1] * N_FRAMES + [2] * 5


def test_last_frame_before_a_restart_stays_for_its_time(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "one.mp4", [picture_of(1)])
    with CaptureThread(open_source(clip), hold_at_end=True) as capture:
        capture.loop = True
        frames = [capture.get(PATIENCE_S) for _ in range(4)]
        assert capture.restarted
    times = [frame.captured_at for frame in frames if frame is not None]
    assert len(times) == 4
    assert np.diff(times).min() >= 1 / RATE - 1e-6


def test_recording_not_held_finishes_at_its_end(numbered_clip: Path) -> None:
    with CaptureThread(open_source(numbered_clip), paced=False) as capture:
        assert sum(1 for _ in capture) == N_FRAMES
        assert capture.finished


def test_epoch_rises_with_every_seek(capture: CaptureThread) -> None:
    taken(capture)
    taken(capture)
    assert capture.epoch == 0
    for expected in range(1, 5):
        capture.seek(1.0)
        taken(capture)
        assert capture.epoch == expected


def test_concurrent_seeks_leave_a_valid_state(capture: CaptureThread) -> None:
    taken(capture)
    moves = np.random.default_rng(0).uniform(0, N_FRAMES / RATE, (4, 20))
    threads = [
        threading.Thread(target=lambda places=places: [capture.seek(place) for place in places])
        for places in moves
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    capture.seek(0.4)
    last = -1
    for _ in range(200):
        last = taken(capture)
        if last == 10:
            break
    assert last == 10


def test_live_source_cannot_be_sought_or_paused(images: Path) -> None:
    source = Numbered(100, live=True)
    with CaptureThread(source) as capture:
        source.turns.release(2)
        assert capture.get(PATIENCE_S) is not None
        assert not capture.seekable
        capture.seek(1.0)
        capture.step(-1)
        capture.paused = True
        assert not capture.paused
        source.turns.release(2)
        assert capture.get(PATIENCE_S) is not None

"""Moving about in a recording: seek, step, hold, loop, and what a frame is called after each."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numbered import HEIGHT, WIDTH, Numbered, number_of, picture_of, write_clip

from livefan.io.capture_thread import CaptureThread
from livefan.io.open import open_source

N_FRAMES = 60
FPS = 25.0


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video whose frames show their own numbers."""
    folder = tmp_path_factory.mktemp("playback")
    return write_clip(folder / "numbered.mp4", [picture_of(index) for index in range(N_FRAMES)])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures that show their own numbers."""
    folder = tmp_path_factory.mktemp("pictures")
    for index in range(10):
        cv2.imwrite(str(folder / f"{index:02}.png"), picture_of(index))
    return folder


@pytest.fixture
def capture(numbered: Path) -> Iterator[CaptureThread]:
    with CaptureThread(open_source(numbered), paced=False, hold_at_end=True) as thread:
        yield thread


def taken(capture: CaptureThread) -> int:
    """The number that the next frame shows."""
    frame = capture.get(timeout=20)
    assert frame is not None
    assert number_of(frame.image) == frame.index
    return frame.index


class TestSeeking:
    @settings(max_examples=25)
    @given(place=st.floats(0, N_FRAMES / FPS - 0.001))
    def test_a_place_shows_the_frame_on_screen_at_that_time(self, numbered: Path, place: float) -> None:
        with open_source(numbered) as source:
            source.seek(place)
            frame = source.read()
        assert frame is not None
        assert frame.index == number_of(frame.image) == int(place * FPS + 1e-6)

    @pytest.mark.parametrize("place", [-5.0, 0.0, 1e9])
    def test_a_place_outside_is_the_nearest_inside(self, numbered: Path, place: float) -> None:
        with open_source(numbered) as source:
            source.seek(place)
            frame = source.read()
        assert frame is not None
        assert number_of(frame.image) == (0 if place <= 0 else N_FRAMES - 1)

    def test_frames_after_a_place_follow_on_each_other(self, capture: CaptureThread) -> None:
        assert taken(capture) == 0
        capture.seek(1.0)
        assert [taken(capture) for _ in range(5)] == [25, 26, 27, 28, 29]

    def test_a_folder_of_pictures_is_moved_in_too(self, pictures: Path) -> None:
        with CaptureThread(open_source(pictures), paced=False, hold_at_end=True) as capture:
            assert taken(capture) == 0
            capture.step(1)
            assert taken(capture) == 1
            capture.step(-1)
            assert taken(capture) == 0
            capture.seek(1e9)
            assert taken(capture) == 9

    def test_frames_read_ahead_of_a_jump_are_not_handed_out(self, capture: CaptureThread) -> None:
        assert taken(capture) == 0
        time.sleep(0.2)  # some are decoded ahead by now
        capture.seek(2.0)
        assert taken(capture) == 50


class TestHolding:
    def test_no_frame_comes_while_it_is_held(self, capture: CaptureThread) -> None:
        assert taken(capture) == 0
        capture.paused = True
        assert capture.get(timeout=0.3) is None
        capture.paused = False
        assert taken(capture) == 1

    def test_steps_go_one_frame_on_and_back(self, capture: CaptureThread) -> None:
        for _ in range(10):
            last = taken(capture)
        capture.step(1)
        assert taken(capture) == last + 1
        assert capture.get(timeout=0.2) is None
        for index in range(last, last - 5, -1):
            capture.step(-1)
            assert taken(capture) == index
            assert capture.get(timeout=0.1) is None

    def test_there_is_nothing_before_the_first_frame(self, capture: CaptureThread) -> None:
        assert taken(capture) == 0
        capture.step(-1)
        assert taken(capture) == 0

    def test_a_place_is_shown_while_it_is_held(self, capture: CaptureThread) -> None:
        assert taken(capture) == 0
        capture.paused = True
        capture.seek(1.0)
        assert taken(capture) == 25
        assert capture.get(timeout=0.2) is None


class TestTheEnd:
    def test_it_stays_there_and_can_be_played_again(self, capture: CaptureThread) -> None:
        assert [taken(capture) for _ in range(N_FRAMES)] == list(range(N_FRAMES))
        assert capture.get(timeout=0.5) is None
        assert capture.at_end
        assert not capture.finished
        capture.paused = False
        assert taken(capture) == 0
        assert not capture.at_end

    def test_one_step_back_from_there_is_the_last_but_one(self, capture: CaptureThread) -> None:
        for _ in range(N_FRAMES):
            taken(capture)
        capture.step(-1)
        assert taken(capture) == N_FRAMES - 2

    def test_a_loop_begins_anew_and_says_so(self, numbered: Path) -> None:
        with CaptureThread(open_source(numbered), paced=False, hold_at_end=True) as capture:
            capture.loop = True
            seen = []
            for _ in range(2 * N_FRAMES + 5):
                seen.append((capture_index := taken(capture), capture.epoch))
                assert capture_index < N_FRAMES
        indices, epochs = zip(*seen, strict=True)
        assert list(indices) == [*range(N_FRAMES), *range(N_FRAMES), *range(5)]
        assert list(epochs) == [0] * N_FRAMES + [1] * N_FRAMES + [2] * 5

    def test_without_holding_the_end_is_the_end(self, numbered: Path) -> None:
        with CaptureThread(open_source(numbered), paced=False) as capture:
            assert sum(1 for _ in capture) == N_FRAMES
            assert capture.finished


def test_the_epoch_rises_with_every_jump(capture: CaptureThread) -> None:
    taken(capture)
    taken(capture)
    assert capture.epoch == 0
    for expected in range(1, 5):
        capture.seek(1.0)
        taken(capture)
        assert capture.epoch == expected


def test_jumps_from_all_sides_at_once_leave_it_whole(capture: CaptureThread) -> None:
    taken(capture)
    moves = np.random.default_rng(0).uniform(0, N_FRAMES / FPS, (4, 20))
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


def test_a_camera_cannot_be_moved_in(pictures: Path) -> None:
    source = Numbered(100, live=True)
    with CaptureThread(source) as capture:
        source.turns.release(2)
        assert capture.get(timeout=10) is not None
        assert not capture.seekable
        capture.seek(1.0)
        capture.step(-1)
        capture.paused = True
        assert not capture.paused
        source.turns.release(2)
        assert capture.get(timeout=10) is not None


def test_sizes_are_those_of_the_frames(numbered: Path) -> None:
    with open_source(numbered) as source:
        source.seek(1.0)
        frame = source.read()
    assert frame is not None
    assert frame.image.shape == (HEIGHT, WIDTH, 3)

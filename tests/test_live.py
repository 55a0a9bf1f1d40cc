"""The live session and the window on it, without a screen and with clips as cameras."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from livefan.gui.window import MainWindow
from livefan.live import LiveSession, RateMeter, Result
from livefan.pipeline import Pipeline
from livefan.weights import Weights


@pytest.fixture
def images(tmp_path: Path, photo: np.ndarray) -> Path:
    """A recording of six pictures, one face each."""
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(6):
        cv2.imwrite(str(folder / f"{index}.png"), photo)
    return folder


class Watched:
    """A session and all that it said."""

    def __init__(self, source: str | Path, weights: Weights) -> None:
        self.results: list[Result] = []
        self.threads: set[str] = set()
        self.ended = threading.Event()
        self.error: str | None = None
        self.session = LiveSession(
            source, lambda: Pipeline(weights), on_result=self._result, on_end=self._end
        )

    def _result(self, result: Result) -> None:
        self.results.append(result)
        self.threads.add(threading.current_thread().name)

    def _end(self, error: str | None) -> None:
        self.error = error
        self.ended.set()


def test_a_session_processes_every_frame_of_a_recording_in_its_own_thread(images: Path, weights: Weights):
    watched = Watched(images, weights)
    watched.session.start()
    assert watched.ended.wait(60)
    assert watched.error is None
    assert [result.frame.index for result in watched.results] == list(range(6))
    assert all(len(result.faces) == 1 for result in watched.results)
    assert watched.session.dropped == 0
    assert threading.current_thread().name not in watched.threads


def test_a_session_that_cannot_open_its_source_says_why_in_one_line(tmp_path: Path, weights: Weights):
    watched = Watched(tmp_path / "none.mp4", weights)
    watched.session.start()
    assert watched.ended.wait(30)
    assert watched.error is not None
    assert "none.mp4" in watched.error
    assert "\n" not in watched.error


def test_a_session_stops_within_a_second_and_leaves_no_thread(clip: Path, weights: Weights):
    before = threading.active_count()
    watched = Watched(clip, weights)
    watched.session.start()
    while not watched.results:
        time.sleep(0.02)
    assert watched.session.stop(timeout=5)
    assert watched.ended.is_set()
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() <= before


def test_a_rate_is_counted_over_recent_events(monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr("livefan.live.time.perf_counter", lambda: now[0])
    meter = RateMeter(window=1.0)
    assert meter.rate() == 0.0
    for _ in range(50):
        now[0] += 0.05
        meter.tick()
    assert meter.rate() == pytest.approx(20.0)
    now[0] += 10
    assert meter.rate() == 0.0


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    shown = MainWindow("mobilefan-300w", snapshots=tmp_path / "snapshots")
    qtbot.addWidget(shown)
    shown.resize(1024, 640)
    shown.show()
    yield shown
    shown.close()


def shows_a_picture(window: MainWindow) -> bool:
    return window.view.pixels is not None and window.view.fps > 0


def test_the_window_shows_a_clip_with_its_figures(window: MainWindow, clip: Path, qtbot: QtBot):
    window.watch(str(clip))
    assert window.running
    qtbot.waitUntil(lambda: shows_a_picture(window), timeout=30_000)
    qtbot.waitUntil(lambda: "capture" in window.figures.text(), timeout=5_000)
    assert window.view.latency > 0
    assert window.sources.currentText() == clip.name
    assert not window.start_action.isEnabled()
    window.stop_action.trigger()
    assert not window.running
    assert window.start_action.isEnabled()
    assert window.view.pixels is not None  # the last frame stays


def test_the_interface_answers_while_the_worker_is_slow(
    window: MainWindow, clip: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
):
    process = Pipeline.process

    def slow(self: Pipeline, frame):
        time.sleep(0.5)
        return process(self, frame)

    monkeypatch.setattr(Pipeline, "process", slow)
    window.watch(str(clip))
    qtbot.waitUntil(lambda: shows_a_picture(window), timeout=30_000)
    turns = 0
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        qtbot.wait(1)
        turns += 1
    assert turns > 20  # the event loop turns many times while the worker handles two frames


def test_smoothing_reaches_the_running_session(window: MainWindow, clip: Path, qtbot: QtBot):
    window.watch(str(clip))
    assert window._session is not None
    session = window._session.session
    assert session.smoothing
    window.smoothing.click()
    assert not session.smoothing
    window.smoothing.click()
    assert session.smoothing


def test_a_snapshot_is_the_picture_that_is_shown(window: MainWindow, images: Path, qtbot: QtBot):
    assert window.snapshot() is None
    window.watch(str(images))
    qtbot.waitUntil(lambda: not window.running, timeout=30_000)
    path = window.snapshot()
    assert path is not None
    assert np.array_equal(cv2.imread(str(path)), window.view.pixels)
    assert str(path) in window.message.text()


def test_a_recording_that_ended_can_be_started_again(window: MainWindow, images: Path, qtbot: QtBot):
    for _ in range(2):
        window.start() if window._source else window.watch(str(images))
        qtbot.waitUntil(lambda: not window.running, timeout=30_000)
        assert "ended" in window.message.text()


@pytest.mark.parametrize("name", ["missing.mp4", "text.mp4", "empty.mp4", "emptyfolder"])
def test_what_cannot_be_watched_is_said_and_the_window_stays(
    window: MainWindow, tmp_path: Path, qtbot: QtBot, name: str
):
    (tmp_path / "text.mp4").write_text("this is no video")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "emptyfolder").mkdir()
    window.watch(str(tmp_path / name))
    qtbot.waitUntil(lambda: not window.running, timeout=30_000)
    assert name in window.message.text()
    assert window.isVisible()


def test_missing_weights_are_said_and_the_window_stays(qtbot: QtBot, clip: Path, tmp_path: Path):
    window = MainWindow(tmp_path / "none.safetensors", str(clip))
    qtbot.addWidget(window)
    window.show()
    qtbot.waitUntil(lambda: not window.running, timeout=30_000)
    assert "none.safetensors" in window.message.text()
    assert window.isVisible()


@pytest.mark.parametrize("delay", [0.0, 0.1, 1.5])
def test_closing_ends_every_thread_in_whatever_state(qtbot: QtBot, clip: Path, delay: float):
    before = threading.active_count()
    window = MainWindow("mobilefan-300w", str(clip))
    qtbot.addWidget(window)
    window.show()
    qtbot.wait(int(1000 * delay) + 1)
    window.close()
    qtbot.waitUntil(lambda: threading.active_count() <= before, timeout=15_000)


def test_changing_the_source_again_and_again_leaves_no_thread(
    window: MainWindow, images: Path, clip: Path, qtbot: QtBot
):
    before = threading.active_count()
    for index in range(6):
        window.watch(str(images if index % 2 else clip))
        qtbot.wait(50)
    window.stop()
    qtbot.waitUntil(lambda: threading.active_count() <= before, timeout=15_000)

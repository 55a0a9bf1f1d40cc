"""Tests of the start of the window, of internal errors and of signals."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from windows import LONG_MS, Driven, index, paused_at_end

from livefan.core.errors import LivefanError
from livefan.gui import app
from livefan.gui.app import check_qt, open_window, show_internal_errors
from livefan.gui.session_config import CliOverrides
from livefan.io.open import open_source


class TestInternalErrors:
    @pytest.mark.slow
    def test_internal_error_shows_a_message(
        self,
        drive: Driven,
        images: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
    ):
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        window = paused_at_end(drive, images)
        show_internal_errors(window.player)
        try:
            raise RuntimeError("for a test")
        except RuntimeError as error:
            sys.excepthook(type(error), error, error.__traceback__)
        assert window.status_bar.message.text() == "internal error: RuntimeError: for a test"
        assert "Traceback" in capsys.readouterr().err
        assert "Traceback" in caplog.text
        assert window.isVisible()


def test_garbage_of_other_threads_is_deleted_in_the_thread_of_the_window(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(app, "_SETTLED_MS", 0)
    monkeypatch.setattr(app, "_COLLECTION_MS", 1)
    deleted_in: list[threading.Thread] = []

    class Cycle:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            deleted_in.append(threading.current_thread())

    timer = app.collect_in_this_thread()
    try:
        qtbot.waitUntil(timer.isActive, timeout=LONG_MS)
        maker = threading.Thread(target=lambda: [Cycle() for _ in range(2000)])
        maker.start()
        qtbot.waitUntil(lambda: len(deleted_in) == 2000, timeout=LONG_MS)
    finally:
        timer.stop()
    assert set(deleted_in) == {threading.current_thread()}


@pytest.mark.slow
def test_session_that_starts_before_the_window_is_shown_in_it(drive: Driven, images: Path, tmp_path: Path):
    overrides = CliOverrides(source=str(images), sequence=True, snapshot=tmp_path / "first.png")
    window = open_window(overrides, settings=drive.settings, pictures=tmp_path, videos=tmp_path)
    drive.qtbot.addWidget(window)
    drive.windows.append(window)
    drive.until(lambda: index(window) == 5 and window.player.paused)
    drive.until((tmp_path / "first.png").is_file)
    assert window.context.preferences.recent_sources == [str(images)]
    drive.until(lambda: "ended" in window.player.messages.shown.text or window.player.messages.saved_file)


def test_missing_library_of_qt_is_named():
    missing = "raise ImportError('libEGL.so.1: cannot open shared object file')"
    trial = subprocess.Popen([sys.executable, "-S", "-c", missing], stderr=subprocess.PIPE, text=True)
    with pytest.raises(LivefanError, match=r"open a window \(ImportError: libEGL\.so\.1: cannot open"):
        check_qt(trial)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes otherwise")
@pytest.mark.parametrize("ending", ["SIGINT", "SIGHUP"])
def test_signal_finishes_the_recording(tmp_path: Path, clip: Path, ending: str):
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path / "home")}
    # Where the tests run in the background of a shell some are ignored, which what they start would inherit.
    before = signal.signal(getattr(signal, ending), signal.SIG_DFL)
    running = subprocess.Popen(
        [sys.executable, "main.py", "live", clip, "--loop", "--record", tmp_path / "seen.mp4"],
        cwd=Path(__file__).parents[2],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    signal.signal(getattr(signal, ending), before)
    until = time.monotonic() + LONG_MS / 1000
    while not any(path.stat().st_size for path in tmp_path.glob(".seen.*")) and running.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(0.5)
    running.send_signal(getattr(signal, ending))
    _, said = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert [path.name for path in tmp_path.glob("*seen*")] == ["seen.mp4"]
    with open_source(tmp_path / "seen.mp4") as source:
        assert next(iter(source)) is not None

"""Start the window."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2

from livefan.errors import LivefanError
from livefan.runtimes.base import RuntimeChoice
from livefan.smooth import DEFAULT_STRENGTH


def leave_qt_to_pyqt() -> None:
    """Undo what importing OpenCV does to Qt's environment.

    OpenCV's wheels for Linux bring a Qt 5 of their own and point these variables at it; PyQt6's
    Qt 6 would look for its platform plugins there, and fail.
    """
    package = str(Path(cv2.__file__).parent)
    for variable in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
        if os.environ.get(variable, "").startswith(package):
            del os.environ[variable]


def has_screen() -> bool:
    """Whether there is a screen to open a window on."""
    if sys.platform != "linux":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def _check_qt_starts() -> None:
    """Where Qt cannot open a display it ends the whole process, so let another process try first."""
    if sys.platform != "linux":
        return
    trial = "from PyQt6.QtWidgets import QApplication; QApplication([])"
    done = subprocess.run([sys.executable, "-c", trial], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = next(iter(done.stderr.strip().splitlines()), "no reason given")
        raise LivefanError(
            f"Qt cannot open a window ({reason}); 'python3 bootstrap.py setup' names missing libraries, "
            "and 'livefan annotate' works without a window"
        )


def run_window(
    weights: str | Path,
    source: str | int | None,
    *,
    smoothing: float = DEFAULT_STRENGTH,
    max_faces: int = 5,
    runtime: RuntimeChoice | None = None,
) -> int:
    """Open the window and run until it is closed; returns the exit code.

    Raises:
        LivefanError: if there is no screen or Qt cannot be loaded.
    """
    if not has_screen():
        raise LivefanError(
            "no screen to open a window on; 'livefan annotate IN -o OUT' writes a video instead"
        )
    leave_qt_to_pyqt()
    _check_qt_starts()
    try:
        from PyQt6.QtCore import QTimer
        from PyQt6.QtWidgets import QApplication

        from livefan.gui.window import MainWindow
    except ImportError as error:
        raise LivefanError(
            f"Qt cannot be loaded ({error}); 'python3 bootstrap.py setup' says what is missing"
        ) from error
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    application.setApplicationName("livefan")
    window = MainWindow(weights, source, smoothing=smoothing, max_faces=max_faces, runtime=runtime)
    window.resize(1024, 680)
    window.show()
    # Python handles signals only between its own instructions, so give it some while Qt waits.
    signal.signal(signal.SIGINT, lambda *_: window.close())
    heartbeat = QTimer()
    heartbeat.setInterval(200)
    heartbeat.timeout.connect(lambda: None)
    heartbeat.start()
    return application.exec()

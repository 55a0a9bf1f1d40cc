"""Start the window."""

from __future__ import annotations

import gc
import importlib
import itertools
import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import cv2

from livefan.core.errors import LivefanError

if TYPE_CHECKING:
    from PyQt6.QtCore import QSettings, QTimer
    from PyQt6.QtWidgets import QApplication

    from livefan.gui.player import Player
    from livefan.gui.session_config import CliOverrides
    from livefan.gui.window import MainWindow

_LOG = logging.getLogger(__name__)
_SWITCH_S = 0.0005
_SETTLED_MS, _COLLECTION_MS = 2500, 500
_TURNS_OF_FULL_COLLECTION = 60


def leave_qt_to_pyqt() -> None:
    """Remove the variables that OpenCV sets for its own copy of Qt.

    OpenCV's wheels for Linux contain Qt 5 and set these variables to its folders. The Qt 6 of PyQt6 cannot
    load the platform plugins of Qt 5.
    """
    package = str(Path(cv2.__file__).parent)
    for variable in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
        if os.environ.get(variable, "").startswith(package):
            del os.environ[variable]


def has_screen() -> bool:
    """Return whether there is a screen to open a window on."""
    if sys.platform != "linux":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def check_screen() -> None:
    """Raise a LivefanError if there is no screen to open a window on."""
    if not has_screen():
        raise LivefanError(
            "no screen to open a window on; 'livefan annotate IN -o OUT' writes a video instead"
        )


def try_qt() -> subprocess.Popen[str] | None:
    """Start to open a display in a child process, since Qt ends a process that cannot; None if not needed."""
    if sys.platform != "linux":
        return None
    program = "from PyQt6.QtWidgets import QApplication; QApplication([])"
    pipe, none = subprocess.PIPE, subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-c", program], stdout=none, stderr=pipe, text=True)


def check_qt(trial: subprocess.Popen[str] | None) -> None:
    """Wait for :func:`try_qt`; raise a LivefanError if Qt cannot open a display."""
    if trial is None:
        return
    errors = trial.communicate()[1]
    if trial.returncode:
        lines = errors.strip().splitlines() or ["no reason given"]
        reason = lines[-1 if lines[0].startswith("Traceback") else 0]
        raise LivefanError(
            f"Qt cannot open a window ({reason}); 'python3 bootstrap.py setup' names missing libraries, "
            "and 'livefan annotate' works without a window"
        )


def run_window(overrides: CliOverrides) -> int:
    """Open the window, run until it is closed, and return the exit code.

    Args:
        overrides: options of the command line.

    Raises:
        LivefanError: if there is no screen or Qt cannot be loaded.
    """
    check_screen()
    gc.disable()  # until collect_in_this_thread: imports and widgets are no garbage
    leave_qt_to_pyqt()
    trial = try_qt()  # beside the imports, which take as long
    with suppress(ImportError):  # a missing library of Qt has its message below
        importlib.import_module("livefan.gui.early_start")
    check_qt(trial)
    application = make_application()
    from PyQt6.QtCore import QTimer

    window = open_window(overrides)
    from livefan.gui.first_start import show_tour

    show_internal_errors(window.player)
    show_tour(window)
    # Python handles signals between two of its instructions only: a timer runs some while Qt waits.
    for name in {"SIGINT", "SIGTERM", "SIGHUP"} & set(dir(signal)):
        ending = getattr(signal, name)
        if signal.getsignal(ending) is not signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(ending, lambda *_: window.close())
    heartbeat = QTimer()
    heartbeat.setInterval(200)
    heartbeat.timeout.connect(lambda: None)
    heartbeat.start()
    collect_in_this_thread()
    return application.exec()


def open_window(
    overrides: CliOverrides,
    *,
    settings: QSettings | None = None,
    pictures: Path | None = None,
    videos: Path | None = None,
) -> MainWindow:
    """Start the session, and show the window; see :class:`livefan.gui.window.MainWindow`."""
    from PyQt6.QtCore import QSettings

    from livefan.gui.early_start import start_early
    from livefan.gui.preferences import Preferences

    settings = settings or QSettings("livefan", "livefan")
    player = start_early(overrides, Preferences(settings))
    from livefan.gui.window import MainWindow  # its modules are loaded beside the networks

    window = MainWindow(overrides, settings=settings, pictures=pictures, videos=videos, player=player)
    window.show()
    return window


def show_internal_errors(player: Player) -> None:
    """Log uncaught exceptions and show them in the window; without a hook PyQt ends the process."""

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _LOG.error("internal error", exc_info=(kind, error, trace))
        sys.__excepthook__(kind, error, trace)
        player.messages.error.emit(f"internal error: {kind.__name__}: {error}")

    sys.excepthook = show


def collect_in_this_thread() -> QTimer:
    """Run garbage collections in the window's thread only, by the timer that is returned.

    A collection in another thread may delete widgets there, which ends the process. There are no collections
    until the start-up is over. They exclude its objects, and so are short.
    """
    from PyQt6.QtCore import QTimer

    gc.disable()
    turns = itertools.count(1)

    def resume() -> None:
        gc.freeze()
        timer.start(_COLLECTION_MS)

    def collect() -> None:
        gc.collect(2 if next(turns) % _TURNS_OF_FULL_COLLECTION == 0 else 1)

    timer = QTimer(make_application())
    timer.timeout.connect(collect)
    QTimer.singleShot(_SETTLED_MS, resume)
    return timer


def make_application() -> QApplication:
    """Return Qt's application object, with the name and the icon of livefan.

    Raises:
        LivefanError: if Qt cannot be loaded.
    """
    try:
        from PyQt6.QtWidgets import QApplication
    except ImportError as error:
        raise LivefanError(
            f"Qt cannot be loaded ({error}); 'python3 bootstrap.py setup' names missing libraries"
        ) from error
    from livefan.gui.theme import window_icon

    # The window's thread waits at most this long for another thread to release Python's lock.
    sys.setswitchinterval(_SWITCH_S)
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    application.setApplicationName("livefan")
    application.setWindowIcon(window_icon())
    return application

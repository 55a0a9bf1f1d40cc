"""Windows under test, their state, and events of the mouse."""

import math
import os
import queue
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PyQt6.QtCore import QEvent, QObject, QPoint, QPointF, QSettings, Qt
from PyQt6.QtGui import QMouseEvent, QWheelEvent
from PyQt6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from livefan.gui.session_config import CliOverrides
from livefan.gui.window import MainWindow
from livefan.live.pane import Pane
from livefan.tracking.model_spec import ModelChoice

RAW = ModelChoice(raw=True)
LONG_MS = 90_000


@dataclass
class Driven:
    """Opens windows under test and runs their event loop."""

    qtbot: QtBot
    settings: QSettings
    pictures: Path
    videos: Path
    windows: list[MainWindow]

    def open(self, *, sequence: bool = True, **options) -> MainWindow:
        """Open a window with options of the command line; by default a folder of images is a video."""
        overrides = CliOverrides(sequence=sequence, **options)
        window = MainWindow(overrides, settings=self.settings, pictures=self.pictures, videos=self.videos)
        self.qtbot.addWidget(window)
        self.windows.append(window)
        window.show()
        return window

    def until(self, condition: Callable[[], object], timeout: int = LONG_MS) -> None:
        """Run the event loop until a condition is true; fail after ``timeout`` milliseconds."""
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=timeout)

    def until_still(self, window: MainWindow) -> None:
        """Run the event loop until the picture of a paused session no longer changes."""

        def still() -> bool:
            before = window.view.painted
            self.qtbot.wait(400)
            return window.view.painted is before

        self.until(still)


class Paintings(QObject):
    """Counts the paint events of a widget."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.count = 0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 - Qt's name
        self.count += event is not None and event.type() == QEvent.Type.Paint
        return False


def pane(window: MainWindow) -> Pane:
    """Return the first pane of the picture on the screen."""
    assert window.view.painted is not None
    return window.view.painted.picture.panes[0]


def shows(window: MainWindow) -> bool:
    """Return whether the window shows a frame."""
    return window.view.painted is not None and bool(window.view.painted.picture.panes)


def index(window: MainWindow) -> float:
    """Return the index of the frame on the screen; NaN, which equals no index, without a frame."""
    return pane(window).result.frame.index if shows(window) else math.nan


def place_of(window: MainWindow, point: int) -> QPointF:
    """Return the position of a landmark of the first face in the widget of the picture."""
    shown = pane(window)
    x, y = shown.matrix @ [*shown.result.faces[0].points_px[point], 1.0]
    ratio = window.view.devicePixelRatioF()
    return QPointF((x + shown.left) / ratio, (y + shown.top) / ratio)


def mouse(window: MainWindow, kind: QEvent.Type, place: QPointF, button=Qt.MouseButton.LeftButton) -> None:
    """Send an event of the mouse to the picture."""
    moving = kind is QEvent.Type.MouseMove
    held = button if kind is not QEvent.Type.MouseButtonRelease else Qt.MouseButton.NoButton
    event = QMouseEvent(
        kind,
        place,
        window.view.mapToGlobal(place),
        Qt.MouseButton.NoButton if moving else button,
        held,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(window.view, event)


def wheel(window: MainWindow, place: QPointF, notches: int) -> None:
    """Turn the wheel over the picture."""
    event = QWheelEvent(
        place,
        window.view.mapToGlobal(place),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(window.view, event)


def open_files() -> int:
    """Return the number of open files of the process; 0 on systems without /proc."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def memory_mib() -> float:
    """Return the resident memory of the process; 0 on systems without /proc."""
    status = Path("/proc/self/statm")
    return (
        int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20 if status.is_file() else 0.0
    )


def full_size(window: MainWindow) -> np.ndarray:
    """Return the picture as shown, at the size of the frame."""
    drawn: queue.Queue[np.ndarray] = queue.Queue()
    assert window.player.pictures.draw_full_size(drawn.put)
    return drawn.get(timeout=30)


def paused_at_end(drive: Driven, images: Path, **options) -> MainWindow:
    """Open a window on six images, wait for the last one and pause.

    A session at its end that is not paused would play on after a seek. The frame of the seek would be on the
    screen for 40 ms only.
    """
    window = drive.open(source=str(images), **options)
    drive.until(lambda: index(window) == 5 and window.player.paused)
    window.player.pause(True)
    return window

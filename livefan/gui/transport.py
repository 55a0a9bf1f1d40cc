"""The controller below the picture: play, position, snapshot and recording."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QAction, QMouseEvent
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QSlider, QStyle, QStyleOptionSlider, QToolButton, QWidget

from livefan.gui.controls import Controls
from livefan.io.source import PHOTOGRAPH_SECONDS

_TICKS_PER_SECOND = 1000


class Scrubber(QSlider):
    """A slider that jumps to the position of a click."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Move the handle to the pointer and start to drag it."""
        style = self.style()
        if event is not None and style is not None and event.button() == Qt.MouseButton.LeftButton:
            option = QStyleOptionSlider()
            self.initStyleOption(option)
            handle = style.pixelMetric(QStyle.PixelMetric.PM_SliderLength, option, self)
            position = round(event.position().x()) - handle // 2
            room = max(1, self.width() - handle)
            value = QStyle.sliderValueFromPosition(self.minimum(), self.maximum(), position, room)
            self.setSliderPosition(value)
            self.sliderMoved.emit(value)
        super().mousePressEvent(event)


class Transport(QWidget):
    """Controls a camera, a recording or photographs.

    Args:
        controls: actions of the buttons.
    """

    sought = pyqtSignal(float)
    """Emitted with the requested position in seconds."""

    def __init__(self, controls: Controls) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 2, 6, 2)
        self._seeking: list[QWidget] = []
        for action in (controls.home, controls.back, controls.play, controls.forward, controls.end):
            button = _button(action)
            row.addWidget(button)
            if action is not controls.play:
                self._seeking.append(button)
        loop = _button(controls.loop)
        row.addWidget(loop)
        self.slider = Scrubber()
        self.slider.setAccessibleName(self.tr("position in the recording"))
        self.slider.sliderMoved.connect(lambda value: self.sought.emit(value / _TICKS_PER_SECOND))
        row.addWidget(self.slider, stretch=1)
        self.clock = QLabel()
        row.addWidget(self.clock)
        self._live = QLabel(self.tr("live"))
        row.addWidget(self._live, stretch=1)
        for action in (controls.snapshot, controls.record_shown):
            row.addWidget(_button(action))
        self._seeking += [loop, self.slider, self.clock]

    def show_seekable(self, seekable: bool) -> None:
        """Show the position of a recording, or that the source is live."""
        for part in self._seeking:
            part.setVisible(seekable)
        self._live.setVisible(not seekable)

    def show_time(self, seconds: float, duration: float | None) -> None:
        """Show position and length of a recording, in seconds."""
        length = max(duration or 0.0, seconds)
        self._move(seconds, length)
        self.clock.setText(f"{clock_text(seconds)} / {clock_text(length)}")

    def show_photograph(self, index: int, count: int) -> None:
        """Show the number of a photograph."""
        self._move(index * PHOTOGRAPH_SECONDS, (count - 1) * PHOTOGRAPH_SECONDS)
        self.clock.setText(f"{index + 1} / {count}")

    def show_nothing(self) -> None:
        """Show no position, before the first picture."""
        self._move(0.0, 0.0)
        self.clock.setText("")

    def _move(self, seconds: float, length: float) -> None:
        self.slider.setMaximum(max(1, round(length * _TICKS_PER_SECOND)))
        if not self.slider.isSliderDown():
            self.slider.setValue(round(seconds * _TICKS_PER_SECOND))


def _button(action: QAction) -> QToolButton:
    button = QToolButton()
    button.setDefaultAction(action)
    button.setAutoRaise(True)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return button


def clock_text(seconds: float) -> str:
    """Return a time in seconds as text, such as ``1:02:03.4``.

    >>> clock_text(62.34)
    '1:02.3'
    """
    tenths = int(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{clock}:{rest // 10:02}.{rest % 10}"

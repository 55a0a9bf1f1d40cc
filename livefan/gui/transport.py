"""The controller below the picture: play, position, speed, snapshot and recording."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QAction, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen
from PyQt6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from livefan.gui.controls import Controls
from livefan.gui.recording_time import RecordingTime
from livefan.gui.scales import clock_text
from livefan.gui.speed_picker import SpeedPicker
from livefan.gui.timeline import Timeline
from livefan.io.source import PHOTOGRAPH_SECONDS
from livefan.live.statistics import Gauges

_TICKS_PER_SECOND = 1000
_TICK_PX, _TICK_HEIGHT_PX = 2, 4


class Scrubber(QSlider):
    """A slider that jumps to the position of a click; ticks below it mark blinks.

    Attributes:
        blinks_s: starts of the marked blinks, in seconds.
    """

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.blinks_s: list[float] = []
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def show_blinks(self, starts_s: list[float]) -> None:
        """Mark the starts of blinks, in seconds."""
        if starts_s != self.blinks_s:
            self.blinks_s = starts_s
            self.setToolTip(self.tr("Ticks mark {} blinks").format(len(starts_s)) if starts_s else "")
            self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Draw the slider and the ticks."""
        super().paintEvent(event)
        if not self.blinks_s:
            return
        painter = QPainter(self)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Text), _TICK_PX))
        room, bottom = max(1, self.width() - 2 * self.inset), self.height() - 1
        for seconds in self.blinks_s:
            x = self.inset + round(room * seconds * _TICKS_PER_SECOND / max(1, self.maximum()))
            painter.drawLine(x, bottom - _TICK_HEIGHT_PX, x, bottom)
        painter.end()

    @property
    def inset(self) -> int:
        """Distance in pixels of the first and the last position from the edges."""
        style = self.style()
        assert style is not None
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        return style.pixelMetric(QStyle.PixelMetric.PM_SliderLength, option, self) // 2

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Move the handle to the pointer and start to drag it."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            position = round(event.position().x()) - self.inset
            room = max(1, self.width() - 2 * self.inset)
            value = QStyle.sliderValueFromPosition(self.minimum(), self.maximum(), position, room)
            self.setSliderPosition(value)
            self.sliderMoved.emit(value)
        super().mousePressEvent(event)


class Transport(QWidget):
    """Controls a camera, a recording or photographs.

    Args:
        controls: actions of the buttons.

    Attributes:
        show_in_folder: button that opens the folder of a saved file; hidden unless it is needed here.
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
        self.timeline = Timeline(self.slider.inset)
        self.timeline.sought.connect(self.sought)
        self.timeline.hide()
        track = QVBoxLayout()
        track.setSpacing(1)
        track.addWidget(self.timeline)
        track.addWidget(self.slider)
        row.addLayout(track, stretch=1)
        self.clock = QLabel()
        row.addWidget(self.clock)
        self.live = QLabel()
        row.addWidget(self.live, stretch=1)
        self.speed = SpeedPicker()
        self.speed.hide()
        row.addWidget(self.speed)
        self.show_in_folder = QToolButton()
        self.show_in_folder.setText(self.tr("Show in folder"))
        self.show_in_folder.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.show_in_folder.hide()
        row.addWidget(self.show_in_folder)
        self.recording = RecordingTime()
        for part in (self.recording, _button(controls.snapshot), _button(controls.record_shown)):
            row.addWidget(part)
        self._seeking += [loop, self.slider, self.clock]

    def show_seekable(self, seekable: bool, *, live: bool) -> None:
        """Show the position of a recording, or that the source is live; a single photograph is neither."""
        for part in self._seeking:
            part.setVisible(seekable)
        self.live.setVisible(not seekable)  # also without a text: it keeps the buttons at the edges
        self.live.setText(self.tr("live") if live else "")
        if not seekable:
            self.speed.hide()

    def show_time(self, seconds: float, duration: float | None) -> None:
        """Show position and length of a recording, in seconds."""
        self.speed.show()
        length = max(duration or 0.0, seconds)
        self._move(seconds, length)
        self.clock.setText(f"{clock_text(seconds)} / {clock_text(length)}")

    def show_photograph(self, index: int, count: int) -> None:
        """Show the number of a photograph."""
        self.speed.hide()
        self._move(index * PHOTOGRAPH_SECONDS, (count - 1) * PHOTOGRAPH_SECONDS)
        self.clock.setText(f"{index + 1} / {count}")

    def show_distances(self, gauges: Gauges, *, comparing: bool) -> None:
        """Show the distance between two models along a recording or photographs."""
        shown = comparing and not self.slider.isHidden()
        self.timeline.setVisible(shown)
        if shown:
            length = self.slider.maximum() / _TICKS_PER_SECOND
            self.timeline.show_distances(*gauges.distances(), gauges.worst, length)

    def show_blinks(self, gauges: Gauges) -> None:
        """Mark the blinks along a recording."""
        self.slider.show_blinks([blink.start_s for blink in gauges.blinks.blinks])

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

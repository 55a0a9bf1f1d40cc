"""The distance between two models along the recording, above the scrubber."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PyQt6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from livefan.core.agreement import Disagreement
from livefan.gui.scales import clock_text, round_up

_HEIGHT_PX = 44
_MARK_PX = 4.0
_REACH_PX = 5.0
"""A click this near to a mark goes to the marked moment."""
N_MARKED = 5
"""Number of the worst moments that are marked."""
CURVE_COLOUR = "#e0a030"
MARK_COLOUR = "#e04040"


class Timeline(QWidget):
    """A curve of the distance over the time of the recording; a click goes there.

    The worst moments are marked below the curve, which is broken where no frame was compared. The vertical
    axis starts at zero; the value at the upper edge stands at the left.

    Args:
        inset: distance in pixels of the start and the end of the recording from the edges of the widget, as
            in the scrubber below.
    """

    sought = pyqtSignal(float)
    """Emitted with the requested position in seconds."""

    def __init__(self, inset: int) -> None:
        super().__init__()
        self._inset = inset
        self._times = self._distances = np.empty(0)
        self._length = 0.0
        self.worst: list[Disagreement] = []
        self.setAccessibleName(self.tr("distance over time"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the height of the curve."""
        return QSize(200, _HEIGHT_PX)

    @property
    def top(self) -> float:
        """Distance at the upper edge, in percent."""
        return round_up(float(self._distances.max(initial=0.0)))

    def show_distances(
        self, times_s: np.ndarray, distances: np.ndarray, worst: Sequence[Disagreement], length_s: float
    ) -> None:
        """Show the distances of a recording.

        Args:
            times_s: ``(n,)`` positions of the compared frames in seconds, ascending.
            distances: ``(n,)`` distances in percent.
            worst: the greatest distances, greatest first; the first :data:`N_MARKED` are marked.
            length_s: length of the recording in seconds.
        """
        marked = list(worst[:N_MARKED])
        unchanged = np.array_equal(times_s, self._times) and np.array_equal(distances, self._distances)
        same_marks = [each.time_s for each in marked] == [each.time_s for each in self.worst]
        if unchanged and length_s == self._length and same_marks:
            return
        self._times, self._distances, self._length = times_s, distances, length_s
        self.worst = marked
        self.update()

    def x_of(self, seconds: float) -> float:
        """Return the position of a time in the widget, in pixels."""
        room = max(1, self.width() - 2 * self._inset)
        return self._inset + room * seconds / max(self._length, 1e-9)

    def time_at(self, x: float) -> float:
        """Return the time at a position in the widget: that of a mark nearby, else of the position."""
        near = min(self.worst, key=lambda each: abs(self.x_of(each.time_s) - x), default=None)
        if near is not None and abs(self.x_of(near.time_s) - x) <= _REACH_PX:
            return near.time_s
        room = max(1, self.width() - 2 * self._inset)
        return float(np.clip((x - self._inset) / room, 0.0, 1.0)) * self._length

    def columns(self) -> np.ndarray:
        """Return the largest distance in each column of pixels, ``(width,)``; NaN for none."""
        largest = np.full(max(1, self.width()), np.nan)
        if len(self._times) and self._length > 0:
            room = max(1, self.width() - 2 * self._inset)
            x = self._inset + room * self._times / self._length
            np.fmax.at(largest, np.clip(x.astype(int), 0, len(largest) - 1), self._distances)
        return largest

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Draw the curve, its scale and the marks."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), self.palette().color(QPalette.ColorRole.Base))
        painter.setPen(QPen(QColor(CURVE_COLOUR), 1.5))
        for run in self._runs():
            if len(run) > 1:
                painter.drawPolyline(run)
            else:
                painter.drawPoint(run[0])
        self._draw_marks(painter)
        painter.setPen(self.palette().color(QPalette.ColorRole.Text))
        font = painter.font()
        font.setPointSizeF(0.8 * font.pointSizeF())
        painter.setFont(font)
        scale = QRectF(self.rect()).adjusted(2, 0, -2, 0)
        painter.drawText(scale, Qt.AlignmentFlag.AlignLeft, self.tr("{:g} %").format(self.top))
        painter.end()

    def _runs(self) -> list[QPolygonF]:
        """Return the unbroken parts of the curve, in pixels."""
        columns = self.columns()
        known = np.flatnonzero(np.isfinite(columns))
        # Where the widget is wider than the recording has frames, frames are several columns apart.
        usual = np.median(np.diff(known)) if len(known) > 2 else 1.0
        breaks = np.flatnonzero(np.diff(known) > max(2.0, 2.5 * usual)) + 1
        bottom = self.height() - 2 * _MARK_PX - 1
        y = bottom - (bottom - 3.0) * columns / self.top
        return [
            QPolygonF([QPointF(x + 0.5, y[x]) for x in part]) for part in np.split(known, breaks) if len(part)
        ]

    def _draw_marks(self, painter: QPainter) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(MARK_COLOUR))
        for each in self.worst:
            x = self.x_of(each.time_s)
            corners = [(-_MARK_PX, 0.0), (_MARK_PX, 0.0), (0.0, 2 * _MARK_PX)]
            bottom = float(self.height())
            painter.drawPolygon(QPolygonF([QPointF(x + right, bottom - up) for right, up in corners]))

    # The mouse.

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Go to the time under the pointer."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self.sought.emit(self.time_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Follow the pointer while the button is held."""
        if event is not None and event.buttons() & Qt.MouseButton.LeftButton:
            self.sought.emit(self.time_at(event.position().x()))

    def event(self, event: QEvent | None) -> bool:
        """Show time and distance under the pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.text_at(event.pos().x()), self)
            return True
        return super().event(event)

    def text_at(self, x: float) -> str:
        """Return time and distance at a position in the widget."""
        seconds = self.time_at(x)
        if not len(self._times):
            return clock_text(seconds)
        nearest = int(np.abs(self._times - seconds).argmin())
        text = self.tr("{}   {:.2f} % apart")
        return text.format(clock_text(float(self._times[nearest])), self._distances[nearest])

"""Bars of the expression coefficients that move, the strongest of the last second first."""

from __future__ import annotations

import math

import numpy as np
from PyQt6.QtCore import QRect, QSize, Qt
from PyQt6.QtGui import QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QSizePolicy, QWidget

from livefan.measures.expressions import NAMES

MOST_BARS = 10
_FEWEST_BARS = 7
"""Number of bars that have room in a small window."""
_SHOWN_FROM = 0.05
"""Recent strength from which a coefficient has a bar."""
_RECENT_S = 0.6
"""Time constant of the recent strength in seconds: the largest value, which decays to the present one."""
_STICKY = 0.1
"""Two bars change places only if their recent strengths differ by more."""
_ROW_PX, _GAP_PX = 16, 4
_TO_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class ExpressionBars(QWidget):
    """Draws a bar for each coefficient that moved lately, sorted by its recent strength.

    Attributes:
        shown: names of the coefficients with a bar, from the top.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []
        self._recent: np.ndarray | None = None
        self._values = np.zeros(len(NAMES))
        self._seconds = 0.0
        self.setAccessibleName(self.tr("expressions"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return room for all bars."""
        return QSize(260, MOST_BARS * _ROW_PX)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return room for some bars."""
        return QSize(260, _FEWEST_BARS * _ROW_PX)

    def show_values(self, values: np.ndarray | None, seconds: float = 0.0) -> None:
        """Show ``(k,)`` coefficients in the order of ``NAMES``; None for no face, which forgets the order.

        Args:
            seconds: time of the frame.
        """
        if values is None:
            self._recent, self.shown = None, []
            self.update()
            return
        old = math.exp(-max(0.0, seconds - self._seconds) / _RECENT_S)
        self._values, self._seconds = values, seconds
        before = values if self._recent is None else self._recent
        self._recent = np.maximum(values, values + old * (before - values))
        recent = dict(zip(NAMES, self._recent.tolist(), strict=True))
        moving = sorted(
            (name for name in NAMES if recent[name] > _SHOWN_FROM), key=lambda name: -recent[name]
        )
        kept = [name for name in self.shown if name in moving]
        order = kept + [name for name in moving if name not in kept]
        # Insertion sort with a margin, so that equal bars do not change places at every frame.
        for place in range(1, len(order)):
            while place and recent[order[place]] > recent[order[place - 1]] + _STICKY:
                order[place - 1 : place + 1] = order[place], order[place - 1]
                place -= 1  # noqa: PLW2901
        self.shown = order[:MOST_BARS]
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Draw names, bars and values."""
        painter = QPainter(self)
        palette = self.palette()
        metrics = painter.fontMetrics()
        left = max(metrics.horizontalAdvance(name) for name in NAMES) + 2 * _GAP_PX
        number = metrics.horizontalAdvance("0.00") + 2 * _GAP_PX
        width = max(1, self.width() - left - number)
        for row, name in enumerate(self.shown):
            top = row * _ROW_PX
            value = float(self._values[NAMES.index(name)])
            painter.setPen(palette.color(QPalette.ColorRole.WindowText))
            painter.drawText(QRect(0, top, left - _GAP_PX, _ROW_PX), _TO_RIGHT, name)
            painter.drawText(QRect(left + width, top, number - _GAP_PX, _ROW_PX), _TO_RIGHT, f"{value:.2f}")
            bar = QRect(left, top + 2, width, _ROW_PX - _GAP_PX)
            painter.fillRect(bar, palette.color(QPalette.ColorRole.AlternateBase))
            bar.setWidth(round(width * value))
            painter.fillRect(bar, palette.color(QPalette.ColorRole.Highlight))
        painter.end()

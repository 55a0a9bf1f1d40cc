"""Icons in the colours of the theme."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QIcon, QPainter, QPixmap
from PyQt6.QtWidgets import QStyle, QWidget

_Icons = QStyle.StandardPixmap
PLAYBACK_ICONS = {
    _Icons.SP_MediaPlay,
    _Icons.SP_MediaPause,
    _Icons.SP_MediaStop,
    _Icons.SP_MediaSeekBackward,
    _Icons.SP_MediaSeekForward,
    _Icons.SP_MediaSkipBackward,
    _Icons.SP_MediaSkipForward,
}
"""Icons that Qt has in black only."""


def text_icon(window: QWidget, icon: QStyle.StandardPixmap) -> QIcon:
    """Return an icon of one colour, such as :data:`PLAYBACK_ICONS`, in the colour of the window's text."""
    style = window.style()
    assert style is not None
    pixmap = style.standardIcon(icon).pixmap(32)
    painter = QPainter(pixmap)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
    painter.fillRect(pixmap.rect(), window.palette().buttonText())
    painter.end()
    return QIcon(pixmap)


def red_dot() -> QIcon:
    """Return the icon of recording, which Qt lacks."""
    pixmap = QPixmap(32, 32)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(215, 50, 50))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawEllipse(6, 6, 20, 20)
    painter.end()
    return QIcon(pixmap)

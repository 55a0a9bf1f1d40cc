"""Labels that are drawn over the picture: messages, the state of the session, and the drop highlight."""

from __future__ import annotations

from PyQt6.QtCore import QCoreApplication, QRect, QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPen

from livefan.gui.picture_state import PictureState

_DROP_FRAME_PX = 4
_BOTTOM_PX = 104
"""Room at the bottom for the controller over a full-screen picture."""
_NAMES_PX = 34
"""Height of the names of two models at the top of the picture."""
_SLOWEST_SHOWN = 0.05
"""Speed of playback that is rounded to 0.1 x; a lower one would be shown as 0.0 x."""
_PLATE_COLOUR = QColor(20, 20, 20, 190)
_DIM_COLOUR = QColor(0, 0, 0, 130)


def draw_message(painter: QPainter, area: QRect, text: str, *, at_bottom: bool) -> None:
    """Write a message in large letters, at the centre or the bottom of the picture."""
    font = painter.font()
    font.setPointSizeF(font.pointSizeF() * 1.3)
    painter.setFont(font)
    place = Qt.AlignmentFlag.AlignBottom if at_bottom else Qt.AlignmentFlag.AlignVCenter
    _draw_plate(painter, area, text, place)


def draw_state(painter: QPainter, area: QRect, state: PictureState, *, below_names: bool = False) -> None:
    """Dim an old picture, and write the state of the session at the top, or below the names of two models."""
    texts = {
        "paused": _tr("Paused"),
        "lost": _tr("Connection lost, trying again"),
        "dark": _tr("Very dark"),
    }
    if state.dimmed:
        painter.fillRect(area, _DIM_COLOUR)
    text = texts.get(state.name)
    if state.speed is not None:
        text = speed_text(state.speed)
    if text is not None:
        top = _NAMES_PX if below_names else 0
        _draw_plate(painter, area.adjusted(0, top, 0, 0), text, Qt.AlignmentFlag.AlignTop)


def draw_drop(painter: QPainter, area: QRect, colour: QColor) -> None:
    """Draw a frame while files are dragged over the window."""
    painter.fillRect(area, _DIM_COLOUR)
    painter.setPen(QPen(colour, _DROP_FRAME_PX))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(area.adjusted(2, 2, -2, -2))
    _draw_plate(painter, area, _tr("Drop to play"), Qt.AlignmentFlag.AlignVCenter)


def _draw_plate(painter: QPainter, area: QRect, text: str, place: Qt.AlignmentFlag) -> None:
    """Write a text on a dark plate at the top, the centre or the bottom of the picture."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    inner = QRectF(area).adjusted(40, 22, -40, -_BOTTOM_PX)
    flags = Qt.AlignmentFlag.AlignHCenter | place | Qt.TextFlag.TextWordWrap
    box = painter.boundingRect(inner, flags, text)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_PLATE_COLOUR)
    painter.drawRoundedRect(box.adjusted(-14, -7, 14, 7), 8, 8)
    painter.setPen(Qt.GlobalColor.white)
    painter.drawText(inner, flags, text)


def speed_text(speed: float) -> str:
    """Return a speed of playback as text, such as ``0.6 x``."""
    return _tr("{:.1f} x").format(speed) if speed >= _SLOWEST_SHOWN else _tr("less than 0.1 x")


def _tr(text: str) -> str:
    return QCoreApplication.translate("FrameView", text)

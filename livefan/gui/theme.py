"""Colours of the window in its light and dark themes, its small letters, and its icon."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, Qt
from PyQt6.QtGui import QColor, QIcon, QPainter, QPalette, QPen, QPixmap, QPolygonF
from PyQt6.QtWidgets import QApplication, QCheckBox, QLabel, QMenu, QWidget

_SCHEMES = {
    "system": Qt.ColorScheme.Unknown,
    "light": Qt.ColorScheme.Light,
    "dark": Qt.ColorScheme.Dark,
}
_FACE = (
    ((22, 36), (26, 68), (40, 98), (64, 110), (88, 98), (102, 68), (106, 36)),
    ((40, 44), (52, 40)),
    ((76, 40), (88, 44)),
    ((64, 48), (64, 64)),
    ((46, 80), (64, 88), (82, 80)),
)
"""Jaw, eyes, nose and mouth of the icon, which is 128 x 128 pixels."""
_SMALL = 0.8
"""Size of small letters, as a share of the font of the window."""
_EDGE_STRENGTH = 0.6
"""Lightness of the edges of check boxes, from 0 (their background) to 1 (their text)."""
_FUSION_EDGE = 1.1 / 1.4
"""Lightness of the edges in Qt's style Fusion, as a share of that of the palette's window."""


def hex_colour(bgr: tuple[int, int, int]) -> str:
    """Return a BGR colour in the notation of Qt, such as ``#ff8000``."""
    return "#{2:02x}{1:02x}{0:02x}".format(*bgr)


def with_mark(colour: str, text: str) -> str:
    """Return a text after a coloured square, as HTML; the text itself keeps the colour of the theme."""
    return f'<span style="color: {colour}">■</span> {text}'


def small_label() -> QLabel:
    """Return a label in small letters; HTML would be laid out anew at each change of the text."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    font = label.font()
    font.setPointSizeF(_SMALL * font.pointSizeF())
    label.setFont(font)
    return label


def apply_theme(application: QApplication, theme: str) -> None:
    """Use one of :data:`~livefan.gui.session_config.THEMES` in all windows.

    On a platform without colour schemes, such as plain X11, the palette of the theme replaces the platform's.
    """
    hints = application.styleHints()
    assert hints is not None
    hints.setColorScheme(_SCHEMES[theme])
    if hints.colorScheme() == Qt.ColorScheme.Unknown:
        application.setPalette(_dark() if theme == "dark" else QPalette())
    else:
        application.setPalette(QPalette())


def show_edges_of_check_boxes(window: QWidget) -> None:
    """Make empty check boxes of a window and its menus visible in the present palette.

    Qt's style Fusion, which Linux uses, draws their edges a little darker than the window. In a dark window
    they disappear.
    """
    style = window.style()
    if style is None or style.name() != "fusion":
        return
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    edges = QPalette()
    for state in (group.Active, group.Inactive, group.Disabled):
        base, text = (window.palette().color(state, each).lightnessF() for each in (role.Base, role.Text))
        edge = base + _EDGE_STRENGTH * (text - base)
        edges.setColor(state, role.Window, QColor.fromHslF(0.0, 0.0, min(1.0, edge / _FUSION_EDGE)))
    # Not for all of Qt's menus by their class: lists of combo boxes would have the colour as background.
    for widget in [*window.findChildren(QCheckBox), *window.findChildren(QMenu)]:
        widget.setPalette(edges)


def _dark() -> QPalette:
    palette = QPalette(QColor(78, 81, 86), QColor(43, 45, 48))
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    palette.setColor(role.Base, QColor(62, 64, 68))
    palette.setColor(role.AlternateBase, QColor(43, 45, 48))
    for text in (role.WindowText, role.Text, role.ButtonText, role.ToolTipText, role.BrightText):
        palette.setColor(text, QColor(226, 226, 226))
        palette.setColor(group.Disabled, text, QColor(145, 145, 145))
    palette.setColor(role.PlaceholderText, QColor(150, 150, 150))
    palette.setColor(role.ToolTipBase, QColor(30, 31, 33))
    palette.setColor(role.Highlight, QColor(47, 111, 176))
    palette.setColor(role.HighlightedText, QColor(255, 255, 255))
    palette.setColor(group.Disabled, role.Highlight, QColor(110, 110, 110))
    palette.setColor(role.Link, QColor(110, 170, 230))
    return palette


def window_icon() -> QIcon:
    """Return the icon of livefan: the landmarks of a face."""
    pixmap = QPixmap(128, 128)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(35, 38, 46))
    painter.drawRoundedRect(0, 0, 128, 128, 28, 28)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for part in _FACE:
        points = QPolygonF([QPointF(x, y) for x, y in part])
        painter.setPen(QPen(QColor(80, 200, 230), 5))
        painter.drawPolyline(points)
        painter.setPen(QPen(QColor(120, 255, 90), 11, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawPoints(points)
    painter.end()
    return QIcon(pixmap)

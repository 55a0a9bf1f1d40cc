"""The title of a panel, with buttons that detach and close it."""

from __future__ import annotations

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtWidgets import QDockWidget, QHBoxLayout, QLabel, QStyle, QToolButton, QWidget

from livefan.gui.icons import text_icon

_BUTTON_PX, _ICON_PX = 18, 12


class PanelTitle(QWidget):
    """Replaces Qt's title of a panel, which decodes the files of its icons at each layout and painting.

    Args:
        dock: the panel; dragging and double clicks on the title reach it.

    Attributes:
        buttons: the buttons that detach and close the panel.
    """

    def __init__(self, dock: QDockWidget) -> None:
        super().__init__(dock)
        detach, close = _button(self.tr("Detach or attach")), _button(self.tr("Close"))
        detach.clicked.connect(lambda: dock.setFloating(not dock.isFloating()))
        close.clicked.connect(dock.close)
        self.buttons = {
            QStyle.StandardPixmap.SP_TitleBarNormalButton: detach,
            QStyle.StandardPixmap.SP_TitleBarCloseButton: close,
        }
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 1, 4, 1)
        row.setSpacing(2)
        row.addWidget(QLabel(dock.windowTitle()), stretch=1)
        row.addWidget(detach)
        row.addWidget(close)
        self.apply_palette()

    def apply_palette(self) -> None:
        """Draw the icons in the theme's text colour; Qt has them in black only."""
        for standard, button in self.buttons.items():
            button.setIcon(text_icon(self, standard))


def _button(meaning: str) -> QToolButton:
    button = QToolButton()
    button.setAutoRaise(True)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setFixedSize(_BUTTON_PX, _BUTTON_PX)
    button.setIconSize(QSize(_ICON_PX, _ICON_PX))
    button.setAccessibleName(meaning)
    button.setToolTip(meaning)
    return button

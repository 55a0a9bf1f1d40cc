"""The title of a panel, with buttons that detach and close it."""

from __future__ import annotations

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QIcon
from PyQt6.QtWidgets import QDockWidget, QHBoxLayout, QLabel, QToolButton, QWidget

_BUTTON_PX, _ICON_PX = 18, 12


class PanelTitle(QWidget):
    """Replaces Qt's title of a panel, which decodes the files of its icons at each layout and painting.

    Args:
        dock: the panel; dragging and double clicks on the title reach it.
    """

    def __init__(self, dock: QDockWidget) -> None:
        super().__init__(dock)
        self._detach, self._close = _button(self.tr("Detach or attach")), _button(self.tr("Close"))
        self._detach.clicked.connect(lambda: dock.setFloating(not dock.isFloating()))
        self._close.clicked.connect(dock.close)
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 1, 4, 1)
        row.setSpacing(2)
        row.addWidget(QLabel(dock.windowTitle()), stretch=1)
        row.addWidget(self._detach)
        row.addWidget(self._close)

    def show_icons(self, detach: QIcon, close: QIcon) -> None:
        """Show these icons on the buttons."""
        self._detach.setIcon(detach)
        self._close.setIcon(close)


def _button(meaning: str) -> QToolButton:
    button = QToolButton()
    button.setAutoRaise(True)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setFixedSize(_BUTTON_PX, _BUTTON_PX)
    button.setIconSize(QSize(_ICON_PX, _ICON_PX))
    button.setAccessibleName(meaning)
    button.setToolTip(meaning)
    return button

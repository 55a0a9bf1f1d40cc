"""The panels at the edges of the window."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QObject, Qt, QTimer
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QDockWidget, QMainWindow, QWidget

_LET_DRAW_MS = 10
"""Delay before a panel opens: the change that opened it is drawn first, so neither delays the other."""


class Panels(QObject):
    """The panels of models and plots.

    Args:
        window: the window.
        models: content of the panel at the right.
        plots: content of the panel at the bottom.

    Attributes:
        models, plots: the panels.
        toggles: menu entries that show and hide each panel.
    """

    def __init__(self, window: QMainWindow, models: QWidget, plots: QWidget) -> None:
        super().__init__(window)
        self._window = window
        area = Qt.DockWidgetArea
        self.models = self._add(self.tr("Models"), "models", models, area.RightDockWidgetArea)
        self.plots = self._add(self.tr("Plots"), "plots", plots, area.BottomDockWidgetArea)
        window.setCorner(Qt.Corner.BottomRightCorner, area.RightDockWidgetArea)
        self.toggles = [self._toggle(self.models, "F2"), self._toggle(self.plots, "F3")]
        self._hidden: list[QDockWidget] = []

    def _add(self, title: str, name: str, inside: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self._window)
        dock.setObjectName(name)
        dock.setWidget(inside)
        self._window.addDockWidget(area, dock)
        dock.hide()
        return dock

    def _toggle(self, dock: QDockWidget, keys: str) -> QAction:
        toggle = dock.toggleViewAction()
        assert toggle is not None
        toggle.setShortcut(keys)
        self._window.addAction(toggle)
        return toggle

    def show_models(self) -> None:
        """Open the panel of models."""
        QTimer.singleShot(_LET_DRAW_MS, self.models.show)

    def show_only(self, names: Sequence[str]) -> None:
        """Show the panels of these names, and hide the others."""
        for dock in (self.models, self.plots):
            dock.setVisible(dock.objectName() in names)

    def hide_all(self) -> None:
        """Hide the panels until :meth:`restore`."""
        self._hidden = [dock for dock in (self.models, self.plots) if dock.isVisible()]
        for dock in self._hidden:
            dock.hide()

    def restore(self) -> None:
        """Show the panels that :meth:`hide_all` has hidden."""
        for dock in self._hidden:
            dock.show()
        self._hidden = []

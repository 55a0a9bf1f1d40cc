"""The panels at the edges of the window."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QObject, Qt, QTimer
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QDockWidget, QMainWindow, QStyle, QWidget

from livefan.gui.deferred import Deferred
from livefan.gui.icons import text_icon
from livefan.gui.model_panel import ModelPanel
from livefan.gui.panel_title import PanelTitle

LET_DRAW_MS = 10
"""Delay before a panel opens: the change that opened it is drawn first, so neither delays the other."""
_IDLE_MS = 250
"""Time between two widgets that are prepared, and before the first."""
_MARGIN_PX = 20
"""Room for the edges of a panel."""


class Panels(QObject):
    """The panels of models, plots and expressions.

    Args:
        window: the window.
        models: content of the panel at the right.
        plots: content of the panel at the bottom.
        expressions: content of a further panel at the right.

    Attributes:
        models, plots, expressions: the panels.
        toggles: menu entries that show and hide each panel.
    """

    def __init__(self, window: QMainWindow, models: ModelPanel, plots: QWidget, expressions: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._titles: list[PanelTitle] = []
        window.setAnimated(False)  # the picture would be laid out and painted at each step
        area = Qt.DockWidgetArea
        self.models = self._add(self.tr("Models"), "models", models, area.RightDockWidgetArea)
        self.plots = self._add(self.tr("Plots"), "plots", plots, area.BottomDockWidgetArea)
        self.expressions = self._add(
            self.tr("Expressions"), "expressions", expressions, area.RightDockWidgetArea
        )
        self._docks = (self.models, self.plots, self.expressions)
        window.setCorner(Qt.Corner.BottomRightCorner, area.RightDockWidgetArea)
        self.toggles = [
            self._toggle(dock, keys) for dock, keys in zip(self._docks, ("F2", "F3", "F4"), strict=True)
        ]
        self._hidden: list[QDockWidget] = []
        self._restore_next = Deferred(self, self._show_hidden, LET_DRAW_MS)
        self._unprepared: list[tuple[QDockWidget, QWidget]] = [
            *((dock, dock) for dock in self._docks),
            *((self.models, part) for part in models.parts),
        ]
        self._preparing = QTimer(self)
        self._preparing.setInterval(_IDLE_MS)
        self._preparing.timeout.connect(self._prepare_next)

    def prepare(self) -> None:
        """Draw closed panels and their hidden parts once into memory, so that they open faster."""
        if self._unprepared:
            self._preparing.start()

    def _prepare_next(self) -> None:
        dock, widget = self._unprepared.pop(0)
        if widget.isHidden() and self._has_room(dock):
            widget.grab()
        if not self._unprepared:
            self._preparing.stop()

    @property
    def prepared(self) -> bool:
        """Whether all panels are prepared."""
        return not self._unprepared

    def _has_room(self, dock: QDockWidget) -> bool:
        """Return whether a closed panel fits into the window.

        Drawing a hidden widget lays the window out with it: the window would grow, or end its full screen.
        """
        if self._window.windowState() != Qt.WindowState.WindowNoState:
            return False
        room = self._window.size() - self._window.minimumSizeHint()
        needed = dock.minimumSizeHint()
        return needed.width() + _MARGIN_PX <= room.width() and needed.height() + _MARGIN_PX <= room.height()

    def _add(self, title: str, name: str, inside: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self._window)
        dock.setObjectName(name)
        dock.setWidget(inside)
        bar = PanelTitle(dock)
        dock.setTitleBarWidget(bar)
        self._titles.append(bar)
        self._window.addDockWidget(area, dock)
        dock.hide()
        return dock

    def apply_palette(self) -> None:
        """Draw the icons of the titles in the theme's text colour; Qt has them in black only."""
        standard = QStyle.StandardPixmap
        detach = text_icon(self._window, standard.SP_TitleBarNormalButton)
        close = text_icon(self._window, standard.SP_TitleBarCloseButton)
        for title in self._titles:
            title.show_icons(detach, close)

    def _toggle(self, dock: QDockWidget, keys: str) -> QAction:
        toggle = dock.toggleViewAction()
        assert toggle is not None
        toggle.setShortcut(keys)
        self._window.addAction(toggle)
        return toggle

    def show_models(self) -> None:
        """Open the panel of models."""
        QTimer.singleShot(LET_DRAW_MS, self.models.show)

    def show_only(self, names: Sequence[str]) -> None:
        """Show the panels of these names, and hide the others."""
        for dock in self._docks:
            dock.setVisible(dock.objectName() in names)

    def hide_all(self) -> None:
        """Hide the panels until :meth:`restore`."""
        self._restore_next.stop()
        self._hidden = [dock for dock in self._docks if not dock.isHidden() or dock in self._hidden]
        for dock in self._hidden:
            dock.hide()

    def restore(self) -> None:
        """Show the panels that :meth:`hide_all` has hidden, one after another."""
        self._restore_next.request()

    def _show_hidden(self) -> None:
        if self._hidden:
            self._hidden.pop(0).show()
            self._restore_next.request()

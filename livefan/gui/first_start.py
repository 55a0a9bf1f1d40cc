"""The first start of the window: a tour, which is shown once."""

from __future__ import annotations

from PyQt6.QtCore import QCoreApplication

from livefan.gui.tour import Hint, Tour
from livefan.gui.window import MainWindow


def show_tour(window: MainWindow) -> Tour | None:
    """Show the tour at the first start; return it, or None if it was shown before."""
    preferences = window.context.preferences
    if preferences.tour_seen:
        return None
    preferences.save_tour_seen()
    source = _tr("Choose a camera, a file or a stream here, or drop files on the window.")
    compare = _tr("Compare two models on the same picture: press C.")
    controller = _tr("Play, step, take a snapshot and record here. F1 lists all keys.")
    button = window.tool_bar.widgetForAction(window.controls.compare)
    return Tour(
        window,
        [
            Hint(source, window.tool_bar.sources),
            Hint(compare, button or window.tool_bar),
            Hint(controller, window.transport),
        ],
    )


def _tr(text: str) -> str:
    return QCoreApplication.translate("first_start", text)

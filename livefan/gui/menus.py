"""The menus of the window."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QCoreApplication
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QMenu, QMenuBar

from livefan.gui.controls import Controls
from livefan.gui.stay_open_menu import StayOpenMenu


def fill_menu_bar(bar: QMenuBar, controls: Controls, panels: Sequence[QAction], *, outputs: QMenu) -> QMenu:
    """Add all menus to an empty menu bar.

    Args:
        bar: the menu bar.
        controls: the entries.
        panels: entries that show and hide the panels.
        outputs: the menu of outputs to other programs.

    Returns:
        The menu of the parts of the drawing, which the tool bar shows too.
    """
    of = controls
    _fill(
        bar.addMenu(_tr("&File")),
        [of.open_file, of.open_folder, of.open_stream],
        [of.start, of.stop, of.close_source],
        [of.snapshot, of.copy, of.record_shown, of.record_clean],
        [of.quit],
    )
    play_menu = _fill(
        bar.addMenu(_tr("&Play")),
        [of.play, of.home, of.end, of.back, of.forward, of.loop, of.sequence],
    )
    _fill(play_menu.addMenu(_tr("Largest &number of faces")), list(of.max_faces.values()))
    view_menu = _fill(
        bar.addMenu(_tr("&View")),
        [of.mirror, of.close_up, of.zoom_in, of.zoom_out, of.fit, of.full_screen],
        panels,
    )
    drawing = StayOpenMenu(_tr("&Drawing"), bar)
    _fill(drawing, [of.overlay], list(of.parts.values()), [of.heatmaps])
    view_menu.insertMenu(view_menu.actions()[0], drawing)
    _fill(view_menu.addMenu(_tr("Th&eme")), list(of.themes.values()))
    _fill(
        bar.addMenu(_tr("&Compare")),
        [of.compare],
        list(of.layouts.values()),
        [of.every_frame],
        [of.export_report, of.cancel_report],
    )
    bar.addMenu(outputs)
    _fill(bar.addMenu(_tr("&Help")), [of.shortcuts, of.about])
    return drawing


def _fill(menu: QMenu | None, *groups: Sequence[QAction]) -> QMenu:
    """Add groups of entries with separators between them."""
    assert menu is not None
    for group in groups:
        if menu.actions():
            menu.addSeparator()
        menu.addActions(group)
    return menu


def _tr(text: str) -> str:
    return QCoreApplication.translate("menus", text)

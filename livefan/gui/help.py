"""Texts of the help: the list of shortcuts, and the description of livefan."""

from __future__ import annotations

from html import escape

from PyQt6.QtCore import QCoreApplication
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QMenu, QMenuBar

from livefan.core.version import __version__


def _tr(text: str) -> str:
    return QCoreApplication.translate("help", text)


def shortcut_sheet(menus: QMenuBar) -> str:
    """Return the shortcuts of all menus and the use of the mouse, as HTML."""
    columns = []
    for entry in menus.actions():
        menu = entry.menu()
        rows = [
            _row(action.shortcut().toString(), _plain(action))
            for action in (_entries(menu) if menu else [])
            if not action.shortcut().isEmpty()
        ]
        if rows:
            columns.append(f"<h3>{_plain(entry)}</h3><table>{''.join(rows)}</table>")
    mouse = [
        (_tr("Wheel"), _tr("zoom at the pointer")),
        (_tr("Drag"), _tr("move the picture, or the edge of a wipe")),
        (_tr("Click a face"), _tr("follow it in the close-up")),
        (_tr("Double click"), _tr("show the whole picture")),
        (_tr("Point at a landmark"), _tr("show its name and confidence; its heatmap on a paused frame")),
        (_tr("Drop a file"), _tr("play a video or an image; use a weight file")),
    ]
    rows = [_row(act, effect) for act, effect in mouse]
    columns.append(f"<h3>{_tr('Mouse')}</h3><table>{''.join(rows)}</table>")
    half = (len(columns) + 1) // 2
    cells = "".join(
        f"<td style='padding-right: 20px'>{''.join(part)}</td>" for part in (columns[:half], columns[half:])
    )
    return f"<table><tr>{cells}</tr></table>"


def _row(act: str, effect: str) -> str:
    kept = "white-space: nowrap"
    return (
        f"<tr><td style='{kept}'><b>{escape(act)}</b>&nbsp;&nbsp;&nbsp;</td>"
        f"<td style='{kept}'>{effect}</td></tr>"
    )


def about() -> str:
    """Return name, version and licence of livefan, as HTML."""
    return _tr(
        "<h3>livefan {}</h3><p>Real-time face landmarks with MobileFAN. Pictures are processed on this "
        "computer and are not sent anywhere.</p><p>Free software under the GNU General Public License, "
        "version 3 or later.</p>"
    ).format(__version__)


def _entries(menu: QMenu) -> list[QAction]:
    found = []
    for action in menu.actions():
        inner = action.menu()
        found += _entries(inner) if inner else [action]
    return found


def _plain(action: QAction) -> str:
    return escape(action.text().replace("&", "").removesuffix(" …"))

"""The sheet of shortcuts, and what livefan is."""

from __future__ import annotations

from html import escape

from PyQt6.QtCore import QCoreApplication
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QMenu, QMenuBar

from livefan.core.version import __version__


def _tr(text: str) -> str:
    return QCoreApplication.translate("help", text)


def shortcut_sheet(menus: QMenuBar) -> str:
    """All actions that have keys, menu by menu, and what the mouse does, as HTML."""
    columns = []
    for entry in menus.actions():
        menu = entry.menu()
        rows = [
            _row(action.shortcut().toString(), _plain(action))
            for action in (_all_of(menu) if menu else [])
            if not action.shortcut().isEmpty()
        ]
        if rows:
            columns.append(f"<h3>{_plain(entry)}</h3><table>{''.join(rows)}</table>")
    mouse = [
        (_tr("Wheel"), _tr("magnify about the pointer")),
        (_tr("Drag"), _tr("move the picture, or the edge of a wipe")),
        (_tr("Double click"), _tr("whole picture again")),
        (_tr("Point at a landmark"), _tr("its name; on a paused frame its heatmap")),
        (_tr("Drop a file"), _tr("watch it, or use it as the model")),
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
    """What livefan is, as HTML."""
    return _tr(
        "<h3>livefan {}</h3><p>Real-time face landmarks with MobileFAN, on this computer alone: nothing is "
        "sent anywhere.</p><p>Free software under the GNU General Public License, version 3 or later.</p>"
    ).format(__version__)


def _all_of(menu: QMenu) -> list[QAction]:
    found = []
    for action in menu.actions():
        inner = action.menu()
        found += _all_of(inner) if inner else [action]
    return found


def _plain(action: QAction) -> str:
    return escape(action.text().replace("&", "").removesuffix(" …"))

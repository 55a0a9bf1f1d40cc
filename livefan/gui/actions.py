"""Everything that can be done in the window, each with its name, icon and keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction, QActionGroup, QColor, QIcon, QKeySequence, QPainter, QPixmap
from PyQt6.QtWidgets import QMainWindow, QStyle

from livefan.gui.player import Player
from livefan.gui.theme import THEMES
from livefan.live.scene import Layout
from livefan.overlay import STYLE_PARTS

_Icons = QStyle.StandardPixmap
_SIGNS = {
    _Icons.SP_MediaPlay,
    _Icons.SP_MediaPause,
    _Icons.SP_MediaStop,
    _Icons.SP_MediaSeekBackward,
    _Icons.SP_MediaSeekForward,
    _Icons.SP_MediaSkipBackward,
}


class Actions:
    """The actions, in the order in which menus and the sheet of shortcuts show them.

    Args:
        window: what they belong to; it gives effect to those that are not the player's own.
        player: what most of them act on.
    """

    def __init__(self, window: QMainWindow, player: Player) -> None:
        self._window = window
        self._player = player
        self._icons: dict[QAction, QStyle.StandardPixmap] = {}
        tr = window.tr
        self.open_file = self._add(tr("Open &file …"), "Ctrl+O", _Icons.SP_DialogOpenButton)
        self.open_folder = self._add(tr("Open f&older of images …"), "Ctrl+Shift+O", _Icons.SP_DirOpenIcon)
        self.open_stream = self._add(tr("Open &stream …"), "Ctrl+U", _Icons.SP_DriveNetIcon)
        self.start = self._add(tr("Sta&rt"), "Ctrl+R", _Icons.SP_MediaPlay, player.start)
        self.stop = self._add(tr("S&top"), "Ctrl+.", _Icons.SP_MediaStop, player.stop)
        self.snapshot = self._add(tr("S&napshot"), "Ctrl+S", _Icons.SP_DialogSaveButton)
        self.copy = self._add(tr("&Copy picture"), "Ctrl+C")
        self.record_seen = self._add(tr("&Record what is seen"), "Ctrl+Shift+R", checkable=True)
        self.record_seen.setIcon(_dot())
        self.record_clean = self._add(tr("Record clean video and &landmarks"), "Ctrl+Shift+L", checkable=True)
        self.quit = self._add(tr("&Quit"), "Ctrl+Q", None, window.close)

        self.play = self._add(tr("&Play or pause"), "Space", _Icons.SP_MediaPlay)
        self.back = self._add(
            tr("One frame &back"), "Left", _Icons.SP_MediaSeekBackward, partial(player.step, -1)
        )
        self.forward = self._add(
            tr("One frame &forward"), "Right", _Icons.SP_MediaSeekForward, partial(player.step, 1)
        )
        self.home = self._add(
            tr("To the &start"), "Home", _Icons.SP_MediaSkipBackward, partial(player.seek, 0.0)
        )
        self.loop = self._add(tr("&Loop"), "L", _Icons.SP_BrowserReload, checkable=True)
        self.loop.setChecked(player.wanted.loop)
        self.loop.toggled.connect(player.loop)
        self.sequence = self._add(tr("&Images of a folder as a recording"), "", checkable=True)
        self.sequence.setChecked(player.wanted.sequence)
        self.sequence.triggered.connect(player.sequence)

        self.compare = self._add(tr("&Compare two models"), "C", checkable=True)
        self.layouts = self._layouts(
            {
                Layout.SIDE_BY_SIDE: tr("Side &by side"),
                Layout.OVERLAID: tr("&Overlaid"),
                Layout.WIPE: tr("&Wipe"),
                Layout.DIFFERENCE: tr("&Difference"),
                Layout.SINGLE: tr("First &model alone"),
            }
        )

        self.overlay = self._add(tr("&Landmarks"), "H", checkable=True)
        self.overlay.setChecked(player.view.overlay)
        self.overlay.toggled.connect(lambda on: player.look(overlay=on))
        self.parts = self._parts(
            {
                "outlines": tr("&Outlines"),
                "mesh": tr("&Mesh"),
                "points": tr("&Points"),
                "numbers": tr("&Numbers"),
                "boxes": tr("&Boxes"),
                "ids": tr("&Identities"),
                "confidence": tr("&Confidence as colour"),
            }
        )
        self.heatmaps = self._add(tr("&Heatmaps (slower)"), "Shift+H", checkable=True)
        self.heatmaps.setChecked(player.view.heatmaps)
        self.heatmaps.toggled.connect(lambda on: player.look(heatmaps=on))
        self.mirror = self._add(tr("M&irror"), "M", checkable=True)
        self.mirror.setChecked(player.view.mirror)
        self.mirror.toggled.connect(lambda on: player.look(mirror=on))
        self.zoom_in = self._add(tr("Zoom &in"), "+")
        self.zoom_out = self._add(tr("Zoom o&ut"), "-")
        self.fit = self._add(
            tr("&Whole picture"),
            "0",
            None,
            partial(player.look, zoom=1.0, centre=(0.5, 0.5), close_up=False),
        )
        self.close_up = self._add(tr("Close-&up of the face"), "F", checkable=True)
        self.close_up.setIconText(tr("Close-up"))
        self.close_up.triggered.connect(lambda on: player.look(zoom=1.0, centre=(0.5, 0.5), close_up=on))
        self.full_screen = self._add(tr("&Full screen"), "F11", checkable=True)
        self.themes = self._themes(
            {"system": tr("As the &system"), "light": tr("&Light"), "dark": tr("&Dark")}
        )

        self.shortcuts = self._add(tr("&Keyboard and mouse"), "F1", _Icons.SP_DialogHelpButton)
        self.about = self._add(tr("&About livefan"), "")

    def _add(
        self,
        text: str,
        keys: str,
        icon: QStyle.StandardPixmap | None = None,
        effect: Callable[[], Any] | None = None,
        *,
        checkable: bool = False,
    ) -> QAction:
        action = QAction(text, self._window)
        plain = text.replace("&", "").removesuffix(" …")
        action.setShortcut(QKeySequence(keys))
        action.setToolTip(f"{plain} ({QKeySequence(keys).toString()})" if keys else plain)
        action.setCheckable(checkable)
        style = self._window.style()
        if icon is not None and style is not None:
            self._icons[action] = icon
            action.setIcon(style.standardIcon(icon))
        if effect is not None:
            action.triggered.connect(lambda checked: effect())
        self._window.addAction(action)  # so that its keys work while menus are hidden
        return action

    def show_playing(self, playing: bool) -> None:
        """Have the button that plays and pauses show what it would do."""
        icon = _Icons.SP_MediaPause if playing else _Icons.SP_MediaPlay
        if self._icons[self.play] is not icon:
            self._icons[self.play] = icon
            self._draw_icon(self.play)

    def take_palette(self) -> None:
        """Draw the signs of playing in the theme's colour of text; Qt has them in black alone."""
        for action, icon in self._icons.items():
            if icon in _SIGNS:
                self._draw_icon(action)

    def _draw_icon(self, action: QAction) -> None:
        style = self._window.style()
        assert style is not None
        pixmap = style.standardIcon(self._icons[action]).pixmap(32)
        painter = QPainter(pixmap)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
        painter.fillRect(pixmap.rect(), self._window.palette().buttonText())
        painter.end()
        action.setIcon(QIcon(pixmap))

    def _layouts(self, names: dict[Layout, str]) -> dict[Layout, QAction]:
        group = QActionGroup(self._window)
        made = {}
        for number, (layout, name) in enumerate(names.items(), start=1):
            action = self._add(name, str(number), checkable=True)
            action.triggered.connect(lambda checked, layout=layout: self._player.look(layout=layout))
            group.addAction(action)
            made[layout] = action
        return made

    def _parts(self, names: dict[str, str]) -> dict[str, QAction]:
        made = {}
        for part in STYLE_PARTS:
            action = self._add(names[part], "", checkable=True)
            action.setChecked(getattr(self._player.view.style, part))
            action.toggled.connect(partial(self._show_part, part))
            made[part] = action
        return made

    def _show_part(self, part: str, on: bool) -> None:
        self._player.look(style=self._player.view.style.having(**{part: on}))

    def _themes(self, names: dict[str, str]) -> dict[str, QAction]:
        group = QActionGroup(self._window)
        made = {}
        for theme in THEMES:
            action = self._add(names[theme], "", checkable=True)
            group.addAction(action)
            made[theme] = action
        return made


def _dot() -> QIcon:
    """A red dot, the sign for recording that Qt has no icon for."""
    pixmap = QPixmap(32, 32)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(215, 50, 50))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawEllipse(6, 6, 20, 20)
    painter.end()
    return QIcon(pixmap)

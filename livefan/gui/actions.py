"""Everything that can be done in the window, each with its name, icon and keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction, QActionGroup, QColor, QIcon, QKeySequence, QPainter, QPixmap
from PyQt6.QtWidgets import QStyle

from livefan.drawing.faces import STYLE_PARTS
from livefan.gui.player import CLEAN, SEEN
from livefan.live.view_state import Layout

if TYPE_CHECKING:
    from livefan.gui.window import MainWindow

_Choice = TypeVar("_Choice")
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
        window: what they belong to; each acts on it, or on its player, view or picker of sources.
    """

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._player = player = window.player
        self._icons: dict[QAction, QStyle.StandardPixmap] = {}
        tr, view, sources = window.tr, window.view, window.sources
        self.open_file = self._add(
            tr("Open &file …"), "Ctrl+O", sources.open_file, _Icons.SP_DialogOpenButton
        )
        self.open_folder = self._add(
            tr("Open f&older of images …"), "Ctrl+Shift+O", sources.open_folder, _Icons.SP_DirOpenIcon
        )
        self.open_stream = self._add(
            tr("Open str&eam …"), "Ctrl+U", sources.open_stream, _Icons.SP_DriveNetIcon
        )
        self.start = self._add(tr("St&art watching"), "Ctrl+R", player.start, _Icons.SP_MediaPlay)
        self.stop = self._add(tr("S&top watching"), "Ctrl+.", player.stop, _Icons.SP_MediaStop)
        self.snapshot = self._add(tr("&Snapshot"), "Ctrl+S", window.snapshot, _Icons.SP_DialogSaveButton)
        self.copy = self._add(tr("&Copy picture"), "Ctrl+C", window.copy)
        self.record_seen = self._switch(
            tr("&Record what is seen"), "Ctrl+Shift+R", False, partial(window.record, SEEN)
        )
        self.record_seen.setIcon(_dot())
        self.record_clean = self._switch(
            tr("Record clean video and &landmarks"), "Ctrl+Shift+L", False, partial(window.record, CLEAN)
        )
        self.quit = self._add(tr("&Quit"), "Ctrl+Q", window.close)

        self.play = self._add(tr("&Play or pause"), "Space", window.play_or_pause, _Icons.SP_MediaPlay)
        self.home = self._add(
            tr("To the &start"), "Home", partial(player.seek, 0.0), _Icons.SP_MediaSkipBackward
        )
        self.back = self._add(
            tr("One frame &back"), "Left", partial(player.step, -1), _Icons.SP_MediaSeekBackward
        )
        self.forward = self._add(
            tr("One frame &forward"), "Right", partial(player.step, 1), _Icons.SP_MediaSeekForward
        )
        self.loop = self._switch(tr("&Loop"), "L", player.wanted.loop, player.loop, _Icons.SP_BrowserReload)
        self.sequence = self._switch(
            tr("&Images of a folder as a recording"), "", player.wanted.sequence, player.sequence
        )

        self.overlay = self._switch(
            tr("&Drawing"), "H", player.view.overlay, lambda on: player.look(overlay=on)
        )
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
        self.heatmaps = self._switch(
            tr("&Heatmaps (slower)"), "Shift+H", player.view.heatmaps, lambda on: player.look(heatmaps=on)
        )
        self.mirror = self._switch(tr("Mi&rror"), "M", player.view.mirror, lambda on: player.look(mirror=on))
        self.close_up = self._switch(
            tr("Close-&up of the face"),
            "F",
            player.view.close_up,
            lambda on: player.look(zoom=1.0, centre=(0.5, 0.5), close_up=on),
        )
        self.close_up.setIconText(tr("Close-up"))
        self.zoom_in = self._add(tr("&Zoom in"), "+", partial(view.magnify, 1.25))
        self.zoom_out = self._add(tr("Zoom ou&t"), "-", partial(view.magnify, 0.8))
        self.fit = self._add(tr("&Whole picture"), "0", view.show_whole)
        self.full_screen = self._switch(tr("&Full screen"), "F11", False, window.show_alone)
        themes = {"system": tr("As the &system"), "light": tr("&Light"), "dark": tr("&Dark")}
        self.themes = self._choices(themes, ("",) * len(themes), window.choose_theme)

        self.compare = self._switch(tr("&Compare two models"), "C", False, window.compare)
        self.layouts = self._choices(
            {
                Layout.SIDE_BY_SIDE: tr("Side &by side"),
                Layout.OVERLAID: tr("&Overlaid"),
                Layout.WIPE: tr("&Wipe"),
                Layout.DIFFERENCE: tr("&Difference"),
                Layout.SINGLE: tr("First &model alone"),
            },
            ("1", "2", "3", "4", "5"),
            lambda layout: player.look(layout=layout),
        )

        self.shortcuts = self._add(
            tr("&Keyboard and mouse"), "F1", window.show_shortcuts, _Icons.SP_DialogHelpButton
        )
        self.about = self._add(tr("&About livefan"), "", window.show_about)

    def _add(
        self,
        text: str,
        keys: str,
        effect: Callable[[], object],
        icon: QStyle.StandardPixmap | None = None,
    ) -> QAction:
        """Something to do."""
        action = self._made(text, keys, icon)
        action.triggered.connect(lambda checked: effect())
        return action

    def _switch(
        self,
        text: str,
        keys: str,
        on: bool,
        effect: Callable[[bool], object],
        icon: QStyle.StandardPixmap | None = None,
    ) -> QAction:
        """Something that is on or off; the effect is told which."""
        action = self._made(text, keys, icon)
        action.setCheckable(True)
        action.setChecked(on)
        action.triggered.connect(effect)
        return action

    def _choices(
        self, names: dict[_Choice, str], keys: Sequence[str], effect: Callable[[_Choice], object]
    ) -> dict[_Choice, QAction]:
        """Several things of which one is on; the effect is told which."""
        group = QActionGroup(self._window)
        made = {}
        for (choice, name), key in zip(names.items(), keys, strict=True):
            made[choice] = self._add(name, key, partial(effect, choice))
            made[choice].setCheckable(True)
            group.addAction(made[choice])
        return made

    def _parts(self, names: dict[str, str]) -> dict[str, QAction]:
        style = self._player.view.style
        return {
            part: self._switch(names[part], "", getattr(style, part), partial(self._show_part, part))
            for part in STYLE_PARTS
        }

    def _show_part(self, part: str, on: bool) -> None:
        self._player.look(style=self._player.view.style.having(**{part: on}))

    def _made(self, text: str, keys: str, icon: QStyle.StandardPixmap | None) -> QAction:
        action = QAction(text, self._window)
        plain = text.replace("&", "").removesuffix(" …")
        action.setShortcut(QKeySequence(keys))
        action.setToolTip(f"{plain} ({QKeySequence(keys).toString()})" if keys else plain)
        style = self._window.style()
        if icon is not None and style is not None:
            self._icons[action] = icon
            action.setIcon(style.standardIcon(icon))
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

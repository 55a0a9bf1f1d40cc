"""Menu entries and shortcuts of all actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from PyQt6.QtCore import QObject
from PyQt6.QtGui import QAction, QActionGroup, QKeySequence
from PyQt6.QtWidgets import QMainWindow, QStyle

from livefan.drawing.faces import STYLE_PARTS
from livefan.gui.action_context import Action, ActionContext
from livefan.gui.actions import application, models, playback, saving, sources, view
from livefan.gui.icons import PLAYBACK_ICONS, red_dot, text_icon
from livefan.gui.recordings import RecordingKind
from livefan.live.view_state import Layout

_Choice = TypeVar("_Choice")
_Icons = QStyle.StandardPixmap
_ZOOM_IN, _ZOOM_OUT = 1.25, 0.8


class Controls(QObject):
    """A :class:`QAction` for each action, in the order of the menus.

    Args:
        window: owner of the shortcuts.
        context: runs the actions.
    """

    def __init__(self, window: QMainWindow, context: ActionContext) -> None:
        super().__init__(window)
        self._window = window
        self._context = context
        self._icons: dict[QAction, QStyle.StandardPixmap] = {}
        self._add_file_actions()
        self._add_playback_actions()
        self._add_view_actions()
        self._add_compare_actions()
        self.shortcuts = self._add(
            self.tr("&Keyboard and mouse"), "F1", application.ShowShortcuts(), _Icons.SP_DialogHelpButton
        )
        self.about = self._add(self.tr("&About livefan"), "", application.ShowAbout())

    def _add_file_actions(self) -> None:
        add, tr = self._add, self.tr
        self.open_file = add(tr("Open &file …"), "Ctrl+O", sources.OpenFile(), _Icons.SP_DialogOpenButton)
        self.open_folder = add(
            tr("Open f&older of images …"), "Ctrl+Shift+O", sources.OpenFolder(), _Icons.SP_DirOpenIcon
        )
        self.open_stream = add(tr("Open str&eam …"), "Ctrl+U", sources.OpenStream(), _Icons.SP_DriveNetIcon)
        self.start = add(tr("St&art"), "Ctrl+R", sources.Start(), _Icons.SP_MediaPlay)
        self.stop = add(tr("S&top"), "Ctrl+.", sources.Stop(), _Icons.SP_MediaStop)
        self.close_source = add(tr("Start &page"), "Ctrl+W", sources.CloseSource())
        self.snapshot = add(tr("&Snapshot"), "Ctrl+S", saving.Snapshot(), _Icons.SP_DialogSaveButton)
        self.copy = add(tr("&Copy picture"), "Ctrl+C", saving.CopyPicture())
        self.record_shown = self._switch(
            tr("&Record picture as shown"),
            "Ctrl+Shift+R",
            False,
            partial(saving.Record, RecordingKind.SHOWN),
        )
        self.record_shown.setIcon(red_dot())
        self.record_clean = self._switch(
            tr("Record clean video and &landmarks"),
            "Ctrl+Shift+L",
            False,
            partial(saving.Record, RecordingKind.CLEAN),
        )
        self.quit = add(tr("&Quit"), "Ctrl+Q", application.Quit())

    def _add_playback_actions(self) -> None:
        add, tr, config = self._add, self.tr, self._context.player.config
        self.play = add(tr("&Play or pause"), "Space", playback.PlayOrPause(), _Icons.SP_MediaPlay)
        self.home = add(tr("Go to &start"), "Home", playback.Seek(0.0), _Icons.SP_MediaSkipBackward)
        self.end = add(tr("Go to &end"), "End", playback.SeekEnd(), _Icons.SP_MediaSkipForward)
        self.back = add(tr("One frame &back"), "Left", playback.Step(-1), _Icons.SP_MediaSeekBackward)
        self.forward = add(tr("One frame &forward"), "Right", playback.Step(1), _Icons.SP_MediaSeekForward)
        self.loop = self._switch(tr("&Loop"), "L", config.loop, playback.SetLoop, _Icons.SP_BrowserReload)
        self.sequence = self._switch(
            tr("Play &images of a folder as a video"), "", config.sequence, playback.SetSequence
        )
        counts = {count: str(count) for count in sorted({1, 2, 3, 5, 10, 20, config.max_faces})}
        self.max_faces = self._choices(counts, ("",) * len(counts), playback.SetMaxFaces)
        self.max_faces[config.max_faces].setChecked(True)

    def _add_view_actions(self) -> None:
        tr, shown = self.tr, self._context.player.view
        self.overlay = self._switch(tr("O&verlay"), "H", shown.overlay, view.ShowOverlay)
        names = {
            "outlines": tr("&Outlines"),
            "mesh": tr("&Mesh"),
            "points": tr("&Points"),
            "numbers": tr("&Numbers"),
            "boxes": tr("&Boxes"),
            "ids": tr("&Identities"),
            "confidence": tr("&Confidence as colour"),
            "gaze": tr("&Gaze"),
        }
        self.parts = {
            part: self._switch(names[part], "", getattr(shown.style, part), partial(view.ShowPart, part))
            for part in STYLE_PARTS
        }
        self.heatmaps = self._switch(tr("&Heatmaps (slower)"), "Shift+H", shown.heatmaps, view.ShowHeatmaps)
        self.mirror = self._switch(tr("Mi&rror"), "M", shown.mirror, view.Mirror)
        self.close_up = self._switch(tr("Close-&up of the face"), "F", shown.close_up, view.ShowCloseUp)
        self.close_up.setIconText(tr("Close-up"))
        self.zoom_in = self._add(tr("&Zoom in"), "+", view.Zoom(_ZOOM_IN))
        self.zoom_out = self._add(tr("Zoom ou&t"), "-", view.Zoom(_ZOOM_OUT))
        self.fit = self._add(tr("Fit to &window"), "0", view.FitToWindow())
        self.full_screen = self._switch(tr("&Full screen"), "F11", False, application.ShowFullScreen)
        themes = {"system": tr("&System"), "light": tr("&Light"), "dark": tr("&Dark")}
        self.themes = self._choices(themes, ("",) * len(themes), application.SetTheme)

    def _add_compare_actions(self) -> None:
        tr = self.tr
        self.compare = self._switch(tr("&Compare two models"), "C", False, models.Compare)
        self.every_frame = self._switch(tr("Both models on every &frame"), "E", True, models.SetEveryFrame)
        self.export_report = self._add(tr("&Export report …"), "Ctrl+E", models.ExportReport())
        self.cancel_report = self._add(tr("Cancel re&port"), "", models.CancelReport())
        self.layouts = self._choices(
            {
                Layout.SIDE_BY_SIDE: tr("Side &by side"),
                Layout.OVERLAID: tr("&Overlaid"),
                Layout.WIPE: tr("&Wipe"),
                Layout.DIFFERENCE: tr("&Difference"),
                Layout.SINGLE: tr("First &model only"),
            },
            ("1", "2", "3", "4", "5"),
            models.SetLayout,
        )

    def _add(
        self, text: str, keys: str, action: Action, icon: QStyle.StandardPixmap | None = None
    ) -> QAction:
        """Add an entry that runs one action."""
        entry = self._new_entry(text, keys, icon)
        entry.triggered.connect(lambda checked: self._context.run(action))
        return entry

    def _switch(
        self,
        text: str,
        keys: str,
        on: bool,
        action: Callable[[bool], Action],
        icon: QStyle.StandardPixmap | None = None,
    ) -> QAction:
        """Add an entry that is on or off; ``action`` gets the new state."""
        entry = self._new_entry(text, keys, icon)
        entry.setCheckable(True)
        entry.setChecked(on)
        entry.triggered.connect(lambda checked: self._context.run(action(checked)))
        return entry

    def _choices(
        self, names: dict[_Choice, str], keys: Sequence[str], action: Callable[[_Choice], Action]
    ) -> dict[_Choice, QAction]:
        """Add entries of which one is on; ``action`` gets the choice."""
        group = QActionGroup(self)
        entries = {}
        for (choice, name), key in zip(names.items(), keys, strict=True):
            entries[choice] = self._add(name, key, action(choice))
            entries[choice].setCheckable(True)
            group.addAction(entries[choice])
        return entries

    def _new_entry(self, text: str, keys: str, icon: QStyle.StandardPixmap | None) -> QAction:
        entry = QAction(text, self._window)
        plain = text.replace("&", "").removesuffix(" …")
        entry.setShortcut(QKeySequence(keys))
        entry.setToolTip(f"{plain} ({QKeySequence(keys).toString()})" if keys else plain)
        style = self._window.style()
        if icon is not None and style is not None:
            self._icons[entry] = icon
            entry.setIcon(style.standardIcon(icon))
        self._window.addAction(entry)  # the shortcut works while menus are hidden
        return entry

    def show_state(self) -> None:
        """Enable and check the entries as the player and the context are."""
        player = self._context.player
        session = player.session
        self.start.setEnabled(not player.running)
        self.stop.setEnabled(player.running)
        seekable = session is not None and session.seekable
        for entry in (self.home, self.end, self.back, self.forward):
            entry.setEnabled(seekable)
        self.sequence.setEnabled(player.config.is_folder)
        self.mirror.setEnabled(session is None or not session.photographs)
        self.heatmaps.setEnabled(not player.config.first.is_external)
        self._show_playing(player.running and not player.paused)
        self.close_up.setChecked(player.view.close_up)
        self.full_screen.setChecked(self._context.full_screen)
        self.themes[self._context.theme].setChecked(True)
        comparing = player.config.second is not None
        self.compare.setChecked(comparing)
        for layout, entry in self.layouts.items():
            entry.setEnabled(comparing)
            entry.setChecked(layout is player.view.layout)
        self.every_frame.setEnabled(comparing and session is not None)
        self.every_frame.setChecked(session is None or session.every_frame)
        self.show_report()
        for entry, kind in (
            (self.record_shown, RecordingKind.SHOWN),
            (self.record_clean, RecordingKind.CLEAN),
        ):
            entry.setEnabled(player.running)
            entry.setChecked(player.recordings.kind is kind)

    def show_report(self) -> None:
        """Enable the report while two models are compared on a recording."""
        player = self._context.player
        writing = player.reports.progress is not None
        self.export_report.setEnabled(not writing and models.can_report(player))
        self.cancel_report.setEnabled(writing)

    def enable_saving(self, on: bool) -> None:
        """Enable the snapshot and the copy while a picture is shown."""
        self.snapshot.setEnabled(on)
        self.copy.setEnabled(on)

    def _show_playing(self, playing: bool) -> None:
        """Show the effect of the play button as its icon: pause or play."""
        icon = _Icons.SP_MediaPause if playing else _Icons.SP_MediaPlay
        if self._icons[self.play] is not icon:
            self._icons[self.play] = icon
            self.play.setIcon(text_icon(self._window, icon))

    def apply_palette(self) -> None:
        """Draw the playback icons in the theme's text colour; Qt has them in black only."""
        for entry, icon in self._icons.items():
            if icon in PLAYBACK_ICONS:
                entry.setIcon(text_icon(self._window, icon))

"""Actions at the start of the window that options of the command line ask for."""

from __future__ import annotations

from PyQt6.QtCore import QObject, QTimer

from livefan.gui.action_context import ActionContext
from livefan.gui.actions.application import ShowFullScreen
from livefan.gui.actions.saving import CopyPicture, Record, Snapshot
from livefan.gui.recordings import RecordingKind
from livefan.gui.session_config import CliOverrides
from livefan.gui.view import FrameView

_NOTICE_MS = 15_000


class StartUp(QObject):
    """Starts the session, recordings, and the saving of the first picture.

    Args:
        context: runs the actions.
        view: shows the picture.
        overrides: options of the command line.
    """

    def __init__(self, context: ActionContext, view: FrameView, overrides: CliOverrides) -> None:
        super().__init__()
        self._context, self._view, self._overrides = context, view, overrides
        self._first_picture: list[Snapshot | CopyPicture] = []
        context.player.pictures.painted.connect(self._save_first_picture)

    def run(self) -> None:
        """Carry out the options."""
        context, overrides = self._context, self._overrides
        context.player.messages.show_notice(overrides.notice)
        if overrides.outputs is not None:
            context.player.outputs.adopt(overrides.outputs)
        if overrides.full_screen:
            context.run(ShowFullScreen(True))
        if overrides.source is None:
            return
        if not context.player.running:
            context.player.start()
        if overrides.snapshot is not None:
            self._first_picture.append(Snapshot(overrides.snapshot))
        if overrides.copy:
            self._first_picture.append(CopyPicture())
        QTimer.singleShot(_NOTICE_MS, self.clear_notice)
        for path, kind in (
            (overrides.record, RecordingKind.SHOWN),
            (overrides.record_clean, RecordingKind.CLEAN),
        ):
            if path is not None:
                context.run(Record(kind, path=path))
        self._save_first_picture()  # it may be there already

    def clear_notice(self) -> None:
        """Forget the notice of the start."""
        self._context.player.messages.show_notice("")

    def _save_first_picture(self) -> None:
        """Save or copy the first picture in the layout of the command line."""
        wanted = self._context.player.view.layout
        if self._view.result is not None and self._view.layout_shown is wanted:
            while self._first_picture:  # there may be no other picture, as of a photograph
                self._context.run(self._first_picture.pop(0))

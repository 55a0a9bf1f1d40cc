"""Actions that write snapshots and recordings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PyQt6.QtCore import QCoreApplication

from livefan.core.errors import LivefanError, message_of
from livefan.core.files import atomic_write
from livefan.gui.action_context import Action, ActionContext, Part
from livefan.gui.player import Player
from livefan.gui.recordings import RecordingKind


@dataclass(frozen=True)
class Snapshot(Action):
    """Save the picture as shown, at the frame's own size.

    Attributes:
        path: a ``.png`` file; by default a new file in the folder of pictures.
    """

    path: Path | None = None

    def act(self, context: ActionContext) -> None:
        """Save the picture in a thread; a message names the file."""
        player, path = context.player, self.path or context.new_picture()
        if not player.pictures.draw_full_size(lambda pixels: _save_picture(pixels, path, player)):
            raise LivefanError(_tr("Nothing to save: no picture is shown."))
        context.picture.flash()


class CopyPicture(Action):
    """Copy the picture as shown, at the frame's own size, to the clipboard."""

    def act(self, context: ActionContext) -> None:
        """Copy the picture."""
        if not context.player.pictures.draw_full_size(context.window.put_on_clipboard):
            raise LivefanError(_tr("Nothing to copy: no picture is shown."))


@dataclass(frozen=True)
class Record(Action):
    """Start or stop a recording.

    Attributes:
        kind: the picture as shown, or the clean frames with their landmarks.
        on: start or stop.
        path: the video; by default a new file in the folder of videos.
    """

    redraws = Part.CONTROLS
    kind: RecordingKind
    on: bool = True
    path: Path | None = None

    def act(self, context: ActionContext) -> None:
        """Start or stop the recorder."""
        player = context.player
        if not self.on:
            player.recordings.stop()
            return
        path = self.path or context.new_video()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            player.recordings.start(path, self.kind, player.config.first)
        except (OSError, LivefanError) as error:
            raise LivefanError(_tr("Cannot record: {}").format(message_of(error))) from error
        player.messages.dismiss_error()
        player.messages.status.emit(_tr("Recording to {}").format(path))


class ShowSavedFiles(Action):
    """Open the folder of the last snapshot or recording in the file manager."""

    keeps_saved = True

    def act(self, context: ActionContext) -> None:
        """Open the folder."""
        saved = context.player.messages.saved_file
        if saved is not None:
            context.dialogs.show_folder(saved.parent)


def _save_picture(pixels: np.ndarray, path: Path, player: Player) -> None:
    """Write a ``.png`` file and report it; runs in a thread."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as partial:
            partial.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    except (OSError, LivefanError) as error:
        player.messages.error.emit(_tr("Snapshot not saved: {}").format(message_of(error)))
        return
    player.messages.saved.emit(path, _tr("Saved to {}").format(path))


def _tr(text: str) -> str:
    return QCoreApplication.translate("actions", text)

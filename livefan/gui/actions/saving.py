"""Actions that write snapshots and recordings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from PyQt6.QtCore import QCoreApplication

from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write
from livefan.gui.action_context import Action, ActionContext, Part
from livefan.gui.recordings import RecordingKind
from livefan.live.recorder import data_beside


@dataclass(frozen=True)
class Snapshot(Action):
    """Save the picture as shown, at the frame's own size.

    Attributes:
        path: a ``.png`` file; by default a new file in the folder of pictures.
    """

    path: Path | None = None

    def act(self, context: ActionContext) -> None:
        """Save the picture in a thread; a message names the file."""
        player, path = context.player, self.path or context.new_file(".png")
        if not player.draw_full_size(lambda pixels: player.status.emit(_save_picture(pixels, path))):
            raise LivefanError(_tr("Nothing to save: no picture is shown."))


class CopyPicture(Action):
    """Copy the picture as shown, at the frame's own size, to the clipboard."""

    def act(self, context: ActionContext) -> None:
        """Copy the picture."""
        if not context.player.draw_full_size(context.window.put_on_clipboard):
            raise LivefanError(_tr("Nothing to copy: no picture is shown."))


@dataclass(frozen=True)
class Record(Action):
    """Start or stop a recording.

    Attributes:
        kind: the picture as shown, or the clean frames with their landmarks.
        on: start or stop.
        path: the video; by default the user is asked.
        overwrite: whether files that exist may be replaced.
    """

    redraws = Part.CONTROLS
    kind: RecordingKind
    on: bool = True
    path: Path | None = None
    overwrite: bool = field(default=False, kw_only=True)

    def ask(self, context: ActionContext) -> Self | None:
        """Ask for the file, and whether data files beside it may be replaced."""
        if not self.on or self.path is not None:
            return self
        path = context.dialogs.choose_recording(context.new_file(".mp4"))
        if path is None:
            return None
        there = [data for data in data_beside(path) if data.exists()]
        if self.kind is RecordingKind.CLEAN and there and not context.dialogs.confirm_replacing(there):
            return None
        return replace(self, path=path, overwrite=True)

    def act(self, context: ActionContext) -> None:
        """Start or stop the recorder."""
        if not self.on or self.path is None:
            context.player.stop_recording()
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            context.player.record(self.path, self.kind, overwrite=self.overwrite)
        except (OSError, LivefanError) as error:
            raise LivefanError(_tr("Cannot record: {}").format(error)) from error
        context.player.status.emit(_tr("Recording to {}").format(self.path))


def _save_picture(pixels: np.ndarray, path: Path) -> str:
    """Write a ``.png`` file; return the message for the user."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as partial:
            partial.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    except (OSError, LivefanError) as error:
        return _tr("Snapshot not saved: {}").format(error)
    return _tr("Saved {}").format(path)


def _tr(text: str) -> str:
    return QCoreApplication.translate("actions", text)

"""Actions of the user: small objects that ask, act, and name the parts of the window to redraw.

They run with and without a window::

    context.run(Watch("clip.mp4"))
    context.run(SetLoop(True))

:mod:`livefan.gui.controls` gives each action its menu entry, icon and shortcut.
"""

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
from livefan.gui.player import RecordingKind
from livefan.live.recorder import data_beside
from livefan.live.view_state import Layout
from livefan.tracking.model_spec import ModelChoice, rival

WEIGHTS_SUFFIX = ".safetensors"


# Sources.


@dataclass(frozen=True)
class Watch(Action):
    """Play a source: a camera's index, a path or an address."""

    source: str | int
    size: tuple[int, int] | None = None

    def act(self, context: ActionContext) -> None:
        """Start the source."""
        context.player.watch(self.source, self.size)


@dataclass(frozen=True)
class _Open(Action):
    """Ask for a source and play it."""

    source: str = ""

    def act(self, context: ActionContext) -> None:
        """Start the source."""
        context.player.watch(self.source)

    def _answered(self, source: str) -> Self | None:
        return replace(self, source=source) if source else None


class OpenFile(_Open):
    """Play a video or an image."""

    def ask(self, context: ActionContext) -> Self | None:
        """Ask for the file."""
        return self._answered(context.dialogs.choose_file())


class OpenFolder(_Open):
    """Play a folder of images."""

    def ask(self, context: ActionContext) -> Self | None:
        """Ask for the folder."""
        return self._answered(context.dialogs.choose_folder())


class OpenStream(_Open):
    """Play a stream."""

    def ask(self, context: ActionContext) -> Self | None:
        """Ask for the address."""
        return self._answered(context.dialogs.enter_address())


class Start(Action):
    """Play the chosen source from its beginning."""

    def act(self, context: ActionContext) -> None:
        """Start the session."""
        context.player.start()


class Stop(Action):
    """Stop the session; the last picture stays."""

    def act(self, context: ActionContext) -> None:
        """Stop the session."""
        context.player.stop()


# Playing.


class PlayOrPause(Action):
    """Pause or resume the session; start it where none runs."""

    def act(self, context: ActionContext) -> None:
        """Toggle."""
        player = context.player
        if player.session is None:
            player.start()
        else:
            player.pause(not player.paused)


@dataclass(frozen=True)
class Seek(Action):
    """Go to a time of a recording, in seconds."""

    seconds: float

    def act(self, context: ActionContext) -> None:
        """Go there."""
        context.player.seek(self.seconds)


@dataclass(frozen=True)
class Step(Action):
    """Go some frames forward, or back below zero, and pause."""

    frames: int

    def act(self, context: ActionContext) -> None:
        """Go there."""
        context.player.step(self.frames)


@dataclass(frozen=True)
class SetLoop(Action):
    """Restart a recording at its end, or stop there."""

    on: bool

    def act(self, context: ActionContext) -> None:
        """Change the session."""
        context.player.set_loop(self.on)


@dataclass(frozen=True)
class SetSequence(Action):
    """Play the images of a folder as one video, or show them as single photographs."""

    on: bool

    def act(self, context: ActionContext) -> None:
        """Change the session."""
        context.player.set_sequence(self.on)


# View.


@dataclass(frozen=True)
class ShowOverlay(Action):
    """Show or hide all drawing."""

    on: bool

    def act(self, context: ActionContext) -> None:
        """Change the view."""
        context.player.change_view(overlay=self.on)


@dataclass(frozen=True)
class ShowPart(Action):
    """Show or hide one of :data:`~livefan.drawing.faces.STYLE_PARTS`."""

    part: str
    on: bool

    def act(self, context: ActionContext) -> None:
        """Change the view."""
        style = context.player.view.style.having(**{self.part: self.on})
        context.player.change_view(style=style)


@dataclass(frozen=True)
class ShowHeatmaps(Action):
    """Show or hide heatmaps."""

    on: bool

    def act(self, context: ActionContext) -> None:
        """Change the view."""
        context.player.change_view(heatmaps=self.on)


@dataclass(frozen=True)
class Mirror(Action):
    """Swap left and right, or show the picture as captured."""

    on: bool

    def act(self, context: ActionContext) -> None:
        """Change the view."""
        context.player.change_view(mirror=self.on)


@dataclass(frozen=True)
class ShowCloseUp(Action):
    """Follow a face and show it large, or show the whole picture."""

    on: bool

    def act(self, context: ActionContext) -> None:
        """Change the view."""
        context.player.change_view(zoom=1.0, centre=(0.5, 0.5), close_up=self.on)


class FitToWindow(Action):
    """Show the whole picture."""

    def act(self, context: ActionContext) -> None:
        """Change the view."""
        context.player.change_view(zoom=1.0, centre=(0.5, 0.5), close_up=False)


@dataclass(frozen=True)
class Zoom(Action):
    """Multiply the magnification by a factor."""

    factor: float

    def act(self, context: ActionContext) -> None:
        """Change the view."""
        context.picture.magnify(self.factor)


@dataclass(frozen=True)
class ShowFullScreen(Action):
    """Show the picture alone on the whole screen, or in the window."""

    redraws = Part.FRAME | Part.CONTROLS
    on: bool

    def act(self, context: ActionContext) -> None:
        """Change the state."""
        context.full_screen = self.on


@dataclass(frozen=True)
class SetTheme(Action):
    """Use one of :data:`~livefan.gui.theme.THEMES`."""

    redraws = Part.THEME | Part.CONTROLS
    theme: str

    def act(self, context: ActionContext) -> None:
        """Change the state."""
        context.theme = self.theme


# Models.


@dataclass(frozen=True)
class UseWeights(Action):
    """Run the model of a weight file."""

    path: str

    def act(self, context: ActionContext) -> None:
        """Change the session's model."""
        player = context.player
        player.choose_first(ModelChoice(self.path, threads=player.config.first.threads))


@dataclass(frozen=True)
class Compare(Action):
    """Compare with the second model of the last comparison, or end the comparison."""

    redraws = Part.CONTROLS
    on: bool

    def act(self, context: ActionContext) -> None:
        """Start or end the comparison."""
        player, preferences = context.player, context.preferences
        if not self.on:
            preferences.save_session(player.config, player.view, context.theme)
            player.change_view(layout=Layout.SINGLE, close_up=False)
            player.choose_second(None)
            return
        first, second = player.config.first, preferences.second_model
        player.choose_second(second if second not in (None, first) else rival(first))
        player.change_view(layout=preferences.layout, close_up=preferences.close_up)
        context.window.show_models_panel()


@dataclass(frozen=True)
class SetLayout(Action):
    """Arrange the pictures of two models."""

    layout: Layout

    def act(self, context: ActionContext) -> None:
        """Change the view."""
        context.player.change_view(layout=self.layout)


# Files written.


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


# The application.


class Quit(Action):
    """Close the window."""

    def act(self, context: ActionContext) -> None:
        """Close the window."""
        context.window.close()


class ShowShortcuts(Action):
    """Show the keyboard and mouse shortcuts."""

    def act(self, context: ActionContext) -> None:
        """Open the list."""
        context.dialogs.show_shortcuts()


class ShowAbout(Action):
    """Show version and licence."""

    def act(self, context: ActionContext) -> None:
        """Open the description."""
        context.dialogs.show_about()


def open_dropped(path: str) -> Action:
    """Return the action for a file or address that was dropped on the window."""
    return UseWeights(path) if path.endswith(WEIGHTS_SUFFIX) else Watch(path)


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

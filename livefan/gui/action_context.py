"""The state that actions of the user work on, and the form of an action.

Nothing here imports the window: it implements the protocols, and tests may put stand-ins in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Flag, auto
from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np

from livefan.core.errors import LivefanError
from livefan.gui.player import Player
from livefan.gui.preferences import Preferences


class Part(Flag):
    """Parts of the window that an action can change; the player repaints the picture by itself."""

    NOTHING = 0
    CONTROLS = auto()
    """Menus and tool bar: enabled and checked entries."""
    THEME = auto()
    """Colours of all widgets."""
    FRAME = auto()
    """Full screen, or bars and panels around the picture."""


class Window(Protocol):
    """The window, as actions use it."""

    def redraw(self, parts: Part) -> None:
        """Show the state of the context in these parts."""

    def show_models_panel(self) -> None:
        """Open the panel that compares two models."""

    def put_on_clipboard(self, pixels: np.ndarray) -> None:
        """Copy a picture, ``(height, width, 3)`` uint8 BGR; callable from any thread."""

    def close(self) -> bool:
        """Close the window; return whether it closed."""


class Picture(Protocol):
    """The widget that shows the picture, as actions use it."""

    def magnify(self, factor: float) -> None:
        """Multiply the magnification."""

    def flash(self) -> None:
        """Lighten the picture for a moment, as a sign that it is saved."""


class Dialogs(Protocol):
    """Questions to the user; an empty answer cancels the action."""

    def choose_file(self) -> str:
        """Return the path of a video or an image."""

    def choose_model(self) -> str:
        """Return the path of a weight file, a network or its description."""

    def choose_folder(self) -> str:
        """Return the path of a folder of images."""

    def choose_report_folder(self) -> str:
        """Return the path of a folder for a report."""

    def enter_address(self) -> str:
        """Return the address of a stream."""

    def enter_output(self) -> str:
        """Return the address of an output to another program."""

    def show_folder(self, folder: Path) -> None:
        """Open a folder in the file manager."""

    def show_shortcuts(self) -> None:
        """Open the list of shortcuts."""

    def show_about(self) -> None:
        """Open the description of livefan."""


@dataclass
class ActionContext:
    """State that actions read and change.

    Attributes:
        player: the session and its view.
        preferences: settings kept between sessions.
        pictures: folder of snapshots.
        videos: folder of recordings.
        theme: one of :data:`~livefan.gui.session_config.THEMES`.
        window, picture, dialogs: the parts of the window that actions need.
        full_screen: show the picture alone on the whole screen.
        acting: whether an action runs; the window is redrawn at its end.
    """

    player: Player
    preferences: Preferences
    pictures: Path
    videos: Path
    theme: str
    window: Window
    picture: Picture
    dialogs: Dialogs
    full_screen: bool = False
    acting: bool = False

    def run(self, action: Action) -> None:
        """Ask, act unless the user cancels, and redraw; an error becomes a message."""
        try:
            ready = action.ask(self)
            if ready is not None:
                if not action.keeps_saved:
                    self.player.messages.forget_saved()
                self.acting = True
                ready.act(self)
        except LivefanError as error:
            self.player.messages.error.emit(str(error))
        finally:
            self.acting = False
        # Also after a cancelled dialog: Qt has already checked the menu entry.
        self.window.redraw(action.redraws)

    def new_picture(self) -> Path:
        """Return a new file name in the folder of pictures."""
        return self.pictures / f"{_time_stamp()}.png"

    def new_video(self) -> Path:
        """Return a new file name in the folder of videos."""
        return self.videos / f"{_time_stamp()}.mp4"

    def new_report(self, folder: Path) -> Path:
        """Return the path of a new folder for a report, in another folder."""
        return folder / f"{_time_stamp()}-report"


class Action:
    """One action of the user.

    Attributes:
        redraws: parts of the window to draw anew afterwards.
        keeps_saved: whether a message that names a new file stays.
    """

    redraws: ClassVar[Part] = Part.NOTHING
    keeps_saved: ClassVar[bool] = False

    def ask(self, context: ActionContext) -> Self | None:
        """Return the action completed by the user's answers, or None to cancel."""
        return self

    def act(self, context: ActionContext) -> None:
        """Carry out the action.

        Raises:
            LivefanError: if the action fails for a reason that the user can mend.
        """
        raise NotImplementedError


def _time_stamp() -> str:
    return f"livefan-{datetime.now():%Y-%m-%d-%H%M%S-%f}"

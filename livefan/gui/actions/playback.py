"""Actions that move through a recording."""

from __future__ import annotations

from dataclasses import dataclass

from livefan.gui.action_context import Action, ActionContext


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


class SeekEnd(Action):
    """Go to the last frame of a recording and pause."""

    def act(self, context: ActionContext) -> None:
        """Go there."""
        context.player.seek_end()


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
        context.player.change(loop=self.on)


@dataclass(frozen=True)
class SetSequence(Action):
    """Play the images of a folder as one video, or show them as single photographs."""

    on: bool

    def act(self, context: ActionContext) -> None:
        """Change the session."""
        context.player.set_sequence(self.on)


@dataclass(frozen=True)
class SetMaxFaces(Action):
    """Track at most this many faces."""

    max_faces: int

    def act(self, context: ActionContext) -> None:
        """Change the session."""
        context.player.change(max_faces=self.max_faces)

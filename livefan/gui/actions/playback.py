"""Actions that move through a recording."""

from __future__ import annotations

from dataclasses import dataclass

from livefan.gui.action_context import Action, ActionContext, Part


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
class SetSpeed(Action):
    """Play recordings at a speed; 1.0 is real time."""

    redraws = Part.CONTROLS
    speed: float

    def act(self, context: ActionContext) -> None:
        """Change the session."""
        context.player.change(requested_speed=self.speed)


@dataclass(frozen=True)
class MeasureAll(Action):
    """Process all photographs of the folder, or stop this."""

    on: bool

    def act(self, context: ActionContext) -> None:
        """Start or stop."""
        session = context.player.session
        if session is not None and self.on:
            session.measure_all()
        elif session is not None and session.measuring_all:
            session.paused = True


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

"""The state of a session that is shown on the picture."""

from __future__ import annotations

from dataclasses import dataclass

from livefan.live.advice import is_dark
from livefan.live.result import Result
from livefan.live.session import LiveSession


@dataclass(frozen=True)
class PictureState:
    """A label on the picture.

    Attributes:
        name: ``paused``, ``lost`` (the connection), ``dark``, ``speed``, or empty in normal operation.
        dimmed: whether the picture is old and drawn darker.
        speed: speed of a recording in tenths of real time, if it is played slower or faster.
    """

    name: str = ""
    dimmed: bool = False
    speed: float | None = None


def picture_state(session: LiveSession | None, result: Result | None) -> PictureState:
    """Return the state of a session whose result is on the screen; the result is None before the first."""
    if session is None:
        return PictureState()
    if result is None:  # a recording that is paused shows its first frame soon
        return PictureState("paused") if session.live and session.paused else PictureState()
    if session.connection_lost:
        return PictureState("lost", dimmed=True)
    if session.paused and not result.photographs:
        return PictureState("paused")
    if not result.faces and is_dark(result.frame):
        return PictureState("dark")
    speed = shown_speed(session)
    return PictureState() if speed is None else PictureState("speed", speed=speed)


def shown_speed(session: LiveSession) -> float | None:
    """Return the speed of a recording, rounded to tenths; None for real time, or while it is unknown."""
    playing = not (session.paused or session.at_end)
    speed = session.speed  # the session's thread may clear it
    shown = round(speed, 1) if playing and speed is not None else None
    return None if shown == 1.0 else shown

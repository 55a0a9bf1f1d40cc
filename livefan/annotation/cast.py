"""Who is who over a whole recording: follows of one face, one after another, get one id."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from livefan.annotation.records import Measured, Moment
from livefan.pipeline import bounding_box

_SOON_S = 3.0
"""A face found anew where one was lost is the same one if no more time than this went by."""
_SAME_SIZE = 1.5


@dataclass
class _Role:
    """A face of the recording, as it was seen last.

    Attributes:
        track_id: of the face.
        frame, seconds: of the last frame with it, so far.
        box_px: ``(4,)`` its box there.
    """

    track_id: int
    frame: int
    seconds: float
    box_px: np.ndarray


class Cast:
    """Gives each follow the id of the face it follows, in the order in which they appear."""

    def __init__(self) -> None:
        self._ids: dict[int, int] = {}
        self._roles: dict[int, _Role] = {}

    def track_id(self, track: int) -> int:
        """The id of the face that a follow belongs to."""
        return self._ids[track]

    def meet(self, faces: list[Measured], moments: list[Moment]) -> None:
        """Learn who is on the next window of frames, which may overlap with the last."""
        first = moments[0].index
        for face in faces:
            moment = moments[face.frame - first]
            box_px = bounding_box(face.points_px)
            if face.track not in self._ids:
                self._ids[face.track] = self._known(box_px, moment) or len(self._roles) + 1
            track_id = self._ids[face.track]
            role = self._roles.get(track_id)
            if role is None or role.frame < face.frame:
                self._roles[track_id] = _Role(track_id, face.frame, moment.seconds, box_px)

    def _known(self, box_px: np.ndarray, moment: Moment) -> int | None:
        """The face that was lost a moment ago about where one is found now."""
        centre, size = (box_px[:2] + box_px[2:]) / 2, float((box_px[2:] - box_px[:2]).max())
        near = []
        for role in self._roles.values():
            other = float((role.box_px[2:] - role.box_px[:2]).max())
            away = float(np.linalg.norm((role.box_px[:2] + role.box_px[2:]) / 2 - centre))
            waited = moment.seconds - role.seconds
            alike = max(size, other) < _SAME_SIZE * min(size, other)
            if role.frame < moment.index and waited <= _SOON_S and alike and away < size:
                near.append((away, role.track_id))
        return min(near)[1] if near else None

"""Who is who over a whole recording: follows of one face, one after another, get one id."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from livefan.annotation.appearance import SAME_LOOK, difference
from livefan.annotation.observations import AppearanceSample, Observation
from livefan.core.boxes import bounding_box
from livefan.formats.records import FrameInfo

_SOON_S = 3.0
"""A face found where one was lost is the same one if no more time than this went by."""
_SAME_SIZE = 1.5
_CLEARLY_OTHER = 2 * SAME_LOOK
_REMEMBERED = 32
"""Looks that the mean of a face's looks goes back to, more or less."""


@dataclass
class Identity:
    """A face of the recording, as it was seen last.

    Attributes:
        track_id: of the face.
        frame, seconds: of the last frame with it, so far.
        box_px: ``(4,)`` its box there.
        look: mean of its looks, if any was taken.
        n_looks: how many that are.
    """

    track_id: int
    frame: int
    seconds: float
    box_px: np.ndarray
    look: np.ndarray | None = None
    n_looks: int = 0

    def see(self, look: np.ndarray) -> None:
        """Take a further appearance into the mean."""
        self.n_looks = min(self.n_looks + 1, _REMEMBERED)
        before = look if self.look is None else self.look
        self.look = before + (look - before) / self.n_looks


class IdentityAssigner:
    """Gives each follow the id of the face it follows, in the order in which they appear."""

    def __init__(self) -> None:
        self._ids: dict[int, int] = {}
        self._roles: dict[int, Identity] = {}
        self._looked_until = -1

    def track_id(self, track: int) -> int:
        """The id of the face that a follow belongs to."""
        return self._ids[track]

    def meet(
        self, faces: Sequence[Observation], looks: Sequence[AppearanceSample], moments: Sequence[FrameInfo]
    ) -> None:
        """Learn who is on the next window of frames, which may overlap with the last.

        Args:
            faces: by frame and then by track.
            looks: taken on these frames, by frame.
        """
        first = moments[0].index
        frames: dict[int, set[int]] = {}
        for face in faces:
            frames.setdefault(face.track, set()).add(face.frame)
        new_looks = deque(look for look in looks if look.frame > self._looked_until)
        for face in faces:
            while new_looks and new_looks[0].frame < face.frame:
                self._look(new_looks.popleft())
            moment, box_px = moments[face.frame - first], bounding_box(face.points_px)
            if face.track not in self._ids:
                seen = [look.descriptor for look in looks if look.track == face.track]
                look = np.mean(seen, axis=0) if seen else None
                taken = {
                    self._ids[track]
                    for track, others in frames.items()
                    if track in self._ids and others & frames[face.track]
                }
                known = self._known(box_px, look, moment, taken)
                self._ids[face.track] = known or len(self._roles) + 1
            track_id = self._ids[face.track]
            role = self._roles.setdefault(track_id, Identity(track_id, -1, 0.0, box_px))
            if role.frame < face.frame:
                role.frame, role.seconds, role.box_px = face.frame, moment.seconds, box_px
        for seen_look in new_looks:
            self._look(seen_look)

    def _look(self, look: AppearanceSample) -> None:
        self._roles[self._ids[look.track]].see(look.descriptor)
        self._looked_until = max(self._looked_until, look.frame)

    def _known(
        self, box_px: np.ndarray, look: np.ndarray | None, moment: FrameInfo, taken: set[int]
    ) -> int | None:
        """Which of the faces that are away this one is: by its place if lost a moment ago, else its look."""
        away = [
            role for role in self._roles.values() if role.frame < moment.index and role.track_id not in taken
        ]
        apart = {
            role.track_id: difference(role.look, look)
            for role in away
            if role.look is not None and look is not None
        }
        near = [
            (_distance(role.box_px, box_px), role.track_id)
            for role in away
            if moment.seconds - role.seconds <= _SOON_S
            and _same_place(role.box_px, box_px)
            and apart.get(role.track_id, 0.0) < _CLEARLY_OTHER
        ]
        if near:
            return min(near)[1]
        alike = sorted((other, track_id) for track_id, other in apart.items())
        # Two who look alike are not told apart by it: better a new id than a wrong one.
        if alike and alike[0][0] < SAME_LOOK and (len(alike) == 1 or alike[1][0] > alike[0][0] + 1.0):
            return alike[0][1]
        return None


def _distance(box_px: np.ndarray, other: np.ndarray) -> float:
    """Between the centres of two boxes, in pixels."""
    return float(np.linalg.norm((box_px[:2] + box_px[2:] - other[:2] - other[2:]) / 2))


def _same_place(box_px: np.ndarray, other: np.ndarray) -> bool:
    size, other_size = (float((box[2:] - box[:2]).max()) for box in (box_px, other))
    alike = max(size, other_size) < _SAME_SIZE * min(size, other_size)
    return alike and _distance(box_px, other) < size

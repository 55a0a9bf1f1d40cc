"""Identities over a whole recording: all tracks of one face get one id."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from livefan.annotation.appearance import SAME_PERSON, distance
from livefan.annotation.observations import AppearanceSample, Observation
from livefan.core.boxes import bounding_box
from livefan.formats.records import FrameInfo

_RECENT_S = 3.0
"""A face that appears at the place of a lost one is the same face within this time."""
_GAP_S = 0.3
"""Time without frames after which the tracker detects all faces anew."""
_SAME_SIZE = 1.5
_DIFFERENT_PERSON = 2 * SAME_PERSON
_MEAN_SAMPLES = 32
"""Number of samples after which the mean descriptor of a face becomes a moving average."""


@dataclass
class Identity:
    """A face of the recording and its last known state.

    Attributes:
        track_id: id of the face, from 1.
        frame, seconds: last frame with the face.
        box_px: ``(4,)`` bounding box on that frame.
        descriptor: mean of its appearance samples; None before the first.
        n_samples: number of samples in the mean.
    """

    track_id: int
    frame: int
    seconds: float
    box_px: np.ndarray
    descriptor: np.ndarray | None = None
    n_samples: int = 0

    def add_sample(self, descriptor: np.ndarray) -> None:
        """Add an appearance sample to the mean."""
        self.n_samples = min(self.n_samples + 1, _MEAN_SAMPLES)
        before = descriptor if self.descriptor is None else self.descriptor
        self.descriptor = before + (descriptor - before) / self.n_samples


class IdentityAssigner:
    """Assigns each track to an identity, in the order in which the tracks begin.

    Args:
        join: whether several tracks may be of one identity; not so for faces of independent photographs.
    """

    def __init__(self, *, join: bool = True) -> None:
        self._join = join
        self._parts: dict[int, list[tuple[int, int]]] = {}
        """First frame and identity of each part of a track, by track."""
        self._identities: dict[int, Identity] = {}
        self._sampled_until = -1

    def track_id(self, track: int, frame: int) -> int:
        """Return the id of the identity that a track belongs to on a frame."""
        return next(track_id for first, track_id in reversed(self._parts[track]) if first <= frame)

    def update(
        self,
        faces: Sequence[Observation],
        samples: Sequence[AppearanceSample],
        frames: Sequence[FrameInfo],
    ) -> None:
        """Assign the tracks of the next window of frames, which may overlap with the last window.

        Args:
            faces: observations on these frames, by frame and then by track.
            samples: appearance samples of these frames, by frame.
        """
        frames_of: dict[int, set[int]] = {}
        for face in faces:
            frames_of.setdefault(face.track, set()).add(face.frame)
        new_samples = deque(sample for sample in samples if sample.frame > self._sampled_until)
        for index, group in groupby(faces, key=lambda face: face.frame):
            while new_samples and new_samples[0].frame < index:
                self._add_sample(new_samples.popleft())
            frame, boxes_px = frames[index - frames[0].index], {}
            for face in group:
                boxes_px[face.track] = bounding_box(face.points_px)
                if face.track not in self._parts:
                    self._assign(face.track, boxes_px[face.track], frame, samples, frames_of)
            self._separate(boxes_px, index)
            for track, box_px in boxes_px.items():
                identity = self._identities[self.track_id(track, index)]
                if identity.frame < index:
                    identity.frame, identity.seconds, identity.box_px = index, frame.seconds, box_px
        for sample in new_samples:
            self._add_sample(sample)

    def _assign(
        self,
        track: int,
        box_px: np.ndarray,
        frame: FrameInfo,
        samples: Sequence[AppearanceSample],
        frames_of: Mapping[int, set[int]],
    ) -> None:
        """Assign a new track to a known identity or to a new one.

        Args:
            frames_of: frames of the window that show each track.
        """
        own = [sample.descriptor for sample in samples if sample.track == track]
        descriptor = np.mean(own, axis=0) if own else None
        taken = {
            self.track_id(other, index)
            for other, shown in frames_of.items()
            if other in self._parts
            for index in shown & frames_of[track]
        }
        known = self._match(box_px, descriptor, frame, taken) if self._join else None
        self._parts[track] = [(frame.index, known or self._new_identity(box_px))]

    def _separate(self, boxes_px: Mapping[int, np.ndarray], frame: int) -> None:
        """Give new identities to tracks whose identity an earlier track has on the same frame, from there on.

        The tracker may find a lost face again after another track has joined its identity.

        Args:
            boxes_px: bounding boxes of the tracks on the frame.
        """
        present: set[int] = set()
        for track in sorted(boxes_px, key=lambda track: (self._parts[track][0][0], track)):
            if self.track_id(track, frame) in present:
                self._parts[track].append((frame, self._new_identity(boxes_px[track])))
            present.add(self.track_id(track, frame))

    def _new_identity(self, box_px: np.ndarray) -> int:
        track_id = len(self._identities) + 1
        self._identities[track_id] = Identity(track_id, -1, 0.0, box_px)
        return track_id

    def _add_sample(self, sample: AppearanceSample) -> None:
        self._identities[self.track_id(sample.track, sample.frame)].add_sample(sample.descriptor)
        self._sampled_until = max(self._sampled_until, sample.frame)

    def _match(
        self, box_px: np.ndarray, descriptor: np.ndarray | None, frame: FrameInfo, taken: set[int]
    ) -> int | None:
        """Return the identity of a new track: by its place if it was lost recently, else by appearance.

        Args:
            taken: identities that other tracks have at the same time.
        """
        absent = [
            identity
            for identity in self._identities.values()
            if identity.frame < frame.index and identity.track_id not in taken
        ]
        distances = {
            identity.track_id: distance(identity.descriptor, descriptor)
            for identity in absent
            if identity.descriptor is not None and descriptor is not None
        }
        at_place = [
            identity
            for identity in absent
            if frame.seconds - identity.seconds <= _RECENT_S and _same_place(identity.box_px, box_px)
        ]
        last = max((identity.frame for identity in at_place), default=-1)
        nearby = [
            (_distance_px(identity.box_px, box_px), identity.track_id)
            for identity in at_place
            if distances.get(identity.track_id, 0.0) < _largest_difference(identity, frame, last)
        ]
        if nearby:
            return min(nearby)[1]
        ranked = sorted((value, track_id) for track_id, value in distances.items())
        # Appearance does not separate two similar people: a new id is better than a wrong one.
        unique = len(ranked) == 1 or (len(ranked) > 1 and ranked[1][0] > ranked[0][0] + 1.0)
        return ranked[0][1] if unique and ranked[0][0] < SAME_PERSON else None


def _largest_difference(identity: Identity, frame: FrameInfo, last: int) -> float:
    """Return how much the appearance of a new track may differ from an identity at the same place.

    A face that was lost may look different when it is found again, also after a time without frames. But a
    new track right after the last frame of another one, which the tracker did not continue, follows a cut; so
    does one after a third face.

    Args:
        last: the last frame on which any face was at this place.
    """
    was_lost = identity.frame < frame.index - 1 or frame.seconds - identity.seconds > _GAP_S
    continued = identity.frame == last and was_lost and not frame.cut
    return _DIFFERENT_PERSON if continued else SAME_PERSON


def _distance_px(box_px: np.ndarray, other: np.ndarray) -> float:
    """Return the distance between the centres of two boxes."""
    return float(np.linalg.norm((box_px[:2] + box_px[2:] - other[:2] - other[2:]) / 2))


def _same_place(box_px: np.ndarray, other: np.ndarray) -> bool:
    size, other_size = (float((box[2:] - box[:2]).max()) for box in (box_px, other))
    same_size = max(size, other_size) < _SAME_SIZE * min(size, other_size)
    return same_size and _distance_px(box_px, other) < size

"""The data that every output receives for a frame: its faces and their measures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from livefan.core.face_measures import AspectRatios, Gaze, HeadPose
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import LandmarkScheme
from livefan.measures.aspect_ratios import aspect_ratios
from livefan.measures.gaze import gaze
from livefan.measures.head_pose import head_pose

_UNIX_OFFSET_S = time.time() - time.perf_counter()
"""Constant for the whole process, so that the sent times never step back."""
_PUPILS = ("right_pupil", "left_pupil")
"""Landmarks of some schemes."""


@dataclass(frozen=True, eq=False)
class MeasuredFace:
    """A face with the measures that outputs send.

    Attributes:
        face: the face.
        pose: pose of the head; NaN where the landmarks determine none.
        ratios: aspect ratios of eyes and mouth; NaN where the scheme has no lids.
        gaze: direction of the eyes; None while no pupils or no pose are known.
        pupils_px: ``(2, 2)`` pupils of the right and the left eye; None while they are unknown.
    """

    face: Face
    pose: HeadPose
    ratios: AspectRatios
    gaze: Gaze | None = None
    pupils_px: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class FrameResult:
    """Result of a session on one frame.

    Attributes:
        frame: the frame; its image has no drawing.
        faces: the faces on the frame.
        scheme: the scheme of their landmarks.
        finished_at: time at which the model finished, in seconds of :func:`time.perf_counter`.
        draw: returns a copy of the image with the faces drawn on it, BGR uint8.
    """

    frame: Frame
    faces: tuple[Face, ...]
    scheme: LandmarkScheme
    finished_at: float
    draw: Callable[[], np.ndarray] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frame in pixels."""
        height, width = self.frame.image.shape[:2]
        return width, height

    @property
    def captured_unix(self) -> float:
        """Time of capture in seconds since 1970 (UTC)."""
        return self.frame.captured_at + _UNIX_OFFSET_S

    @property
    def measured(self) -> tuple[MeasuredFace, ...]:
        """The faces with their measures, computed by the first output that needs them; the others wait."""
        with self._lock:
            return self._measured

    @property
    def first(self) -> MeasuredFace | None:
        """The face with the lowest id, for receivers of one face."""
        return min(self.measured, key=lambda each: each.face.track_id, default=None)

    @cached_property
    def _measured(self) -> tuple[MeasuredFace, ...]:
        return tuple(self._measure(face) for face in self.faces)

    def _measure(self, face: Face) -> MeasuredFace:
        points_px, scheme = face.points_px, self.scheme
        pose = head_pose(points_px, scheme, *self.size)
        directions, pupils_px = face.gaze, face.pupils_px
        if pupils_px is None and set(_PUPILS) <= set(scheme.point_names):
            pupils_px = points_px[[scheme.point_names.index(name) for name in _PUPILS]]
        if directions is None and pupils_px is not None:
            directions = gaze(pupils_px, points_px, pose, scheme, *self.size)
        return MeasuredFace(face, pose, aspect_ratios(points_px, scheme), directions, pupils_px)

    @cached_property
    def drawn(self) -> np.ndarray:
        """The image with the faces drawn on it; the clean image if nothing draws."""
        return self.frame.image if self.draw is None else self.draw()

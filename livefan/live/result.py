"""What a live session hands to whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from livefan.core.agreement import Disagreement
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import LandmarkScheme
from livefan.live.heatmaps import FaceHeatmaps


@dataclass(frozen=True)
class Result:
    """What one model made of a frame.

    Attributes:
        frame: its image is the captured one, without any drawing.
        faces: the faces found on it, with landmarks of ``scheme``.
        scheme: the model's landmarks.
        label: what to call the model.
        runtime: what ran it, e.g. ``openvino int8``.
        smoothing: strength of the filter on its landmarks, from 0 to 1.
        waited: seconds from capture until the model began.
        seconds: how long the model took, from detection to smoothing.
        finished_at: when it had finished, in seconds of :func:`time.perf_counter`.
        epoch: rises whenever frames do not follow on each other, as after a jump.
        heatmaps: of each face, where they were asked for; else empty.
        photographs: names of the photographs that the frame is one of, by the index of their frames; of
            anything else none. A photograph has nothing to do with others, and its faces are numbered from 1.
    """

    frame: Frame
    faces: list[Face]
    scheme: LandmarkScheme
    label: str
    runtime: str
    smoothing: float
    waited: float
    seconds: float
    finished_at: float
    epoch: int = 0
    heatmaps: tuple[FaceHeatmaps, ...] = ()
    photographs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """What two models made of the same frame.

    Attributes:
        first, second: the two; the second is the reference.
        disagreements: one for each face that both found; empty if their landmarks are of two schemes.
    """

    first: Result
    second: Result
    disagreements: tuple[Disagreement, ...]

    @property
    def frame(self) -> Frame:
        """The frame that both saw."""
        return self.first.frame

    @property
    def apart(self) -> Disagreement | None:
        """How far the two are apart on this frame, mean over the faces that both found; None without any."""
        if not self.disagreements:
            return None
        points = np.mean([each.points for each in self.disagreements], axis=0)
        return replace(self.disagreements[0], points=points)

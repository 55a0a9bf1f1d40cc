"""Results of a live session: of one model on one frame, and pairs of two models."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from livefan.core.agreement import Disagreement
from livefan.core.common_landmarks import CommonLandmarks, common_landmarks
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import LandmarkScheme
from livefan.live.heatmaps import FaceHeatmaps


@dataclass(frozen=True)
class Result:
    """Result of one model on one frame.

    Attributes:
        frame: its image is the captured one, without any drawing.
        faces: the faces found on it, with landmarks of ``scheme``.
        scheme: the model's landmarks.
        label: name of the model for display.
        runtime: runtime and precision, e.g. ``openvino int8``.
        smoothing: strength of the filter on its landmarks, from 0 to 1.
        waited: seconds from capture until the model started.
        seconds: time of the model in seconds, from detection to smoothing.
        finished_at: time of completion, in seconds of :func:`time.perf_counter`.
        epoch: rises if frames do not follow each other, as after a jump.
        heatmaps: of each face, if enabled; else empty.
        photographs: names of the photographs that the frame is one of, by the index of their frames; of
            anything else none. A photograph has nothing to do with others, and its faces are numbered from 1.
        neutral: whether expressions are measured from neutral ones, see
            :class:`livefan.measures.expressions.NeutralFaces`.
        spec: specification of the model; files of different folders can have the same label.
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
    neutral: bool = False
    spec: str = ""


@dataclass(frozen=True)
class Pair:
    """Results of two models on the same frame.

    Attributes:
        first, second: the results; the second is the reference.
        disagreements: distances of the common landmarks, for each face that both found.
    """

    first: Result
    second: Result
    disagreements: tuple[Disagreement, ...]

    @property
    def frame(self) -> Frame:
        """The frame that both models processed."""
        return self.first.frame

    @property
    def common(self) -> CommonLandmarks:
        """The landmarks that both models have."""
        return common_landmarks(self.first.scheme, self.second.scheme)

    @property
    def apart(self) -> Disagreement | None:
        """Distance of each common landmark, mean over the faces that both models found; None without any."""
        if not self.disagreements:
            return None
        points = np.mean([each.points for each in self.disagreements], axis=0)
        return replace(self.disagreements[0], points=points)

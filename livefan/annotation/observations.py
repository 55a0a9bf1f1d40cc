"""Observations of faces on the frames of a recording, before identities, gap filling and smoothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from livefan.tracking.landmarker import SHOWN_FACE_SCORE


@dataclass(frozen=True)
class Observation:
    """A face that the network measured on a frame.

    Attributes:
        frame: index of the frame.
        track: id of the track. A face may have several tracks, one after another.
        points_px: ``(n, 2)`` float64 landmarks in image pixels.
        confidence: ``(n,)`` float64, as in :class:`livefan.core.frame.Face`.
        width_px: ``(n,)`` float64, width of the heatmap of each landmark, in image pixels.
        face_score: mean confidence of the heatmaps, not calibrated, in [0, 1].
        backwards: whether the face was tracked back in time from a later frame.
        expressions: ``(k,)`` float32 expression coefficients; None if the weights have no expression head.
        pupils_px: ``(2, 2)`` float64 centres of the irises in image pixels; None likewise.
        occluded: ``(n,)`` float32 probability that each landmark is covered; None without a reliability head.
        presence: probability that there is a face; None likewise.
    """

    frame: int
    track: int
    points_px: np.ndarray
    confidence: np.ndarray
    width_px: np.ndarray
    face_score: float
    backwards: bool = False
    expressions: np.ndarray | None = None
    pupils_px: np.ndarray | None = None
    occluded: np.ndarray | None = None
    presence: float | None = None

    @property
    def is_sure(self) -> bool:
        """Whether the face score is high enough for landmarks in the right place."""
        return self.face_score >= SHOWN_FACE_SCORE


@dataclass(frozen=True)
class AppearanceSample:
    """The appearance of a face on a frame.

    Attributes:
        frame: index of the frame.
        track: id of the track.
        descriptor: ``(192,)`` float32; see :func:`livefan.annotation.appearance.describe`.
    """

    frame: int
    track: int
    descriptor: np.ndarray

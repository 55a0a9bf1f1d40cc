"""An annotated frame of a recording, and the faces on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from livefan.core.face_measures import AspectRatios, Blink, Gaze, HeadPose
from livefan.core.frame import Damage

Found = Literal["forwards", "backwards", "filled", "unsure"]
"""Source of a face on a frame: tracked forwards in time, tracked back from a later detection, not measured on
this frame and interpolated in time, or measured with a low face score, so that it may be in a wrong place."""


@dataclass(frozen=True)
class FrameInfo:
    """A frame of the recording, without its picture.

    Attributes:
        index: number of the frame, from 0.
        pts: exact presentation timestamp, in units of the recording's time base.
        seconds: time since the first frame.
        damage: data that could not be read at this frame.
        width, height: size of the upright picture in pixels.
        image_name: file name of the image that holds the frame; empty for a frame of a video.
        cut: whether a cut lies right before the frame.
    """

    index: int
    pts: int
    seconds: float
    damage: Damage
    width: int
    height: int
    image_name: str = ""
    cut: bool = False


@dataclass(frozen=True)
class AnnotatedFace:
    """A face on a frame, as all formats store it.

    Attributes:
        track_id: the same number for the same face over the whole recording, from 1.
        found: source of the landmarks.
        box_px: ``(4,)`` float64: left, top, right, bottom of ``points_px``.
        points_px: ``(n, 2)`` float64 landmarks in image pixels, smoothed if smoothing is on.
        raw_points_px: ``(n, 2)`` float64 landmarks as measured; NaN if the face is filled in.
        confidence: ``(n,)`` float64 in [0, 1]; 0 if the face is filled in.
        pose: head pose.
        aspect_ratios: of eyes and mouth.
        expressions: ``(k,)`` expression coefficients; None if they are not measured.
        pupils_px: ``(2, 2)`` centres of the irises in image pixels, the person's right eye first, or None.
        gaze: direction of the eyes, or None.
        blink: the blink that the frame is part of, or None.
        occluded: ``(n,)`` probability that each landmark is covered, or None.
        presence: probability that there is a face, in [0, 1], or None.
    """

    track_id: int
    found: Found
    box_px: np.ndarray
    points_px: np.ndarray
    raw_points_px: np.ndarray
    confidence: np.ndarray
    pose: HeadPose
    aspect_ratios: AspectRatios
    expressions: np.ndarray | None = None
    pupils_px: np.ndarray | None = None
    gaze: Gaze | None = None
    blink: Blink | None = None
    occluded: np.ndarray | None = None
    presence: float | None = None


@dataclass(frozen=True)
class AnnotatedFrame:
    """A frame of the recording and its faces, ordered by track id."""

    info: FrameInfo
    faces: tuple[AnnotatedFace, ...]

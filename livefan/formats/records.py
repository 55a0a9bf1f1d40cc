"""What is known of a recording: first what was measured on its frames, then what they are annotated with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from livefan.core.face_measures import AspectRatios, HeadPose
from livefan.core.frame import Damage

Found = Literal["forwards", "backwards", "filled"]
"""How a face came to be known on a frame: followed forwards, followed back from where it was seen later,
or not seen on this frame and put between its neighbours in time."""


@dataclass(frozen=True)
class Moment:
    """A frame of the recording, without its picture.

    Attributes:
        index: number of the frame, from 0.
        tick: exact presentation timestamp, in units of the recording's time base.
        seconds: time since the first frame.
        damage: what could not be read at this place.
        width, height: of the upright picture in pixels.
    """

    index: int
    tick: int
    seconds: float
    damage: Damage
    width: int
    height: int


@dataclass(frozen=True)
class Measured:
    """A face as it was measured on a frame.

    Attributes:
        frame: index of the frame.
        track: number of the follow that measured it; a face may be met by several, one after another.
        points_px: ``(n, 2)`` float64 landmarks in image pixels.
        confidence: ``(n,)`` float64 in [0, 1].
        spread_px: ``(n,)`` float64, how far the heatmap of each is smeared, in image pixels.
        backwards: whether it was followed back from a later frame.
    """

    frame: int
    track: int
    points_px: np.ndarray
    confidence: np.ndarray
    sigma_px: np.ndarray
    backwards: bool = False


@dataclass(frozen=True)
class Look:
    """What a face looked like on a frame.

    Attributes:
        frame: index of the frame.
        track: number of the follow.
        colours: ``(192,)`` float32; see :func:`livefan.annotation.appearance.look_of`.
    """

    frame: int
    track: int
    colours: np.ndarray


@dataclass(frozen=True)
class AnnotatedFace:
    """All that is said of a face on a frame.

    Attributes:
        track_id: the same for the same face over the whole recording, from 1.
        found: how it is known.
        box_px: ``(4,)`` float64: left, top, right, bottom of ``points_px``.
        points_px: ``(n, 2)`` float64 landmarks in image pixels, smoothed where smoothing is on.
        raw_points_px: ``(n, 2)`` float64, as measured; NaN where the face was filled in.
        confidence: ``(n,)`` float64 in [0, 1]; 0 where the face was filled in.
        pose: of the head.
        openings: of eyes and mouth.
    """

    track_id: int
    found: Found
    box_px: np.ndarray
    points_px: np.ndarray
    raw_points_px: np.ndarray
    confidence: np.ndarray
    pose: HeadPose
    aspect_ratios: AspectRatios


@dataclass(frozen=True)
class AnnotatedFrame:
    """A frame of the recording and the faces on it, in the order of their ids."""

    moment: Moment
    faces: tuple[AnnotatedFace, ...]

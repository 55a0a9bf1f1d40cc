"""Results of the measurements on one face: head pose, aspect ratios, expressions and gaze.

:mod:`livefan.measures` computes them; :mod:`livefan.formats` stores them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

EXPRESSION_NAMES = (
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekSquintLeft",
    "cheekSquintRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "eyeLookDownLeft",
    "eyeLookDownRight",
    "eyeLookInLeft",
    "eyeLookInRight",
    "eyeLookOutLeft",
    "eyeLookOutRight",
    "eyeLookUpLeft",
    "eyeLookUpRight",
    "eyeSquintLeft",
    "eyeSquintRight",
    "eyeWideLeft",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthFunnel",
    "mouthLeft",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "noseSneerLeft",
    "noseSneerRight",
)
"""ARKit's names of the expression coefficients, in the order of MediaPipe's blendshape model.

``cheekPuff`` and ``tongueOut`` of ARKit's 52 are missing: the model that teaches the
network does not know them.
Left and right are the person's.
"""


@dataclass(frozen=True)
class AspectRatios:
    """Height over width of the eyes and the mouth; 0 is closed. Left and right are the subject's.

    The landmarks of closed lids do not quite meet. On six clips, closed eyes measured 0.1 to 0.18 and
    open eyes 0.2 to 0.5; the values depend on the person.

    Attributes:
        right_eye, left_eye: mean distance between upper and lower lid, divided by the distance between
            the eye corners (for 68 landmarks: the eye aspect ratio of Soukupová and Čech, CVWW 2016).
        mouth: mean distance between the inner lips, divided by the distance between the inner corners
            of the mouth.
    """

    right_eye: float
    left_eye: float
    mouth: float


@dataclass(frozen=True)
class HeadPose:
    """Pose of a head in front of a camera whose focal length is the longer side of the image in pixels.

    Attributes:
        yaw: degrees; positive where the nose points to the right of the image.
        pitch: degrees; positive where the nose points up.
        roll: degrees; positive where the head leans clockwise on the screen.
        translation_mm: from the camera to the point between the eyes: right, down, away. The scale is
            correct for a face whose outer eye corners lie 90 mm apart and for the camera stated above.
        residual_px: root mean square distance between the landmarks used and the projected face model.
    """

    yaw: float
    pitch: float
    roll: float
    translation_mm: tuple[float, float, float]
    residual_px: float


UNKNOWN_POSE = HeadPose(math.nan, math.nan, math.nan, (math.nan,) * 3, math.nan)
"""Pose of a face whose landmarks determine none; every number is NaN."""


@dataclass(frozen=True)
class Gaze:
    """Direction of each eye in the axes of the camera, in degrees. Left and right are the person's.

    Attributes:
        right_yaw, left_yaw: positive where the eye looks to the right of the image.
        right_pitch, left_pitch: positive where the eye looks up.
    """

    right_yaw: float
    right_pitch: float
    left_yaw: float
    left_pitch: float

    def mirrored(self) -> Gaze:
        """Return the gaze of the same eyes in the mirror image."""
        return Gaze(-self.right_yaw, self.right_pitch, -self.left_yaw, self.left_pitch)


@dataclass(frozen=True)
class Blink:
    """A short closure of one eye or both. Left and right are the person's.

    Attributes:
        start_s: time at which the lids begin to close, in seconds on the clock of the frames: of a recording
            that is annotated the column ``time_s``, of a live session
            :attr:`livefan.core.frame.Frame.source_time`.
        duration_s: seconds until they are open again.
        right_depth, left_depth: largest coefficient ``eyeBlinkRight`` and ``eyeBlinkLeft``, in [0, 1], not
            measured from a neutral face; in a live session the largest share by which the aspect ratio of the
            eye falls below that of the open eye.
    """

    start_s: float
    duration_s: float
    right_depth: float
    left_depth: float

    @property
    def end_s(self) -> float:
        """Time at which the lids are open again."""
        return self.start_s + self.duration_s

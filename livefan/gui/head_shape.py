"""A drawn head in the pose and with the expression of a face, as receivers of the outputs get them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from livefan.measures.gaze import rotation
from livefan.outputs.coefficients import coefficients
from livefan.outputs.face_model import FACE_MODEL_MM
from livefan.outputs.frame_result import MeasuredFace

_FOREHEAD_MM = 62.0
"""Height of the drawn forehead above the eyes."""
_GAZE_MM = 6.0
"""Shift of a pupil at the end of its range."""
_EYES = {"Right": (slice(36, 42), (37, 38), (41, 40)), "Left": (slice(42, 48), (43, 44), (47, 46))}
"""Outline of each eye, its upper lid, and the landmarks of the lower lid below."""
_BROWS = {"Right": (17, 18, 19, 20, 21), "Left": (26, 25, 24, 23, 22)}
"""Landmarks of each brow from outside inwards."""
_CORNERS = {"Right": (48, 60), "Left": (54, 64)}
_NEAR_CORNERS = {"Right": (49, 59), "Left": (53, 55)}
_UPPER_LIP = (*range(49, 54), *range(61, 64))
_LOWER_LIP = (*range(55, 60), *range(65, 68))
_MOUTH = tuple(range(48, 68))


@dataclass(frozen=True)
class HeadShape:
    """Outlines of a head in millimetres: x to the right, y down, as the camera sees it.

    Attributes:
        head: ``(n, 2)`` outline of jaw and forehead.
        brows, nose: lines.
        eyes: outlines of the right and the left eye.
        pupils: ``(2, 2)`` pupils, right then left.
        lips, mouth: outer and inner outline of the mouth.
    """

    head: np.ndarray
    brows: tuple[np.ndarray, np.ndarray]
    nose: tuple[np.ndarray, np.ndarray]
    eyes: tuple[np.ndarray, np.ndarray]
    pupils: np.ndarray
    lips: np.ndarray
    mouth: np.ndarray


def head_shape(measured: MeasuredFace) -> HeadShape:
    """Return the outlines of a face with the pose and the coefficients that are sent."""
    values = coefficients(measured)
    points_mm = np.vstack([moved_landmarks(values), _pupils_mm(values), _forehead_mm()])
    pose = measured.pose
    turn = np.eye(3) if math.isnan(pose.yaw) else rotation(pose)
    flat = (points_mm @ turn.T)[:, :2]
    return HeadShape(
        head=np.vstack([flat[:17], flat[70:]]),
        brows=(flat[17:22], flat[22:27]),
        nose=(flat[27:31], flat[31:36]),
        eyes=(flat[36:42], flat[42:48]),
        pupils=flat[68:70],
        lips=flat[48:60],
        mouth=flat[60:68],
    )


def moved_landmarks(values: Mapping[str, float]) -> np.ndarray:
    """Return the ``(68, 3)`` landmarks of the rigid face moved by ARKit coefficients, in millimetres."""
    points_mm = FACE_MODEL_MM.copy()

    def known(name: str) -> float:
        return values.get(name, 0.0)

    for side, outwards in (("Right", -1.0), ("Left", 1.0)):
        _, upper, lower = _EYES[side]
        shut = known(f"eyeBlink{side}")
        points_mm[list(upper), 1] += shut * (points_mm[list(lower), 1] - points_mm[list(upper), 1])
        points_mm[list(upper), 1] -= 3.0 * known(f"eyeWide{side}")
        inner = np.linspace(0.0, 1.0, 5)
        down, up = known(f"browDown{side}"), known(f"browOuterUp{side}")
        points_mm[list(_BROWS[side]), 1] += (5 + 3 * inner) * down - 10 * (1 - inner) * up
        points_mm[list(_BROWS[side]), 1] -= 10 * inner * known("browInnerUp")
        smile, frown = known(f"mouthSmile{side}"), known(f"mouthFrown{side}")
        wide = 7 * smile + 7 * known(f"mouthStretch{side}") + 3 * known(f"mouthDimple{side}")
        for corners, share in ((_CORNERS, 1.0), (_NEAR_CORNERS, 0.5)):
            points_mm[list(corners[side]), 0] += share * outwards * wide
            points_mm[list(corners[side]), 1] += share * (8 * frown - 9 * smile)
        points_mm[list(_UPPER_LIP), 1] -= 3 * known(f"mouthUpperUp{side}")
        points_mm[list(_LOWER_LIP), 1] += 3 * known(f"mouthLowerDown{side}")
    narrow = 0.45 * max(known("mouthPucker"), known("mouthFunnel"))
    points_mm[list(_MOUTH), 0] *= 1 - narrow
    points_mm[list(_MOUTH), 2] -= 12 * narrow
    points_mm[list(_MOUTH), 0] += 9 * (known("mouthLeft") - known("mouthRight"))
    opened = 34 * known("jawOpen") * (1 - known("mouthClose"))
    points_mm[list(_LOWER_LIP), 1] += opened
    points_mm[:17, 1] += opened * np.clip(points_mm[:17, 1] / 115, 0, 1)
    points_mm[:17, 0] += 9 * (known("jawLeft") - known("jawRight")) * np.clip(points_mm[:17, 1] / 115, 0, 1)
    return points_mm


def _pupils_mm(values: Mapping[str, float]) -> np.ndarray:
    """Return the ``(2, 3)`` pupils: the centres of the eyes, shifted as they look."""
    pupils = []
    for side, outwards in (("Right", -1.0), ("Left", 1.0)):
        centre = FACE_MODEL_MM[_EYES[side][0]].mean(axis=0)
        out = values.get(f"eyeLookOut{side}", 0.0) - values.get(f"eyeLookIn{side}", 0.0)
        down = values.get(f"eyeLookDown{side}", 0.0) - values.get(f"eyeLookUp{side}", 0.0)
        pupils.append(centre + np.array([outwards * out, down / 2, 0.0]) * _GAZE_MM)
    return np.array(pupils)


def _forehead_mm() -> np.ndarray:
    """Return points of the forehead from the left temple to the right one, which no landmark marks."""
    angles = np.linspace(0.0, math.pi, 14)[1:-1]
    width, temple = float(FACE_MODEL_MM[16, 0]), FACE_MODEL_MM[16]
    across, up = width * np.cos(angles), _FOREHEAD_MM * np.sin(angles)
    depth = temple[2] - (temple[2] + 10) * np.sin(angles)
    return np.column_stack([across, temple[1] - up, depth])

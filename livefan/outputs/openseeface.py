"""``openseeface://HOST:PORT``: the UDP packet of OpenSeeFace, for programs made for its tracker.

A datagram holds one record of 1785 bytes, little endian, for each face. :data:`_RECORD` is its layout, as the
public receiver script ``Unity/OpenSee.cs`` of emilianavt/OpenSeeFace reads it. Frames without a face are not
sent.

OpenSeeFace's head has its origin at the tip of the nose, x to the person's right, y up and z forwards. Its
camera has x down the rows of the image and y along them. Its fit starts at the camera and converges to a head
behind the camera: all three numbers of the translation have the other sign, and a frontal face has the Euler
angles (180, 0, 90), which the receiver subtracts. Its principal point is the centre of the frame with width
and height exchanged; here it is the centre itself.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.face_measures import HeadPose
from livefan.core.landmarks import IBUG_68, WFLW_98, WFLW_TO_IBUG, LandmarkScheme
from livefan.measures.gaze import rotation
from livefan.outputs.address import Address
from livefan.outputs.coefficients import coefficients
from livefan.outputs.face_model import EYE_CORNERS, FACE_MODEL_MM, NOSE_TIP
from livefan.outputs.frame_result import FrameResult, MeasuredFace
from livefan.outputs.openseeface_features import FaceFeatures
from livefan.outputs.rotation import quaternion
from livefan.outputs.udp import LARGEST_DATAGRAM, UdpOutput

_RECORD = struct.Struct("<d i 2f 2f B f 4f 3f 3f 68f 136f 210f 14f")
"""Time, id, frame size, eye openness (right, left), pose found, error, quaternion, Euler angles, translation,
68 confidences, 68 points (x, y), 70 points (x, y, z), 14 features."""

_MOST_FACES = LARGEST_DATAGRAM // _RECORD.size

_POINTS = [index for index in range(68) if index not in (48, 54)]
"""The 66 landmarks of OpenSeeFace in 300W's scheme: all but the outer corners of the mouth."""

_UNKNOWN_ERROR_PX = 99999.0
"""Error of the fit that OpenSeeFace sends while the pose is unknown; receivers ignore such a pose."""

_UNIT_MM = 142.5
"""Unit of length: the outer eye corners of OpenSeeFace's head are 0.632 apart, those of livefan's 90 mm."""

_EYEBALL_DEPTH = 0.385
"""Depth of the centre of an eyeball behind its corners, as a share of their distance."""

_AXES = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
"""OpenSeeFace's rotation of a frontal face."""


class OpenSeeFaceOutput(UdpOutput):
    """Sends one datagram for each frame with a face."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self._slots: list[int] = []
        self._features: dict[int, FaceFeatures] = {}

    def prepare(self, scheme: LandmarkScheme) -> None:
        """See :meth:`livefan.outputs.base.Output.prepare`."""
        self._order(scheme)

    def send(self, result: FrameResult) -> int:
        """See :meth:`livefan.outputs.base.Output.send`."""
        order = self._order(result.scheme)
        faces = result.measured[:_MOST_FACES]
        if not faces:
            return 0
        self._assign_slots([measured.face.track_id for measured in faces])
        return self.send_datagram(b"".join(self._record(result, measured, order) for measured in faces))

    def _assign_slots(self, track_ids: list[int]) -> None:
        """Give each face on a frame its slot, the id of OpenSeeFace: the smallest free number, from 0.

        Receivers follow the face 0. So a face that appears gets the slot of one that is gone, whose features
        are forgotten.
        """
        for track_id in track_ids:
            if track_id not in self._slots:
                gone = (slot for slot, owner in enumerate(self._slots) if owner not in track_ids)
                slot = next(gone, len(self._slots))
                self._slots[slot : slot + 1] = [track_id]
        self._features = {owner: self._features.get(owner) or FaceFeatures() for owner in self._slots}

    def _record(self, result: FrameResult, measured: MeasuredFace, order: list[int]) -> bytes:
        """Return the record of a face."""
        values, track_id = coefficients(measured), measured.face.track_id
        points_px, confidence = measured.face.points_px[order], np.nan_to_num(measured.face.confidence[order])
        pupils_px = _pupils_px(measured, points_px)
        pose = _pose(measured.pose, points_px, pupils_px, result.size)
        return _RECORD.pack(
            result.captured_unix,
            self._slots.index(track_id),
            *result.size,
            1 - values.get("eyeBlinkRight", 0.0),
            1 - values.get("eyeBlinkLeft", 0.0),
            pose.found,
            pose.error_px,
            *pose.quaternion,
            *pose.euler,
            *pose.translation,
            *confidence[_POINTS],
            *(confidence[corners].mean() for corners in EYE_CORNERS),  # of the pupils
            *points_px[_POINTS].ravel(),
            *pupils_px.ravel(),
            *(pose.points * [1, -1, -1]).ravel(),
            *self._features[track_id].next(values),
        )

    def _order(self, scheme: LandmarkScheme) -> list[int]:
        """Return the landmarks of a scheme in the order of 300W's 68.

        Raises:
            LivefanError: if the scheme has others.
        """
        if scheme == WFLW_98:
            return list(WFLW_TO_IBUG)
        if scheme == IBUG_68:
            return list(range(68))
        raise LivefanError(
            f"{self.address}: needs 68 or 98 landmarks, not {scheme.name}; choose other weights"
        )


def _pupils_px(measured: MeasuredFace, points_px: np.ndarray) -> np.ndarray:
    """Return the ``(2, 2)`` pupils, right then left; the centres of the eyes while they are unknown."""
    if measured.pupils_px is not None:
        return measured.pupils_px
    return np.array([points_px[list(eye)].mean(axis=0) for eye in (IBUG_68.right_eye, IBUG_68.left_eye)])


@dataclass(frozen=True)
class _Pose:
    """The pose of a head in OpenSeeFace's axes and units.

    Attributes:
        found: whether the pose is known.
        error_px: root mean square error of the fit; :data:`_UNKNOWN_ERROR_PX` if the pose is unknown.
        quaternion: ``(x, y, z, w)``.
        euler: degrees about x, y, z.
        translation: of the tip of the nose.
        points: ``(70, 3)`` landmarks, pupils and centres of the eyeballs in the axes of the head.
    """

    found: bool
    error_px: float
    quaternion: np.ndarray
    euler: tuple[float, float, float]
    translation: np.ndarray
    points: np.ndarray


def _pose(pose: HeadPose, points_px: np.ndarray, pupils_px: np.ndarray, size: tuple[int, int]) -> _Pose:
    if math.isnan(pose.yaw):
        return _Pose(False, _UNKNOWN_ERROR_PX, np.zeros(4), (0.0, 0.0, 0.0), np.zeros(3), np.zeros((70, 3)))
    head, shift_mm = rotation(pose), np.array(pose.translation_mm)
    turn = _AXES @ head
    nose_mm = head @ FACE_MODEL_MM[NOSE_TIP] + shift_mm
    return _Pose(
        True,
        pose.residual_px,
        _quaternion(turn),
        _euler(turn),
        -nose_mm[[1, 0, 2]] / _UNIT_MM,
        _points(points_px, pupils_px, head, shift_mm, size),
    )


def _quaternion(turn: np.ndarray) -> np.ndarray:
    """Return the quaternion of the inverse rotation, as OpenSeeFace sends it.

    Its scalar part is near 0. The sign is chosen so that neighbouring frames have like quaternions.
    """
    inverse = quaternion(turn) * [-1, -1, -1, 1]
    return inverse if inverse[0] + inverse[1] >= 0 else -inverse


def _euler(turn: np.ndarray) -> tuple[float, float, float]:
    """Return the angles in degrees of ``Rz Ry Rx``: near (180, 0, 90) for a frontal face."""
    x = math.atan2(turn[2, 1], turn[2, 2])
    y = math.asin(max(-1.0, min(1.0, -turn[2, 0])))
    z = math.atan2(turn[1, 0], turn[0, 0])
    return math.degrees(x), math.degrees(y), math.degrees(z)


def _points(
    points_px: np.ndarray,
    pupils_px: np.ndarray,
    head: np.ndarray,
    shift_mm: np.ndarray,
    size: tuple[int, int],
) -> np.ndarray:
    """Return the ``(70, 3)`` 3D points in the axes of OpenSeeFace's head, in its unit.

    A landmark lies on its ray from the camera, at the depth of the same point of the rigid face model. A
    pupil lies at the depth of the corners of its eye, the centre of an eyeball behind them.
    """
    depths = (FACE_MODEL_MM @ head.T + shift_mm)[:, 2]
    eye_depths = [depths[corners].mean() for corners in EYE_CORNERS]
    all_px = np.vstack([points_px, pupils_px])
    all_depths = np.append(depths, eye_depths)
    centre = (np.array(size) - 1) / 2
    rays = np.column_stack([(all_px - centre) / max(size), np.ones(len(all_px))])
    head_mm = (rays * all_depths[:, None] - shift_mm) @ head
    points = (FACE_MODEL_MM[NOSE_TIP] - head_mm) / _UNIT_MM
    points[:, :2] -= points[NOSE_TIP, :2].copy()
    eyeballs = [_eyeball(*points[corners]) for corners in EYE_CORNERS]
    return np.vstack([points[_POINTS], points[68:], eyeballs])


def _eyeball(corner: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the centre of an eyeball from the corners of its eye."""
    behind = _EYEBALL_DEPTH * float(np.linalg.norm(corner - other))
    return (corner + other) / 2 - [0.0, 0.0, behind]

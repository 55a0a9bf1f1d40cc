"""The JSON object of a frame; ``docs/stream.schema.json`` describes it."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from livefan.core.face_measures import AspectRatios, Gaze, HeadPose
from livefan.core.version import __version__
from livefan.outputs.base import Read
from livefan.outputs.coefficients import coefficients
from livefan.outputs.frame_result import FrameResult, MeasuredFace

READS: frozenset[Read] = frozenset({"expressions", "reliability"})
"""The parts of results in the message, see :attr:`livefan.outputs.base.Output.reads`."""
SCHEMA_VERSION = 1
"""Raised when a field is removed or changes its meaning; new fields leave it unchanged."""


def json_message(result: FrameResult) -> str:
    """Return the JSON object of a frame, on one line."""
    width, height = result.size
    return json.dumps(
        {
            "schema": SCHEMA_VERSION,
            "program": f"livefan {__version__}",
            "frame": result.frame.index,
            "captured_at": round(result.captured_unix, 6),
            "source_time": round(result.frame.source_time, 6),
            "width": width,
            "height": height,
            "scheme": result.scheme.name,
            "faces": [_face(measured) for measured in result.measured],
        },
        separators=(",", ":"),
        allow_nan=False,
    )


def _face(measured: MeasuredFace) -> dict[str, Any]:
    face = measured.face
    return {
        "id": face.track_id,
        "box": _rounded(face.box_px, 2),
        "landmarks": _rounded(face.points_px, 2),
        "confidences": None if np.isnan(face.confidence).all() else _rounded(face.confidence, 3),
        "pose": _pose(measured.pose),
        "aspect_ratios": _ratios(measured.ratios),
        "expressions": None if face.expressions is None else _expressions(measured),
        "gaze": None if measured.gaze is None else _gaze(measured.gaze),
        "pupils": None if measured.pupils_px is None else _rounded(measured.pupils_px, 2),
        "occluded": None if face.occluded is None else _rounded(face.occluded, 3),
        "presence": None if face.presence is None else round(face.presence, 4),
    }


def _pose(pose: HeadPose) -> dict[str, Any] | None:
    if math.isnan(pose.yaw):
        return None
    return {
        "yaw": round(pose.yaw, 2),
        "pitch": round(pose.pitch, 2),
        "roll": round(pose.roll, 2),
        "translation_mm": [round(value, 1) for value in pose.translation_mm],
        "residual_px": round(pose.residual_px, 3),
    }


def _ratios(ratios: AspectRatios) -> dict[str, float] | None:
    if math.isnan(ratios.mouth):
        return None
    return {
        "right_eye": round(ratios.right_eye, 4),
        "left_eye": round(ratios.left_eye, 4),
        "mouth": round(ratios.mouth, 4),
    }


def _expressions(measured: MeasuredFace) -> dict[str, float]:
    return {name: round(value, 4) for name, value in coefficients(measured).items()}


def _gaze(gaze: Gaze) -> dict[str, dict[str, float]]:
    return {
        "right_eye": {"yaw": round(gaze.right_yaw, 2), "pitch": round(gaze.right_pitch, 2)},
        "left_eye": {"yaw": round(gaze.left_yaw, 2), "pitch": round(gaze.left_pitch, 2)},
    }


def _rounded(values: np.ndarray, digits: int) -> list:
    return np.round(np.asarray(values, np.float64), digits).tolist()

"""Map from a detection to the crop that the landmarks of the face would give.

The network is trained on crops around landmark boxes, but a new face is known by its detection only. A linear
map predicts centre and side of the upright landmark crop from the key points of the detection, in a
coordinate frame fixed to the face. ``livefan calibrate`` fits the map.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from livefan.core.crop import Crop, roll_angle
from livefan.core.errors import LivefanError
from livefan.core.resources import bundled_folder
from livefan.detection.detector import FULL_RANGE, SHORT_RANGE, Detection

N_FEATURES = 16
FILE_NAME = "detector-framing.json"
VARIABLE = "LIVEFAN_DETECTION_TO_CROP"
"""Environment variable with the path of a map that every command uses instead of the bundled one."""


@dataclass(frozen=True)
class FaceFrame:
    """Coordinate frame fixed to a face: upright, origin between eyes and mouth, unit of the size of the face.

    Attributes:
        origin_px: ``(2,)`` in image pixels.
        unit_px: distance between the eyes plus distance between eyes and mouth, in pixels.
        angle: roll of the head in radians, clockwise on the screen.
    """

    origin_px: np.ndarray
    unit_px: float
    angle: float

    @property
    def _turn(self) -> np.ndarray:
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return np.array([[cos, sin], [-sin, cos]])

    def from_image(self, points_px: np.ndarray) -> np.ndarray:
        """Map ``(..., 2)`` image pixels to face coordinates."""
        return (points_px - self.origin_px) @ self._turn.T / self.unit_px

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Map ``(..., 2)`` face coordinates to image pixels."""
        return points * self.unit_px @ self._turn + self.origin_px


def face_frame(detection: Detection) -> FaceFrame:
    """Return the coordinate frame given by the eyes and the mouth of a detection."""
    right_eye, left_eye, _, mouth = detection.keypoints_px[:4]
    eyes = (right_eye + left_eye) / 2
    unit = float(np.linalg.norm(left_eye - right_eye) + np.linalg.norm(mouth - eyes))
    return FaceFrame((eyes + mouth) / 2, max(unit, 1e-3), roll_angle(right_eye, left_eye, mouth))


def features(detection: Detection) -> np.ndarray:
    """Return the ``(16,)`` inputs of the map: key points, box centre, log box width in the face frame, 1."""
    frame = face_frame(detection)
    left, top, right, bottom = detection.box_px
    centre = np.array([(left + right) / 2, (top + bottom) / 2])
    width = math.log(max(right - left, 1e-3) / frame.unit_px)
    return np.concatenate(
        [
            frame.from_image(detection.keypoints_px).ravel(),
            frame.from_image(centre),
            [width, 1.0],
        ]
    )


@dataclass(frozen=True)
class DetectionToCrop:
    """The fitted map.

    Attributes:
        coefficients: ``(16, 3)`` for each model of the detector: from the features to the centre of the crop
            in face coordinates and the logarithm of its side in face units.
    """

    coefficients: dict[str, np.ndarray]

    def crop(self, detection: Detection, size: int = 256) -> Crop:
        """Return the crop around a detected face, the head upright."""
        frame = face_frame(detection)
        x, y, log_side = features(detection) @ self.coefficients[detection.model]
        centre = frame.to_image(np.array([x, y]))
        # An unusual detection, unlike those that the map was fitted on, must not lead to a huge crop.
        side = math.exp(min(max(log_side, -2.0), 3.0)) * frame.unit_px
        return Crop((float(centre[0]), float(centre[1])), side, frame.angle, size)


def load_detection_to_crop(path: Path | None = None) -> DetectionToCrop:
    """Read a fitted map, by default the file that the environment variable names, or the bundled one.

    Raises:
        LivefanError: if the file is missing or damaged.
    """
    own = os.environ.get(VARIABLE)
    path = path or (Path(own) if own else bundled_folder("assets") / FILE_NAME)
    try:
        models = json.loads(path.read_text(encoding="utf-8"))["models"]
        coefficients = {
            model: np.array(models[model]["coefficients"], np.float64).reshape(N_FEATURES, 3)
            for model in (SHORT_RANGE, FULL_RANGE)
        }
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise LivefanError(f"{path}: not a map to crops ({error}); make it by calibrate") from error
    return DetectionToCrop(coefficients)

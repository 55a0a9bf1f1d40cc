"""A tracked face: landmarks, motion and appearance."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from livefan.core.crop import Crop, upright_crop
from livefan.core.landmarks import LandmarkScheme
from livefan.tracking.coefficient_smoother import CoefficientSmoother
from livefan.tracking.kalman import KalmanSmoother
from livefan.tracking.landmarker import (
    CONFIRMED_FACE_SCORE,
    GOOD_FACE_SCORE,
    MIN_FACE_SCORE,
    SHOWN_FACE_SCORE,
    Located,
)

_LOST_SCORE = 0.3
"""Face score below which a track is lost at once."""

_MAX_MISSES = 3
"""Consecutive frames below the minimum face score after which a track is lost."""

_MAX_PREDICTION = 0.2
"""Longest time in seconds over which the motion of a face is extrapolated."""

_MAX_CHECKS = 3
_CHECK_SECONDS = 0.2
"""An uncertain face is located again on up to three consecutive frames, and then at this interval."""

_APPEARANCE_SIDE = 16
_APPEARANCE_SECONDS = 0.2
_APPEARANCE_SHARE = 0.2


@dataclass(eq=False)
class Track:
    """A tracked face.

    Attributes:
        track_id: id of the face.
        located: last measured landmarks.
        smoother: filter of the landmarks.
        seen_at: time of the last measurement in seconds.
        velocity_px: ``(2,)`` velocity of the bounding box in pixels a second.
        appearance: ``(16, 16, 3)`` float32 thumbnail of mean zero and unit length; None before the first one.
        appearance_at: time of the last update of the appearance in seconds.
        checks, checked_at: how often and when the face was located again since its score was last good.
        after_cut: whether the track was lost at a cut, so that its place means nothing.
        confirmed: whether the face score was high since the track was started or found again.
        misses: number of consecutive frames below :data:`livefan.tracking.landmarker.MIN_FACE_SCORE`.
        coefficients: filter of expressions and pupils.
    """

    track_id: int
    located: Located
    smoother: KalmanSmoother
    seen_at: float
    velocity_px: np.ndarray = field(default_factory=lambda: np.zeros(2))
    appearance: np.ndarray | None = None
    appearance_at: float = float("-inf")
    misses: int = 0
    confirmed: bool = False
    checks: int = 0
    checked_at: float = float("-inf")
    after_cut: bool = False
    coefficients: CoefficientSmoother = field(default_factory=CoefficientSmoother)

    @property
    def box_px(self) -> np.ndarray:
        """``(4,)`` bounding box of the last landmarks."""
        return self.located.box_px

    @property
    def centre_px(self) -> np.ndarray:
        """``(2,)`` centre of the bounding box."""
        return (self.box_px[:2] + self.box_px[2:]) / 2

    @property
    def size_px(self) -> float:
        """Longer side of the bounding box."""
        left, top, right, bottom = self.box_px.tolist()
        return max(right - left, bottom - top)

    @property
    def is_lost(self) -> bool:
        """Whether the face has a very low score, or a low score for some frames."""
        return self.misses >= _MAX_MISSES

    @property
    def is_sure(self) -> bool:
        """Whether the track certainly follows a face, and its landmarks are in the right place."""
        return self.confirmed and self.located.face_score >= SHOWN_FACE_SCORE

    def check_is_due(self, time: float) -> bool:
        """Return whether the face is uncertain and should be located again."""
        if self.located.face_score >= GOOD_FACE_SCORE:
            return False
        return self.checks < _MAX_CHECKS or time - self.checked_at >= _CHECK_SECONDS

    def expected_shift_px(self, time: float) -> np.ndarray:
        """Return the ``(2,)`` displacement expected at ``time`` at constant velocity."""
        return self.velocity_px * min(time - self.seen_at, _MAX_PREDICTION)

    def distance_px(self, located: Located, time: float) -> float:
        """Return the distance between the expected and the measured centre of the bounding box."""
        left, top, right, bottom = located.box_px.tolist()
        old_left, old_top, old_right, old_bottom = self.box_px.tolist()
        x, y = self.expected_shift_px(time).tolist()
        return math.hypot(
            (left + right) / 2 - (old_left + old_right) / 2 - x,
            (top + bottom) / 2 - (old_top + old_bottom) / 2 - y,
        )

    def expected_crop(self, time: float, scheme: LandmarkScheme) -> Crop:
        """Return the crop in which the face is expected at ``time``."""
        crop = upright_crop(self.located.points_px, scheme)
        (x, y), (shift_x, shift_y) = crop.centre_px, self.expected_shift_px(time).tolist()
        return Crop((x + shift_x, y + shift_y), crop.side_px, crop.angle, crop.size)

    def update(self, located: Located, time: float) -> None:
        """Add a measurement. One that shows no face ends the track, and leaves the place of the face."""
        if located.face_score < _LOST_SCORE:
            self.misses = _MAX_MISSES
            return
        before, elapsed = self.box_px, time - self.seen_at
        self.located, self.seen_at = located, time
        if 0.0 < elapsed < _MAX_PREDICTION:
            moved = self.box_px - before
            self.velocity_px = (self.velocity_px + (moved[:2] + moved[2:]) / (2 * elapsed)) / 2
        else:
            self.velocity_px = np.zeros(2)
        self.misses = 0 if located.face_score >= MIN_FACE_SCORE else self.misses + 1
        self.confirmed = self.confirmed or located.face_score >= CONFIRMED_FACE_SCORE
        if located.face_score >= GOOD_FACE_SCORE:
            self.checks = 0

    def check(self, located: Located, time: float) -> None:
        """Replace the measurement of this frame if another one has a higher face score."""
        self.checks, self.checked_at = self.checks + 1, time
        if located.face_score > self.located.face_score:
            self.located = located
            self.velocity_px = np.zeros(2)
            self.confirmed = self.confirmed or located.face_score >= CONFIRMED_FACE_SCORE
            if located.face_score >= MIN_FACE_SCORE:
                self.misses = 0
            if located.face_score >= GOOD_FACE_SCORE:
                self.checks = 0

    def scale(self, factors: np.ndarray) -> None:
        """Move the track to a frame of another size, ``(2,)`` factors of width and height larger."""
        located = self.located
        points_px = (located.points_px + 0.5) * factors - 0.5
        width_px = located.width_px * factors.mean()
        sigma_px = None if located.sigma_px is None else located.sigma_px * factors.mean()
        pupils_px = None if located.pupils_px is None else (located.pupils_px + 0.5) * factors - 0.5
        self.located = replace(
            located, points_px=points_px, width_px=width_px, sigma_px=sigma_px, pupils_px=pupils_px
        )
        self.velocity_px = self.velocity_px * factors

    def update_appearance(self, image: np.ndarray, scheme: LandmarkScheme) -> None:
        """Update the appearance from the last measurement, at most five times a second."""
        if self.misses or self.seen_at - self.appearance_at < _APPEARANCE_SECONDS:
            return
        new = appearance(image, self.located.points_px, scheme)
        if self.appearance is not None:
            new = _normalised((1 - _APPEARANCE_SHARE) * self.appearance + _APPEARANCE_SHARE * new)
        self.appearance, self.appearance_at = new, self.seen_at

    def as_json(self) -> dict[str, Any]:
        """Return all values except the filter, exactly, as JSON values."""
        return {
            "track_id": self.track_id,
            "points_px": self.located.points_px.tolist(),
            "heatmap_confidence": self.located.heatmap_confidence.tolist(),
            "width_px": self.located.width_px.tolist(),
            "seen_at": self.seen_at,
            "velocity_px": self.velocity_px.tolist(),
            "appearance": None if self.appearance is None else self.appearance.tolist(),
            "appearance_at": self.appearance_at,
            "misses": self.misses,
            "confirmed": self.confirmed,
            "checks": self.checks,
            "checked_at": self.checked_at,
            "after_cut": self.after_cut,
        }

    @staticmethod
    def from_json(values: dict[str, Any], smoother: KalmanSmoother) -> Track:
        """Return the track of :meth:`as_json`, with a filter."""
        points_px, heatmap_confidence, width_px = (
            np.array(values[name]) for name in ("points_px", "heatmap_confidence", "width_px")
        )
        appearance_ = values["appearance"]
        return Track(
            track_id=values["track_id"],
            located=Located(points_px, heatmap_confidence, width_px),
            smoother=smoother,
            seen_at=values["seen_at"],
            velocity_px=np.array(values["velocity_px"]),
            appearance=None if appearance_ is None else np.array(appearance_, np.float32),
            appearance_at=values["appearance_at"],
            misses=values["misses"],
            confirmed=values["confirmed"],
            checks=values["checks"],
            checked_at=values["checked_at"],
            after_cut=values["after_cut"],
        )


def appearance(image: np.ndarray, points_px: np.ndarray, scheme: LandmarkScheme) -> np.ndarray:
    """Return a thumbnail of a face, rotated upright.

    Args:
        image: ``(height, width, 3)`` uint8 BGR.
        points_px: ``(n, 2)`` landmarks of the face.
        scheme: their scheme.

    Returns:
        ``(16, 16, 3)`` float32 of mean zero and unit length.
    """
    crop = upright_crop(points_px, scheme, _APPEARANCE_SIDE * 4)
    size = _APPEARANCE_SIDE, _APPEARANCE_SIDE
    return _normalised(cv2.resize(crop.cut(image), size, interpolation=cv2.INTER_AREA))


def _normalised(thumbnail: np.ndarray) -> np.ndarray:
    centred = thumbnail.astype(np.float32) - thumbnail.mean()
    return centred / max(float(np.linalg.norm(centred)), 1e-6)

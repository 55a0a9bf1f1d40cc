"""What is known of a face that is followed: where it is going, what it looks like, whether it is there."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from livefan.core.boxes import bounding_box
from livefan.core.crop import Crop, upright_crop
from livefan.core.landmarks import LandmarkScheme
from livefan.tracking.kalman import KalmanSmoother
from livefan.tracking.landmarker import Located

MIN_FACE_SCORE = 0.4
"""Mean confidence of the landmarks below which a crop holds no face; see docs/experiments.md."""

SURE_FACE_SCORE = 0.7
"""Presence from which on a crop surely holds a face that is upright in it."""

_ABSENT = 0.3
"""Presence below which a face is lost at once."""

_PATIENCE = 3
"""Frames in a row without presence after which it is lost, too."""

_LOOK_AHEAD = 0.2
"""Seconds for which a face is expected to move on as it did."""

_ALIKE = 0.15
"""Below it two looks are of one face: a face a moment later differs by less, two people by more."""

_ANYWHERE = 0.5
_LOOK_SIDE = 16
_LOOK_SECONDS = 0.2


@dataclass(eq=False)
class Track:
    """A face being followed.

    Attributes:
        track_id: its number.
        located: its landmarks as last measured.
        smoother: the filter over them.
        seen_at: when that was, in seconds.
        velocity_px: ``(2,)`` how its box moves, in pixels a second.
        look: ``(16, 16, 3)`` float32, what it looks like, of mean zero and unit length; None until it was
            looked at.
        looked_at: when that was.
        absent: on how many frames in a row it was not seen where it is followed.
    """

    track_id: int
    located: Located
    smoother: KalmanSmoother
    seen_at: float
    velocity_px: np.ndarray = field(default_factory=lambda: np.zeros(2))
    look: np.ndarray | None = None
    looked_at: float = float("-inf")
    absent: int = 0
    box_px: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.box_px = bounding_box(self.located.points_px)

    @property
    def centre_px(self) -> np.ndarray:
        """``(2,)`` centre of its box."""
        return (self.box_px[:2] + self.box_px[2:]) / 2

    @property
    def size_px(self) -> float:
        """Longer side of its box."""
        return float((self.box_px[2:] - self.box_px[:2]).max())

    def expected_shift_px(self, time: float) -> np.ndarray:
        """``(2,)`` how far it has moved by then, if it moves on as it did."""
        return self.velocity_px * min(time - self.seen_at, _LOOK_AHEAD)

    def beside_px(self, located: Located, time: float) -> float:
        """How far a face lies from where it was expected."""
        low, high = located.points_px.min(axis=0), located.points_px.max(axis=0)
        x, y = ((low + high) / 2 - self.centre_px - self.expected_shift_px(time)).tolist()
        return math.hypot(x, y)

    def expected_crop(self, time: float, scheme: LandmarkScheme) -> Crop:
        """Where to look for it."""
        crop = upright_crop(self.located.points_px, scheme)
        (x, y), (shift_x, shift_y) = crop.centre_px, self.expected_shift_px(time).tolist()
        return Crop((x + shift_x, y + shift_y), crop.side_px, crop.angle, crop.size)

    def see(self, located: Located, time: float) -> None:
        """Take in where the face is now."""
        before, elapsed = self.box_px, time - self.seen_at
        self.located, self.seen_at = located, time
        self.box_px = bounding_box(located.points_px)
        if 0.0 < elapsed < _LOOK_AHEAD:
            moved = self.box_px - before
            self.velocity_px = (self.velocity_px + (moved[:2] + moved[2:]) / (2 * elapsed)) / 2
        else:
            self.velocity_px = np.zeros(2)
        self.absent = 0 if located.face_score >= MIN_FACE_SCORE else self.absent + 1

    def plain(self) -> dict[str, Any]:
        """All but the filter, as JSON can hold it; the numbers are exact."""
        return {
            "track_id": self.track_id,
            "points_px": self.located.points_px.tolist(),
            "confidence": self.located.confidence.tolist(),
            "sigma_px": self.located.sigma_px.tolist(),
            "seen_at": self.seen_at,
            "velocity_px": self.velocity_px.tolist(),
            "look": None if self.look is None else self.look.tolist(),
            "looked_at": self.looked_at,
            "absent": self.absent,
        }

    @staticmethod
    def restored(values: dict[str, Any], smoother: KalmanSmoother) -> Track:
        """The track whose :meth:`plain` this is."""
        points_px, confidence, sigma_px = (
            np.array(values[name]) for name in ("points_px", "confidence", "sigma_px")
        )
        return Track(
            track_id=values["track_id"],
            located=Located(points_px, confidence, sigma_px),
            smoother=smoother,
            seen_at=values["seen_at"],
            velocity_px=np.array(values["velocity_px"]),
            look=None if values["look"] is None else np.array(values["look"], np.float32),
            looked_at=values["looked_at"],
            absent=values["absent"],
        )

    @property
    def gone(self) -> bool:
        """Whether the face is surely not where it is followed, or has not been for some frames."""
        return self.absent >= _PATIENCE or self.located.face_score < _ABSENT

    def look_at(self, image: np.ndarray, scheme: LandmarkScheme) -> None:
        """Remember what the face looks like, now and then while it is surely there."""
        if self.absent or self.seen_at - self.looked_at < _LOOK_SECONDS:
            return
        now = look(image, self.located.points_px, scheme)
        self.look = now if self.look is None else _unit(0.8 * self.look + 0.2 * now)
        self.looked_at = self.seen_at

    def association_cost(self, located: Located, time: float, seen: np.ndarray | None = None) -> float:
        """How badly landmarks, and what is seen there, fit this face: 0 for itself, above one for another.

        The distance from where it is expected in sizes, the logarithm of how its size changed, and how
        unlike its look is; a face that looks all the same may be anywhere.
        """
        box = bounding_box(located.points_px)
        size = float((box[2:] - box[:2]).max())
        away = self.beside_px(located, time) / self.size_px
        unlike = 0.0 if self.look is None or seen is None else 1.0 - float((self.look * seen).sum())
        if self.look is not None and unlike < _ALIKE:
            away = min(away, _ANYWHERE)
        return away + abs(float(np.log(size / self.size_px))) + unlike


def look(image: np.ndarray, points_px: np.ndarray, scheme: LandmarkScheme) -> np.ndarray:
    """``(16, 16, 3)`` float32 thumbnail of an upright face, of mean zero and unit length."""
    crop = upright_crop(points_px, scheme, _LOOK_SIDE * 4)
    return _unit(cv2.resize(crop.cut(image), (_LOOK_SIDE, _LOOK_SIDE), interpolation=cv2.INTER_AREA))


def _unit(thumbnail: np.ndarray) -> np.ndarray:
    centred = thumbnail.astype(np.float32) - thumbnail.mean()
    return centred / max(float(np.linalg.norm(centred)), 1e-6)

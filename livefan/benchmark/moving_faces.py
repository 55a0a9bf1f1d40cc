"""Real face images moved by known motions, so that the true landmarks of every frame are known.

The frames get sensor noise, which grows with brightness, JPEG compression, and motion by fractions of a
pixel. Lengths are fractions of the face size, the longer side of its bounding box.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

READ_NOISE, SHOT_NOISE = 2.0, 0.25
"""Standard deviation of the noise in grey levels is ``sqrt(READ_NOISE^2 + SHOT_NOISE * level)``."""

JPEG_QUALITY = 85
_LEVELS = 16

CLOSING = (0.85, 0.15)
"""Displacement of the upper and the lower lid of a closed eye, as fractions of its opening."""


@dataclass(frozen=True)
class Eye:
    """Indices of the landmarks along the lids of an eye, with its corners."""

    upper: tuple[int, ...]
    lower: tuple[int, ...]

    def lids(self, points_px: np.ndarray, column: float) -> tuple[float, float]:
        """Return the rows of the upper and the lower lid in a column."""
        rows = []
        for lid in (self.upper, self.lower):
            points = points_px[list(lid)]
            order = np.argsort(points[:, 0])
            rows.append(float(np.interp(column, points[order, 0], points[order, 1])))
        return rows[0], rows[1]


EYES = (Eye((36, 37, 38, 39), (36, 41, 40, 39)), Eye((42, 43, 44, 45), (42, 47, 46, 45)))


@dataclass(frozen=True)
class Pose:
    """Position and deformation of a face on one frame.

    Attributes:
        shift: ``(right, down)`` in face sizes.
        roll: in radians, clockwise.
        pitch: in radians; the image plane turns about a horizontal axis behind the face.
        closed: closure of the eyes, from 0 to 1.
        opened: opening of the mouth, from 0 to 1.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    roll: float = 0.0
    pitch: float = 0.0
    closed: float = 0.0
    opened: float = 0.0


@dataclass(frozen=True)
class Motion:
    """A motion and the times of its frames.

    Attributes:
        name: name in the table.
        times: ``(frames,)`` seconds.
        pose: the pose at a time.
        settled: seconds at the beginning that are not evaluated.
    """

    name: str
    times: np.ndarray
    pose: Callable[[float], Pose]
    settled: float = 1.0


def motions(fps: float, seconds: float = 4.0) -> list[Motion]:
    """Return the motions of the benchmark, each ``seconds`` long."""
    even = np.arange(round(seconds * fps)) / fps
    rng = np.random.default_rng(7)
    dropped = np.cumsum(rng.choice([1, 1, 1, 2, 3, 5], len(even))) / fps
    return [
        Motion("still", even, lambda time: Pose()),
        Motion("slow pan", even, _pan),
        Motion("fast nod", even, lambda time: _nod(time, 2.0)),
        Motion("blink", even, lambda time: Pose(closed=_blinks(time))),
        Motion("talk", even, lambda time: Pose(opened=_talk(time))),
        Motion("jump", even, lambda time: Pose(shift=(0.2, 0.1) if time > 2.0 else (0.0, 0.0))),
        Motion("dropped frames", dropped[dropped < seconds], lambda time: _nod(time, 1.0)),
    ]


def _pan(time: float) -> Pose:
    """Rest, then motion to the right at 0.3 face sizes a second with slow roll, then rest."""
    gone = min(max(time - 1.0, 0.0), 2.0)
    return Pose(shift=(0.3 * gone - 0.3, 0.0), roll=0.1 * gone)


def _nod(time: float, frequency: float) -> Pose:
    phase = np.sin(2 * np.pi * frequency * max(time - 0.5, 0.0))
    return Pose(shift=(0.0, 0.15 * phase), pitch=0.3 * phase)


def _blinks(time: float) -> float:
    """Blink every 0.9 s from 1 s on: 0.1 s to close, 0.05 s closed, 0.17 s to open."""
    since = (time - 1.0) % 0.9
    if time < 1.0 or since > 0.32:
        return 0.0
    part = since / 0.1 if since < 0.1 else 1.0 - (since - 0.15) / 0.17
    part = min(max(part, 0.0), 1.0)
    return float(part * part * (3 - 2 * part))


def _talk(time: float) -> float:
    """Open and close the mouth about eight times a second, in bursts with pauses."""
    wave = np.sin(2 * np.pi * 4.0 * time) ** 2 * (0.6 + 0.4 * np.sin(2 * np.pi * 1.3 * time))
    return float(wave) if (time % 1.6) < 1.1 else 0.0


@dataclass
class MovingFace:
    """A photograph of a face that can be moved.

    Attributes:
        photo: ``(height, width, 3)`` uint8 BGR.
        points_px: ``(68, 2)`` landmarks in the scheme of 300W.
    """

    photo: np.ndarray
    points_px: np.ndarray
    size: float = field(init=False)

    def __post_init__(self) -> None:
        self.size = float(np.ptp(self.points_px, axis=0).max())
        self._deformed = lru_cache(maxsize=2 * _LEVELS)(self._deform)

    def truth(self, pose: Pose, points_px: np.ndarray) -> np.ndarray:
        """Return the positions of ``(68, 2)`` landmarks of the photograph in a pose."""
        moved = points_px + _deformation(points_px, pose.closed, pose.opened)
        return cv2.perspectiveTransform(moved[None], self._homography(pose))[0]

    def picture(self, pose: Pose) -> np.ndarray:
        """Return the photograph in a pose, without noise."""
        closed, opened = round(pose.closed * _LEVELS), round(pose.opened * _LEVELS)
        deformed = self._deformed(closed, opened) if closed or opened else self.photo
        return cv2.warpPerspective(
            deformed,
            self._homography(pose),
            self.photo.shape[1::-1],
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT_101,
        )

    def frames(self, motion: Motion, seed: int) -> Iterator[np.ndarray]:
        """Yield the frames of a motion, with the noise of a camera."""
        rng = np.random.default_rng(seed)
        for time in motion.times:
            yield camera(self.picture(quantised(motion.pose(float(time)))), rng)

    def _homography(self, pose: Pose) -> np.ndarray:
        """Return the homography: pitch and roll about the face's centre six face sizes away, then shift."""
        centre = (self.points_px.min(axis=0) + self.points_px.max(axis=0)) / 2
        to_centre = np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, 1]])
        cos, sin = np.cos(pose.pitch), np.sin(pose.pitch)
        pitch = np.array([[1, 0, 0], [0, cos, 0], [0, sin / (6 * self.size), 1]])
        cos, sin = np.cos(pose.roll), np.sin(pose.roll)
        right, down = centre + self.size * np.array(pose.shift)
        place = np.array([[cos, -sin, right], [sin, cos, down], [0, 0, 1]])
        return place @ pitch @ to_centre

    def _deform(self, closed: int, opened: int) -> np.ndarray:
        """Return the photograph with deformed eyes and mouth."""
        height, width = self.photo.shape[:2]
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        if opened:
            flow = self._mouth_flow(opened / _LEVELS)
            columns, rows = columns + flow[..., 0], rows + flow[..., 1]
        for eye in EYES:
            self._close(rows, eye, closed / _LEVELS)
        return cv2.remap(self.photo, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)

    def _close(self, rows: np.ndarray, eye: Eye, closed: float) -> None:
        """Change the source rows of pixels in place so that an eye closes, column by column."""
        first, last = np.sort(self.points_px[[eye.upper[0], eye.upper[-1]], 0])
        for column in range(max(0, int(first)), min(rows.shape[1], int(last) + 2)):
            upper, lower = eye.lids(self.points_px, float(column))
            gap = lower - upper
            if gap <= 0:
                continue
            skin = max(1.5 * gap, 0.03 * self.size)
            moved = (
                upper - skin,
                upper + CLOSING[0] * closed * gap,
                lower - CLOSING[1] * closed * gap,
                lower + skin,
            )
            rows[:, column] = np.where(
                (rows[:, column] > moved[0]) & (rows[:, column] < moved[3]),
                np.interp(rows[:, column], moved, (upper - skin, upper, lower, lower + skin)),
                rows[:, column],
            )

    def _mouth_flow(self, opened: float) -> np.ndarray:
        """Return ``(height, width, 2)`` source offsets of pixels: thin-plate splines through landmarks."""
        moved = self.points_px + _deformation(self.points_px, 0.0, opened)
        left, top = self.points_px.min(axis=0) - 0.3 * self.size
        right, bottom = self.points_px.max(axis=0) + 0.3 * self.size
        frame = np.array([(x, y) for x in np.linspace(left, right, 5) for y in np.linspace(top, bottom, 5)])
        frame = frame[(np.abs(frame - frame.mean(axis=0)) > 0.3 * (right - left)).any(axis=1)]
        back = np.vstack([self.points_px - moved, np.zeros_like(frame)])
        spline = RBFInterpolator(np.vstack([moved, frame]), back, kernel="thin_plate_spline")
        height, width = self.photo.shape[:2]
        xs, ys = np.meshgrid(np.arange(0, width, 2.0), np.arange(0, height, 2.0))
        grid = spline(np.column_stack([xs.ravel(), ys.ravel()])).reshape(*xs.shape, 2)
        inside = (xs > left) & (xs < right) & (ys > top) & (ys < bottom)
        return cv2.resize((grid * inside[..., None]).astype(np.float32), (width, height))


def quantised(pose: Pose) -> Pose:
    """Return the pose with its deformations rounded to the levels for which images are made."""
    return Pose(
        pose.shift,
        pose.roll,
        pose.pitch,
        round(pose.closed * _LEVELS) / _LEVELS,
        round(pose.opened * _LEVELS) / _LEVELS,
    )


def _deformation(points_px: np.ndarray, closed: float, opened: float) -> np.ndarray:
    """Return ``(68, 2)`` displacements: lids meet near the lower lid, lower lip and chin move down."""
    moved = np.zeros_like(points_px)
    for eye in EYES:
        for index in (*eye.upper[1:-1], *eye.lower[1:-1]):
            upper, lower = eye.lids(points_px, points_px[index, 0])
            share = CLOSING[0] if index in eye.upper else -CLOSING[1]
            moved[index, 1] = share * closed * (lower - upper)
    down = points_px[8] - points_px[27]
    for index, share in {
        **dict.fromkeys((55, 59, 65, 67), 0.08),
        **dict.fromkeys((56, 57, 58, 66), 0.12),
        **dict.fromkeys((7, 8, 9), 0.09),
        **dict.fromkeys((5, 6, 10, 11), 0.06),
    }.items():
        moved[index] += opened * share * down
    return moved


def camera(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return an image with the noise of a sensor and the compression of a webcam."""
    level = picture.astype(np.float32)
    noise = rng.standard_normal(level.shape, np.float32) * np.sqrt(READ_NOISE**2 + SHOT_NOISE * level)
    noisy = np.clip(level + noise + 0.5, 0, 255).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None  # encoded above
    return decoded

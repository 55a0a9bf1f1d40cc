"""Open the mouth of a labelled face: lower the jaw, move its landmarks, and draw the inside of the mouth.

Data sets contain few widely open mouths.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from livefan.core.landmarks import COFW_29, IBUG_68, WFLW_98, LandmarkScheme
from livefan.training.augmentation.corner_frame import CornerFrame

_LEAST_OPENING, _LARGEST_OPENING = 0.08, 0.75
"""Fall of the lower lip, in widths of the mouth between the inner corners of the lips."""
_OPEN = 0.3
"""Height of an open mouth, in the same widths. Such a mouth is not changed."""
_JAW = 1.25
"""Half of the width of the jaw at the chin, in the same widths."""
_NECK = 2.0
"""Height of the neck that the chin moves into, in falls of the chin."""
_SMALLEST_PX = 12.0
"""Narrower mouths, for example those of profiles, are not changed."""
_TEETH_PROBABILITY, _TONGUE_PROBABILITY = 0.6, 0.7
_DARK, _TEETH, _TONGUE = (
    np.array(colour, float) for colour in ((22, 18, 45), (165, 195, 215), (85, 75, 150))
)
"""Colours in BGR on a face of mean brightness :data:`_BRIGHTNESS`."""
_BRIGHTNESS = 130.0
_GREY = 6.0
"""Mean difference of the channels below which a picture is grey."""
_HALVINGS = 12
"""Steps of the search for the source of a pixel; an error of a hundredth of a pixel is left."""


@dataclass(frozen=True)
class _Mouth:
    """Landmark indices of the inner edges of both lips, from one corner to the other, and of the chin."""

    upper: tuple[int, ...]
    lower: tuple[int, ...]
    chin: int


_MOUTHS = {
    IBUG_68.name: _Mouth((60, 61, 62, 63, 64), (60, 67, 66, 65, 64), 8),
    WFLW_98.name: _Mouth((88, 89, 90, 91, 92), (88, 95, 94, 93, 92), 16),
    COFW_29.name: _Mouth((22, 25, 23), (22, 26, 23), 28),
}


@dataclass(frozen=True)
class _Jaw:
    """The motion of the lower part of a face, in the frame of the mouth.

    The origin is the first inner corner, ``s`` runs to the other one, ``t`` down, both in pixels.

    Attributes:
        width: distance of the corners.
        fall: largest motion down.
        chin: ``t`` of the chin.
        lip_at: ``t`` of the inner edge of the lower lip, by ``s``; NaN beside the mouth.
    """

    width: float
    fall: float
    chin: float
    lip_at: PchipInterpolator

    def lip(self, s: np.ndarray) -> np.ndarray:
        """Return ``t`` of the inner edge of the lower lip; that of the corners beside the mouth."""
        return np.asarray(np.nan_to_num(self.lip_at(s)))

    def motion(self, s: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Return the motion down of places below the edge of the lip; 0 in the neck and beside the jaw."""
        lip = self.lip(s)
        depth = ((t - lip) / np.maximum(self.chin - lip, 1.0)).clip(0, 1)
        reach = self.width * (0.5 + (_JAW - 0.5) * depth)
        share = (1 - ((s - self.width / 2) / reach) ** 2).clip(0, 1) ** 0.75
        neck = (1 - (t - self.chin) / (_NECK * self.fall)).clip(0, 1)
        return np.asarray(self.fall * share * neck)

    def source(self, s: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Return the ``t`` of the pixels that move to ``(s, t)``; above the lip, the lip's."""
        low, high = np.minimum(self.lip(s), t), t.copy()
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            beyond = middle + self.motion(s, middle) > t
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        return np.asarray((low + high) / 2)


def open_mouth(
    image: np.ndarray, points_px: np.ndarray, scheme: LandmarkScheme, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return a face with the mouth opened; the same face if the mouth is open or in profile.

    Args:
        image: ``(height, width, 3)`` uint8 BGR.
        points_px: ``(n, 2)`` landmarks of ``scheme`` in its pixels.

    Returns:
        An image, and the landmarks with moved lower lip and jaw.
    """
    mouth = _MOUTHS.get(scheme.name)
    if mouth is None:  # a user's scheme, whose lips are not known
        return image, points_px
    upper, lower = points_px[list(mouth.upper)], points_px[list(mouth.lower)]
    chin_px = points_px[mouth.chin]
    frame = CornerFrame.between(upper[0], upper[-1], chin_px - upper[0])
    width = frame.width
    if width < _SMALLEST_PX:
        return image, points_px
    top, bottom, chin = (frame.places(part) for part in (upper, lower, chin_px))
    far_in_profile = min(np.diff(top[:, 0]).min(), np.diff(bottom[:, 0]).min()) <= 0.02 * width
    if far_in_profile or (bottom - top)[:, 1].max() > _OPEN * width or chin[1] < 0.3 * width:
        return image, points_px
    top_at, lip_at = (PchipInterpolator(*curve.T, extrapolate=False) for curve in (top, bottom))
    jaw = _Jaw(width, width * rng.uniform(_LEAST_OPENING, _LARGEST_OPENING), float(chin[1]), lip_at)

    places = frame.places(points_px)
    moves = places[:, 1] >= jaw.lip(places[:, 0]) - 1e-6
    moves[list(mouth.upper)] = False
    moves[list(mouth.lower[1:-1])] = True
    moved = points_px + (moves * jaw.motion(*places.T))[:, None] * frame.down

    image = image.copy()
    _draw_opening(image, frame, jaw, top_at, rng)
    return image, moved


def _draw_opening(
    image: np.ndarray, frame: CornerFrame, jaw: _Jaw, top_at: PchipInterpolator, rng: np.random.Generator
) -> None:
    """Move the lower part of a face down and draw the inside of the mouth, in place.

    ``top_at`` gives ``t`` of the inner edge of the upper lip.
    """
    left, top_px, right, bottom_px = _region(jaw, frame, image.shape)
    part = image[top_px:bottom_px, left:right]
    if not part.size:
        return
    y, x = np.mgrid[top_px:bottom_px, left:right]
    s, t = np.moveaxis(frame.places(np.stack([x, y], axis=-1)), -1, 0)
    source = np.where(t > jaw.lip(s), jaw.source(s, t), t)
    shown = frame.sample(image, s, source)
    edge = jaw.lip(s)
    floor = edge + jaw.motion(s, edge)
    inside = (np.minimum(t - edge, floor - t) + 0.5).clip(0, 1)
    share = np.where(np.isnan(jaw.lip_at(s)), 0, inside)[..., None]
    roof = np.minimum(np.nan_to_num(top_at(s)), edge)
    height = np.maximum(floor - roof, 1.0)
    drawn = _inside((t - roof) / height, height / jaw.width, rng) * (shown.mean() / _BRIGHTNESS)
    if np.ptp(shown, axis=-1).mean() < _GREY:
        drawn = drawn.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    drawn = cv2.GaussianBlur(drawn + rng.normal(0, 4, drawn.shape), (0, 0), max(jaw.width / 60, 0.5))
    part[:] = np.round(shown + share * (drawn - shown)).clip(0, 255)


def _region(jaw: _Jaw, frame: CornerFrame, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the pixels that change; right and bottom are excluded."""
    reach, neck = jaw.width * (_JAW - 0.5), jaw.chin + _NECK * jaw.fall
    outline = np.array([(s, t) for s in (-reach, jaw.width + reach) for t in (-0.3 * jaw.width, neck)])
    corners = frame.corner + outline @ np.stack([frame.along, frame.down])
    left, top = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int).tolist()
    right, bottom = np.minimum(np.ceil(corners.max(axis=0)) + 1, shape[1::-1]).astype(int).tolist()
    return left, top, max(right, left), max(bottom, top)


def _inside(depth: np.ndarray, height: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the colours of the inside of a mouth, float64 BGR.

    Args:
        depth: 0 at the upper lip to 1 at the lower lip.
        height: height of the mouth there, in its widths.
        rng: decides whether teeth and tongue are visible, and how much of them.
    """
    colours = np.broadcast_to(_DARK * rng.uniform(0.5, 1.5), (*depth.shape, 3))
    if rng.random() < _TONGUE_PROBABILITY:
        start = rng.uniform(0.5, 0.9)
        tongue = ((depth - start) / 0.2).clip(0, 1)[..., None]
        colours = colours + tongue * (_TONGUE * rng.uniform(0.5, 1.0) - colours)
    if rng.random() < _TEETH_PROBABILITY:
        length = rng.uniform(0.05, 0.16)
        teeth = ((length - depth * height) / 0.02).clip(0, 1)[..., None]
        colours = colours + teeth * (_TEETH * rng.uniform(0.75, 1.1) - colours)
    return np.asarray(colours)

"""Smoothing of expression coefficients and pupils, live and over recordings.

Each value is a random walk that is measured with noise of constant variance. A Kalman filter follows it
forwards. The smoother of Rauch, Tung and Striebel (AIAA Journal 3, 1965) runs backwards over the filter's
steps. An innovation far above the expected one raises the predicted variance, so that a blink is not delayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from livefan.core.boxes import bounding_box
from livefan.core.landmarks import LandmarkScheme
from livefan.tracking.kalman import DEFAULT_STRENGTH

_NOISE_STD = 0.02
"""Standard deviation of a measured value."""
_DRIFT = 0.01
"""Variance that a value gains in a second without a visible movement."""
_SURPRISE = 2.0
"""Innovations above this many expected standard deviations are movements."""
_LONGEST_GAP = 0.3
"""Time in seconds without a measurement after which the filter restarts."""
_EYE_SHARE = 0.2
"""Width of an eye as a share of the longer side of the landmarks' bounding box."""


class Step(NamedTuple):
    """One update of the filter.

    Attributes:
        predicted, predicted_variance: ``(k,)`` values before the measurement, and their variances.
        values, variance: the same after the measurement.
        restarts: whether the filter restarted here.
    """

    predicted: np.ndarray
    predicted_variance: np.ndarray
    values: np.ndarray
    variance: np.ndarray
    restarts: bool = False


class CoefficientSmoother:
    """Filter of the values of one face.

    Args:
        strength: see the attribute.

    Attributes:
        strength: strength of the smoothing from 0, values as measured, to 1. May be changed at any time.
        step: the last update; None before the first.
    """

    def __init__(self, strength: float = DEFAULT_STRENGTH) -> None:
        self.strength = strength
        self.reset()

    def reset(self) -> None:
        """Forget the face; the next update returns its values unchanged."""
        self.step: Step | None = None
        self._time = 0.0

    def update(self, measured: np.ndarray, time: float) -> np.ndarray:
        """Add ``(k,)`` measured values at a time in seconds, and return the filtered ones."""
        elapsed, self._time = time - self._time, time
        before = self.step
        noise = (_NOISE_STD * self.strength / max(1.0 - self.strength, 0.05)) ** 2
        if before is None or noise <= 0 or not 0 < elapsed <= _LONGEST_GAP:
            variance = np.full(len(measured), noise)
            values = np.array(measured, np.float64)
            self.step = Step(values, variance, values, variance, restarts=True)
            return values
        innovation = measured - before.values
        needed = (innovation / _SURPRISE) ** 2 - noise
        predicted_variance = np.maximum(before.variance + _DRIFT * elapsed, needed)
        gain = predicted_variance / (predicted_variance + noise)
        values = before.values + gain * innovation
        self.step = Step(before.values, predicted_variance, values, gain * noise)
        return values


def smooth_coefficients(steps: Sequence[Step]) -> np.ndarray:
    """Smooth consecutive steps of one filter backwards; return ``(steps, k)`` float64 values."""
    smoothed = [steps[-1].values]
    for step, later in zip(steps[-2::-1], steps[:0:-1], strict=True):
        if later.restarts:
            smoothed.append(step.values)
        else:
            gain = step.variance / later.predicted_variance
            smoothed.append(step.values + gain * (smoothed[-1] - later.predicted))
    return np.array(smoothed[::-1])


def as_coefficients(
    expressions: np.ndarray, pupils_px: np.ndarray, points_px: np.ndarray, scheme: LandmarkScheme
) -> np.ndarray:
    """Return the ``(k + 4,)`` values to smooth: coefficients, and places of the pupils in their eyes.

    A place is measured from the mean of the landmarks of the eye, in widths of an eye. So the motion of the
    head does not count as a motion of the pupils.
    """
    centres, width = _eyes(points_px, scheme)
    return np.concatenate([expressions, ((pupils_px - centres) / width).ravel()])


def from_coefficients(
    values: np.ndarray, points_px: np.ndarray, scheme: LandmarkScheme
) -> tuple[np.ndarray, np.ndarray]:
    """Return expressions and pupils of smoothed values and landmarks; the inverse of :func:`as_coefficients`.

    Returns:
        ``(k,)`` float32 coefficients in [0, 1], and ``(2, 2)`` float64 pupils in image pixels.
    """
    centres, width = _eyes(points_px, scheme)
    pupils_px = centres + width * values[-4:].reshape(2, 2)
    return np.clip(values[:-4], 0.0, 1.0).astype(np.float32), pupils_px


def _eyes(points_px: np.ndarray, scheme: LandmarkScheme) -> tuple[np.ndarray, float]:
    """Return the ``(2, 2)`` centres of the eyes, and the width of an eye in pixels."""
    left, top, right, bottom = bounding_box(points_px).tolist()
    centres = np.stack([points_px[list(eye)].mean(axis=0) for eye in (scheme.right_eye, scheme.left_eye)])
    return centres, max(_EYE_SHARE * max(right - left, bottom - top), 1e-6)

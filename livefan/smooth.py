"""Kalman filtering of a face's landmarks over time.

Every coordinate follows a constant-velocity model driven by white acceleration noise (Bar-Shalom,
"Estimation with Applications to Tracking and Navigation", section 6.2; filterpy's discretisation),
and all coordinates of a face are filtered in one step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from filterpy.common import Q_discrete_white_noise, kinematic_state_transition


@dataclass(frozen=True)
class SmootherSettings:
    """How the filter weighs measurement against motion; lengths are shares of the face's size.

    Attributes:
        measurement_std: noise of a landmark seen with full confidence.
        acceleration_std: how much a landmark's velocity changes, a second.
        surprise: a landmark whose squared innovation is this many times its variance is believed
            rather than smoothed, as when an eye closes.
        jump: when landmarks are on average this far from where they were expected, begin anew.
        longest_gap: likewise after this many seconds without a measurement.
    """

    measurement_std: float = 0.004
    acceleration_std: float = 0.2
    surprise: float = 9.0
    jump: float = 0.25
    longest_gap: float = 0.5


class KalmanSmoother:
    """The filter of one face.

    Args:
        settings: the noise model.
    """

    def __init__(self, settings: SmootherSettings | None = None) -> None:
        self.settings = settings or SmootherSettings()
        self.reset()

    def reset(self) -> None:
        """Forget the face; the next measurement is taken as it is."""
        self._state = np.empty((0, 2, 2))  # landmark, x or y, position and velocity
        self._covariance = np.empty((0, 2, 2))  # landmark, then of position and velocity
        self._time = 0.0

    def update(self, points_px: np.ndarray, confidence: np.ndarray, time: float) -> np.ndarray:
        """Take in a measurement and return the filtered landmarks.

        Args:
            points_px: ``(n, 2)`` measured landmarks in image pixels.
            confidence: ``(n,)`` in [0, 1]; an unsure landmark moves less.
            time: when the frame was taken, in seconds; uneven steps are fine.

        Returns:
            ``(n, 2)`` float64 landmarks in image pixels.
        """
        settings = self.settings
        size = float(np.ptp(points_px, axis=0).max()) or 1.0
        noise = (settings.measurement_std * size / np.clip(confidence, 0.1, 1.0)) ** 2
        elapsed = time - self._time
        if len(self._state) != len(points_px) or not 0.0 < elapsed <= settings.longest_gap:
            return self._begin(points_px, noise, size, time)

        transition = kinematic_state_transition(1, elapsed)
        process = Q_discrete_white_noise(2, elapsed, (settings.acceleration_std * size) ** 2)
        state = self._state @ transition.T
        covariance = transition @ self._covariance @ transition.T + process
        innovation = points_px - state[..., 0]
        if np.linalg.norm(innovation, axis=-1).mean() > settings.jump * size:
            return self._begin(points_px, noise, size, time)

        covariance *= self._inflation(innovation, covariance[:, 0, 0] + noise)[:, None, None]
        gain = covariance[:, :, 0] / (covariance[:, 0, 0] + noise)[:, None]
        self._state = state + innovation[..., None] * gain[:, None, :]
        covariance -= gain[:, :, None] * covariance[:, None, 0, :]
        self._covariance = (covariance + covariance.swapaxes(1, 2)) / 2
        self._time = time
        return self._state[..., 0].copy()

    def _begin(self, points_px: np.ndarray, noise: np.ndarray, size: float, time: float) -> np.ndarray:
        self._state = np.stack([points_px, np.zeros_like(points_px)], -1).astype(np.float64)
        self._covariance = np.zeros((len(points_px), 2, 2))
        self._covariance[:, 0, 0] = noise
        self._covariance[:, 1, 1] = size**2
        self._time = time
        return np.array(points_px, np.float64)

    def _inflation(self, innovation: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """``(n,)`` factors, at least one, by which the prediction is trusted less.

        Innovations larger than the model explains mean that the face, or one part of it, has begun
        to move in another way. Over all landmarks the mean says so early, since noise averages out;
        of a single landmark only a clear surprise does.
        """
        squared = (innovation**2).mean(axis=-1) / variance
        alone = np.where(squared > self.settings.surprise, squared, 1.0)
        return np.clip(np.maximum(alone, squared.mean()), 1.0, 1e3)

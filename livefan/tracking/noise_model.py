"""Noise model of the landmark filter: measurement noise and the process noise of a face that moves.

The variance of a measurement grows with the width of its heatmap, times a factor that is learned for the
camera. Process noise is learned from the innovations of the filter. While innovations are as large as the
measurement noise explains, the face is at rest. Where innovations are larger, or have the same sign for
several frames, the predicted covariance is inflated until it explains them: the strong tracking filter of
Zhou and Frank ("Strong tracking filtering of nonlinear time-varying stochastic systems with coloured
noise", Int. J. Control 65, 1996). Process noise then stays raised for a moment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from livefan.tracking.motion_model import squared

_MAX_CAMERA_NOISE = 4.0
"""Largest factor of a camera's noise; a face of which most parts move resembles a noisier camera."""
_MAX_INFLATION = 1e4
"""Largest factor by which a variance is inflated at once."""


@dataclass(frozen=True)
class SmootherSettings:
    """Parameters of the noise model; lengths are shares of the face's size.

    The measurement noise was fitted to faces at rest in front of a noisy camera. The other parameters were
    chosen on the motions of :mod:`livefan.benchmark.smoothing`.

    Attributes:
        noise_std: measurement noise along one axis of a landmark whose heatmap has the width ``usual_sigma``.
        usual_sigma: width of a usual heatmap.
        noise_growth: exponent with which measurement noise grows with the width of the heatmap.
        noise_seconds: time constant of the estimate of the camera's noise.
        pose_noise: ratio of the noise of shift and turn to the value that independent landmarks would give.
        pose_drift: spectral density of the acceleration of a face at rest, in 1 / s^3.
        velocity_seconds: time constant with which a velocity decays.
        part_drift: random walk of a landmark at rest within the face: variance a second, in ``noise_std``
            squared.
        trend_seconds: time constant of the running mean of innovations.
        pose_trend, part_trend: squared mean innovation, in multiples of its variance under noise, above which
            the face, or a part of it, counts as moving.
        surprise: likewise for a single squared innovation.
        pose_response, part_response: ratio of the expected innovations to the exceeded limit.
        pose_unrest, part_unrest: share of an inflation that stays as process noise.
        pose_unrest_seconds, part_unrest_seconds: time constants with which this process noise decays.
        neighbours: number of landmarks that a landmark shares its motion with, itself included.
        jump_acceleration: an innovation of the face's shift that is larger than this many sizes / s^2 times
            the squared time step is a jump; the velocity restarts from zero.
        jump: distance between prediction and measurement above which the filter restarts.
        longest_gap: time without a measurement, in seconds, after which the filter restarts.
    """

    noise_std: float = 0.0014
    usual_sigma: float = 0.033
    noise_growth: float = 1.66
    noise_seconds: float = 0.5
    pose_noise: float = 3.0
    pose_drift: float = 2.5e-6
    velocity_seconds: float = 0.15
    part_drift: float = 0.036
    trend_seconds: float = 0.0575
    pose_trend: float = 18.0
    part_trend: float = 8.5
    surprise: float = 18.9
    pose_response: float = 1.6
    part_response: float = 6.0
    pose_unrest: float = 0.6
    pose_unrest_seconds: float = 0.25
    part_unrest: float = 1.55
    part_unrest_seconds: float = 0.134
    neighbours: int = 6
    jump_acceleration: float = 100.0
    jump: float = 0.25
    longest_gap: float = 0.5

    def relative_variance(self, sigma_px: np.ndarray, size: float) -> np.ndarray:
        """Return ``(n,)`` measurement variances relative to that of a usual heatmap.

        Args:
            sigma_px: ``(n,)`` widths of the heatmaps in pixels.
            size: size of the face in pixels.
        """
        sigma = np.minimum(np.maximum(sigma_px / (size * self.usual_sigma), 0.5), 10.0)
        return sigma ** (2 * self.noise_growth)


class AdaptiveNoise:
    """Process noise of the face as a whole, learned from the innovations of its shift or its spin.

    Attributes:
        density: spectral density of the acceleration that recent innovations showed.
    """

    def __init__(self, settings: SmootherSettings) -> None:
        self._settings = settings
        self._trend = 0j
        self.density = 0.0

    def decay(self, elapsed: float) -> None:
        """Let the process noise decay over ``elapsed`` seconds."""
        self.density *= math.exp(-elapsed / self._settings.pose_unrest_seconds)

    def inflation(self, innovation: complex, variance: float, noise: float, elapsed: float) -> float:
        """Return the factor by which the predicted covariance must grow to explain an innovation.

        Args:
            innovation: difference of measurement and prediction.
            variance: predicted variance along one axis.
            noise: variance of the measurement along one axis.
            elapsed: time step in seconds.
        """
        settings, expected = self._settings, variance + noise
        weight = math.exp(-elapsed / settings.trend_seconds)
        normalised = innovation / math.sqrt(expected)
        self._trend = weight * self._trend + (1 - weight) * normalised
        trend = squared(self._trend) * _trend_factor(weight)
        excess = max(trend / settings.pose_trend, 0.5 * squared(normalised) / settings.surprise)
        if excess <= 1.0:
            return 1.0
        factor = (excess * settings.pose_response * expected - noise) / variance
        factor = min(max(factor, 1.0), _MAX_INFLATION)
        # White acceleration of density q moves a position by a variance of q t^3 / 3.
        self.density = max(self.density, settings.pose_unrest * (factor - 1) * variance * 3 / elapsed**3)
        return factor


class AdaptivePartNoise:
    """Process noise of the landmarks within the face, learned from their innovations and their neighbours'.

    Args:
        settings: the noise model.
        shape: ``(n,)`` complex landmarks in the frame of the face; they define the neighbours.
    """

    def __init__(self, settings: SmootherSettings, shape: np.ndarray) -> None:
        self._settings = settings
        self._trend = np.zeros(len(shape), np.complex128)
        self._density = np.zeros(len(shape))
        distance = np.abs(shape[:, None] - shape)
        # Row k holds the k-th neighbour of each landmark. Sums over the rows are fast and, unlike a product
        # with an (n, n) matrix, use no BLAS threads.
        self._nearest = np.argsort(distance, axis=1, kind="stable")[:, : settings.neighbours].T.copy()

    def drift(self, elapsed: float) -> np.ndarray:
        """Return ``(n,)`` variances that the shape gains in ``elapsed`` seconds, and let the noise decay."""
        settings = self._settings
        drift = (settings.part_drift * settings.noise_std**2 + self._density) * elapsed
        self._density *= math.exp(-elapsed / settings.part_unrest_seconds)
        return drift

    def inflate(
        self, variance: np.ndarray, innovation: np.ndarray, noise: np.ndarray, elapsed: float
    ) -> np.ndarray:
        """Return ``(n,)`` predicted variances, inflated where landmarks and their neighbours show motion.

        Args:
            variance: ``(n,)`` predicted variances along one axis.
            innovation: ``(n,)`` complex differences of measurement and prediction.
            noise: ``(n,)`` variances of the measurement along one axis.
            elapsed: time step in seconds.
        """
        settings, expected = self._settings, variance + noise
        weight = math.exp(-elapsed / settings.trend_seconds)
        normalised = innovation / np.sqrt(expected)
        self._trend *= weight
        self._trend += (1 - weight) * normalised
        trend, trend_factor = abs(self._trend), _trend_factor(weight) / settings.part_trend
        square, square_factor = abs(normalised), 0.5 / settings.surprise
        # On most frames no landmark moves; then no mean of neighbours exceeds one either.
        largest_trend, largest = float(np.maximum.reduce(trend)), float(np.maximum.reduce(square))
        if largest_trend**2 * trend_factor <= 1.0 and largest**2 * square_factor <= 1.0:
            return variance
        trend, square = trend**2 * trend_factor, square**2 * square_factor
        excess = np.maximum(np.maximum(self._near_mean(trend), self._near_mean(square)), square)
        wanted = excess * expected * settings.part_response - noise
        wanted = np.minimum(np.maximum(wanted, variance), _MAX_INFLATION * variance)
        inflated = np.where(excess > 1.0, wanted, variance)
        self._density = np.maximum(self._density, (settings.part_unrest / elapsed) * (inflated - variance))
        return inflated

    def _near_mean(self, values: np.ndarray) -> np.ndarray:
        """Return ``(n,)`` means of the values of each landmark's neighbours."""
        return np.add.reduce(values[self._nearest]) / len(self._nearest)


class CameraNoise:
    """Measurement noise of a camera, learned from the differences of landmarks between two frames.

    Attributes:
        factor: measurement variance relative to that of the noise model.
    """

    def __init__(self, settings: SmootherSettings) -> None:
        self._noise_seconds = settings.noise_seconds
        self._last: np.ndarray | None = None
        self.factor = 1.0

    def update(self, in_face: np.ndarray, variance: np.ndarray, elapsed: float) -> None:
        """Add the measurement of a frame.

        The median over the landmarks ignores parts that move. A squared difference of two points, divided by
        four variances along an axis, is exponentially distributed with mean one and median ln 2.

        Args:
            in_face: ``(n,)`` complex measured landmarks in the frame of the face.
            variance: ``(n,)`` variances of the noise model along one axis.
            elapsed: time step in seconds.
        """
        if self._last is not None:
            squares = squared(in_face - self._last) / variance
            squares.partition(len(squares) // 2)
            factor = float(squares[len(squares) // 2]) / (4 * math.log(2))
            share = 1 - math.exp(-elapsed / self._noise_seconds)
            self.factor += share * (min(max(factor, 0.1), _MAX_CAMERA_NOISE) - self.factor)
        self._last = in_face


def _trend_factor(weight: float) -> float:
    """Return the factor that makes the mean square of a running mean of noise one.

    Args:
        weight: weight of the past in the running mean.
    """
    return 0.5 * (1 + weight) / (1 - weight)

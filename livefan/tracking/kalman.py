"""Kalman filter of a face's landmarks.

:mod:`filterpy` filters the pose of the face as a whole with the model of
:mod:`livefan.tracking.motion_model`. Each landmark is then filtered on its own in the frame of the face,
undisturbed by the motion of the head. :mod:`livefan.tracking.noise_model` provides the variances.
"""

from __future__ import annotations

import cmath
from typing import NamedTuple

import numpy as np

from livefan.tracking.filterpy_kalman import KalmanFilter
from livefan.tracking.motion_model import (
    MEASUREMENT,
    N_POSE_MEASUREMENTS,
    N_POSE_STATES,
    POSITIONS,
    SHIFT,
    SPIN,
    FaceState,
    Similarity,
    as_complex,
    fit_similarity,
    initial_state,
    process_noise,
    transition_matrix,
)
from livefan.tracking.noise_model import AdaptiveNoise, AdaptivePartNoise, CameraNoise, SmootherSettings

DEFAULT_STRENGTH = 0.5

_IDENTITY = np.eye(N_POSE_MEASUREMENTS)
_SHORTEST_STEP = 1e-4
"""Time steps below this many seconds restart the filter: the clock stands still."""


class Step(NamedTuple):
    """One update of the filter, as the smoother of :mod:`livefan.tracking.rts` needs it.

    Attributes:
        predicted: the state before the measurement, with all process noise.
        state: the state after the measurement.
        transition: ``(8, 8)`` transition matrix of the pose from the state of the step before.
        restarts: whether the filter restarted here; nothing before this step counts.
    """

    predicted: FaceState
    state: FaceState
    transition: np.ndarray
    restarts: bool = False


class KalmanSmoother:
    """Filter of the landmarks of one face.

    Args:
        settings: the noise model.
        strength: see the attribute.

    Attributes:
        strength: strength of the smoothing from 0, landmarks as measured, to 1; the settings were chosen
            for 0.5. May be changed at any time.
        step: the last update; None before the first.
    """

    def __init__(self, settings: SmootherSettings | None = None, strength: float = DEFAULT_STRENGTH) -> None:
        self.settings = settings or SmootherSettings()
        self.strength = strength
        self._pose = KalmanFilter(N_POSE_STATES, N_POSE_MEASUREMENTS)
        self._pose.H = MEASUREMENT
        self._pose.inv = _inverse_of_diagonal
        self.reset()

    def reset(self) -> None:
        """Forget the face; the next update returns its measurement unchanged."""
        self.step: Step | None = None
        self._time = 0.0

    def update(self, points_px: np.ndarray, sigma_px: np.ndarray, time: float) -> np.ndarray:
        """Add a measurement and return the filtered landmarks.

        Args:
            points_px: ``(n, 2)`` measured landmarks in image pixels.
            sigma_px: ``(n,)`` width of the heatmap of each landmark, in image pixels. A landmark with a
                wider heatmap is noisier and moves less.
            time: capture time of the frame in seconds; time steps may be uneven.

        Returns:
            ``(n, 2)`` float64 landmarks in image pixels.
        """
        measured = as_complex(points_px)
        # The method max calls this function by a wrapper in Python, which takes longer.
        right, bottom = np.maximum.reduce(points_px).tolist()
        left, top = np.minimum.reduce(points_px).tolist()
        size = max(right - left, bottom - top, 1e-6)
        variance = self.settings.relative_variance(sigma_px, size)
        elapsed, self._time = time - self._time, time
        step = None
        if not self._must_restart(len(measured), elapsed):
            step = self._advance(measured, variance, size, elapsed)
        if step is None:
            self.step = self._restart(measured, variance, size)
            return np.array(points_px, np.float64)
        self.step = step
        return step.state.points_px

    def _must_restart(self, n_points: int, elapsed: float) -> bool:
        return (
            self.step is None
            or len(self.step.state.shape) != n_points
            or not _SHORTEST_STEP <= elapsed <= self.settings.longest_gap
            or self.strength <= 0.0
        )

    def _restart(self, measured: np.ndarray, variance: np.ndarray, size: float) -> Step:
        settings = self.settings
        state = initial_state(measured, settings.noise_std**2 * variance, size)
        self._pose.x, self._pose.P = state.pose, state.pose_covariance
        self._camera = CameraNoise(settings)
        self._shift_noise, self._spin_noise = AdaptiveNoise(settings), AdaptiveNoise(settings)
        self._part_noise = AdaptivePartNoise(settings, state.shape)
        return Step(state, state, np.eye(N_POSE_STATES), restarts=True)

    def _advance(
        self, measured: np.ndarray, variance: np.ndarray, size: float, elapsed: float
    ) -> Step | None:
        """Predict, correct the pose, then the shape; return None if the face is somewhere else altogether."""
        assert self.step is not None
        settings = self.settings
        transition, predicted = self._predict(self.step.state, elapsed)
        turn = predicted.turn
        scale = abs(turn)
        variance = variance * (settings.noise_std * size / scale) ** 2
        noise = variance * (self._camera.factor * self._caution**2)
        seen = fit_similarity(predicted, measured, noise, settings.pose_noise)
        if abs(seen.shift) > settings.jump * scale:
            return None
        in_face = (measured - (predicted.shift + seen.shift)) * (1 / (seen.turn * turn))
        if abs(seen.shift) > settings.jump_acceleration * elapsed**2 * scale:
            self._forget_velocity(transition, abs(seen.shift), scale)
        self._inflate_pose(seen, elapsed)
        innovation = in_face - predicted.shape
        shape_variance = self._part_noise.inflate(predicted.shape_variance, innovation, noise, elapsed)
        predicted = FaceState(self._pose.x, self._pose.P, predicted.shape, shape_variance)
        self._camera.update(in_face, variance, elapsed)
        self._correct_pose(seen)
        gain = shape_variance / (shape_variance + noise)
        state = FaceState(self._pose.x, self._pose.P, predicted.shape + gain * innovation, gain * noise)
        return Step(predicted, state, transition)

    @property
    def _caution(self) -> float:
        """Factor of the assumed standard deviation of a measurement, from the strength."""
        return self.strength / max(1.0 - self.strength, 0.05)

    def _predict(self, before: FaceState, elapsed: float) -> tuple[np.ndarray, FaceState]:
        """Return the transition matrix of the pose and the state expected ``elapsed`` seconds later."""
        settings = self.settings
        transition = transition_matrix(elapsed, settings.velocity_seconds)
        at_rest = settings.pose_drift * abs(before.turn) ** 2
        noise = process_noise(
            elapsed,
            at_rest + self._shift_noise.density,
            settings.pose_drift + self._spin_noise.density,
        )
        self._shift_noise.decay(elapsed)
        self._spin_noise.decay(elapsed)
        self._pose.predict(F=transition, Q=noise)
        shape_variance = before.shape_variance + self._part_noise.drift(elapsed)
        return transition, FaceState(self._pose.x, self._pose.P, before.shape, shape_variance)

    def _forget_velocity(self, transition: np.ndarray, distance_px: float, scale: float) -> None:
        """Restart the shift of a face that jumped: its position is uncertain, its velocity is zero."""
        pose = self._pose
        for position, velocity in ((0, 1), (2, 3)):
            pose.x[velocity] = transition[velocity, velocity] = 0.0
            pose.P[position, velocity] = pose.P[velocity, position] = 0.0
            pose.P[position, position] = 100 * distance_px**2
            pose.P[velocity, velocity] = (0.3 * scale) ** 2

    def _inflate_pose(self, seen: Similarity, elapsed: float) -> None:
        """Raise the predicted covariance of the pose where the innovations show motion."""
        for part, adaptive, innovation, noise in (
            (SHIFT, self._shift_noise, seen.shift, seen.shift_variance),
            (SPIN, self._spin_noise, cmath.log(seen.turn), seen.turn_variance),
        ):
            variance = float(self._pose.P[part.start, part.start])
            factor = adaptive.inflation(innovation, variance, noise, elapsed)
            if factor > 1.0:
                self._pose.P[part, part] *= factor

    def _correct_pose(self, seen: Similarity) -> None:
        """Update the pose by a measured motion."""
        turn = cmath.log(seen.turn)
        innovations = seen.shift.real, seen.shift.imag, turn.real, turn.imag
        noise = np.zeros((N_POSE_MEASUREMENTS, N_POSE_MEASUREMENTS))
        noise[0, 0] = noise[1, 1] = seen.shift_variance
        noise[2, 2] = noise[3, 3] = seen.turn_variance
        # With the measurement matrix given, filterpy takes the measurement as it is.
        self._pose.update(self._pose.x[POSITIONS] + innovations, R=noise, H=MEASUREMENT)


def _inverse_of_diagonal(matrix: np.ndarray) -> np.ndarray:
    """Return the inverse of the innovations' covariance: the four measurements are independent."""
    return _IDENTITY / matrix.diagonal()

"""Kalman filter of a face's landmarks.

The face as a whole is filtered with the model of :mod:`livefan.tracking.motion_model`. Each landmark is then
filtered on its own in the frame of the face, undisturbed by the motion of the head.
:mod:`livefan.tracking.noise_model` provides the variances.
"""

from __future__ import annotations

import cmath
from typing import NamedTuple

import numpy as np

from livefan.tracking.motion_model import (
    FaceState,
    Motion,
    Similarity,
    Transition,
    as_complex,
    fit_similarity,
    initial_state,
    process_noise,
    transition,
)
from livefan.tracking.noise_model import AdaptiveNoise, AdaptivePartNoise, CameraNoise, SmootherSettings

DEFAULT_STRENGTH = 0.5

_SHORTEST_STEP = 1e-4
"""Time steps below this many seconds restart the filter: the clock stands still."""


class Step(NamedTuple):
    """One update of the filter, as the smoother of :mod:`livefan.tracking.rts` needs it.

    Attributes:
        predicted: the state before the measurement, with all process noise.
        state: the state after the measurement.
        shift_transition, spin_transition: transitions from the state of the step before.
        restarts: whether the filter restarted here; nothing before this step counts.
    """

    predicted: FaceState
    state: FaceState
    shift_transition: Transition
    spin_transition: Transition
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
        self._camera = CameraNoise(settings)
        self._shift_noise, self._spin_noise = AdaptiveNoise(settings), AdaptiveNoise(settings)
        self._part_noise = AdaptivePartNoise(settings, state.shape)
        at_rest = Transition(0.0, 1.0)
        return Step(state, state, at_rest, at_rest, restarts=True)

    def _advance(
        self, measured: np.ndarray, variance: np.ndarray, size: float, elapsed: float
    ) -> Step | None:
        """Predict, correct the pose, then the shape; return None if the face is somewhere else altogether."""
        assert self.step is not None
        settings = self.settings
        step = transition(elapsed, settings.velocity_seconds)
        predicted = self._predict(self.step.state, step, elapsed)
        turn = predicted.turn
        scale = abs(turn)
        variance = variance * (settings.noise_std * size / scale) ** 2
        noise = variance * (self._camera.factor * self._caution**2)
        seen = fit_similarity(predicted, measured, noise, settings.pose_noise)
        distance_px = abs(seen.shift)
        if distance_px > settings.jump * scale:
            return None
        in_face = (measured - (predicted.shift.position + seen.shift)) * (1 / (seen.turn * turn))
        shift, spin, shift_step = predicted.shift, predicted.spin, step
        if distance_px > settings.jump_acceleration * elapsed**2 * scale:
            # The position of a face that jumped is uncertain, its velocity restarts from zero.
            shift = Motion(shift.position, 0j, 100 * distance_px**2, 0.0, (0.3 * scale) ** 2)
            shift_step = Transition(step.reach, 0.0)
        shift, spin = self._inflate(shift, spin, seen, elapsed)
        innovation = in_face - predicted.shape
        shape_variance = self._part_noise.inflate(predicted.shape_variance, innovation, noise, elapsed)
        predicted = FaceState(shift, spin, predicted.shape, shape_variance)
        self._camera.update(in_face, variance, elapsed)
        gain = shape_variance / (shape_variance + noise)
        state = FaceState(
            shift.correct(seen.shift, seen.shift_variance),
            spin.correct(cmath.log(seen.turn), seen.turn_variance),
            predicted.shape + gain * innovation,
            gain * noise,
        )
        return Step(predicted, state, shift_step, step)

    @property
    def _caution(self) -> float:
        """Factor of the assumed standard deviation of a measurement, from the strength."""
        return self.strength / max(1.0 - self.strength, 0.05)

    def _predict(self, before: FaceState, step: Transition, elapsed: float) -> FaceState:
        """Return the state expected ``elapsed`` seconds later."""
        drift = self.settings.pose_drift
        shift_density = drift * abs(before.turn) ** 2 + self._shift_noise.density
        spin_density = drift + self._spin_noise.density
        self._shift_noise.decay(elapsed)
        self._spin_noise.decay(elapsed)
        return FaceState(
            before.shift.predict(step, process_noise(elapsed, shift_density)),
            before.spin.predict(step, process_noise(elapsed, spin_density)),
            before.shape,
            before.shape_variance + self._part_noise.drift(elapsed),
        )

    def _inflate(
        self, shift: Motion, spin: Motion, seen: Similarity, elapsed: float
    ) -> tuple[Motion, Motion]:
        """Return the predicted motions, less certain where the innovations show motion."""
        of_shift = self._shift_noise.inflation(seen.shift, shift.variance, seen.shift_variance, elapsed)
        innovation = cmath.log(seen.turn)
        of_spin = self._spin_noise.inflation(innovation, spin.variance, seen.turn_variance, elapsed)
        return shift.inflate(of_shift), spin.inflate(of_spin)

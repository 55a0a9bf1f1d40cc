"""Kalman filtering of a face's landmarks over time.

A face moves in two ways, and each has its own filter. As a whole it is shifted, turned and scaled: the
similarity transform that carries its shape to where its landmarks are measured is estimated from all
of them at once, so its noise is small, and is followed with a velocity. Its parts, such as lids and
lips, move within the face: each landmark has a place in a frame fixed to the face and is followed
there on its own, undisturbed by the head.

Points of the plane are complex numbers here, ``x + 1j * y``: a similarity transform is then
``z -> shift + turn * z``, and its least-squares estimate a single complex regression.

How noisy a measurement is, the spread of its heatmap says, times a factor that follows the camera. How
much a face moves is learned while it does: while the innovations of the filter are as large as noise
explains, it hardly moves; where they are larger, or lean to one side for several frames, the predicted
covariance is raised to what they show (the strong tracking filter of Zhou and Frank, "Strong tracking
filtering of nonlinear time-varying stochastic systems with coloured noise", Int. J. Control 65, 1996),
and process noise stays raised for a moment. The velocity fades as in Singer's model (IEEE Trans.
AES-6, 1970), but within a fraction of a second, so that a face at rest stays there.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

DEFAULT_STRENGTH = 0.5

_SHORTEST_STEP = 1e-4
"""Seconds; below it a clock counts as standing."""
_LOUDEST = 4.0
"""Largest factor of the noise of cameras; a face of which most parts move looks like a louder one still."""
_HIGHEST_RISE = 1e4
"""Largest factor by which a variance rises at once."""


@dataclass(frozen=True)
class SmootherSettings:
    """How the filter weighs measurement against motion; lengths are shares of the face's size.

    The noise of measurement was fitted to faces at rest before a noisy camera, the rest chosen on the
    motions of ``livefan.benchmark.smoothing``.

    Attributes:
        noise_std: measurement noise along an axis of a landmark whose heatmap is spread by ``usual_sigma``.
        usual_spread: see there.
        noise_growth: the power of the spread with which noise grows.
        noise_seconds: how fast the estimate of the camera's noise follows.
        pose_noise: the noise of shift and turn is this many times what independent landmarks would give.
        pose_drift: spectral density of the acceleration of a face at rest, in 1 / s^3.
        velocity_seconds: time in which a velocity fades.
        part_drift: how far a landmark at rest wanders within the face: variance a second, in ``noise_std``
            squared.
        trend_seconds: how long the running mean of innovations looks back.
        pose_trend, part_trend: how many times its variance under noise the squared mean innovation must be
            to count as motion of the face, or of a part.
        surprise: likewise of a single squared innovation.
        pose_response, part_response: then innovations are expected to be larger by as much as this limit is
            exceeded, times this.
        pose_unrest, pose_unrest_seconds, part_unrest, part_unrest_seconds: what share of such a rise
            stays as process noise, and how fast it fades.
        neighbours: landmarks that a landmark shares its motion with.
        jump_acceleration: an innovation of the face's shift larger than this many sizes / s^2 times the
            squared step of time is a jump, not a motion; its velocity begins anew.
        jump: when the face is this far from where it was expected, everything does.
        longest_gap: likewise after this many seconds without a measurement.
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


class Transition(NamedTuple):
    """From a motion to the one a moment later: ``position + reach * velocity``, and ``fade * velocity``."""

    reach: float
    fade: float


class Motion(NamedTuple):
    """A point of the plane that moves: where it is, how fast, and how sure that is along one axis.

    Plain numbers: for two of these, arrays would take several times longer. Tuples are made faster than other
    objects, and each frame makes nine.

    Attributes:
        position, velocity: the latter a second.
        variance, covariance, velocity_variance: of the position, of both, and of the velocity.
    """

    position: complex
    velocity: complex
    variance: float
    covariance: float
    velocity_variance: float

    def later(self, elapsed: float, transition: Transition, density: float) -> Motion:
        """What to expect ``elapsed`` seconds on, under a white acceleration of this spectral density."""
        reach, fade = transition
        slanted = self.covariance + reach * self.velocity_variance
        return Motion(
            self.position + reach * self.velocity,
            fade * self.velocity,
            self.variance + reach * (self.covariance + slanted) + density * elapsed**3 / 3,
            fade * slanted + density * elapsed**2 / 2,
            fade**2 * self.velocity_variance + density * elapsed,
        )

    def inflate_covariance(self, factor: float) -> Motion:
        """The same with all variances raised."""
        return Motion(
            self.position,
            self.velocity,
            self.variance * factor,
            self.covariance * factor,
            self.velocity_variance * factor,
        )

    def corrected(self, innovation: complex, noise: float) -> Motion:
        """The Kalman update: it was measured this far from the position, with this variance."""
        gain = self.variance / (self.variance + noise)
        velocity_gain = self.covariance / (self.variance + noise)
        return Motion(
            self.position + gain * innovation,
            self.velocity + velocity_gain * innovation,
            self.variance * (1 - gain),
            self.covariance * (1 - gain),
            self.velocity_variance - velocity_gain * self.covariance,
        )

    def rts_step(self, transition: Transition, predicted: Motion, smoothed: Motion) -> Motion:
        """The same in the light of what became of it: a step of Rauch, Tung and Striebel's smoother.

        Args:
            transition: to the next moment.
            predicted: what was expected there.
            smoothed: what is known of it now.
        """
        reach, fade = transition
        # Gain = P F' M^-1, of the covariances P of this and M of the predicted motion; F: the transition.
        a, b, c = predicted.variance, predicted.covariance, predicted.velocity_variance
        determinant = a * c - b**2
        toward = self.variance + reach * self.covariance, fade * self.covariance
        fading = self.covariance + reach * self.velocity_variance, fade * self.velocity_variance
        (g, h), (k, m) = (
            ((c * left - b * right) / determinant, (a * right - b * left) / determinant)
            for left, right in (toward, fading)
        )
        position = smoothed.position - predicted.position
        velocity = smoothed.velocity - predicted.velocity
        da, db, dc = smoothed.variance - a, smoothed.covariance - b, smoothed.velocity_variance - c
        return Motion(
            self.position + g * position + h * velocity,
            self.velocity + k * position + m * velocity,
            self.variance + g * g * da + 2 * g * h * db + h * h * dc,
            self.covariance + g * k * da + (g * m + h * k) * db + h * m * dc,
            self.velocity_variance + k * k * da + 2 * k * m * db + m * m * dc,
        )


class State(NamedTuple):
    """What the filter knows of a face at a moment; points are complex.

    Attributes:
        shift: of the origin of the face's frame, in image pixels.
        spin: the logarithm of the turn: of scale, and angle.
        shape: ``(n,)`` complex landmarks in the frame of the face.
        shape_variance: ``(n,)`` variance of each along one axis.
    """

    shift: Motion
    spin: Motion
    shape: np.ndarray
    shape_variance: np.ndarray

    @property
    def turn(self) -> complex:
        """Scale and rotation from the face's frame to image pixels."""
        return cmath.exp(self.spin.position)

    @property
    def points(self) -> np.ndarray:
        """``(n,)`` complex landmarks in image pixels."""
        return self.shift.position + self.turn * self.shape


class Step(NamedTuple):
    """One update: from the state before it to ``predicted`` and on to ``state``.

    Attributes:
        predicted: the state expected, with all process noise, before the measurement.
        state: the state after it.
        transition: of shift and spin, from the state before; the shape is expected to stay.
        begins: whether the filter began anew here, so that nothing before it counts.
    """

    predicted: State
    state: State
    transition: Transition
    begins: bool = False


class AdaptiveNoise:
    """Tells motion of the face as a whole from noise, in the innovations of its shift or its spin.

    Attributes:
        density: process noise that there was lately.
    """

    def __init__(self) -> None:
        self._trend = 0j
        self.density = 0.0

    def squares(self, normalised: complex, weight: float) -> tuple[float, float]:
        """Squared trend and squared innovation, both one on average under noise alone."""
        self._trend = weight * self._trend + (1 - weight) * normalised
        return _squared(self._trend) * _trend_factor(weight), _squared(normalised) * 0.5


class KalmanSmoother:
    """The filter of one face.

    Args:
        settings: the noise model.
        strength: see the attribute.

    Attributes:
        strength: from 0, landmarks as measured, to 1; 0.5 is what the settings were chosen for. May be
            changed at any time.
        step: the last update, for whoever smooths backwards.
    """

    def __init__(self, settings: SmootherSettings | None = None, strength: float = DEFAULT_STRENGTH) -> None:
        self.settings = settings or SmootherSettings()
        self.strength = strength
        self.reset()

    def reset(self) -> None:
        """Forget the face; the next measurement is taken as it is."""
        self.step: Step | None = None
        self._time = 0.0

    def update(self, points_px: np.ndarray, sigma_px: np.ndarray, time: float) -> np.ndarray:
        """Take in a measurement and return the filtered landmarks.

        Args:
            points_px: ``(n, 2)`` measured landmarks in image pixels.
            spread_px: ``(n,)`` how far the heatmap of each is spread, in image pixels; one more spread is
                noisier and moves less.
            time: when the frame was taken, in seconds; uneven steps are fine.

        Returns:
            ``(n, 2)`` float64 landmarks in image pixels.
        """
        measured = np.ascontiguousarray(points_px, np.float64).view(np.complex128)[:, 0]
        x, y = measured.real, measured.imag
        size = max(float(x.max() - x.min()), float(y.max() - y.min()), 1e-6)
        usual = self._usual_noise(sigma_px, size)
        elapsed, self._time = time - self._time, time
        begins = self._must_begin(len(measured), elapsed)
        step = None if begins else self._advance(measured, usual, size, elapsed)
        self.step = step or self._begin(measured, usual, size)
        return _as_pairs(self.step.state.points) if step else np.array(points_px, np.float64)

    def _usual_noise(self, sigma_px: np.ndarray, size: float) -> np.ndarray:
        """``(n,)`` variances as multiples of the one of the usual spread."""
        settings = self.settings
        sigma = np.minimum(np.maximum(sigma_px / (size * settings.usual_sigma), 0.5), 10.0)
        return sigma ** (2 * settings.noise_growth)

    def _must_begin(self, n_points: int, elapsed: float) -> bool:
        return (
            self.step is None
            or len(self.step.state.shape) != n_points
            or not _SHORTEST_STEP <= elapsed <= self.settings.longest_gap
            or self.strength <= 0.0
        )

    def _begin(self, measured: np.ndarray, usual: np.ndarray, size: float) -> Step:
        centre = measured.mean()
        shape, variance = (measured - centre) / size, self.settings.noise_std**2 * usual
        n_points = len(shape)
        sure = float(variance.mean()) * 10 / n_points
        state = State(
            Motion(complex(centre), 0j, size**2 * sure, 0.0, size**2),
            Motion(complex(math.log(size)), 0j, sure, 0.0, 1.0),
            shape,
            variance,
        )
        self._camera_noise = 1.0
        self._in_face: np.ndarray | None = None
        self._shift_unrest, self._spin_unrest = AdaptiveNoise(), AdaptiveNoise()
        self._part_trend, self._part_density = np.zeros(n_points, np.complex128), np.zeros(n_points)
        distance = np.abs(shape[:, None] - shape)
        nearest = np.argsort(distance, axis=1, kind="stable")[:, : self.settings.neighbours]
        self._near = np.zeros((n_points, n_points))
        np.put_along_axis(self._near, nearest, 1 / nearest.shape[1], axis=1)
        return Step(state, state, Transition(0.0, 1.0), begins=True)

    def _advance(self, measured: np.ndarray, usual: np.ndarray, size: float, elapsed: float) -> Step | None:
        """Predict, correct the pose, then the shape; None where the face is somewhere else altogether."""
        assert self.step is not None
        caution = self.strength / max(1.0 - self.strength, 0.05)
        transition, predicted = self._predict(self.step.state, elapsed)
        turn = predicted.turn
        scale = abs(turn)
        usual = usual * (self.settings.noise_std * size / scale) ** 2
        noise = usual * (self._camera_noise * caution**2)
        moved, turned, moved_noise, turned_noise = _fit_similarity(predicted, measured, noise)
        moved_noise, turned_noise = (
            each * self.settings.pose_noise**2 for each in (moved_noise, turned_noise)
        )
        if abs(moved) > self.settings.jump * scale:
            return None
        in_face = (measured - (predicted.shift.position + moved)) * (1 / (turned * turn))
        shift, spin, leaned = predicted.shift, predicted.spin, cmath.log(turned)
        if abs(moved) > self.settings.jump_acceleration * elapsed**2 * scale:
            # The face was put elsewhere: its shift is anybody's guess, its velocity none.
            shift = Motion(shift.position, 0j, 100 * abs(moved) ** 2, 0.0, (0.3 * scale) ** 2)
        innovation = in_face - predicted.shape
        predicted = State(
            self._raised(shift, self._shift_unrest, moved, moved_noise, elapsed),
            self._raised(spin, self._spin_unrest, leaned, turned_noise, elapsed),
            predicted.shape,
            self._raised_shape(predicted.shape_variance, innovation, noise, elapsed),
        )
        self._learn_noise(in_face, usual, elapsed)
        gain = predicted.shape_variance / (predicted.shape_variance + noise)
        state = State(
            predicted.shift.corrected(moved, moved_noise),
            predicted.spin.corrected(leaned, turned_noise),
            predicted.shape + gain * innovation,
            gain * noise,
        )
        return Step(predicted, state, transition)

    def _predict(self, before: State, elapsed: float) -> tuple[Transition, State]:
        """The transition, and the state to expect ``elapsed`` seconds later."""
        settings = self.settings
        fade = math.exp(-elapsed / settings.velocity_seconds)
        transition = Transition(settings.velocity_seconds * (1.0 - fade), fade)
        at_rest = settings.pose_drift * abs(before.turn) ** 2
        drift = settings.part_drift * settings.noise_std**2 + self._part_density
        predicted = State(
            before.shift.later(elapsed, transition, at_rest + self._shift_unrest.density),
            before.spin.later(elapsed, transition, settings.pose_drift + self._spin_unrest.density),
            before.shape,
            before.shape_variance + drift * elapsed,
        )
        pose_share = math.exp(-elapsed / settings.pose_unrest_seconds)
        self._shift_unrest.density *= pose_share
        self._spin_unrest.density *= pose_share
        self._part_density *= math.exp(-elapsed / settings.part_unrest_seconds)
        return transition, predicted

    def _raised(
        self, motion: Motion, unrest: AdaptiveNoise, innovation: complex, noise: float, elapsed: float
    ) -> Motion:
        """The prediction of shift or spin, trusted less where innovations show motion."""
        settings = self.settings
        expected = motion.variance + noise
        trend, square = unrest.squares(
            innovation / math.sqrt(expected), math.exp(-elapsed / settings.trend_seconds)
        )
        excess = max(trend / settings.pose_trend, square / settings.surprise)
        if excess <= 1.0:
            return motion
        factor = (excess * settings.pose_response * expected - noise) / motion.variance
        factor = min(max(factor, 1.0), _HIGHEST_RISE)
        # White acceleration of density q moves a position by a variance of q t^3 / 3.
        seen = settings.pose_unrest * (factor - 1) * motion.variance * 3 / elapsed**3
        unrest.density = max(unrest.density, seen)
        return motion.inflate_covariance(factor)

    def _raised_shape(
        self, variance: np.ndarray, innovation: np.ndarray, noise: np.ndarray, elapsed: float
    ) -> np.ndarray:
        """The variance of landmarks' places, raised where they and their neighbours show motion."""
        settings = self.settings
        expected = variance + noise
        weight = math.exp(-elapsed / settings.trend_seconds)
        normalised = innovation / np.sqrt(expected)
        self._part_trend *= weight
        self._part_trend += (1 - weight) * normalised
        # How many times what counts as motion; frames on which nothing moves are the rule.
        trend = _squared(self._part_trend) * (_trend_factor(weight) / settings.part_trend)
        square = _squared(normalised) * (0.5 / settings.surprise)
        excess = np.maximum(np.maximum(self._near @ trend, self._near @ square), square)
        if excess.max() <= 1.0:
            return variance
        wanted = excess * expected * settings.part_response - noise
        wanted = np.minimum(np.maximum(wanted, variance), _HIGHEST_RISE * variance)
        raised = np.where(excess > 1.0, wanted, variance)
        seen = (settings.part_unrest / elapsed) * (raised - variance)
        self._part_density = np.maximum(self._part_density, seen)
        return raised

    def _learn_noise(self, in_face: np.ndarray, usual: np.ndarray, elapsed: float) -> None:
        """Follow how noisy the camera is, by what landmarks in the face's frame differ from the last frame's.

        The median over the landmarks leaves parts that move out. A squared difference of two points is,
        over four variances along an axis, exponentially distributed with mean one and median ln 2.
        """
        if self._in_face is not None:
            squares = _squared(in_face - self._in_face) / usual
            squares.partition(len(squares) // 2)
            seen = float(squares[len(squares) // 2]) / (4 * math.log(2))
            share = 1 - math.exp(-elapsed / self.settings.noise_seconds)
            self._camera_noise += share * (min(max(seen, 0.1), _LOUDEST) - self._camera_noise)
        self._in_face = in_face


def smooth_recording(
    points_px: np.ndarray,
    sigma_px: np.ndarray,
    times: np.ndarray,
    settings: SmootherSettings | None = None,
    strength: float = DEFAULT_STRENGTH,
) -> np.ndarray:
    """Smooth a face's whole track with what came after as well as what came before.

    The filter runs forwards, then the smoother of Rauch, Tung and Striebel ("Maximum likelihood
    estimates of linear dynamic systems", AIAA Journal 3, 1965) backwards over what it recorded. Where the
    filter began anew, after a jump or a long gap, the parts before and after are smoothed apart.

    Args:
        points_px: ``(frames, n, 2)`` measured landmarks in image pixels, of the frames that show the face.
        spread_px: ``(frames, n)`` how far the heatmap of each is spread, in image pixels.
        times: ``(frames,)`` when the frames were taken, in seconds, rising; where the face was not seen,
            frames are simply left out.
        settings: the noise model.
        strength: as :attr:`KalmanSmoother.strength`.

    Returns:
        ``(frames, n, 2)`` float64 landmarks in image pixels.
    """
    smoother = KalmanSmoother(settings, strength)
    steps: list[Step] = []
    for points, sigma, time in zip(points_px, sigma_px, times, strict=True):
        smoother.update(points, sigma, float(time))
        assert smoother.step is not None
        steps.append(smoother.step)
    if strength <= 0.0 or not steps:
        return np.array(points_px, np.float64)
    return smooth_steps(steps)


def smooth_steps(steps: Sequence[Step]) -> np.ndarray:
    """Smooth what the filter of one face recorded, by what it recorded later.

    Args:
        steps: of consecutive updates of a :class:`KalmanSmoother`; they may be the last ones of many.

    Returns:
        ``(steps, n, 2)`` float64 landmarks in image pixels.
    """
    smoothed = np.empty((len(steps), len(steps[0].state.shape), 2))
    later: State | None = None
    for frame in range(len(steps) - 1, -1, -1):
        state = steps[frame].state
        later = _look_back(state, steps[frame + 1], later) if later is not None else state
        smoothed[frame] = _as_pairs(later.points)
        if steps[frame].begins:
            later = None
    return smoothed


def _look_back(state: State, step: Step, smoothed: State) -> State:
    """A filtered state in the light of the smoothed one a ``step`` later."""
    predicted = step.predicted
    gain = state.shape_variance / predicted.shape_variance
    return State(
        state.shift.rts_step(step.transition, predicted.shift, smoothed.shift),
        state.spin.rts_step(step.transition, predicted.spin, smoothed.spin),
        state.shape + gain * (smoothed.shape - predicted.shape),
        state.shape_variance + gain**2 * (smoothed.shape_variance - predicted.shape_variance),
    )


def _fit_similarity(
    predicted: State, measured: np.ndarray, noise: np.ndarray
) -> tuple[complex, complex, float, float]:
    """How the predicted landmarks must be moved to lie on the measured ones, in weighted least squares.

    Args:
        noise: ``(n,)`` variances of the measured landmarks, in the frame of the face.

    Returns:
        By how much the origin of the face's frame moves, the factor by which its turn changes, and
        the variances of both along one axis, were the landmarks' errors independent.
    """
    shape, turn = predicted.shape, predicted.turn
    weight = np.reciprocal(predicted.shape_variance + noise)
    weighted = weight * shape
    total = float(weight.sum())
    centre, measured_centre = complex(weighted.sum()) / total, complex(weight @ measured) / total
    # Landmarks that are all at one place do not tell the turn: it stays.
    prior = 1e-12 * total
    inertia = float(np.vdot(shape, weighted).real) - total * _squared(centre) + prior
    slope = complex(np.vdot(weighted, measured)) - total * centre.conjugate() * measured_centre
    new_turn = (slope + prior * turn) / inertia
    moved = measured_centre - new_turn * centre - predicted.shift.position
    return moved, new_turn / turn, _squared(turn) / total, 1 / inertia


def _trend_factor(weight: float) -> float:
    """Makes the square of a running mean of noise one on average; ``weight`` is of what was before."""
    return 0.5 * (1 + weight) / (1 - weight)


def _squared(points: Any) -> Any:
    """Squared absolute values of complex numbers."""
    return abs(points) ** 2


def _as_pairs(points: np.ndarray) -> np.ndarray:
    """``(n, 2)`` real coordinates of ``(n,)`` complex points."""
    return np.ascontiguousarray(points).view(np.float64).reshape(-1, 2)

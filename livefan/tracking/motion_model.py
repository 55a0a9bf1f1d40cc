"""Motion model of a face: the state, how it evolves in time, and how it is measured.

The face as a whole is shifted, rotated and scaled in the image. Eyelids, lips and brows move within the face:
each landmark has a position in a coordinate frame fixed to the face, the shape.

Points of the plane are complex numbers here, ``x + 1j * y``. A similarity transform is then
``z -> shift + turn * z``, and its least-squares estimate is a single complex regression. The shift, and the
spin, which is the logarithm of the turn, are motions with a velocity each. Their axes are independent and
equally uncertain. So the Kalman filter of the eight states of shift and spin falls apart into two filters of
two complex states. They are written out here: numpy's calls for small matrices would take ten times as long.

Velocities decay exponentially as in Singer's model (IEEE Trans. AES-6, 1970), but within a fraction of a
second, so that a face at rest stays in place.
"""

from __future__ import annotations

import cmath
import math
from typing import Any, NamedTuple

import numpy as np


class Transition(NamedTuple):
    """Transition of a motion over a time step.

    Attributes:
        reach: seconds that a velocity moves its position for.
        decay: share of a velocity that is left.
    """

    reach: float
    decay: float


class Motion(NamedTuple):
    """Estimate of a position and its velocity along two axes, as complex numbers.

    The axes are independent and equally uncertain, so one ``(2, 2)`` covariance describes either.

    Attributes:
        position, velocity: the estimate.
        variance, covariance, velocity_variance: of position and velocity along one axis.
    """

    position: complex
    velocity: complex
    variance: float
    covariance: float
    velocity_variance: float

    def predict(self, transition: Transition, noise: tuple[float, float, float]) -> Motion:
        """Return the motion after a transition with some :func:`process_noise`."""
        reach, decay = transition
        position, velocity, variance, covariance, velocity_variance = self
        moved = covariance + reach * velocity_variance
        return Motion(
            position + reach * velocity,
            decay * velocity,
            variance + reach * (covariance + moved) + noise[0],
            decay * moved + noise[1],
            decay * decay * velocity_variance + noise[2],
        )

    def correct(self, innovation: complex, noise: float) -> Motion:
        """Return the motion after a measurement of the position.

        Args:
            innovation: difference of measurement and position.
            noise: variance of the measurement along one axis.
        """
        position, velocity, variance, covariance, velocity_variance = self
        expected = variance + noise
        gain, velocity_gain = variance / expected, covariance / expected
        return Motion(
            position + gain * innovation,
            velocity + velocity_gain * innovation,
            gain * noise,
            velocity_gain * noise,
            velocity_variance - velocity_gain * covariance,
        )

    def inflate(self, factor: float) -> Motion:
        """Return the motion with all variances multiplied by a factor."""
        position, velocity, *variances = self
        return Motion(position, velocity, *(factor * each for each in variances))


class FaceState(NamedTuple):
    """Estimate of a face at one moment; points are complex.

    Attributes:
        shift: the origin of the face's frame in image pixels, and its velocity in pixels a second.
        spin: logarithm of the scale, plus 1j times the angle in radians; and its velocity.
        shape: ``(n,)`` complex128 landmarks in the frame of the face, in face sizes.
        shape_variance: ``(n,)`` float64 variance of each landmark of the shape along one axis.
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
    def points_px(self) -> np.ndarray:
        """``(n, 2)`` float64 landmarks in image pixels."""
        return as_pairs(self.shift.position + self.turn * self.shape)


def initial_state(measured: np.ndarray, shape_variance: np.ndarray, size: float) -> FaceState:
    """Return the state of a face that was measured for the first time.

    Args:
        measured: ``(n,)`` complex landmarks in image pixels.
        shape_variance: ``(n,)`` variances of the landmarks along one axis, in squared face sizes.
        size: size of the face in pixels.
    """
    centre = complex(measured.mean())
    variance = float(shape_variance.mean()) * 10 / len(measured)
    return FaceState(
        Motion(centre, 0j, size**2 * variance, 0.0, size**2),
        Motion(complex(math.log(size)), 0j, variance, 0.0, 1.0),
        (measured - centre) / size,
        shape_variance,
    )


def transition(elapsed: float, velocity_seconds: float) -> Transition:
    """Return the transition over ``elapsed`` seconds.

    A velocity moves its position and decays to 1 / e within ``velocity_seconds``.
    """
    decay = math.exp(-elapsed / velocity_seconds)
    return Transition(velocity_seconds * (1.0 - decay), decay)


def process_noise(elapsed: float, density: float) -> tuple[float, float, float]:
    """Return the variances that white accelerations add to a motion over ``elapsed`` seconds.

    Args:
        density: spectral density of the acceleration: for the shift in pixels^2 / s^3, for the spin in
            1 / s^3.

    Returns:
        Variance of the position, covariance, and variance of the velocity along one axis.
    """
    # filterpy.common.Q_continuous_white_noise returns the same, but takes as long as the whole update.
    return density * elapsed**3 / 3, density * elapsed**2 / 2, density * elapsed


class Similarity(NamedTuple):
    """A measured motion of the whole face, relative to a predicted state.

    Attributes:
        shift: displacement of the origin of the face's frame, in pixels.
        turn: factor by which the turn changes.
        shift_variance, turn_variance: variances of both along one axis.
    """

    shift: complex
    turn: complex
    shift_variance: float
    turn_variance: float


def fit_similarity(
    predicted: FaceState, measured: np.ndarray, noise: np.ndarray, correlation: float = 1.0
) -> Similarity:
    """Fit the motion that moves the predicted landmarks onto the measured ones, by weighted least squares.

    Args:
        predicted: the predicted state.
        measured: ``(n,)`` complex landmarks in image pixels.
        noise: ``(n,)`` variances of the measured landmarks, in the frame of the face.
        correlation: ratio of the standard deviations of the motion to those of independent landmarks.
    """
    shape, turn = predicted.shape, predicted.turn
    weight = np.reciprocal(predicted.shape_variance + noise)
    weighted = weight * shape
    # The methods of arrays call these functions by a wrapper in Python, which takes longer than the sum.
    total = float(np.add.reduce(weight))
    centre = complex(np.add.reduce(weighted)) / total
    measured_centre = complex(np.add.reduce(weight * measured)) / total
    # Landmarks that all lie at one point do not determine the turn: the prior keeps it.
    prior = 1e-12 * total
    inertia = float(np.vdot(shape, weighted).real) - total * squared(centre) + prior
    slope = complex(np.vdot(weighted, measured)) - total * centre.conjugate() * measured_centre
    new_turn = (slope + prior * turn) / inertia
    shift = measured_centre - new_turn * centre - predicted.shift.position
    extra = correlation**2
    return Similarity(shift, new_turn / turn, extra * squared(turn) / total, extra / inertia)


def squared(points: Any) -> Any:
    """Return the squared absolute values of complex numbers."""
    return abs(points) ** 2


def as_complex(points_px: np.ndarray) -> np.ndarray:
    """Return ``(n, 2)`` real coordinates as ``(n,)`` complex128 points."""
    return np.ascontiguousarray(points_px, np.float64).view(np.complex128)[:, 0]


def as_pairs(points: np.ndarray) -> np.ndarray:
    """Return ``(n,)`` complex points as ``(n, 2)`` float64 coordinates."""
    return np.ascontiguousarray(points).view(np.float64).reshape(-1, 2)

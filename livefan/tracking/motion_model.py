"""Motion model of a face: the state, how it evolves in time, and how it is measured.

The face as a whole is shifted, rotated and scaled in the image. This pose has eight states: position and
velocity of the shift in x and y, of the logarithm of the scale, and of the angle. Eyelids, lips and brows
move within the face: each landmark has a position in a coordinate frame fixed to the face, the shape.

Points of the plane are complex numbers here, ``x + 1j * y``. A similarity transform is then
``z -> shift + turn * z``, and its least-squares estimate is a single complex regression.

Velocities decay exponentially as in Singer's model (IEEE Trans. AES-6, 1970), but within a fraction of a
second, so that a face at rest stays in place.
"""

from __future__ import annotations

import cmath
import math
from typing import Any, NamedTuple

import numpy as np

N_POSE_STATES, N_POSE_MEASUREMENTS = 8, 4
SHIFT, SPIN = slice(0, 4), slice(4, 8)
"""States of the shift (x, y) and of the spin (log scale, angle); each value is followed by its velocity."""
POSITIONS = slice(0, N_POSE_STATES, 2)

MEASUREMENT = np.zeros((N_POSE_MEASUREMENTS, N_POSE_STATES))
"""``(4, 8)`` measurement matrix: x, y, log scale and angle are measured, velocities are not."""
MEASUREMENT[:, POSITIONS] = np.eye(N_POSE_MEASUREMENTS)

_CONSTANT_POSITIONS = np.diag([1.0, 0.0] * N_POSE_MEASUREMENTS)


class FaceState(NamedTuple):
    """Estimate of a face at one moment; points are complex.

    Attributes:
        pose: ``(8,)`` float64: x, its velocity, y, its velocity (pixels and pixels a second), log scale, its
            velocity, angle in radians, its velocity. The origin of the face's frame lies at ``x + 1j * y``.
        pose_covariance: ``(8, 8)`` float64 covariance of the pose; the two axes of shift and of spin are
            independent and equally uncertain.
        shape: ``(n,)`` complex128 landmarks in the frame of the face, in face sizes.
        shape_variance: ``(n,)`` float64 variance of each landmark of the shape along one axis.
    """

    pose: np.ndarray
    pose_covariance: np.ndarray
    shape: np.ndarray
    shape_variance: np.ndarray

    @property
    def shift(self) -> complex:
        """Origin of the face's frame in image pixels."""
        return complex(self.pose[0], self.pose[2])

    @property
    def turn(self) -> complex:
        """Scale and rotation from the face's frame to image pixels."""
        return cmath.exp(complex(self.pose[4], self.pose[6]))

    @property
    def points_px(self) -> np.ndarray:
        """``(n, 2)`` float64 landmarks in image pixels."""
        return as_pairs(self.shift + self.turn * self.shape)


def initial_state(measured: np.ndarray, shape_variance: np.ndarray, size: float) -> FaceState:
    """Return the state of a face that was measured for the first time.

    Args:
        measured: ``(n,)`` complex landmarks in image pixels.
        shape_variance: ``(n,)`` variances of the landmarks along one axis, in squared face sizes.
        size: size of the face in pixels.
    """
    centre = complex(measured.mean())
    variance = float(shape_variance.mean()) * 10 / len(measured)
    pose = np.array([centre.real, 0.0, centre.imag, 0.0, math.log(size), 0.0, 0.0, 0.0])
    shift = size**2 * variance, size**2
    return FaceState(
        pose,
        np.diag([*shift, *shift, variance, 1.0, variance, 1.0]),
        (measured - centre) / size,
        shape_variance,
    )


def transition_matrix(elapsed: float, velocity_seconds: float) -> np.ndarray:
    """Return the ``(8, 8)`` transition matrix over ``elapsed`` seconds.

    A velocity moves its position and decays to 1 / e within ``velocity_seconds``.
    """
    decay = math.exp(-elapsed / velocity_seconds)
    transition = _CONSTANT_POSITIONS.copy()
    for position in range(0, N_POSE_STATES, 2):
        transition[position, position + 1] = velocity_seconds * (1.0 - decay)
        transition[position + 1, position + 1] = decay
    return transition


def process_noise(elapsed: float, shift_density: float, spin_density: float) -> np.ndarray:
    """Return the ``(8, 8)`` process noise of white accelerations over ``elapsed`` seconds.

    Args:
        shift_density: spectral density of the acceleration of the shift, in pixels^2 / s^3.
        spin_density: spectral density of the acceleration of log scale and angle, in 1 / s^3.
    """
    # filterpy.common.Q_continuous_white_noise returns the same block, but takes as long as the update.
    position, covariance, velocity = elapsed**3 / 3, elapsed**2 / 2, elapsed
    noise = np.zeros((N_POSE_STATES, N_POSE_STATES))
    # Single elements are assigned faster than blocks of four.
    for state, density in ((0, shift_density), (2, shift_density), (4, spin_density), (6, spin_density)):
        noise[state, state] = density * position
        noise[state, state + 1] = noise[state + 1, state] = density * covariance
        noise[state + 1, state + 1] = density * velocity
    return noise


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
    shift = measured_centre - new_turn * centre - predicted.shift
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

import cmath
import math

import numpy as np
import pytest

from livefan.tracking.filterpy_kalman import KalmanFilter
from livefan.tracking.motion_model import (
    Motion,
    as_complex,
    as_pairs,
    fit_similarity,
    initial_state,
    process_noise,
    transition,
)

POINTS = as_complex(np.random.default_rng(0).uniform(100, 300, (68, 2)))
VARIANCE = np.full(68, 1e-6)


def test_initial_state_returns_the_measured_landmarks():
    state = initial_state(POINTS, VARIANCE, 200.0)
    assert np.allclose(state.points_px, as_pairs(POINTS))
    assert abs(state.turn) == pytest.approx(200.0)


def test_known_similarity_is_fitted_exactly():
    state = initial_state(POINTS, VARIANCE, 200.0)
    turn = cmath.rect(1.1, math.radians(5))
    centre = state.shift.position
    moved = (POINTS - centre) * turn + centre + (12 - 7j)
    fitted = fit_similarity(state, moved, VARIANCE)
    assert fitted.turn == pytest.approx(turn)
    assert fitted.shift == pytest.approx(12 - 7j)


def test_process_noise_is_that_of_white_acceleration():
    from filterpy.common import Q_continuous_white_noise  # takes a second

    variance, covariance, velocity_variance = process_noise(0.04, 3.0)
    expected = [[variance, covariance], [covariance, velocity_variance]]
    assert np.allclose(expected, 3.0 * Q_continuous_white_noise(2, 0.04))


def test_two_short_transitions_equal_one_long_one():
    none = (0.0, 0.0, 0.0)
    start = Motion(1 + 2j, 10 - 5j, 3.0, 1.0, 2.0)
    short = transition(0.03, 0.15)
    twice = start.predict(short, none).predict(short, none)
    assert twice == pytest.approx(start.predict(transition(0.06, 0.15), none))


def test_velocity_moves_its_position():
    later = Motion(0j, 10 + 2j, 1.0, 0.0, 1.0).predict(transition(1e-3, 0.15), (0.0, 0.0, 0.0))
    assert later.position == pytest.approx(0.01 + 0.002j, rel=0.01)


def test_motion_is_filtered_as_by_filterpy():
    """One complex filter equals a filter of filterpy for either axis."""
    rng = np.random.default_rng(3)
    motion = Motion(5 + 7j, 0j, 4.0, 0.0, 9.0)
    axes = [KalmanFilter(2, 1), KalmanFilter(2, 1)]
    for axis, position in zip(axes, (5.0, 7.0), strict=True):
        axis.x, axis.P, axis.H = np.array([position, 0.0]), np.diag([4.0, 9.0]), np.array([[1.0, 0.0]])
    for elapsed in (0.03, 0.06, 0.02):
        step, added, noise = transition(elapsed, 0.15), process_noise(elapsed, 2.0), 0.7
        innovation = complex(*rng.normal(0, 2, 2))
        motion = motion.predict(step, added).correct(innovation, noise)
        for axis, value in zip(axes, (innovation.real, innovation.imag), strict=True):
            axis.predict(F=np.array([[1, step.reach], [0, step.decay]]), Q=np.array([added[:2], added[1:]]))
            axis.update(axis.x[:1] + value, R=noise)
            assert axis.P.ravel() == pytest.approx([motion.variance, motion.covariance, *motion[3:]])
    positions, velocities = np.transpose([axis.x for axis in axes])
    assert complex(*positions) == pytest.approx(motion.position)
    assert complex(*velocities) == pytest.approx(motion.velocity)

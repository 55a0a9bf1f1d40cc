import cmath
import math

import numpy as np
import pytest

from livefan.tracking.motion_model import (
    as_complex,
    as_pairs,
    fit_similarity,
    initial_state,
    process_noise,
    transition_matrix,
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
    centre = state.shift
    moved = (POINTS - centre) * turn + centre + (12 - 7j)
    fitted = fit_similarity(state, moved, VARIANCE)
    assert fitted.turn == pytest.approx(turn)
    assert fitted.shift == pytest.approx(12 - 7j)


def test_process_noise_is_that_of_white_acceleration():
    from filterpy.common import Q_continuous_white_noise  # takes a second

    noise = process_noise(0.04, 3.0, 0.5)
    expected = Q_continuous_white_noise(2, 0.04)
    for axis, density in enumerate((3.0, 3.0, 0.5, 0.5)):
        block = slice(2 * axis, 2 * axis + 2)
        assert np.allclose(noise[block, block], density * expected)
        noise[block, block] = 0
    assert not noise.any()


def test_two_short_transitions_equal_one_long_one():
    short, long = transition_matrix(0.03, 0.15), transition_matrix(0.06, 0.15)
    assert np.allclose(short @ short, long)


def test_velocity_moves_its_own_position():
    state = np.array([0.0, 10.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0])
    later = transition_matrix(1e-3, 0.15) @ state
    assert later[[0, 2, 4, 6]] == pytest.approx([0.01, 0, 0, 0.002], rel=0.01)

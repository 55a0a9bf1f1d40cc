"""Smoothing of expression coefficients and pupils."""

import numpy as np

from livefan.core.landmarks import IBUG_68
from livefan.tracking.coefficient_smoother import (
    CoefficientSmoother,
    as_coefficients,
    from_coefficients,
    smooth_coefficients,
)


def smoothed(values: np.ndarray, strength: float = 0.5, rate: float = 30.0) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(frames, k)`` values filtered forwards, and smoothed backwards."""
    smoother = CoefficientSmoother(strength)
    steps, filtered = [], []
    for number, each in enumerate(values):
        filtered.append(smoother.update(each, number / rate))
        steps.append(smoother.step)
    return np.array(filtered), smooth_coefficients(steps)


def test_noise_falls_and_more_so_backwards():
    noise = np.random.default_rng(0).normal(0.3, 0.02, (300, 4))
    filtered, backwards = smoothed(noise)
    assert filtered[20:].std() < 0.85 * noise.std()
    assert backwards[20:-20].std() < 0.8 * filtered[20:].std()
    assert abs(backwards.mean() - 0.3) < 0.005
    assert np.array_equal(smoothed(noise, strength=0.0)[1], noise)


def test_blink_is_neither_delayed_nor_flattened():
    blink = np.zeros((40, 1))
    blink[20:24] = 0.8
    filtered, backwards = smoothed(blink)
    assert filtered[20] > 0.7
    assert filtered[24] < 0.1
    assert backwards[20:24].min() > 0.7
    assert backwards[19] < 0.1


def test_gap_restarts_the_filter():
    smoother = CoefficientSmoother()
    smoother.update(np.zeros(1), 0.0)
    smoother.update(np.zeros(1), 0.1)
    assert smoother.update(np.ones(1), 0.6) == 1.0
    assert smoother.step is not None
    assert smoother.step.restarts


def test_coefficients_of_a_face_are_inverted():
    random = np.random.default_rng(1)
    points_px, pupils_px = random.uniform(0, 200, (68, 2)), random.uniform(0, 200, (2, 2))
    expressions = random.uniform(0, 1, 50).astype(np.float32)
    values = as_coefficients(expressions, pupils_px, points_px, IBUG_68)
    shift = np.array([7, -3])
    moved = from_coefficients(values, points_px + shift, IBUG_68)
    assert np.array_equal(moved[0], expressions)
    assert np.allclose(moved[1], pupils_px + shift)

"""Stated against actual errors and confidences of landmarks."""

from dataclasses import replace

import numpy as np
import pytest

from livefan.core.errors import LivefanError
from livefan.evaluation.reliability import (
    LandmarkErrors,
    bins,
    calibration_error,
    confidence_error,
    confidence_table,
    coverage,
    coverage_table,
    fit_confidence,
    fit_sigma,
    halves,
    stated_sigma,
)
from livefan.networks.confidence_calibration import ConfidenceCalibration


def simulated(faces: int, seed: int = 0) -> LandmarkErrors:
    """Errors whose 68 % radius is 3, 6 or 9 times the squared width, for the three landmarks."""
    rng = np.random.default_rng(seed)
    width = rng.uniform(0.01, 0.05, (faces, 3))
    radius = np.array([3.0, 6.0, 9.0]) * width**2
    error = radius * np.sqrt(np.log(1 - rng.random((faces, 3))) / np.log(1 - 0.68))
    return LandmarkErrors(
        [str(n // 2) for n in range(faces)],
        ["plain", "covered"] * (faces // 2),
        np.full(faces, 0.8),
        error,
        width,
        1 - 10 * width,
    )


def test_fitted_sigma_holds_68_percent_of_the_errors_in_every_bin():
    fitted, other = simulated(4000), simulated(2000, seed=1)
    calibration = fit_sigma(fitted)
    assert (calibration.exponent, calibration.face_exponent) == pytest.approx((2.0, 0.0), abs=0.1)
    assert calibration.scale / calibration.scale[0] == pytest.approx([1, 2, 3], rel=0.1)
    sigma = stated_sigma(other, calibration)
    assert coverage(other, sigma) == pytest.approx(0.68, abs=0.02)
    assert calibration_error(other, sigma) < 0.03
    assert calibration_error(other, stated_sigma(other, None)) > 0.2
    table = coverage_table(other, calibration).splitlines()
    assert [line.split()[0] for line in table] == ["faces", "plain", "covered", "all"]


def test_covered_landmarks_and_bad_faces_get_a_larger_sigma():
    rng = np.random.default_rng(2)
    plain = simulated(4000)
    expected = rng.uniform(0.01, 0.05, (4000, 3))
    occluded = rng.integers(0, 2, (4000, 3)).astype(float)
    of_face = np.exp(np.log(expected).mean(axis=1, keepdims=True))
    radius = 2 * expected**0.5 * of_face**0.5 * np.exp(0.7 * occluded)
    error = radius * np.sqrt(np.log(1 - rng.random((4000, 3))) / np.log(1 - 0.68))
    errors = replace(plain, error=error, expected=expected, occluded=occluded)
    sigma = fit_sigma(errors)
    assert [sigma.exponent, sigma.face_exponent, sigma.covered] == pytest.approx([0.5, 0.5, 0.7], abs=0.1)
    for part in (occluded > 0, occluded == 0):
        covered = (errors.error <= stated_sigma(errors, sigma))[part].mean()
        assert covered == pytest.approx(0.68, abs=0.02)


def test_fitted_confidence_is_the_share_of_landmarks_in_their_place():
    rng = np.random.default_rng(3)
    measured = rng.uniform(0.05, 0.95, (4000, 3))
    truth = ConfidenceCalibration(-1.0, 2.0).confidence(measured)
    error = np.where(rng.random((4000, 3)) < truth, 0.01, 0.1)
    errors = replace(simulated(4000), error=error, confidence=measured)
    empty = np.full((10, 3), 0.1)
    calibration = fit_confidence(errors.at(np.arange(4000) < 2000), empty)
    assert [calibration.offset, calibration.slope] == pytest.approx([-1.0, 2.0], abs=0.3)
    held_out = errors.at(np.arange(4000) >= 2000)
    stated = calibration.confidence(held_out.confidence)
    assert confidence_error(stated, held_out.in_place) < 0.02
    assert confidence_error(held_out.confidence, held_out.in_place) > 0.05
    table = confidence_table(held_out, empty, calibration).splitlines()
    assert [line.split()[0] for line in table] == ["crops", "plain", "covered", "all", "no"]


def test_bins_hold_equally_many_landmarks_in_the_order_of_the_stated_values():
    stated, actual = np.array([[3.0, 1.0], [2.0, 4.0]]), np.array([[30, 10], [20, 40]])
    # Fewer landmarks than bins: no bin is empty, since its mean would be NaN.
    assert [(each.tolist(), other.tolist()) for each, other in bins(stated, actual)] == [
        ([1.0], [10]),
        ([2.0], [20]),
        ([3.0], [30]),
        ([4.0], [40]),
    ]
    assert [len(each) for each, _ in bins(np.arange(40), np.arange(40))] == [4] * 10


def test_halves_share_no_photograph():
    first, second = halves(simulated(40))
    assert len(first.kinds) == len(second.kinds) == 20
    assert set(first.photographs).isdisjoint(second.photographs)
    with pytest.raises(LivefanError, match="one photograph"):
        halves(simulated(2))

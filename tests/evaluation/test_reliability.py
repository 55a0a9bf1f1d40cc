"""Stated against actual errors of landmarks."""

import numpy as np
import pytest

from livefan.core.errors import LivefanError
from livefan.evaluation.reliability import (
    LandmarkErrors,
    calibration_error,
    coverage,
    coverage_table,
    fit_sigma,
    halves,
    stated_sigma,
)


def simulated(faces: int, seed: int = 0) -> LandmarkErrors:
    """Errors whose 68 % radius is 3, 6 or 9 times the squared width, for the three landmarks."""
    rng = np.random.default_rng(seed)
    width = rng.uniform(0.01, 0.05, (faces, 3))
    radius = np.array([3.0, 6.0, 9.0]) * width**2
    error = radius * np.sqrt(np.log(1 - rng.random((faces, 3))) / np.log(1 - 0.68))
    return LandmarkErrors(
        [str(n // 2) for n in range(faces)], ["plain", "covered"] * (faces // 2), error, width
    )


def test_fitted_sigma_holds_68_percent_of_the_errors_in_every_bin():
    fitted, other = simulated(4000), simulated(2000, seed=1)
    calibration = fit_sigma(fitted)
    assert calibration.exponent == pytest.approx(2.0, abs=0.1)
    assert calibration.scale / calibration.scale[0] == pytest.approx([1, 2, 3], rel=0.1)
    sigma = stated_sigma(other, calibration)
    assert coverage(other, sigma) == pytest.approx(0.68, abs=0.02)
    assert calibration_error(other, sigma) < 0.03
    assert calibration_error(other, stated_sigma(other, None)) > 0.2
    table = coverage_table(other, calibration).splitlines()
    assert [line.split()[0] for line in table] == ["faces", "plain", "covered", "all"]


def test_halves_share_no_photograph():
    first, second = halves(simulated(40))
    assert len(first.kinds) == len(second.kinds) == 20
    assert set(first.photographs).isdisjoint(second.photographs)
    with pytest.raises(LivefanError, match="one photograph"):
        halves(simulated(2))

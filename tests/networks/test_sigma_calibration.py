"""The map from widths of heatmaps to sigma."""

import numpy as np
import pytest

from livefan.networks.sigma_calibration import EXPECTED_ERROR, WIDTH, SigmaCalibration


def test_sigma_grows_with_the_width_and_with_the_crop():
    calibration = SigmaCalibration(2.0, np.array([10.0, 20.0]))
    widths = np.array([1.0, 2.0])
    assert calibration.sigma(widths, 100.0) == pytest.approx([0.1, 0.8])
    assert calibration.sigma(3 * widths, 300.0) == pytest.approx([0.3, 2.4])


def test_metadata_gives_the_same_calibration_and_wrong_metadata_an_error():
    calibration = SigmaCalibration(1.5, np.array([10.0, 20.0]))
    read = SigmaCalibration.read(calibration.described(), 2)
    assert read is not None
    assert (read.exponent, read.scale.tolist()) == (1.5, [10.0, 20.0])
    of_error = SigmaCalibration(1.0, np.array([1.0, 2.0]), EXPECTED_ERROR)
    again = SigmaCalibration.read(of_error.described(), 2)
    assert again is not None
    assert (read.of, again.of) == (WIDTH, EXPECTED_ERROR)
    assert SigmaCalibration.read(None, 2) is None
    for values, message in (
        ({"exponent": 1.0}, "without 'scale'"),
        ({"exponent": 1.0, "scale": [1.0]}, "expected 2 numbers"),
        ({"exponent": 1.0, "scale": [1.0, -1.0]}, "above 0"),
        ({"exponent": 1.0, "scale": [1.0, 1.0], "of": "age"}, "of 'age'"),
    ):
        with pytest.raises(ValueError, match=message):
            SigmaCalibration.read(values, 2)

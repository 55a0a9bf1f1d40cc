"""The maps from heatmaps and expected errors to sigma and confidence."""

import numpy as np
import pytest

from livefan.networks.confidence_calibration import ConfidenceCalibration
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
    of_error = SigmaCalibration(0.5, np.array([1.0, 2.0]), EXPECTED_ERROR, 0.25, 0.75)
    again = SigmaCalibration.read(of_error.described(), 2)
    assert again is not None
    assert (read.of, again.of) == (WIDTH, EXPECTED_ERROR)
    assert (again.face_exponent, again.covered) == (0.25, 0.75)
    assert SigmaCalibration.read(None, 2) is None
    for values, message in (
        ({"exponent": 1.0}, "without 'scale'"),
        ({"exponent": 1.0, "scale": [1.0]}, "expected 2 numbers"),
        ({"exponent": 1.0, "scale": [1.0, -1.0]}, "above 0"),
        ({"exponent": 1.0, "scale": [1.0, 1.0], "of": "age"}, "of 'age'"),
    ):
        with pytest.raises(ValueError, match=message):
            SigmaCalibration.read(values, 2)


def test_sigma_grows_with_the_errors_of_the_face_and_with_occlusion():
    calibration = SigmaCalibration(0.5, np.array([1.0, 1.0]), EXPECTED_ERROR, 0.5, np.log(2))
    assert calibration.sigma(np.array([1.0, 1.0]), 100.0, np.array([0.0, 1.0])) == pytest.approx([1.0, 2.0])
    assert calibration.sigma(np.array([1.0, 4.0]), 100.0) == pytest.approx([2**0.5, 8**0.5])


def test_calibrated_confidence_keeps_the_order_and_the_range():
    calibration = ConfidenceCalibration(-1.0, 2.0)
    calibrated = calibration.confidence(np.array([0.0, 0.3, 0.5, 0.9, 1.0]))
    assert (np.diff(calibrated) > 0).all()
    assert 0 <= calibrated[0] < 0.01
    assert 0.99 < calibrated[-1] <= 1
    assert calibrated[2] == pytest.approx(1 / (1 + np.e))
    assert ConfidenceCalibration.read(calibration.described()) == calibration
    assert ConfidenceCalibration.read(None) is None
    for values, message in (
        ({"offset": 1.0}, "without 'slope'"),
        ({"offset": 0.0, "slope": -1.0}, "above 0"),
    ):
        with pytest.raises(ValueError, match=message):
            ConfidenceCalibration.read(values)

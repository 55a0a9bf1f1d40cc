import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from livefan.core.landmarks import IBUG_68
from livefan.core.metrics import auc, failure_rate, inter_ocular, inter_pupil, measure, nme


def face_with_eyes_apart(distance: float) -> np.ndarray:
    """One face, all points at the origin but the left eye's, ``distance`` to their right."""
    points = np.zeros((1, 68, 2))
    points[0, list(IBUG_68.left_eye), 0] = distance
    return points


def test_nme_of_a_hand_computed_case():
    truth = face_with_eyes_apart(50.0)
    predicted = truth.copy()
    predicted[0, 0] += (3.0, 4.0)  # one point off by five pixels
    assert nme(predicted, truth, np.array([50.0])) == pytest.approx(100 * 5 / 68 / 50)


def test_inter_ocular_distance_is_between_points_37_and_46_counted_from_one():
    truth = np.zeros((1, 68, 2))
    truth[0, 45] = (30.0, 40.0)
    assert inter_ocular(truth, IBUG_68) == pytest.approx(50.0)


def test_inter_pupil_distance_is_between_the_means_of_the_eyes():
    truth = face_with_eyes_apart(60.0)
    truth[0, 36, 0] = 6.0  # moves the right eye's mean by one
    assert inter_pupil(truth, IBUG_68) == pytest.approx(59.0)


def test_failure_rate_and_auc_of_hand_computed_cases():
    errors = np.array([0.0, 4.0, 8.0, 12.0])
    assert failure_rate(errors, 8.0) == 25.0
    assert auc(errors, 8.0) == pytest.approx((1 + 0.5 + 0 + 0) / 4)


@given(arrays(np.float64, st.integers(1, 50), elements=st.floats(0, 30)))
def test_auc_is_the_area_under_the_cumulative_error_curve(errors: np.ndarray):
    grid = (np.arange(20000) + 0.5) / 20000 * 8.0
    curve = (errors[:, None] <= grid).mean(axis=0)
    assert auc(errors, 8.0) == pytest.approx(curve.mean(), abs=1e-3)


def test_missed_face_is_a_failure_without_nme():
    truth = face_with_eyes_apart(50.0)
    accuracy = measure(truth, truth, IBUG_68, n_missed=3)
    assert accuracy.n_faces == 4
    assert accuracy.nme_inter_ocular == 0.0
    assert accuracy.failure_rate == 75.0
    assert accuracy.auc == 0.25


def test_nme_is_undefined_if_all_faces_are_missed():
    accuracy = measure(np.empty((0, 68, 2)), np.empty((0, 68, 2)), IBUG_68, n_missed=2)
    assert np.isnan(accuracy.nme_inter_ocular)
    assert (accuracy.failure_rate, accuracy.auc) == (100.0, 0.0)

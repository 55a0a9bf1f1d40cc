import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracking.moving_landmarks import (
    FRAME,
    LID,
    NOISE,
    SIGMA,
    SIZE,
    lag_frames,
    measured,
    nodding,
    rms,
    run,
    still,
)

from livefan.tracking.kalman import KalmanSmoother


def test_first_measurement_is_returned_unchanged(face_px: np.ndarray):
    assert np.array_equal(KalmanSmoother().update(face_px, SIGMA, 5.0), face_px)


def test_jitter_of_a_still_face_falls_below_a_fifth(face_px: np.ndarray):
    truth, times = still(face_px)
    filtered = run(measured(truth), times)[30:]
    assert filtered.std(axis=0).mean() < 0.2 * NOISE


@pytest.mark.parametrize("camera", [0.5, 3.0], ids=["clean camera", "noisy camera"])
def test_noise_of_the_camera_is_learned(face_px: np.ndarray, camera: float):
    truth, times = still(face_px)
    filtered = run(measured(truth, camera * NOISE), times)[60:]
    assert filtered.std(axis=0).mean() < 0.22 * camera * NOISE


def test_pan_has_no_lag_and_half_the_error(face_px: np.ndarray):
    times = np.arange(90) * FRAME
    truth = face_px + times[:, None, None] * np.array((50.0, -20.0))
    filtered = run(measured(truth), times)
    assert abs(lag_frames(filtered[30:], truth[30:], times[30:])) < 0.1
    assert rms((filtered - truth)[30:]) < 0.5 * NOISE


def test_fast_nod_has_no_lag_and_no_more_error_than_measured(face_px: np.ndarray):
    times = np.arange(120) * FRAME
    truth = nodding(face_px, times)
    filtered = run(measured(truth), times)
    assert abs(lag_frames(filtered[15:], truth[15:], times[15:])) < 0.1
    assert rms((filtered - truth)[15:]) < NOISE


def test_uneven_time_steps_add_no_error(face_px: np.ndarray):
    times = np.cumsum(np.random.default_rng(2).choice([1, 2, 4], 90)) * FRAME
    truth = nodding(face_px, times, 1.0)
    filtered = run(measured(truth), times)
    assert rms((filtered - truth)[15:]) < 1.02 * NOISE


def test_closing_eyelid_has_no_lag_while_other_landmarks_stay_steady(face_px: np.ndarray):
    truth, times = still(face_px, 60)
    truth[40:44, LID, 1] += np.array([4.0, 8.0, 8.0, 4.0])[:, None]
    filtered = run(measured(truth), times)
    went = filtered[41:43, LID, 1].mean() - filtered[30:40, LID, 1].mean()
    assert went > 0.9 * 8.0
    others = np.arange(68) > 48
    assert (filtered[30:50] - truth[30:50])[:, others].std(axis=0).mean() < 0.3 * NOISE


def test_motion_of_the_head_does_not_disturb_the_shape(face_px: np.ndarray):
    """After a nod the shape of the face is as steady as with the head at rest."""
    times = np.arange(120) * FRAME
    truth = nodding(face_px, times)
    filtered = run(measured(truth), times)

    def shape(points: np.ndarray) -> np.ndarray:
        z = points[..., 0] + 1j * points[..., 1]
        z = z - z.mean(axis=1, keepdims=True)
        return z / (z * z[:1].conj()).sum(axis=1, keepdims=True) * (np.abs(z[0]) ** 2).sum()

    assert shape(filtered)[60:].std(axis=0).mean() < 0.35 * shape(measured(truth))[60:].std(axis=0).mean()


def test_landmark_with_a_wider_heatmap_moves_less(face_px: np.ndarray):
    truth, times = still(face_px)
    sigma = SIGMA.copy()
    sigma[:10] *= 3
    jitter = run(measured(truth), times, sigma)[30:].std(axis=0).mean(axis=1)
    assert jitter[:10].mean() < 0.8 * jitter[10:].mean()


def test_jump_is_followed_at_once_without_overshoot(face_px: np.ndarray):
    truth, times = still(face_px, 60)
    truth[30:] += (0.2 * SIZE, 0.1 * SIZE)
    filtered = run(measured(truth), times)
    assert rms((filtered - truth)[30:34]) < 1.1 * NOISE


def test_distant_face_and_long_gap_restart_the_filter(face_px: np.ndarray):
    for displaced, gap in ((face_px + SIZE / 2, FRAME), (face_px + 3.0, 2.0)):
        smoother = KalmanSmoother()
        smoother.update(face_px, SIGMA, 0.0)
        smoother.update(face_px, SIGMA, FRAME)
        assert np.array_equal(smoother.update(displaced, SIGMA, FRAME + gap), displaced)


def test_clock_that_stops_or_runs_backwards_restarts_the_filter(face_px: np.ndarray):
    smoother = KalmanSmoother()
    for time in (1.0, 1.0, 0.5):
        assert np.array_equal(smoother.update(face_px, SIGMA, time), face_px)


def test_strength_ranges_from_measured_to_steadier_than_default(face_px: np.ndarray):
    truth, times = still(face_px)
    noisy = measured(truth)
    weak, usual, strong = (run(noisy, times, strength=s)[30:].std(axis=0).mean() for s in (0.1, 0.5, 0.9))
    assert np.array_equal(run(noisy, times, strength=0.0), noisy)
    assert strong < usual < weak < NOISE


def test_strength_may_change_between_updates(face_px: np.ndarray):
    truth, times = still(face_px, 90)
    noisy, smoother = measured(truth), KalmanSmoother()
    filtered = []
    for points, time in zip(noisy, times, strict=True):
        smoother.strength = 0.0 if 1.0 < time < 1.5 else 0.5
        filtered.append(smoother.update(points, SIGMA, float(time)))
    between = (times > 1.0) & (times < 1.5)
    assert np.array_equal(np.array(filtered)[between], noisy[between])
    assert rms((np.array(filtered) - truth)[-15:]) < 0.5 * NOISE


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.floats(-0.1, 3.0), st.floats(-300, 300), st.floats(0, 50)), min_size=1, max_size=30
    ),
    st.floats(0, 1),
)
def test_result_of_any_input_is_finite_and_near_the_measurement(
    steps: list[tuple[float, float, float]], strength: float
):
    smoother, time = KalmanSmoother(strength=strength), 0.0
    base = np.random.default_rng(3).uniform(0, 200, (68, 2))
    for elapsed, shift, sigma in steps:
        time += elapsed
        points = base + shift
        filtered = smoother.update(points, np.full(68, sigma), time)
        assert np.isfinite(filtered).all()
        assert np.linalg.norm(filtered - points, axis=1).mean() <= 0.3 * 200


def test_landmarks_at_one_point_stay_there():
    smoother = KalmanSmoother()
    for time in range(5):
        assert np.allclose(smoother.update(np.full((68, 2), 7.0), np.zeros(68), time * FRAME), 7.0)

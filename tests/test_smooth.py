import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livefan.smooth import KalmanSmoother, SmootherSettings

SIZE = 200.0
NOISE = SmootherSettings().measurement_std * SIZE
FRAME = 1 / 30


@pytest.fixture
def face() -> np.ndarray:
    """68 landmarks of a face 200 pixels high."""
    points = np.random.default_rng(0).uniform(100, 300, (68, 2))
    points[0], points[1] = (100, 100), (300, 300)
    return points


def run(truth: np.ndarray, times: np.ndarray, noise: float, confidence: float = 1.0) -> np.ndarray:
    """Filter ``(frames, n, 2)`` true landmarks measured with Gaussian noise."""
    rng = np.random.default_rng(1)
    smoother = KalmanSmoother()
    sure = np.full(truth.shape[1], confidence)
    measured = truth + rng.normal(0, noise, truth.shape)
    return np.array(
        [smoother.update(points, sure, float(time)) for points, time in zip(measured, times, strict=True)]
    )


def moving(face: np.ndarray, times: np.ndarray, velocity: tuple[float, float]) -> np.ndarray:
    return face + times[:, None, None] * np.array(velocity)


def test_the_first_measurement_is_taken_as_it_is(face: np.ndarray):
    assert np.array_equal(KalmanSmoother().update(face, np.ones(68), 5.0), face)


def test_a_still_face_gets_steadier(face: np.ndarray):
    times = np.arange(150) * FRAME
    filtered = run(np.repeat(face[None], 150, axis=0), times, NOISE)[30:]
    assert filtered.std(axis=0).mean() < 0.5 * NOISE


def test_a_face_at_constant_velocity_is_followed_without_lag(face: np.ndarray):
    times = np.arange(90) * FRAME
    truth = moving(face, times, (150.0, -60.0))
    error = (run(truth, times, NOISE) - truth)[45:]
    assert np.abs(error.mean(axis=0)).mean() < NOISE / 2


def test_uneven_frames_are_followed_like_even_ones(face: np.ndarray):
    """Dropped frames change the step of time, not the path."""
    times = np.cumsum(np.random.default_rng(2).choice([FRAME, 2 * FRAME, 4 * FRAME], 90))
    truth = moving(face, times, (120.0, 40.0))
    error = (run(truth, times, 0.01) - truth)[10:]
    assert np.abs(error).max() < 0.5


def test_an_eye_that_closes_at_once_is_believed(face: np.ndarray):
    times = np.arange(40) * FRAME
    truth = np.repeat(face[None], 40, axis=0)
    truth[30:, 37] += (0, 12)  # a lid goes down twelve pixels within a frame
    filtered = run(truth, times, NOISE)
    assert abs(filtered[31, 37, 1] - truth[31, 37, 1]) < 2.5
    assert np.abs(filtered[31, 38:48] - truth[31, 38:48]).mean() < NOISE


def test_an_unsure_landmark_moves_less(face: np.ndarray):
    times = np.arange(150) * FRAME
    truth = np.repeat(face[None], 150, axis=0)
    jitter = [run(truth, times, NOISE, sure)[30:].std(axis=0).mean() for sure in (1.0, 0.3)]
    assert jitter[1] < 0.8 * jitter[0]


def test_a_jump_and_a_long_gap_begin_anew(face: np.ndarray):
    for displaced, gap in ((face + SIZE / 2, FRAME), (face + 3.0, 2.0)):
        smoother = KalmanSmoother()
        smoother.update(face, np.ones(68), 0.0)
        smoother.update(face, np.ones(68), FRAME)
        assert np.array_equal(smoother.update(displaced, np.ones(68), FRAME + gap), displaced)


def test_a_clock_that_stands_or_goes_back_does_no_harm(face: np.ndarray):
    smoother = KalmanSmoother()
    for time in (1.0, 1.0, 0.5):
        assert np.array_equal(smoother.update(face, np.ones(68), time), face)


@given(
    st.lists(st.tuples(st.floats(-0.1, 3.0), st.floats(-300, 300), st.floats(0, 1)), min_size=1, max_size=30)
)
def test_whatever_comes_the_result_is_finite_and_near_what_was_measured(
    steps: list[tuple[float, float, float]],
):
    smoother, time = KalmanSmoother(), 0.0
    base = np.random.default_rng(3).uniform(0, 200, (68, 2))
    for elapsed, shift, confidence in steps:
        time += elapsed
        measured = base + shift
        filtered = smoother.update(measured, np.full(68, confidence), time)
        assert np.isfinite(filtered).all()
        assert np.linalg.norm(filtered - measured, axis=1).mean() <= 0.25 * 200 + 1

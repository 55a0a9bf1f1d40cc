import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livefan.benchmark.moving_faces import MovingFace, Pose
from livefan.benchmark.smoothing import follow
from livefan.tracking.kalman import KalmanSmoother, SmootherSettings, smooth_recording
from livefan.tracking.pipeline import Pipeline

SIZE = 200.0
SPREAD = np.full(68, SmootherSettings().usual_sigma * SIZE)
NOISE = SmootherSettings().noise_std * SIZE
FRAME = 1 / 30
LID = [37, 38]


@pytest.fixture
def face() -> np.ndarray:
    """68 landmarks of a face 200 pixels high."""
    points = np.random.default_rng(0).uniform(100, 300, (68, 2))
    points[0], points[1] = (100, 100), (300, 300)
    # Lids and what is around them move together in a face.
    points[37:43] = (160, 180) + np.arange(6)[:, None] * (4, 1)
    return points


def measured(truth: np.ndarray, noise: float = NOISE) -> np.ndarray:
    return truth + np.random.default_rng(1).normal(0, noise, truth.shape)


def run(
    points_px: np.ndarray, times: np.ndarray, sigma_px: np.ndarray = SPREAD, strength: float = 0.5
) -> np.ndarray:
    """Filter ``(frames, n, 2)`` measured landmarks."""
    smoother = KalmanSmoother(strength=strength)
    return np.array(
        [
            smoother.update(points, sigma_px, float(time))
            for points, time in zip(points_px, times, strict=True)
        ]
    )


def still(face: np.ndarray, frames: int = 150) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(face[None], frames, axis=0), np.arange(frames) * FRAME


def nodding(face: np.ndarray, times: np.ndarray, frequency: float = 2.0) -> np.ndarray:
    """The face goes up and down by 30 pixels either way, as sines do, and leans with it."""
    phase = np.sin(2 * np.pi * frequency * times)
    turn = np.exp(0.1j * phase)[:, None]
    centre = 200 + 200j
    points = (face[:, 0] + 1j * face[:, 1] - centre) * turn + centre + 30j * phase[:, None]
    return np.stack([points.real, points.imag], -1)


def rms(error: np.ndarray) -> float:
    return float(np.sqrt((error**2).mean()))


def lag_frames(filtered: np.ndarray, truth: np.ndarray, times: np.ndarray) -> float:
    """By how many frames a path is behind another, in least squares."""
    velocity = np.gradient(truth, times, axis=0)
    return float(-((filtered - truth) * velocity).sum() / (velocity**2).sum() / FRAME)


def test_the_first_measurement_is_taken_as_it_is(face: np.ndarray):
    assert np.array_equal(KalmanSmoother().update(face, SPREAD, 5.0), face)


def test_a_still_face_keeps_a_fifth_of_its_jitter(face: np.ndarray):
    truth, times = still(face)
    filtered = run(measured(truth), times)[30:]
    assert filtered.std(axis=0).mean() < 0.2 * NOISE


@pytest.mark.parametrize("camera", [0.5, 3.0], ids=["clean camera", "noisy camera"])
def test_how_noisy_a_camera_is_is_learned(face: np.ndarray, camera: float):
    truth, times = still(face)
    filtered = run(measured(truth, camera * NOISE), times)[60:]
    assert filtered.std(axis=0).mean() < 0.22 * camera * NOISE


def test_a_pan_is_followed_without_lag_and_far_steadier_than_measured(face: np.ndarray):
    times = np.arange(90) * FRAME
    truth = face + times[:, None, None] * np.array((50.0, -20.0))
    filtered = run(measured(truth), times)
    assert abs(lag_frames(filtered[30:], truth[30:], times[30:])) < 0.1
    assert rms((filtered - truth)[30:]) < 0.5 * NOISE


def test_a_fast_nod_is_followed_without_lag_and_no_worse_than_measured(face: np.ndarray):
    times = np.arange(120) * FRAME
    truth = nodding(face, times)
    filtered = run(measured(truth), times)
    assert abs(lag_frames(filtered[15:], truth[15:], times[15:])) < 0.1
    assert rms((filtered - truth)[15:]) < NOISE


def test_dropped_frames_change_the_step_of_time_not_the_path(face: np.ndarray):
    times = np.cumsum(np.random.default_rng(2).choice([1, 2, 4], 90)) * FRAME
    truth = nodding(face, times, 1.0)
    filtered = run(measured(truth), times)
    assert rms((filtered - truth)[15:]) < 1.02 * NOISE


def test_a_lid_that_closes_is_believed_while_the_rest_stays_steady(face: np.ndarray):
    truth, times = still(face, 60)
    truth[40:44, LID, 1] += np.array([4.0, 8.0, 8.0, 4.0])[:, None]
    filtered = run(measured(truth), times)
    went = filtered[41:43, LID, 1].mean() - filtered[30:40, LID, 1].mean()
    assert went > 0.9 * 8.0
    others = np.arange(68) > 48
    assert (filtered[30:50] - truth[30:50])[:, others].std(axis=0).mean() < 0.3 * NOISE


def test_a_head_that_moves_leaves_the_smoothing_of_its_parts_alone(face: np.ndarray):
    """After a nod the face's shape is as steady as if the head had been still."""
    times = np.arange(120) * FRAME
    truth = nodding(face, times)
    filtered = run(measured(truth), times)

    def shape(points: np.ndarray) -> np.ndarray:
        z = points[..., 0] + 1j * points[..., 1]
        z = z - z.mean(axis=1, keepdims=True)
        return z / (z * z[:1].conj()).sum(axis=1, keepdims=True) * (np.abs(z[0]) ** 2).sum()

    assert shape(filtered)[60:].std(axis=0).mean() < 0.35 * shape(measured(truth))[60:].std(axis=0).mean()


def test_a_landmark_whose_heatmap_is_smeared_moves_less(face: np.ndarray):
    truth, times = still(face)
    sigma = SPREAD.copy()
    sigma[:10] *= 3
    jitter = run(measured(truth), times, sigma)[30:].std(axis=0).mean(axis=1)
    assert jitter[:10].mean() < 0.8 * jitter[10:].mean()


def test_a_jump_is_followed_at_once_and_without_overshoot(face: np.ndarray):
    truth, times = still(face, 60)
    truth[30:] += (0.2 * SIZE, 0.1 * SIZE)
    filtered = run(measured(truth), times)
    assert rms((filtered - truth)[30:34]) < 1.1 * NOISE


def test_a_face_elsewhere_and_a_long_gap_begin_anew(face: np.ndarray):
    for displaced, gap in ((face + SIZE / 2, FRAME), (face + 3.0, 2.0)):
        smoother = KalmanSmoother()
        smoother.update(face, SPREAD, 0.0)
        smoother.update(face, SPREAD, FRAME)
        assert np.array_equal(smoother.update(displaced, SPREAD, FRAME + gap), displaced)


def test_a_clock_that_stands_or_goes_back_does_no_harm(face: np.ndarray):
    smoother = KalmanSmoother()
    for time in (1.0, 1.0, 0.5):
        assert np.array_equal(smoother.update(face, SPREAD, time), face)


def test_the_strength_goes_from_as_measured_to_steadier_than_usual(face: np.ndarray):
    truth, times = still(face)
    noisy = measured(truth)
    weak, usual, strong = (run(noisy, times, strength=s)[30:].std(axis=0).mean() for s in (0.1, 0.5, 0.9))
    assert np.array_equal(run(noisy, times, strength=0.0), noisy)
    assert strong < usual < weak < NOISE


def test_the_strength_may_change_at_any_time(face: np.ndarray):
    truth, times = still(face, 90)
    noisy, smoother = measured(truth), KalmanSmoother()
    filtered = []
    for points, time in zip(noisy, times, strict=True):
        smoother.strength = 0.0 if 1.0 < time < 1.5 else 0.5
        filtered.append(smoother.update(points, SPREAD, float(time)))
    between = (times > 1.0) & (times < 1.5)
    assert np.array_equal(np.array(filtered)[between], noisy[between])
    assert rms((np.array(filtered) - truth)[-15:]) < 0.5 * NOISE


@given(
    st.lists(
        st.tuples(st.floats(-0.1, 3.0), st.floats(-300, 300), st.floats(0, 50)), min_size=1, max_size=30
    ),
    st.floats(0, 1),
)
def test_whatever_comes_the_result_is_finite_and_near_what_was_measured(
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


def test_landmarks_all_at_one_place_do_no_harm():
    smoother = KalmanSmoother()
    for time in range(5):
        assert np.allclose(smoother.update(np.full((68, 2), 7.0), np.zeros(68), time * FRAME), 7.0)


def test_looking_back_is_nearer_the_truth_than_the_live_filter(face: np.ndarray):
    times = np.arange(120) * FRAME
    truth = face + (times[:, None, None] * 40 * (times > 1.5)[:, None, None])
    noisy = measured(truth)
    spreads = np.repeat(SPREAD[None], len(times), axis=0)
    both_ways = smooth_recording(noisy, spreads, times)
    assert rms(both_ways - truth) < 0.85 * rms(run(noisy, times) - truth)


def test_looking_back_stops_where_the_filter_began_anew(face: np.ndarray):
    """After a gap the face may be anywhere; neither side bends the other."""
    truth, times = still(face, 60)
    truth[30:] += (90.0, 0.0)
    times[30:] += 5.0
    both_ways = smooth_recording(measured(truth), np.repeat(SPREAD[None], 60, axis=0), times)
    assert np.abs(both_ways - truth).max() < 5 * NOISE
    assert rms((both_ways - truth)[25:35]) < 0.6 * NOISE


def test_looking_back_with_no_strength_changes_nothing(face: np.ndarray):
    truth, times = still(face, 10)
    noisy = measured(truth)
    unchanged = smooth_recording(noisy, np.repeat(SPREAD[None], 10, axis=0), times, strength=0.0)
    assert np.array_equal(unchanged, noisy)


def test_what_filters_are_measured_on_is_followed_as_the_application_follows_it(
    pipeline: Pipeline, photo: np.ndarray
):
    """Of a crop about where the face was before it jumped, its edge would be cut off."""
    pipeline.smoothing = 0.0
    (face,) = pipeline.process_image(photo)
    moving, jumped = MovingFace(photo, face.points_px), Pose(shift=(0.12, 0.0))
    pictures = [moving.picture(pose) for pose in (*[Pose()] * 3, jumped)]
    seen = follow(pipeline, pictures, np.arange(4) / 30, face.points_px)
    assert list(seen) == [0, 1, 2, 3]
    apart = np.linalg.norm(seen[3].points_px - moving.truth(jumped, seen[2].points_px), axis=1)
    assert apart.mean() < 0.006 * moving.size
    pictures.insert(0, np.full_like(photo, 90))
    assert list(follow(pipeline, pictures, np.arange(5) / 30, face.points_px)) == [1, 2, 3, 4]

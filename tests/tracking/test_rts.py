import numpy as np
from tracking.moving_landmarks import (
    FRAME,
    NOISE,
    SIGMA,
    measured,
    rms,
    run,
    still,
)

from livefan.tracking.rts import smooth_recording


def test_smoother_has_less_error_than_the_filter(face_px: np.ndarray):
    times = np.arange(120) * FRAME
    truth = face_px + (times[:, None, None] * 40 * (times > 1.5)[:, None, None])
    noisy = measured(truth)
    sigmas = np.repeat(SIGMA[None], len(times), axis=0)
    both_ways = smooth_recording(noisy, sigmas, times)
    assert rms(both_ways - truth) < 0.85 * rms(run(noisy, times) - truth)


def test_smoother_does_not_cross_a_restart(face_px: np.ndarray):
    """After a gap the face may be anywhere; neither side influences the other."""
    truth, times = still(face_px, 60)
    truth[30:] += (90.0, 0.0)
    times[30:] += 5.0
    both_ways = smooth_recording(measured(truth), np.repeat(SIGMA[None], 60, axis=0), times)
    assert np.abs(both_ways - truth).max() < 5 * NOISE
    assert rms((both_ways - truth)[25:35]) < 0.6 * NOISE


def test_strength_zero_returns_the_measurements(face_px: np.ndarray):
    truth, times = still(face_px, 10)
    noisy = measured(truth)
    unchanged = smooth_recording(noisy, np.repeat(SIGMA[None], 10, axis=0), times, strength=0.0)
    assert np.array_equal(unchanged, noisy)

import numpy as np
import pytest

from livefan.tracking.kalman import KalmanSmoother
from livefan.tracking.landmarker import Located
from livefan.tracking.track import Track


def located(score: float) -> Located:
    points_px = np.random.default_rng(0).uniform(100, 200, (68, 2))
    return Located(points_px, np.full(68, score), np.full(68, 2.0))


def test_track_is_sure_only_after_its_face_score_was_high_once():
    track = Track(1, located(0.7), KalmanSmoother(), 0.0)
    sure = []
    for number, score in enumerate((0.74, 0.76, 0.62, 0.58, 0.62)):
        track.update(located(score), number / 30)
        sure.append(track.is_sure)
    assert sure == [False, True, True, False, True]
    assert Track.from_json(track.as_json(), KalmanSmoother()).is_sure


def test_scaled_track_lies_at_the_same_place_of_a_larger_frame():
    track = Track(1, located(0.9), KalmanSmoother(), 0.0)
    track.velocity_px = np.array([10.0, -4.0])
    before_px = track.located.points_px
    track.scale(np.array([2.0, 2.0]))
    assert np.allclose(track.located.points_px, 2 * before_px + 0.5)
    assert track.located.width_px == pytest.approx(np.full(68, 4.0))
    assert np.allclose(track.box_px, [*(2 * before_px + 0.5).min(axis=0), *(2 * before_px + 0.5).max(axis=0)])
    assert track.velocity_px.tolist() == [20.0, -8.0]

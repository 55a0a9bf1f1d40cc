import numpy as np
import pytest

from livefan.benchmark import baselines


def test_mediapipe_finds_478_landmarks(photo: np.ndarray):
    if (problem := baselines.mediapipe_problem()) is not None:
        pytest.skip(problem)
    with baselines.mediapipe_face_landmarker() as track:
        (face,) = track(photo)
        assert len(face) == 478
        assert track(np.zeros_like(photo)) == []

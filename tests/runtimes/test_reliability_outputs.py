"""Occlusion, presence and expected errors: further outputs of a network with a reliability head."""

import numpy as np
import pytest

import livefan
from livefan.networks.checkpoint import load_weights
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.runtimes.self_check import check_crops
from livefan.runtimes.torch_runtime import TorchRuntime

HALF = "mobilefan-half-300w"


@pytest.mark.slow
def test_runtimes_give_the_reliability_of_torch():
    weights = load_weights(HALF)
    crops = check_crops(weights.info.input_size)
    torch = TorchRuntime(weights)
    torch.run(crops)
    for precision, limit in (("float32", 1e-3), ("int8", 0.2)):
        other = open_runtime(HALF, RuntimeChoice("openvino", precision))
        other.run(crops)
        assert np.abs(other.occluded - torch.occluded).mean() < limit
        assert np.abs(other.presence - torch.presence).max() < limit
        ratio = other.expected_error_crop / torch.expected_error_crop
        assert np.abs(np.log(ratio)).mean() < limit


def test_face_is_present_and_an_empty_frame_is_not(photo: np.ndarray):
    with livefan.Pipeline(HALF) as pipeline:
        (face,) = pipeline.process_image(photo)
        runtime = pipeline.runtime
        for grey in (0, 128):
            runtime.run(np.full((1, 192, 192, 3), grey, np.uint8))
            assert runtime.presence[0] < 0.1
    assert face.presence > 0.9
    assert face.occluded.shape == (68,)
    assert (face.occluded < 0.5).mean() > 0.9

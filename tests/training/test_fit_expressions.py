"""The expression head: its fit, and the teacher's names."""

from pathlib import Path

import numpy as np
import torch

from livefan.core.face_measures import EXPRESSION_NAMES
from livefan.networks.checkpoint import load_weights, save_weights
from livefan.training.expression_teacher import mirrored_order
from livefan.training.fit_expressions import Samples, agreement, disturbed_colours, fit_head, new_head


def test_head_learns_a_simple_dependence(tmp_path: Path):
    weights = load_weights("mobilefan-half-300w")
    head = new_head(weights)
    random = np.random.default_rng(0)
    shape = random.normal(0, 1, (600, head.n_shape))
    rest = random.normal(2, 1, (600, head.n_direct - head.n_shape + 68 * head.reduce.in_features))
    hidden = 1 / (1 + np.exp(-2 * shape[:, :1]))
    expressions = np.repeat(hidden, len(EXPRESSION_NAMES), axis=1).astype(np.float32)
    pupils = (0.02 * shape[:, 1:2] * np.ones(4)).astype(np.float32)
    inputs = np.hstack([shape, rest]).astype(np.float16)
    samples = Samples(inputs, expressions, pupils, np.arange(600) % 2 == 0)
    fit_head(head, samples, steps=60)
    found = agreement(head, samples, "made", weights)
    assert len(found.correlation) == len(EXPRESSION_NAMES)
    assert found.mean > 0.9
    path = tmp_path / "with-head.safetensors"
    save_weights(path, weights.model, weights.info, refiner=weights.refiner, expression_head=head)
    again = load_weights(path)
    assert again.info.expressions == EXPRESSION_NAMES
    crops = torch.rand(2, 3, 192, 192)
    maps: list[torch.Tensor] = []
    assert torch.equal(again.model(crops, maps), weights.model(crops))
    landmarks = 192 * torch.rand(2, 68, 4)
    values, pupils_crop = again.expression_head(maps, landmarks)
    assert torch.equal(values, head(maps, landmarks)[0])
    assert (values.shape, pupils_crop.shape) == ((2, 50), (2, 2, 2))


def test_weights_without_a_head_lose_it_when_they_are_saved(tmp_path: Path):
    weights = load_weights("mobilefan-half-300w")
    save_weights(tmp_path / "w.safetensors", weights.model, weights.info)
    again = load_weights(tmp_path / "w.safetensors")
    assert (again.expression_head, again.info.expressions) == (None, None)


def test_mirror_exchanges_left_and_right():
    order = mirrored_order(EXPRESSION_NAMES)
    mirrored = [EXPRESSION_NAMES[place] for place in order]
    at = EXPRESSION_NAMES.index
    assert mirrored[at("mouthSmileLeft")] == "mouthSmileRight"
    assert mirrored[at("jawRight")] == "jawLeft"
    assert mirrored[at("jawOpen")] == "jawOpen"


def test_disturbed_colours_stay_pixels():
    pixels = np.full((8, 8, 3), 128, np.uint8)
    made = [disturbed_colours(pixels, np.random.default_rng(seed)) for seed in range(20)]
    assert all(each.dtype == np.uint8 and each.shape == pixels.shape for each in made)
    assert len({each.tobytes() for each in made}) > 10

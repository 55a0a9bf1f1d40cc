"""The outputs of a teacher."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from marked_faces import SMALL, perfect_logits

from livefan.networks.checkpoint import WeightsInfo, load_weights, save_weights
from livefan.networks.heatmaps import heatmap_to_crop, soft_argmax
from livefan.networks.mobilefan import MobileFAN
from livefan.training.learner import Learner
from livefan.training.losses import DistillationCriterion
from livefan.training.objective import Objective, teacher_outputs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("input_size", "side", "seen"), [(256, 192, 224), (224, 160, 224), (192, 128, 192), (256, 224, 224)]
)
def test_teacher_for_larger_crops_gets_enlarged_crops(tmp_path: Path, input_size: int, side: int, seen: int):
    torch.manual_seed(0)
    path = tmp_path / "w.safetensors"
    save_weights(path, MobileFAN(68, 0.5), WeightsInfo("300w-68", 0.5, input_size=input_size))
    teacher = load_weights(path)
    sizes: list[int] = []
    teacher.model.encoder.register_forward_pre_hook(lambda _, given: sizes.append(given[0].shape[-1]))
    crops = torch.randn(2, 3, side, side)
    theirs, their_stages = teacher_outputs(teacher, crops)
    assert sizes == [seen]
    learner = Learner(MobileFAN(68, 0.5), teacher.model.channels)
    heatmaps, stages, lifted = learner(crops)
    assert theirs.shape == heatmaps.shape
    terms = DistillationCriterion(1.0, 1.0, 1.0)(heatmaps, stages, lifted, theirs, their_stages)
    assert all(value.isfinite() and value > 0 for value in terms.values())
    for value in terms.values():
        learner.zero_grad()
        torch.autograd.backward(value, retain_graph=True)
        slope = learner.network.decoder[0][0].weight.grad
        assert slope is not None
        assert slope.isfinite().all()
        assert slope.abs().max() > 0
    if seen == side:
        as_they_are, their_own = teacher.model.with_stages(crops)
        assert torch.equal(theirs, as_they_are)
        assert all(map(torch.equal, their_stages, their_own))


def test_teacher_heatmaps_of_enlarged_crops_mark_the_same_positions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    save_weights(tmp_path / "w.safetensors", MobileFAN(68, 0.5), WeightsInfo("300w-68", 0.5))
    points = torch.tensor([[60.0, 120.0], [150.0, 31.0]])
    logits = perfect_logits(points, 1.5)[None, :, :56, :56]
    monkeypatch.setattr(MobileFAN, "with_stages", lambda network, x: (logits, []))
    heatmaps, _ = teacher_outputs(load_weights(tmp_path / "w.safetensors"), torch.zeros(1, 3, 192, 192))
    found = heatmap_to_crop(soft_argmax(heatmaps)[0])[0]
    assert torch.allclose((found + 0.5) * 224 / 192 - 0.5, points, atol=0.1)


def test_decoder_fits_the_heatmaps_of_the_loss():
    assert Objective(replace(SMALL, coordinate_weight=0.0), None).decoder == "soft-argmax"
    assert Objective(replace(SMALL, coordinate_weight=0.0, heatmap_loss="mse"), None).decoder == "argmax"

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from marked_faces import perfect_logits

from livefan.networks.mobilefan import MobileFAN
from livefan.training.learner import Learner
from livefan.training.losses import (
    HEATMAP_LOSSES,
    DistillationCriterion,
    LandmarkCriterion,
    graph_distance,
    squared_error,
    weighted_total,
)


def gaussians(target: torch.Tensor, sigma: float, size: int = 64) -> torch.Tensor:
    cells = torch.arange(float(size))
    rows, columns = (cells - target[..., 1:]) ** 2, (cells - target[..., :1]) ** 2
    return torch.exp(-(rows[..., :, None] + columns[..., None, :]) / (2 * sigma**2))


@settings(max_examples=20)
@given(st.integers(2, 9), st.integers(1, 6), st.integers(1, 6), st.integers(0, 1000))
def test_distance_of_two_graphs_equals_that_of_their_matrices(size: int, c: int, d: int, seed: int):
    generator = torch.Generator().manual_seed(seed)
    ours = torch.rand(3, c, size, size, generator=generator) - 0.3
    theirs = torch.rand(3, d, size, size, generator=generator) - 0.3

    def graph(maps: torch.Tensor) -> torch.Tensor:
        nodes = torch.nn.functional.normalize(maps.flatten(2), dim=1)
        return nodes.transpose(1, 2) @ nodes

    direct = (graph(ours) - graph(theirs)).square().mean()
    assert graph_distance(ours, theirs).item() == pytest.approx(direct.item(), rel=1e-3, abs=1e-6)


def test_graph_is_invariant_to_order_and_scale_of_the_channels():
    maps = torch.rand(2, 8, 16, 16)
    assert graph_distance(maps, 3 * maps.flip(1)).item() == pytest.approx(0, abs=1e-6)
    assert graph_distance(maps, torch.rand(2, 8, 16, 16)).item() > 1e-3


def test_student_equal_to_its_teacher_has_no_distillation_loss():
    heatmaps = torch.randn(2, 5, 64, 64)
    stages = [torch.rand(2, 8, size, size) for size in (16, 32, 64)]
    same = DistillationCriterion(1.0, 1.0, 1.0)(heatmaps, stages, stages, heatmaps, stages)
    assert set(same) == {"aligned", "similarity", "response"}
    assert all(value.abs() < 1e-5 for value in same.values())
    other = DistillationCriterion(1.0, 1.0, 1.0)(
        heatmaps, stages, [stage + 0.5 for stage in stages], torch.zeros_like(heatmaps), stages
    )
    assert other["aligned"].item() == pytest.approx(3 * 0.25, rel=1e-5)
    # Against a uniform teacher the divergence is the mean log-probability below that of uniform.
    expected = -math.log(4096) - heatmaps.flatten(2).log_softmax(-1).mean()
    assert other["response"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_terms_with_zero_weight_are_not_computed():
    heatmaps, stages = torch.zeros(1, 5, 64, 64), [torch.rand(1, 8, 16, 16)]
    assert DistillationCriterion()(heatmaps, stages, [], heatmaps, stages) == {}
    assert set(LandmarkCriterion(0.0, 1.0, "mse")(heatmaps, torch.rand(1, 5, 2) * 200)) == {"heatmap"}


def test_adapters_lift_each_stage_to_the_teachers_channels():
    learner = Learner(MobileFAN(5, 0.5), (24, 32, 40))
    _, stages, lifted = learner(torch.rand(2, 3, 256, 256))
    assert [tuple(stage.shape) for stage in stages] == [(2, 128, s, s) for s in (16, 32, 64)]
    assert [tuple(stage.shape) for stage in lifted] == [(2, 24, 16, 16), (2, 32, 32, 32), (2, 40, 64, 64)]
    assert len({id(parameter) for adapter in learner.adapters for parameter in adapter.parameters()}) == 9


def test_regressed_heatmaps_are_compared_to_gaussians_of_height_one():
    target = torch.tensor([[[20.25, 31.5], [40.0, 8.0]]])
    perfect = gaussians(target, 1.0)
    assert squared_error(perfect, target, 1.0).abs().max() < 1e-12
    assert torch.allclose(squared_error(perfect + 0.5, target, 1.0), torch.tensor(0.25))


@pytest.mark.parametrize("name", HEATMAP_LOSSES)
def test_every_heatmap_loss_falls_along_its_finite_gradient(name: str):
    torch.manual_seed(0)
    points = torch.rand(2, 5, 2) * 160 + 40
    heatmaps = torch.zeros(2, 5, 64, 64, requires_grad=True)
    criterion = LandmarkCriterion(0.0, 1.0, name)
    before = criterion(heatmaps, points)["heatmap"]
    (gradient,) = torch.autograd.grad(before, heatmaps)
    assert gradient.isfinite().all()
    after = criterion(heatmaps - 1e-3 * gradient, points)["heatmap"]
    assert after < before


def test_landmark_loss_is_lowest_at_the_target_and_its_terms_are_named():
    points = torch.rand(2, 68, 2) * 180 + 40
    criterion = LandmarkCriterion(heatmap_weight=0.5)
    perfect = criterion(perfect_logits(points, 1.2), points)
    shifted = criterion(perfect_logits(points + 4, 1.2), points)
    assert perfect["coordinate"] < 1e-3
    assert shifted["coordinate"].item() == pytest.approx(1.0, abs=1e-3)
    # The entropy of a Gaussian of sigma 1.2: log(2 pi e sigma^2).
    assert perfect["heatmap"].item() == pytest.approx(3.20, abs=0.02)
    assert shifted["heatmap"] > perfect["heatmap"]
    assert weighted_total(perfect, criterion.weights).item() == pytest.approx(
        (perfect["coordinate"] + 0.5 * perfect["heatmap"]).item()
    )


def test_landmarks_outside_the_crop_do_not_count():
    points = torch.full((1, 68, 2), 100.0)
    logits = perfect_logits(points, 1.2)
    points[0, 10:] = 400.0
    assert LandmarkCriterion()(logits, points)["coordinate"] < 1e-3
    everything_outside = LandmarkCriterion()(logits, points + 1000)
    assert all(value.item() == 0.0 for value in everything_outside.values())


@pytest.mark.parametrize("name", HEATMAP_LOSSES)
def test_heatmaps_of_a_crop_without_a_face_are_to_be_flat(name: str):
    """The points of the second crop are NaN: its flat heatmaps cost least, and its positions nothing."""
    points = torch.full((2, 5, 2), 100.0)
    points[1] = torch.nan
    flat, peaked = torch.zeros(2, 5, 64, 64), torch.zeros(2, 5, 64, 64)
    peaked[1, :, 20, 30] = 9.0
    flat.requires_grad_()
    criterion = LandmarkCriterion(heatmap_loss=name)
    found, wrong = criterion(flat, points), criterion(peaked, points)
    assert found["coordinate"].item() == pytest.approx(wrong["coordinate"].item())
    assert found["heatmap"] < wrong["heatmap"]
    (gradient,) = torch.autograd.grad(found["heatmap"], flat)
    assert gradient[0].abs().max() > 1e-6
    assert gradient[1].abs().max() < 1e-6

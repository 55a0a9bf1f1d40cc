"""The training loop."""

from pathlib import Path

import pytest
import torch
from marked_faces import SMALL, marked_faces

from livefan.core.errors import LivefanError
from livefan.training.losses import LandmarkCriterion
from livefan.training.train import train


@pytest.mark.slow
def test_loss_that_is_not_finite_stops_training_and_lists_the_terms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        LandmarkCriterion,
        "forward",
        lambda self, heatmaps, points: {
            "coordinate": heatmaps.sum() * 0 + 1,
            "heatmap": heatmaps.sum() * torch.nan,
        },
    )
    faces = marked_faces(tmp_path, 4)
    with pytest.raises(LivefanError, match="'heatmap': nan"):
        train(faces, faces, SMALL, tmp_path / "r", quiet=True)


@pytest.mark.slow
def test_gradient_that_is_not_finite_stops_training_before_the_weights_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Infinite(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.sum() * 0

        @staticmethod
        def backward(ctx, gradient):
            return torch.full((4, 68, 24, 24), torch.inf)

    monkeypatch.setattr(
        LandmarkCriterion,
        "forward",
        lambda self, heatmaps, points: {
            "coordinate": Infinite.apply(heatmaps),
            "heatmap": heatmaps.sum() * 0,
        },
    )
    faces = marked_faces(tmp_path, 4)
    with pytest.raises(LivefanError, match="stopped at step 0: an infinite gradient; lower learning_rate"):
        train(faces, faces, SMALL, tmp_path / "r", quiet=True)

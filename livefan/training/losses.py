"""What training minimises: named terms and their weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from livefan.decode import crop_to_heatmap, soft_argmax


class LandmarkCriterion(nn.Module):
    """Soft-argmax coordinates, kept sharp by a heatmap term.

    ``coordinate``: mean absolute error of the soft-argmax positions, in heatmap cells.
    ``heatmap``: cross-entropy between each heatmap's softmax and a normalised Gaussian.
    Landmarks outside the crop count in neither.

    Args:
        heatmap_weight: weight of the heatmap term; the coordinate term has weight one.
        sigma: standard deviation of the Gaussian, in heatmap cells.
    """

    def __init__(self, heatmap_weight: float = 1.0, sigma: float = 1.2) -> None:
        super().__init__()
        self.weights = {"coordinate": 1.0, "heatmap": heatmap_weight}
        self.sigma = sigma

    def forward(self, heatmaps: Tensor, points_crop: Tensor) -> dict[str, Tensor]:
        """The loss terms, unweighted scalars, by name.

        Args:
            heatmaps: ``(batch, n, 64, 64)`` logits.
            points_crop: ``(batch, n, 2)`` true positions ``(x, y)`` in crop pixels.
        """
        heatmaps = heatmaps.float()
        height, width = heatmaps.shape[-2:]
        target = crop_to_heatmap(points_crop)
        limits = torch.tensor([width, height], device=target.device) - 0.5
        inside = ((target > -0.5) & (target < limits)).all(-1).float()
        count = inside.sum().clamp(min=1.0)
        points, _ = soft_argmax(heatmaps)
        coordinate = ((points - target).abs().mean(-1) * inside).sum() / count
        log_probability = heatmaps.flatten(2).log_softmax(-1).view_as(heatmaps)
        x_weight = self._gaussian(target[..., 0], width)
        y_weight = self._gaussian(target[..., 1], height)
        cross_entropy = -torch.einsum("bnhw,bnh,bnw->bn", log_probability, y_weight, x_weight)
        return {"coordinate": coordinate, "heatmap": (cross_entropy * inside).sum() / count}

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """The weighted sum of the terms."""
        return torch.stack([self.weights[name] * value for name, value in terms.items()]).sum()

    def _gaussian(self, centre: Tensor, length: int) -> Tensor:
        """``(batch, n, length)`` normalised Gaussian weights along one axis."""
        cells = torch.arange(length, device=centre.device, dtype=torch.float32)
        return (-((cells - centre[..., None]) ** 2) / (2 * self.sigma**2)).softmax(-1)

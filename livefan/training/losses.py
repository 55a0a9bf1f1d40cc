"""The losses of training: named terms and their weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from livefan.networks.heatmaps import crop_to_heatmap, soft_argmax


class LandmarkCriterion(nn.Module):
    """Distance of heatmaps from the labels.

    ``coordinate``: mean absolute error of the soft-argmax positions, in heatmap cells.
    ``heatmap``: one of :data:`HEATMAP_LOSSES` between each heatmap and a Gaussian around the landmark.
    Landmarks outside the crop count in neither. In crops without a face, whose points are NaN, the heatmap
    term demands flat heatmaps. A term whose weight is zero is not computed.

    Args:
        coordinate_weight, heatmap_weight: weights of the terms.
        heatmap_loss: a key of :data:`HEATMAP_LOSSES`.
        sigma: standard deviation of the Gaussian, in heatmap cells.
    """

    def __init__(
        self,
        coordinate_weight: float = 1.0,
        heatmap_weight: float = 1.0,
        heatmap_loss: str = "cross-entropy",
        sigma: float = 1.2,
    ) -> None:
        super().__init__()
        self.weights = {"coordinate": coordinate_weight, "heatmap": heatmap_weight}
        self.sigma = sigma
        self._heatmap_loss = HEATMAP_LOSSES[heatmap_loss]

    def forward(self, heatmaps: Tensor, points_crop: Tensor) -> dict[str, Tensor]:
        """Return the loss terms, unweighted scalars, by name.

        Args:
            heatmaps: ``(batch, n, h, w)`` logits.
            points_crop: ``(batch, n, 2)`` true positions ``(x, y)`` in crop pixels; NaN without a face.
        """
        heatmaps = heatmaps.float()
        target = crop_to_heatmap(points_crop)
        limits = torch.tensor([heatmaps.shape[-1], heatmaps.shape[-2]], device=target.device) - 0.5
        inside = ((target > -0.5) & (target < limits)).all(-1).float()
        terms = {}
        if self.weights["coordinate"]:
            points, _ = soft_argmax(heatmaps)
            terms["coordinate"] = _mean_over((points - target.nan_to_num()).abs().mean(-1), inside)
        if self.weights["heatmap"]:
            counted = inside + target.isnan().any(-1)
            terms["heatmap"] = _mean_over(self._heatmap_loss(heatmaps, target, self.sigma), counted)
        return terms


def _mean_over(per_landmark: Tensor, counted: Tensor) -> Tensor:
    return (per_landmark * counted).sum() / counted.sum().clamp(min=1.0)


def _squared_distance(target: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return ``(batch, n, height)`` and ``(batch, n, width)`` squared distances of rows and columns."""
    rows = torch.arange(height, device=target.device, dtype=torch.float32)
    columns = torch.arange(width, device=target.device, dtype=torch.float32)
    return (rows - target[..., 1:]).square(), (columns - target[..., :1]).square()


def cross_entropy(heatmaps: Tensor, target: Tensor, sigma: float) -> Tensor:
    """Return the ``(batch, n)`` cross-entropy between each heatmap's softmax and a normalised Gaussian.

    Args:
        heatmaps: ``(batch, n, h, w)`` logits.
        target: ``(batch, n, 2)`` centres ``(x, y)`` in heatmap cells; NaN for a uniform distribution in place
            of the Gaussian.
        sigma: standard deviation of the Gaussian, in cells.
    """
    log_probability = heatmaps.flatten(2).log_softmax(-1).view_as(heatmaps)
    # Equal distances become equal weights.
    rows, columns = (each.nan_to_num() for each in _squared_distance(target, *heatmaps.shape[-2:]))
    y_weight = (-rows / (2 * sigma**2)).softmax(-1)
    x_weight = (-columns / (2 * sigma**2)).softmax(-1)
    return -torch.einsum("bnhw,bnh,bnw->bn", log_probability, y_weight, x_weight)


def _peaks(heatmaps: Tensor, target: Tensor, sigma: float) -> Tensor:
    """Return Gaussians of height one around the targets, of the shape of the heatmaps; 0 for NaN."""
    rows, columns = (each.nan_to_num(torch.inf) for each in _squared_distance(target, *heatmaps.shape[-2:]))
    return torch.exp(-(rows[..., :, None] + columns[..., None, :]) / (2 * sigma**2))


def squared_error(heatmaps: Tensor, target: Tensor, sigma: float) -> Tensor:
    """Return the ``(batch, n)`` mean squared error to a Gaussian of height one, MobileFAN's own loss.

    The arguments are those of :func:`cross_entropy`; the heatmaps are values, not logits.
    """
    return (heatmaps - _peaks(heatmaps, target, sigma)).square().mean((2, 3))


HEATMAP_LOSSES: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "cross-entropy": cross_entropy,
    "mse": squared_error,
}
"""The kinds of the heatmap term. Only cross-entropy makes heatmaps whose softmax is a distribution."""


class DistillationCriterion(nn.Module):
    """Distance of a student from its teacher, on any face, labelled or not.

    ``aligned``: mean squared error between the teacher's decoder maps and the student's, lifted to the
    teacher's channels; summed over the stages (MobileFAN, arXiv 1908.03839, equation 3).
    ``similarity``: mean squared error between the two graphs of cosine similarities of all pairs of
    positions; summed over the stages (equation 6).
    ``response``: Kullback-Leibler divergence of the student's heatmap distributions from the teacher's
    (Hinton et al., arXiv 1503.02531), averaged over landmarks.
    A term whose weight is zero is not computed.
    """

    def __init__(
        self, aligned_weight: float = 0.0, similarity_weight: float = 0.0, response_weight: float = 0.0
    ) -> None:
        super().__init__()
        self.weights = {
            "aligned": aligned_weight,
            "similarity": similarity_weight,
            "response": response_weight,
        }

    def forward(
        self,
        heatmaps: Tensor,
        stages: list[Tensor],
        lifted: list[Tensor],
        teacher_heatmaps: Tensor,
        teacher_stages: list[Tensor],
    ) -> dict[str, Tensor]:
        """Return the loss terms, unweighted scalars, by name.

        Args:
            heatmaps, teacher_heatmaps: ``(batch, n, h, w)`` logits.
            stages: the student's decoder maps, ``(batch, c, s, s)``.
            lifted: the same through the adapters, with the teacher's channels.
            teacher_stages: the teacher's decoder maps, as large as the student's.
        """
        terms = {}
        if self.weights["aligned"]:
            pairs = zip(lifted, teacher_stages, strict=True)
            terms["aligned"] = sum_of(functional.mse_loss(a.float(), b.float()) for a, b in pairs)
        if self.weights["similarity"]:
            pairs = zip(stages, teacher_stages, strict=True)
            terms["similarity"] = sum_of(graph_distance(a, b) for a, b in pairs)
        if self.weights["response"]:
            ours = heatmaps.float().flatten(2).log_softmax(-1)
            theirs = teacher_heatmaps.float().flatten(2).log_softmax(-1)
            divergence = functional.kl_div(ours, theirs, reduction="sum", log_target=True)
            terms["response"] = divergence / (ours.shape[0] * ours.shape[1])
        return terms


def graph_distance(maps: Tensor, other: Tensor) -> Tensor:
    """Return the mean squared difference of two graphs of cosine similarities between all pairs of positions.

    With S and T the matrices of unit vectors, one row a position, the graphs are S S' and T T', of
    4096 x 4096 entries for a 64 x 64 map. They are never formed: ``|S S' - T T'|^2`` equals
    ``|S' S|^2 + |T' T|^2 - 2 |S' T|^2``, whose matrices have the size of the channels.

    Args:
        maps: ``(batch, c, h, w)``; ``other``: ``(batch, d, h, w)``, of any number of channels.
    """
    # Autocast would round the three large sums, whose small difference counts, to bfloat16.
    with torch.autocast(maps.device.type, enabled=False):
        ours = functional.normalize(maps.float().flatten(2), dim=1)
        theirs = functional.normalize(other.float().flatten(2), dim=1)

        def energy(a: Tensor, b: Tensor) -> Tensor:
            return (a @ b.transpose(1, 2)).square().sum((1, 2))

        squares = energy(ours, ours) + energy(theirs, theirs) - 2 * energy(ours, theirs)
        return (squares / ours.shape[-1] ** 2).mean()


def sum_of(values: Iterable[Tensor]) -> Tensor:
    """Return the sum of scalars."""
    return torch.stack(list(values)).sum()


def weighted_total(terms: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """Return the sum of the terms, each times its weight."""
    return sum_of(weights[name] * value for name, value in terms.items())

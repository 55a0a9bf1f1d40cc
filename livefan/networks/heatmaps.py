"""Decode heatmaps to landmarks: a sub-pixel position, a confidence and a standard deviation for each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from livefan.networks.checkpoint_info import CONFIDENCE_RADIUS
from livefan.networks.mobilefan import HEATMAP_STRIDE

_STRIDE = float(HEATMAP_STRIDE)
_BACKGROUND = 0.1
"""The argmax decoder ignores cells below this share of the peak when it computes the spread."""


@dataclass(frozen=True)
class Decoded:
    """The landmarks of a batch of crops.

    Attributes:
        points_crop: ``(batch, n, 2)`` float32 positions ``(x, y)`` in crop pixels.
        confidence: ``(batch, n)`` float32 in [0, 1].
        spread_crop: ``(batch, n)`` float32 standard deviations of the heatmaps in crop pixels: the root of
            the mean of the variances along x and y. A sharp peak has a small one, a blurred or hidden
            landmark a large one.
    """

    points_crop: Tensor
    confidence: Tensor
    spread_crop: Tensor

    def stacked(self) -> Tensor:
        """Return ``(batch, n, 4)``: x, y, confidence and spread, as runtimes return them."""
        return torch.cat([self.points_crop, self.confidence[..., None], self.spread_crop[..., None]], -1)


def heatmap_to_crop(points_heatmap: Tensor) -> Tensor:
    """Convert heatmap cells to crop pixels; a cell covers 4 x 4 pixels, and its centre is theirs."""
    return points_heatmap * _STRIDE + (_STRIDE - 1) / 2


def crop_to_heatmap(points_crop: Tensor) -> Tensor:
    """Convert crop pixels to heatmap cells; the inverse of :func:`heatmap_to_crop`."""
    return (points_crop - (_STRIDE - 1) / 2) / _STRIDE


def soft_argmax(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean position under the softmax of each heatmap, and the softmax.

    Args:
        heatmaps: ``(batch, n, h, w)`` logits.

    Returns:
        ``(batch, n, 2)`` positions ``(x, y)`` in heatmap cells, float32, and ``(batch, n, h, w)``
        probabilities, each map summing to one.
    """
    height, width = heatmaps.shape[-2:]
    probability = heatmaps.float().flatten(2).softmax(-1).view_as(heatmaps)
    xs = torch.arange(width, device=heatmaps.device, dtype=torch.float32)
    ys = torch.arange(height, device=heatmaps.device, dtype=torch.float32)
    x = (probability.sum(2) * xs).sum(-1)
    y = (probability.sum(3) * ys).sum(-1)
    return torch.stack([x, y], -1), probability


def _squared_distances(points: Tensor, probability: Tensor) -> tuple[Tensor, Tensor]:
    """Return squared distances of columns ``(batch, n, w)`` and rows ``(batch, n, h)`` from points."""
    height, width = probability.shape[-2:]
    xs = torch.arange(width, device=points.device, dtype=torch.float32)
    ys = torch.arange(height, device=points.device, dtype=torch.float32)
    return (xs - points[..., :1]).square(), (ys - points[..., 1:]).square()


def _spread_crop(points: Tensor, probability: Tensor) -> Tensor:
    """Return ``(batch, n)`` standard deviations around points in cells, in pixels; see :class:`Decoded`."""
    from_x, from_y = _squared_distances(points, probability)
    variance_x = (probability.sum(2) * from_x).sum(-1)
    variance_y = (probability.sum(3) * from_y).sum(-1)
    return ((variance_x + variance_y) / 2).sqrt() * _STRIDE


def decode_soft_argmax(heatmaps: Tensor) -> Decoded:
    """Return landmarks as the means of the softmax of each heatmap.

    The confidence is the share of the distribution within three cells (twelve crop pixels) of the
    position. A single sharp peak has a confidence near one; a wide peak, or two peaks, a low one.

    Args:
        heatmaps: ``(batch, n, h, w)`` logits.
    """
    points, probability = soft_argmax(heatmaps)
    near_x, near_y = _squared_distances(points, probability)
    near = near_y[..., :, None] + near_x[..., None, :] <= CONFIDENCE_RADIUS**2
    confidence = (probability * near).sum((2, 3))
    return Decoded(heatmap_to_crop(points), confidence, _spread_crop(points, probability))


def decode_argmax(heatmaps: Tensor) -> Decoded:
    """Return landmarks as MobileFAN's authors decode them: the peak, moved a quarter cell to the higher side.

    The heatmaps are values that training sets to one at a landmark and zero elsewhere; the confidence is the
    value of the peak. For logits only the positions are meaningful: the confidence is one for most, and the
    spread has no meaning.

    Args:
        heatmaps: ``(batch, n, h, w)`` values.
    """
    height, width = heatmaps.shape[-2:]
    flat = heatmaps.float().flatten(2)
    peak, index = flat.max(-1)
    x, y = index % width, index // width

    def value(column: Tensor, row: Tensor) -> Tensor:
        column, row = column.clamp(0, width - 1), row.clamp(0, height - 1)
        return flat.gather(2, (row * width + column)[..., None]).squeeze(-1)

    step_x = torch.sign(value(x + 1, y) - value(x - 1, y)) * ((x > 0) & (x < width - 1))
    step_y = torch.sign(value(x, y + 1) - value(x, y - 1)) * ((y > 0) & (y < height - 1))
    points = torch.stack([x + 0.25 * step_x, y + 0.25 * step_y], -1)
    # A map without a positive value becomes a uniform distribution.
    shown = flat.clamp(min=0) * (flat > _BACKGROUND * peak[..., None]) + 1e-9
    share = (shown / shown.sum(-1, keepdim=True)).view_as(heatmaps)
    return Decoded(heatmap_to_crop(points), peak.clamp(0, 1), _spread_crop(points, share))


DECODERS = {"soft-argmax": decode_soft_argmax, "argmax": decode_argmax}

"""From heatmaps to landmarks: sub-pixel positions and a confidence for each."""

from __future__ import annotations

import torch
from torch import Tensor

from livefan.model import HEATMAP_SIZE, INPUT_SIZE

_STRIDE = INPUT_SIZE / HEATMAP_SIZE
_CONFIDENCE_RADIUS = 3.0


def heatmap_to_crop(points_heatmap: Tensor) -> Tensor:
    """Heatmap cells to crop pixels: a cell is the 4 x 4 pixels it covers, its centre theirs."""
    return points_heatmap * _STRIDE + (_STRIDE - 1) / 2


def crop_to_heatmap(points_crop: Tensor) -> Tensor:
    """Crop pixels to heatmap cells; the inverse of :func:`heatmap_to_crop`."""
    return (points_crop - (_STRIDE - 1) / 2) / _STRIDE


def soft_argmax(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """The mean position under each heatmap's softmax, and that softmax.

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


def decode_soft_argmax(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Landmarks as the mean of each heatmap's distribution.

    Args:
        heatmaps: ``(batch, n, 64, 64)`` logits.

    Returns:
        ``(batch, n, 2)`` positions ``(x, y)`` in crop pixels, and ``(batch, n)`` confidences in
        [0, 1]: the share of the distribution within three cells (twelve crop pixels) of the position.
        A sharp single peak scores near one; a smear, or two peaks far apart, scores low.
    """
    points, probability = soft_argmax(heatmaps)
    height, width = heatmaps.shape[-2:]
    xs = torch.arange(width, device=heatmaps.device, dtype=torch.float32)
    ys = torch.arange(height, device=heatmaps.device, dtype=torch.float32)
    near_x = (xs - points[..., :1]).square()
    near_y = (ys - points[..., 1:]).square()
    near = near_y[..., :, None] + near_x[..., None, :] <= _CONFIDENCE_RADIUS**2
    confidence = (probability * near).sum((2, 3))
    return heatmap_to_crop(points), confidence


def decode_argmax(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Landmarks as MobileFAN's authors decode them: the peak, a quarter cell towards the higher side.

    Args:
        heatmaps: ``(batch, n, 64, 64)`` logits.

    Returns:
        As :func:`decode_soft_argmax`; the confidence is the softmax probability of the peak's cell.
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
    confidence = (peak - flat.logsumexp(-1)).exp()
    return heatmap_to_crop(points), confidence


DECODERS = {"soft-argmax": decode_soft_argmax, "argmax": decode_argmax}

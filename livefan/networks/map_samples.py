"""Samples of an encoder's map at landmarks, for the heads of a network."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def sample_map(feature_map: Tensor, points_crop: Tensor, input_size: int, share: float = 1.0) -> Tensor:
    """Return bilinear samples of a map.

    Args:
        feature_map: ``(batch, channels, h, w)``, which covers the crop, or the upper part of it.
        points_crop: ``(batch, k, 2)`` points in crop pixels.
        input_size: side of the crop in pixels.
        share: share of the height of the crop that the map covers.

    Returns:
        ``(batch, k, channels)``; zero outside the map.
    """
    size = points_crop.new_tensor([input_size, share * input_size])
    places = ((2 * points_crop + 1) / size - 1)[:, :, None]
    return functional.grid_sample(feature_map, places, align_corners=False)[..., 0].transpose(1, 2)

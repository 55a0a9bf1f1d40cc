"""Samples of an encoder's map at landmarks, for the heads of a network."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def sample_map(feature_map: Tensor, points_crop: Tensor, input_size: int) -> Tensor:
    """Return bilinear samples of a map.

    Args:
        feature_map: ``(batch, channels, h, w)``, which covers the crop.
        points_crop: ``(batch, k, 2)`` points in crop pixels.
        input_size: side of the crop in pixels.

    Returns:
        ``(batch, k, channels)``; zero outside the map.
    """
    places = ((2 * points_crop + 1) / input_size - 1)[:, :, None]
    return functional.grid_sample(feature_map, places, align_corners=False)[..., 0].transpose(1, 2)

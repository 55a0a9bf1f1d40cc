"""Samples of an encoder's map at landmarks, for the heads of a network."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def sample_map(
    feature_map: Tensor, points_crop: Tensor, input_size: int, band: tuple[float, float] = (0.0, 1.0)
) -> Tensor:
    """Return bilinear samples of a map.

    Args:
        feature_map: ``(batch, channels, h, w)``, which covers the crop, or a horizontal band of it.
        points_crop: ``(batch, k, 2)`` points in crop pixels.
        input_size: side of the crop in pixels.
        band: upper and lower edge of the map, as shares of the height of the crop.

    Returns:
        ``(batch, k, channels)``; zero outside the map.
    """
    top, bottom = (edge * input_size for edge in band)
    size = points_crop.new_tensor([input_size, bottom - top])
    shift = points_crop.new_tensor([1.0, 1.0 - 2 * top])
    places = ((2 * points_crop + shift) / size - 1)[:, :, None]
    return functional.grid_sample(feature_map, places, align_corners=False)[..., 0].transpose(1, 2)

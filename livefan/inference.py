"""Run a network on crops of an image: cut, normalise, infer, decode, and map back to the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from livefan.crop import Crop
from livefan.decode import DECODERS
from livefan.model import normalise
from livefan.weights import Weights


def use_threads(count: int) -> None:
    """Let torch use this many threads for one inference, in the whole process.

    One is nearly as fast as two for a single crop, and where another program keeps a core busy, two
    that wait for each other at every layer can take fifty times as long.
    """
    torch.set_num_threads(count)


@dataclass(frozen=True)
class Located:
    """The landmarks of the face in one crop, in the image it was cut from.

    Attributes:
        points_px: ``(n, 2)`` float64 ``(x, y)`` in image pixels.
        confidence: ``(n,)`` float64 in [0, 1].
        spread_px: ``(n,)`` float64, how far each landmark's heatmap is smeared, in image pixels; see
            :class:`livefan.decode.Decoded`.
    """

    points_px: np.ndarray
    confidence: np.ndarray
    spread_px: np.ndarray


@torch.inference_mode()
def locate(
    weights: Weights, image: np.ndarray, crops: list[Crop], decoder: str | None = None
) -> list[Located]:
    """Landmarks of the faces in some crops of one image, all in one batch.

    Args:
        image: ``(height, width, 3)`` uint8 BGR.
        crops: where the faces are.
        decoder: a key of :data:`livefan.decode.DECODERS`; by default the one the weights name.
    """
    if not crops:
        return []
    pixels = torch.from_numpy(np.stack([crop.cut(image) for crop in crops]))
    device = next(weights.model.parameters()).device
    decoded = DECODERS[decoder or weights.info.decoder](weights.model(normalise(pixels.to(device))))
    points_crop, confidence, spread_crop = (
        part.cpu().double().numpy() for part in (decoded.points_crop, decoded.confidence, decoded.spread_crop)
    )
    return [
        Located(crop.to_image(points), sureness, spread * crop.side_px / crop.size)
        for crop, points, sureness, spread in zip(crops, points_crop, confidence, spread_crop, strict=True)
    ]

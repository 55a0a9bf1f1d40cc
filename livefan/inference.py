"""Run a network on crops of an image: cut, normalise, infer, decode, and map back to the image."""

from __future__ import annotations

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


@torch.inference_mode()
def locate(
    weights: Weights, image: np.ndarray, crops: list[Crop], decoder: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks of the faces in some crops of one image, all in one batch.

    Args:
        image: ``(height, width, 3)`` uint8 BGR.
        crops: where the faces are.
        decoder: a key of :data:`livefan.decode.DECODERS`; by default the one the weights name.

    Returns:
        ``(faces, n, 2)`` float64 points in image pixels and ``(faces, n)`` float64 confidences.
    """
    n_points = weights.scheme.n_points
    if not crops:
        return np.empty((0, n_points, 2)), np.empty((0, n_points))
    pixels = torch.from_numpy(np.stack([crop.cut(image) for crop in crops]))
    device = next(weights.model.parameters()).device
    points_crop, confidence = DECODERS[decoder or weights.info.decoder](
        weights.model(normalise(pixels.to(device)))
    )
    in_crops = points_crop.cpu().double().numpy()
    points_px = np.stack([crop.to_image(points) for crop, points in zip(crops, in_crops, strict=True)])
    return points_px, confidence.cpu().double().numpy()

"""A network's heatmaps, to look at: what lies behind each landmark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from livefan.crop import Crop, upright_crop
from livefan.frame import Face
from livefan.weights_info import WeightFile

if TYPE_CHECKING:
    from livefan.weights import Weights


@dataclass(frozen=True)
class FaceHeatmaps:
    """The heatmaps of one face.

    Attributes:
        track_id: the face.
        crop: where they lie in the image.
        maps: ``(n, 64, 64)`` float32, distributions over the cells of the crop, scaled to a maximum of 1.
    """

    track_id: int
    crop: Crop
    maps: np.ndarray


class HeatmapProbe:
    """Computes heatmaps with torch, which the other runtimes keep to themselves.

    Args:
        file: the weights.
    """

    def __init__(self, file: WeightFile) -> None:
        from livefan.weights import load_weights

        self._weights: Weights = load_weights(file.path)

    def heatmaps(self, image: np.ndarray, faces: list[Face]) -> tuple[FaceHeatmaps, ...]:
        """The heatmaps of faces on a ``(height, width, 3)`` uint8 BGR image, cut by their landmarks."""
        import torch

        from livefan.model import normalise

        if not faces:
            return ()
        crops = [upright_crop(face.points_px, self._weights.scheme) for face in faces]
        pixels = torch.from_numpy(np.stack([crop.cut(image) for crop in crops]))
        with torch.inference_mode():
            logits = self._weights.model(normalise(pixels)).float()
        maps = (logits - logits.amax((2, 3), keepdim=True)).exp().numpy()
        return tuple(
            FaceHeatmaps(face.track_id, crop, of_face)
            for face, crop, of_face in zip(faces, crops, maps, strict=True)
        )

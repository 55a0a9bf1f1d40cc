"""A network's heatmaps, to look at: what lies behind each landmark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from livefan.core.crop import Crop, upright_crop
from livefan.core.frame import Face
from livefan.networks.checkpoint_info import WeightFile
from livefan.runtimes.network_files import load_heatmap_network


@dataclass(frozen=True)
class FaceHeatmaps:
    """The heatmaps of one face.

    Attributes:
        track_id: the face.
        crop: where they lie in the image.
        maps: ``(n, h, w)`` float32 from 0 to 1: distributions over the cells of the crop, scaled to a maximum
            of 1; of a network decoded by its peaks, what it drew.
    """

    track_id: int
    crop: Crop
    maps: np.ndarray


class HeatmapProbe:
    """Computes heatmaps, which the networks that find landmarks keep to themselves.

    Args:
        file: the weights.
        threads: CPU threads for one inference.
    """

    def __init__(self, file: WeightFile, threads: int = 1) -> None:
        self._scheme, self._info = file.scheme, file.info
        self._network = load_heatmap_network(file, threads)
        self._request = self._network.create_infer_request()

    def heatmaps(self, image: np.ndarray, faces: list[Face]) -> tuple[FaceHeatmaps, ...]:
        """The heatmaps of faces on a ``(height, width, 3)`` uint8 BGR image, cut by their landmarks."""
        found = []
        for face in faces:
            crop = upright_crop(face.points_px, self._scheme).sized(self._info.input_size)
            (maps,) = self._request.infer({0: crop.cut(image)[None]}, share_inputs=True)[0]
            if self._info.decoder == "argmax":
                maps = maps.clip(0, 1)
            else:
                maps = np.exp(maps - maps.max(axis=(1, 2), keepdims=True))
            found.append(FaceHeatmaps(face.track_id, crop, maps))
        return tuple(found)

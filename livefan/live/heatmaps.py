"""Heatmaps of a network, for display."""

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
        track_id: id of the face.
        crop: the crop that they cover.
        maps: ``(n, h, w)`` float32 from 0 to 1: distributions over the cells of the crop, scaled to a maximum
            of 1. A network decoded by its peaks gives its own values.
    """

    track_id: int
    crop: Crop
    maps: np.ndarray


class HeatmapProbe:
    """Computes heatmaps; the networks of the pipeline return landmarks only.

    Args:
        file: the checkpoint.
        threads: CPU threads for one inference.
    """

    def __init__(self, file: WeightFile, threads: int = 1) -> None:
        self._scheme, self._info = file.scheme, file.info
        self._network = load_heatmap_network(file, threads)
        self._request = self._network.create_infer_request()

    def heatmaps(self, image: np.ndarray, faces: list[Face]) -> tuple[FaceHeatmaps, ...]:
        """Return the heatmaps of faces on a ``(height, width, 3)`` uint8 BGR image.

        The crops are those of the faces' landmarks.
        """
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

"""Eager torch: slow, and what every other runtime is checked against."""

from __future__ import annotations

import numpy as np
import torch

from livefan.networks.checkpoint import Weights
from livefan.networks.heatmaps import DECODERS
from livefan.networks.mobilefan import normalise
from livefan.runtimes.base import Runtime


class TorchRuntime(Runtime):
    """A loaded network, run as it is, on the device it is on.

    Args:
        decoder: a key of :data:`livefan.networks.heatmaps.DECODERS`; by default the one the weights name.
            Their refiner follows that one alone; the landmarks of another are left as they are.
        threads: torch's threads, in the whole process. One is nearly as fast as two for a single crop,
            and where another program keeps a core busy, two that wait for each other at every layer can
            take fifty times as long.
    """

    name = "torch"

    def __init__(self, weights: Weights, decoder: str | None = None, threads: int | None = None) -> None:
        super().__init__(weights.scheme, weights.info)
        self._model = weights.model
        self._device = next(weights.model.parameters()).device
        decoder = decoder or weights.info.decoder
        self._decode = DECODERS[decoder]
        # It was fitted to what the weights' own decoder gives.
        self._refine = weights.refiner if decoder == weights.info.decoder else None
        if threads is not None:
            torch.set_num_threads(threads)

    @torch.inference_mode()
    def run(self, crops_bgr: np.ndarray) -> np.ndarray:
        """See :meth:`livefan.runtimes.base.Runtime.run`."""
        crops = torch.from_numpy(crops_bgr).to(self._device)
        landmarks = self._decode(self._model(normalise(crops))).stacked()
        return (landmarks if self._refine is None else self._refine(landmarks)).cpu().numpy()

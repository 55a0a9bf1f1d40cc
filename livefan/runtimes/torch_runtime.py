"""Eager torch on the CPU or GPU: slow, and the reference for the other runtimes."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from livefan.networks.checkpoint import Weights
from livefan.networks.checkpoint_info import HEADS, Head
from livefan.networks.heatmaps import DECODERS
from livefan.networks.mobilefan import normalise
from livefan.runtimes.base import Runtime

_THREAD_LIMIT = threading.Lock()


class TorchRuntime(Runtime):
    """A loaded network, run as it is, on the device it is on.

    Args:
        weights: the network.
        decoder: a key of :data:`livefan.networks.heatmaps.DECODERS`; by default the one the weights name.
            A refiner is fitted to one decoder: with another one, landmarks are not refined.
        threads: torch's threads during an inference; by default the number that is set in the process.
            One thread is nearly as fast as two for a single crop. On a busy machine two can take fifty
            times as long, because they wait for each other at every layer.
        heads: see :meth:`livefan.runtimes.base.Runtime.want_heads`.
    """

    name = "torch"

    def __init__(
        self,
        weights: Weights,
        decoder: str | None = None,
        threads: int | None = None,
        heads: Collection[Head] = HEADS,
    ) -> None:
        super().__init__(weights.scheme, weights.info, heads=heads)
        self._model = weights.model
        self._device = next(weights.model.parameters()).device
        decoder = decoder or weights.info.decoder
        self._decode = DECODERS[decoder]
        self._refine = weights.refiner if decoder == weights.info.decoder else None
        self._modules = {"expressions": weights.expression_head, "reliability": weights.reliability_head}
        self._threads = threads

    @torch.inference_mode()
    def run(self, crops_bgr: np.ndarray) -> np.ndarray:
        """See :meth:`livefan.runtimes.base.Runtime.run`."""
        with _limited_threads(self._threads):
            crops = torch.from_numpy(crops_bgr).to(self._device)
            maps: list[Tensor] = []
            landmarks = self._decode(self._model(normalise(crops), maps)).stacked()
            if self._refine is not None:
                landmarks = self._refine(landmarks)
            heads = [module for name, module in self._modules.items() if module and name in self._heads]
            outputs = [output for head in heads for output in head(maps, landmarks)]
            self._keep_further([output.cpu().numpy() for output in outputs])
            return landmarks.cpu().numpy()


@contextmanager
def _limited_threads(count: int | None) -> Iterator[None]:
    """Set torch's number of threads, and restore it at the end; None leaves it.

    The number belongs to the whole process. The lock keeps two runtimes from restoring each other's limit.
    """
    if count is None:
        yield
        return
    with _THREAD_LIMIT:
        before = torch.get_num_threads()
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)

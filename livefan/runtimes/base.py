"""The interface that every runtime has: crops in, landmarks out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from livefan.core.landmarks import LandmarkScheme
from livefan.networks.checkpoint_info import WeightsInfo

RUNTIMES = ("openvino", "onnxruntime", "torch")
PRECISIONS = ("float32", "bfloat16", "int8")
AUTO = "auto"


@dataclass(frozen=True)
class RuntimeChoice:
    """Which runtime a user wants.

    Attributes:
        runtime: one of :data:`RUNTIMES`, or ``"auto"`` for the fastest.
        precision: one of :data:`PRECISIONS`, or ``"auto"`` for the fastest that is as accurate.
        threads: CPU threads for one inference.
    """

    runtime: str = AUTO
    precision: str = AUTO
    threads: int = 1


class Runtime(ABC):
    """A network, compiled and ready. Not safe to share between threads.

    Attributes:
        name: one of :data:`RUNTIMES`.
        precision: one of :data:`PRECISIONS`.
        scheme: what the landmarks are.
        input_size: side of a crop in pixels.
        mirror_offset: see :class:`livefan.networks.checkpoint_info.WeightsInfo`.
    """

    name: str

    def __init__(self, scheme: LandmarkScheme, info: WeightsInfo, precision: str = "float32") -> None:
        self.scheme = scheme
        self.input_size = info.input_size
        self.mirror_offset = info.mirror_offset
        self.precision = precision
        self._buffer = np.empty((0, info.input_size, info.input_size, 3), np.uint8)

    def buffer(self, count: int) -> np.ndarray:
        """``(count, size, size, 3)`` uint8 to cut crops into; the same memory at every call.

        Rows of pixels are contiguous.
        """
        if count > len(self._buffer):
            self._buffer = np.empty((count, *self._buffer.shape[1:]), np.uint8)
        return self._buffer[:count]

    def run_each(self, count: int, cut: Callable[[int, np.ndarray], object]) -> np.ndarray:
        """The landmarks of crops that are cut one after the other, the next while one is run if possible.

        Args:
            count: how many.
            cut: given the number of a crop and ``(size, size, 3)`` uint8 to write it to.

        Returns:
            What :meth:`run` does.
        """
        pixels = self.buffer(count)
        for number, place in enumerate(pixels):
            cut(number, place)
        return self.run(pixels)

    @abstractmethod
    def run(self, crops_bgr: np.ndarray) -> np.ndarray:
        """The landmarks of some crops.

        Args:
            crops_bgr: ``(batch, size, size, 3)`` uint8 BGR, contiguous or from :meth:`buffer`.

        Returns:
            ``(batch, n, 4)`` float32: ``x`` and ``y`` in crop pixels, confidence, and spread in crop
            pixels; see :class:`livefan.networks.heatmaps.Decoded`. Valid until the next call.
        """

"""The interface of every runtime: crops in, landmarks out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from livefan.core.landmarks import LandmarkScheme
from livefan.networks.checkpoint_info import HEADS, Head, WeightsInfo, outputs_of
from livefan.networks.confidence_calibration import ConfidenceCalibration
from livefan.networks.sigma_calibration import SigmaCalibration

RUNTIMES = ("openvino", "onnxruntime", "torch")
PRECISIONS = ("float32", "bfloat16", "int8")
AUTO = "auto"
CPU = "cpu"
DEVICES = {
    "gpu": "openvino",
    "npu": "openvino",
    "cuda": "onnxruntime",
    "directml": "onnxruntime",
    "coreml": "onnxruntime",
}
"""Devices other than the CPU, and the runtime of each."""


@dataclass(frozen=True)
class RuntimeChoice:
    """The runtime that a user asks for.

    Attributes:
        runtime: one of :data:`RUNTIMES`, or ``"auto"``: :mod:`livefan.runtimes.choice_rule` chooses.
        precision: one of :data:`PRECISIONS`, or ``"auto"`` for the first of that rule that is as accurate as
            float32.
        threads: CPU threads for one inference.
        device: ``"cpu"``, or a key of :data:`DEVICES`.
    """

    runtime: str = AUTO
    precision: str = AUTO
    threads: int = 1
    device: str = CPU


class Runtime(ABC):
    """A compiled network. Threads must not share it.

    Attributes:
        name: one of :data:`RUNTIMES`.
        precision: one of :data:`PRECISIONS`.
        scheme: the landmark scheme.
        input_size: side of a crop in pixels.
        mirror_offset: see :class:`livefan.networks.checkpoint_info.WeightsInfo`.
        calibration: map from widths of heatmaps to sigma; None if the weights have none.
        confidence_calibration: map from confidences of heatmaps to probabilities; None likewise.
        device: ``"cpu"``, or a key of :data:`DEVICES`.
        known_heads: the heads that the network has; :attr:`heads` are those that run.
        expressions: ``(batch, k)`` float32 expression coefficients of the crops of the last run; None if no
            expression head ran. Valid until the next run.
        pupils_crop: ``(batch, 2, 2)`` float32 centres of the irises of the same crops in crop pixels, the
            person's right eye first; None if no expression head ran.
        occluded: ``(batch, n)`` float32 probability that each landmark of the same crops is covered; None if
            no reliability head ran.
        presence: ``(batch,)`` float32 probability that each crop shows a face; None likewise.
        expected_error_crop: ``(batch, n)`` float32 expected errors of the landmarks in crop pixels; None
            likewise.
    """

    name: str
    device: str = CPU

    def __init__(
        self,
        scheme: LandmarkScheme,
        info: WeightsInfo,
        precision: str = "float32",
        heads: Collection[Head] = HEADS,
    ) -> None:
        self.scheme = scheme
        self.input_size = info.input_size
        self.mirror_offset = info.mirror_offset
        self.calibration = SigmaCalibration.read(info.sigma, scheme.n_points)
        self.confidence_calibration = ConfidenceCalibration.read(info.confidence)
        self.precision = precision
        self.known_heads = info.heads
        self._heads = info.heads & set(heads)
        self.expressions: np.ndarray | None = None
        self.pupils_crop: np.ndarray | None = None
        self.occluded: np.ndarray | None = None
        self.presence: np.ndarray | None = None
        self.expected_error_crop: np.ndarray | None = None
        self._buffer = np.empty((0, info.input_size, info.input_size, 3), np.uint8)

    @property
    def label(self) -> str:
        """Runtime, precision and device in words, e.g. ``openvino int8``, ``openvino float32 on gpu``."""
        return f"{self.name} {self.precision}" + ("" if self.device == CPU else f" on {self.device}")

    @property
    def heads(self) -> frozenset[Head]:
        """The heads that run beside the landmarks; outputs of other heads are None."""
        return self._heads

    def want_heads(self, heads: Collection[Head]) -> None:
        """Choose the heads that run; those that the network lacks are ignored.

        OpenVINO loads the network with other heads in a thread. The former heads run until it is loaded.
        """
        self._heads = self.known_heads & set(heads)

    def expect_several(self) -> None:  # noqa: B027 - most runtimes need no preparation
        """Prepare for calls with several crops, in a thread, so that the first takes no longer."""

    def buffer(self, count: int) -> np.ndarray:
        """Return ``(count, size, size, 3)`` uint8 memory for crops; every call returns the same memory.

        Rows of pixels are contiguous.
        """
        if count > len(self._buffer):
            self._buffer = np.empty((count, *self._buffer.shape[1:]), np.uint8)
        return self._buffer[:count]

    def run_each(self, count: int, cut: Callable[[int, np.ndarray], object]) -> np.ndarray:
        """Return the landmarks of crops; a runtime may run one crop while the next one is cut.

        Args:
            count: number of crops.
            cut: called with the number of a crop and the ``(size, size, 3)`` uint8 memory to write it to.

        Returns:
            As :meth:`run`.
        """
        pixels = self.buffer(count)
        for number, place in enumerate(pixels):
            cut(number, place)
        return self.run(pixels)

    def calibrated_confidence(self, heatmap_confidence: np.ndarray) -> np.ndarray:
        """Return confidences of landmarks from those of their heatmaps; the same without a calibration."""
        calibration = self.confidence_calibration
        return heatmap_confidence if calibration is None else calibration.confidence(heatmap_confidence)

    def _keep_further(self, outputs: Sequence[np.ndarray]) -> None:
        """Set the attributes of the heads that ran, given their outputs in the order of the network."""
        found = dict(zip(outputs_of(self._heads), outputs, strict=True))
        self.expressions, self.pupils_crop = found.get("expressions"), found.get("pupils")
        self.occluded, self.presence = found.get("occluded"), found.get("presence")
        self.expected_error_crop = found.get("expected_error")

    @abstractmethod
    def run(self, crops_bgr: np.ndarray) -> np.ndarray:
        """Return the landmarks of crops.

        Args:
            crops_bgr: ``(batch, size, size, 3)`` uint8 BGR, contiguous or from :meth:`buffer`.

        Returns:
            ``(batch, n, 4)`` float32: ``x`` and ``y`` in crop pixels, confidence, and spread in crop
            pixels; see :class:`livefan.networks.heatmaps.Decoded`. Valid until the next call.
        """

"""ONNX Runtime on the CPU, or on a device that one of its execution providers runs."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import numpy as np

from livefan.core.errors import LivefanError
from livefan.networks.checkpoint_info import HEADS, Head, WeightFile, outputs_of
from livefan.runtimes.base import Runtime

_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
"""ONNX Runtime's names of the devices; its package for each system contains some of them."""


class OnnxRuntime(Runtime):
    """A network that ONNX Runtime runs.

    Args:
        weights: the weight file.
        model: the ONNX file, as in :mod:`livefan.runtimes.onnx_graph`.
        threads: CPU threads for one inference.
        device: a key of ``_PROVIDERS``.
        heads: see :meth:`livefan.runtimes.base.Runtime.want_heads`.

    Raises:
        LivefanError: if ONNX Runtime is not installed, or does not run the device.
    """

    name = "onnxruntime"

    def __init__(
        self,
        weights: WeightFile,
        model: Path,
        threads: int = 1,
        device: str = "cpu",
        heads: Collection[Head] = HEADS,
    ) -> None:
        super().__init__(weights.scheme, weights.info, heads=heads)
        # ONNX Runtime reads this variable once, while it is imported.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        try:
            import onnxruntime
        except ImportError as error:
            raise LivefanError(
                f"ONNX Runtime cannot be loaded ({error}); run: pip install onnxruntime"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning threads would take the core from the capture and the window.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        provider = _PROVIDERS[device]
        if provider not in onnxruntime.get_available_providers():
            raise _missing(device)
        self._session = onnxruntime.InferenceSession(str(model), options, providers=[provider])
        # A provider whose libraries are missing is replaced by the CPU without an error.
        if provider not in self._session.get_providers():
            raise _missing(device)
        self._input = self._session.get_inputs()[0].name
        self._landmarks = self._session.get_outputs()[0].name

    def run(self, crops_bgr: np.ndarray) -> np.ndarray:
        """See :meth:`livefan.runtimes.base.Runtime.run`."""
        wanted = [self._landmarks, *outputs_of(self._heads)]
        landmarks, *of_heads = self._session.run(wanted, {self._input: crops_bgr})
        self._keep_further(of_heads)
        return landmarks


def _missing(device: str) -> LivefanError:
    return LivefanError(
        f"device {device}: the installed ONNX Runtime finds none here; install its package for this device, "
        "and the driver, or choose --device cpu"
    )

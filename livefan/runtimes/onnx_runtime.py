"""ONNX Runtime on the CPU."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from livefan.core.errors import LivefanError
from livefan.networks.checkpoint_info import WeightFile
from livefan.runtimes.base import Runtime


class OnnxRuntime(Runtime):
    """A network that ONNX Runtime runs.

    Args:
        weights: the weight file.
        model: the ONNX file, as in :mod:`livefan.runtimes.onnx_graph`.
        threads: CPU threads for one inference.

    Raises:
        LivefanError: if ONNX Runtime is not installed.
    """

    name = "onnxruntime"

    def __init__(self, weights: WeightFile, model: Path, threads: int = 1) -> None:
        super().__init__(weights.scheme, weights.info)
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
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def run(self, crops_bgr: np.ndarray) -> np.ndarray:
        """See :meth:`livefan.runtimes.base.Runtime.run`."""
        (landmarks,) = self._session.run(None, {self._input: crops_bgr})
        return landmarks

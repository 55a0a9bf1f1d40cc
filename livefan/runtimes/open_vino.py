"""OpenVINO on the CPU."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from livefan.atomic import whole_file
from livefan.errors import LivefanError
from livefan.runtimes.base import Runtime
from livefan.runtimes.store import Store
from livefan.weights_info import WeightFile

_HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}
"""What is computed in for layers that are not quantised."""


@cache
def openvino() -> Any:
    """The module, with its reports on usage switched off.

    Raises:
        LivefanError: if it is not installed.
    """
    # OpenVINO reports conversions to its makers through this package, and does without where it is absent.
    if "openvino_telemetry" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        import openvino as module
    except ImportError as error:
        raise LivefanError(f"OpenVINO cannot be loaded ({error}); run: pip install openvino") from error
    return module


@cache
def _core() -> Any:
    return openvino().Core()


def has_bfloat16() -> bool:
    """Whether this CPU computes in bfloat16."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def from_onnx(model: bytes) -> Any:
    """An OpenVINO model of what :func:`livefan.runtimes.graph.as_onnx` gives."""
    return _core().read_model(io.BytesIO(model))


def from_tflite(path: Path) -> Any:
    """An OpenVINO model of a TensorFlow Lite file."""
    return _core().read_model(str(path))


def save_model(model: Any, path: Path, metadata: dict[str, str]) -> None:
    """Write an OpenVINO model: its graph as ``path`` (.xml) and its numbers beside it (.bin)."""
    model.set_rt_info(json.dumps(metadata), ["livefan"])
    with whole_file(path.with_suffix(".bin")) as weights, whole_file(path) as description:
        openvino().save_model(model, str(description), compress_to_fp16=False)
        description.with_suffix(".bin").replace(weights)


def read_model(path: Path) -> Any:
    """An OpenVINO model.

    Raises:
        LivefanError: if it is damaged.
    """
    try:
        return _core().read_model(str(path), str(path.with_suffix(".bin")))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise LivefanError(f"{path}: not a whole OpenVINO model ({reason}); write it again") from error


def read_metadata(model: Any) -> dict[str, str]:
    """What :func:`save_model` wrote into a model; empty where there is nothing."""
    if not model.has_rt_info(["livefan"]):
        return {}
    return json.loads(model.get_rt_info(["livefan"]).astype(str))


def load_network(
    name: str, read: Callable[[], Any], precision: str, threads: int, store: Store | None = None
) -> Any:
    """An inference request of a network compiled for the CPU, from the cache where it was compiled before.

    Loading what was compiled takes a third of the time of compiling, and less memory.

    Args:
        name: what the compiled network is called in the cache.
        read: gives the OpenVINO model, where it must be compiled.
        precision: what is computed in where nothing is quantised.
        threads: how many compute.
        store: the cache, if any.
    """
    settings = {
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        # Networks that run at the same time must not be tied to the same core.
        "ENABLE_CPU_PINNING": False,
    }
    kept = store.load(name) if store else None
    if kept is not None:
        try:
            return _core().import_model(io.BytesIO(kept), "CPU", settings).create_infer_request()
        except RuntimeError:
            pass  # written by a build of the same version that differs all the same
    compiled = _core().compile_model(read(), "CPU", settings)
    if store:
        store.save(name, compiled.export_model().getvalue())
    return compiled.create_infer_request()


def for_one_crop(model: Any, weights: WeightFile) -> Any:
    """The model, made to take one crop at a time."""
    size = weights.info.input_size
    model.reshape({0: [1, size, size, 3]})
    return model


def simplified(model: Any) -> Any:
    """The model with what does not depend on the input worked out and operations fused, as compiling does.

    What is quantised should be what runs: else ranges are measured, and rounded to, between operations that
    compiling makes one.
    """
    openvino()
    from openvino._offline_transformations import apply_moc_transformations

    apply_moc_transformations(model, cf=True)
    return model


class OpenVinoRuntime(Runtime):
    """A network that OpenVINO runs on the CPU.

    Several crops are run one after the other: compiled for one crop the network takes less time for each
    than compiled for batches of any size, see benchmarks/README.md.

    Args:
        weights: the weight file.
        request: what :func:`load_network` gives of a model :func:`for_one_crop`.
        precision: see :class:`livefan.runtimes.base.Runtime`.
    """

    name = "openvino"

    def __init__(self, weights: WeightFile, request: Any, precision: str) -> None:
        super().__init__(weights.scheme, weights.info.input_size, precision)
        self._request = request
        self._landmarks = np.empty((0, weights.scheme.n_points, 4), np.float32)

    def run(self, crops_bgr: np.ndarray) -> np.ndarray:
        """See :meth:`livefan.runtimes.base.Runtime.run`."""
        if len(crops_bgr) > len(self._landmarks):
            self._landmarks = np.empty((len(crops_bgr), *self._landmarks.shape[1:]), np.float32)
        for number in range(len(crops_bgr)):
            found = self._request.infer(
                {0: crops_bgr[number : number + 1]}, share_inputs=True, share_outputs=True
            )
            self._landmarks[number] = found[0][0]
        return self._landmarks[: len(crops_bgr)]

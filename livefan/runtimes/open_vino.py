"""OpenVINO on the CPU."""

from __future__ import annotations

import io
import json
import os
import sys
from collections import deque
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from livefan.atomic import whole_file
from livefan.errors import LivefanError
from livefan.runtimes.base import Runtime
from livefan.runtimes.store import Store
from livefan.weights_info import WeightFile, WeightsInfo

_HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}
"""What is computed in for layers that are not quantised."""
_MOST_STREAMS = 4
"""Each takes memory; more faces than that are seldom looked at."""
_MOST_LOADED = 4
_LOADED: dict[tuple[Any, ...], Any] = {}
"""Compiled networks, the one used last at the end: two that find faces, and two to compare."""


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


def streams(threads: int) -> int:
    """How many inferences of so many threads go side by side on this machine."""
    return max(1, min(_MOST_STREAMS, (os.cpu_count() or 1) // threads))


def load_network(
    name: str,
    read: Callable[[], Any],
    precision: str,
    threads: int,
    store: Store | None = None,
    *,
    side_by_side: int = 1,
) -> Any:
    """A network compiled for the CPU, from the cache where it was compiled before.

    Loading what was compiled takes a third of the time of compiling, and less memory. The last few networks
    that came from a cache stay in memory: a batch of short recordings, or of photographs, loads them once.

    Args:
        name: what the compiled network is called in the cache.
        read: gives the OpenVINO model, where it must be compiled.
        precision: what is computed in where nothing is quantised.
        threads: how many compute one inference.
        store: the cache, if any.
        side_by_side: inferences that go at the same time.
    """
    settings = {
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "INFERENCE_NUM_THREADS": threads * side_by_side,
        "NUM_STREAMS": side_by_side,
        # Networks that run at the same time must not be tied to the same core.
        "ENABLE_CPU_PINNING": False,
    }
    if store is None:
        return _core().compile_model(read(), "CPU", settings)
    key = (store.folder / name, *settings.values())
    network = _LOADED.pop(key, None) or _from_store(name, read, settings, store)
    _LOADED[key] = network
    while len(_LOADED) > _MOST_LOADED:
        _LOADED.pop(next(iter(_LOADED)), None)
    return network


def _from_store(name: str, read: Callable[[], Any], settings: dict[str, Any], store: Store) -> Any:
    kept = store.load(name)
    if kept is not None:
        try:
            return _core().import_model(io.BytesIO(kept), "CPU", settings)
        except RuntimeError:
            pass  # written by a build of the same version that differs all the same
    compiled = _core().compile_model(read(), "CPU", settings)
    store.save(name, compiled.export_model().getvalue())
    return compiled


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


def margin_bgr(info: WeightsInfo) -> np.ndarray:
    """``(3,)`` uint8: the colour that normalises to zero, as nearly as bytes can say it."""
    return np.round(np.array(info.mean[::-1]) * 255).astype(np.uint8)


class OpenVinoRuntime(Runtime):
    """A network that OpenVINO runs on the CPU.

    Several crops are run side by side, as far as there are cores, and else one after the other: compiled
    for one crop the network takes less time for each than compiled for batches of any size, see
    benchmarks/speed.md.

    Args:
        weights: the weight file.
        network: what :func:`load_network` gives of a model :func:`for_one_crop`, rewritten or not by
            :func:`livefan.runtimes.tuning.tuned`.
        precision: see :class:`livefan.runtimes.base.Runtime`.
        side_by_side: crops that are run at the same time, as the network was loaded for.
    """

    name = "openvino"

    def __init__(self, weights: WeightFile, network: Any, precision: str, side_by_side: int = 1) -> None:
        super().__init__(weights.scheme, weights.info, precision)
        self._network = network
        self._side_by_side = side_by_side
        self._requests = [network.create_infer_request()]
        self._landmarks = np.empty((0, weights.scheme.n_points, 4), np.float32)
        side = network.input(0).shape[1]
        self._margin = side - self.input_size
        self._margin_bgr = margin_bgr(weights.info)
        self._with_margin = np.empty((0, side, side, 3), np.uint8)

    def buffer(self, count: int) -> np.ndarray:
        """See :meth:`livefan.runtimes.base.Runtime.buffer`; crops lie within their margins."""
        if count > len(self._with_margin):
            self._with_margin = np.empty((count, *self._with_margin.shape[1:]), np.uint8)
            self._with_margin[:] = self._margin_bgr
        return self._with_margin[:count, self._margin :, self._margin :]

    def run(self, crops_bgr: np.ndarray) -> np.ndarray:
        """See :meth:`livefan.runtimes.base.Runtime.run`."""
        count = len(crops_bgr)
        within = self.buffer(count)
        if crops_bgr.ctypes.data != within.ctypes.data:
            within[:] = crops_bgr
        if count > len(self._landmarks):
            self._landmarks = np.empty((count, *self._landmarks.shape[1:]), np.float32)
        while len(self._requests) < min(count, self._side_by_side):
            self._requests.append(self._network.create_infer_request())
        if len(self._requests) == 1 or count == 1:
            for number in range(count):
                found = self._requests[0].infer(self._inputs(number), share_inputs=True, share_outputs=True)
                self._landmarks[number] = found[0][0]
            return self._landmarks[:count]
        at_work: deque[tuple[int, Any]] = deque()
        for number in range(count):
            if len(at_work) == len(self._requests):
                self._take(*at_work.popleft())
            request = self._requests[number % len(self._requests)]
            request.start_async(self._inputs(number), share_inputs=True)
            at_work.append((number, request))
        for number, request in at_work:
            self._take(number, request)
        return self._landmarks[:count]

    def _inputs(self, number: int) -> dict[int, np.ndarray]:
        return {0: self._with_margin[number : number + 1]}

    def _take(self, number: int, request: Any) -> None:
        """Wait for an inference and keep its landmarks."""
        request.wait()
        self._landmarks[number] = request.get_output_tensor(0).data[0]

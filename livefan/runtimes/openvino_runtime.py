"""OpenVINO on the CPU, or on a GPU or an NPU that it finds."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write
from livefan.core.quiet import quiet_stderr
from livefan.networks.checkpoint_info import HEADS, Head, WeightFile, WeightsInfo, outputs_of
from livefan.runtimes.base import CPU, Runtime
from livefan.runtimes.cache import Store

_log = logging.getLogger(__name__)
_HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}
"""OpenVINO's names of the precision of layers that are not quantised."""
_HEADS = ("/expressions/", "/reliability/")
"""Beginnings of the names of layers of the heads."""
_MOST_LANES = 4
"""Most crops that run in parallel without an explicit number of threads; each takes memory."""
_MOST_LOADED = 6
_LOADED: dict[tuple[Any, ...], Any] = {}
"""Compiled networks, the last used one at the end. Six: two detectors, and two copies of two networks."""
_LOADING: dict[tuple[Any, ...], threading.Lock] = {}
"""Locks that are held while a network is looked up or loaded, so that two threads do not load one twice."""
_COMPILING, _REGISTRY = threading.Lock(), threading.Lock()
"""Held while a network is compiled, and while :data:`_LOADED` changes."""
_IMPORT = threading.RLock()
_TELEMETRY = ("openvino_telemetry", "openvino.tools.ovc")


@contextmanager
def without_telemetry() -> Iterator[None]:
    """Make the telemetry package, and OpenVINO's converter which loads it, fail to import within a block.

    OpenVINO and NNCF work without them. Modules that were imported before stay.
    """
    left_out = [name for name in _TELEMETRY if name not in sys.modules]
    for name in left_out:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in left_out:
            del sys.modules[name]


@cache
def openvino() -> Any:
    """Return the module ``openvino``, imported without its converter, which sends reports on its use.

    Leaving out the converter also saves 9 MiB of memory.

    Raises:
        LivefanError: if it is not installed.
    """
    with _IMPORT, without_telemetry():
        try:
            import openvino as module
        except ImportError as error:
            raise LivefanError(f"OpenVINO cannot be loaded ({error}); run: pip install openvino") from error
    return module


def _core() -> Any:
    with _IMPORT:
        return _the_core()


@cache
def _the_core() -> Any:
    core = openvino().Core()
    with quiet_stderr():  # the CPU plugin's first use prints a line where /sys is not mounted
        core.get_property("CPU", "FULL_DEVICE_NAME")
    return core


def _cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_device(device: str) -> None:
    """Check that OpenVINO finds a device: ``cpu``, ``gpu`` or ``npu``.

    Raises:
        LivefanError: if it does not.
    """
    found = [name.partition(".")[0].lower() for name in _core().available_devices]
    if device not in found:
        raise LivefanError(
            f"device {device}: OpenVINO finds none here, only {', '.join(dict.fromkeys(found))}; install the "
            "driver of the device, or choose --device cpu"
        )


def has_bfloat16() -> bool:
    """Return whether this CPU computes in bfloat16."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def from_onnx(model: Path | bytes) -> Any:
    """Return an OpenVINO model of an ONNX file, given by its path or its content."""
    return _core().read_model(io.BytesIO(model) if isinstance(model, bytes) else str(model))


def from_file(path: Path) -> Any:
    """Return an OpenVINO model of an ONNX (.onnx), OpenVINO (.xml) or TensorFlow Lite (.tflite) file.

    Raises:
        LivefanError: if OpenVINO cannot read the file.
    """
    try:
        return _core().read_model(str(path))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise LivefanError(f"{path}: OpenVINO cannot read the network ({reason}); copy it again") from error


def save_model(model: Any, path: Path, metadata: dict[str, str]) -> None:
    """Write an OpenVINO model: its graph as ``path`` (.xml) and its weights beside it (.bin).

    An interruption leaves no graph; a graph never lies beside the weights of another one.
    """
    model.set_rt_info(json.dumps(metadata), ["livefan"])
    with atomic_write(path) as description, atomic_write(path.with_suffix(".bin")) as weights:
        openvino().save_model(model, str(description), compress_to_fp16=False)
        description.with_suffix(".bin").replace(weights)
        path.unlink(missing_ok=True)


def read_model(path: Path) -> Any:
    """Return an OpenVINO model.

    Raises:
        LivefanError: if it is damaged.
    """
    try:
        return _core().read_model(str(path), str(path.with_suffix(".bin")))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise LivefanError(f"{path}: not a whole OpenVINO model ({reason}); write it again") from error


def read_metadata(model: Any) -> dict[str, str]:
    """Return the metadata that :func:`save_model` wrote into a model; empty if there is none."""
    if not model.has_rt_info(["livefan"]):
        return {}
    return json.loads(model.get_rt_info(["livefan"]).astype(str))


def load_network(
    name: str,
    read: Callable[[], Any],
    precision: str,
    threads: int,
    store: Store | None = None,
    *,
    copy: int = 0,
    device: str = CPU,
) -> Any:
    """Return a network compiled for a device, from the cache if it was compiled before.

    Loading a compiled network takes a third of the time of compiling, and less memory. The last used networks
    stay in memory: a batch of short recordings, or of photographs, loads them once. All callers get the same
    network. It runs one inference at a time, so threads that infer at the same time need several copies.

    Args:
        name: name of the compiled network in the cache.
        read: returns the OpenVINO model; called if it must be compiled.
        precision: precision of the layers that are not quantised.
        threads: CPU threads of one inference.
        store: the cache, if any.
        copy: number of the copy; only copies that are needed at the same time take memory.
        device: ``cpu``, ``gpu`` or ``npu``.
    """
    settings = _settings(precision, threads, device)
    if store is None:
        return _core().compile_model(read(), device.upper(), settings)
    key = (store.folder / name, copy, device, *settings.values())
    with _LOADING.setdefault(key, threading.Lock()):
        network = _LOADED.get(key) or _from_store(name, read, settings, store, device)
        with _REGISTRY:
            _LOADED.pop(key, None)
            _LOADED[key] = network
            while len(_LOADED) > _MOST_LOADED:
                _LOADED.pop(next(iter(_LOADED)))
    return network


def _settings(precision: str, threads: int, device: str = CPU) -> dict[str, Any]:
    if device != CPU:  # an NPU computes in half precision only, and takes no hint
        return {} if device == "npu" else {"INFERENCE_PRECISION_HINT": _HINTS[precision]}
    return {
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        # Networks that run at the same time must not be tied to the same core.
        "ENABLE_CPU_PINNING": False,
    }


def _from_store(
    name: str, read: Callable[[], Any], settings: dict[str, Any], store: Store, device: str
) -> Any:
    network = _kept(name, settings, store, device)
    if network is not None:
        return network
    with _COMPILING:  # another thread may have compiled a copy meanwhile
        network = _kept(name, settings, store, device)
        if network is None:
            network = _core().compile_model(read(), device.upper(), settings)
            store.save(name, network.export_model().getvalue())
    return network


def _kept(name: str, settings: dict[str, Any], store: Store, device: str) -> Any | None:
    """Return a network that was compiled before; None if there is none, or it is damaged."""
    kept: list[Any] = []

    def room(size: int) -> np.ndarray:
        # OpenVINO uses the memory of a tensor in place, and releases the interpreter lock meanwhile. It would
        # copy a stream, and hold the lock.
        kept.append(openvino().Tensor(openvino().Type.u8, openvino().Shape([size])))
        return kept[0].data

    if store.load_into(name, room) is not None:
        try:
            return _core().import_model(kept[0], device.upper(), settings)
        except RuntimeError:
            pass  # written by another build of the same version
    return None


def for_one_crop(model: Any, weights: WeightFile) -> Any:
    """Set the model's batch size to one, and return it."""
    size = weights.info.input_size
    model.reshape({0: [1, size, size, 3]})
    return model


def with_outputs_of(heads: Collection[Head], model: Any, weights: WeightFile) -> Any:
    """Remove the outputs of all other heads from a model, and return it."""
    wanted = outputs_of(heads)
    of_heads = model.get_results()[1:]
    for name, result in zip(weights.info.further_outputs, of_heads, strict=True):
        if name not in wanted:
            model.remove_result(result)
    return model


def layer_seconds(
    model: Any, precision: str, threads: int, runs: int
) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """Return the layers of a network and their seconds by OpenVINO's counters.

    A counter gives the mean since the first inference, which takes far longer than the others. So the means
    of the first tenth of the runs are subtracted.

    Args:
        model: takes one crop.
        precision: precision of the layers that are not quantised.
        threads: CPU threads of one inference.
        runs: number of inferences of an empty crop, at least 10.

    Returns:
        Name with kernel, and seconds, of the layers up to the last convolution before the landmarks, and of
        those after it, heads included.
    """
    network = _core().compile_model(model, "CPU", _settings(precision, threads) | {"PERF_COUNT": True})
    request = network.create_infer_request()
    empty = np.zeros(tuple(network.input(0).shape), np.uint8)

    def means(count: int) -> list[Any]:
        for _ in range(count):
            request.infer({0: empty})
        return [layer for layer in request.profiling_info if layer.status.name == "EXECUTED"]

    first = runs // 10
    # A layer of less than a microsecond may count as not executed.
    early = {layer.node_name: layer.real_time.total_seconds() for layer in means(first)}
    layers = means(runs - first)
    last = max(
        number
        for number, layer in enumerate(layers)
        if layer.node_type == "Convolution" and not layer.node_name.startswith(_HEADS)
    )
    taken = [
        (
            f"{layer.node_name} ({layer.exec_type})",
            (runs * layer.real_time.total_seconds() - first * early.get(layer.node_name, 0.0))
            / (runs - first),
        )
        for layer in layers
    ]
    return taken[: last + 1], taken[last + 1 :]


def without_decoder(model: Any) -> Any:
    """Return the model of :func:`from_onnx` up to its heatmaps, before the softmax."""
    # The order of independent operations is not fixed: constants of the encoder may come last.
    layers = [
        each for each in model.get_ordered_ops() if each.get_friendly_name().startswith("/network/head/")
    ]
    heatmaps = next(layer for layer in reversed(layers) if len(layer.output(0).partial_shape) == 4)
    return openvino().Model([heatmaps.output(0)], model.get_parameters())


def simplified(model: Any) -> Any:
    """Return the model with constants computed and operations fused, as compiling does.

    Quantisation must start from the fused model. Otherwise ranges are measured, and values rounded, between
    operations that compiling fuses.
    """
    openvino()
    from openvino._offline_transformations import apply_moc_transformations

    apply_moc_transformations(model, cf=True)
    return model


def margin_bgr(info: WeightsInfo) -> np.ndarray:
    """Return the ``(3,)`` uint8 BGR colour whose normalised value is nearest to zero."""
    return np.round(np.array(info.mean[::-1]) * 255).astype(np.uint8)


def _outputs(request: Any) -> list[np.ndarray]:
    """Return the memory of the outputs of a request for one crop, with the batch axis."""
    return [request.get_output_tensor(number).data for number in range(len(request.model_outputs))]


class OpenVinoRuntime(Runtime):
    """A network that OpenVINO runs on the CPU.

    Several crops run in parallel, each in one thread, and the next one is cut meanwhile. This is faster than
    batches, and than all threads for one crop after the other; see docs/speed.md. The further networks that
    this needs are loaded at the first call with several crops.

    Args:
        weights: the weight file.
        network: the result of :func:`load_network` for a model with a batch size of one, rewritten by
            :func:`livefan.runtimes.int8_rewrite.tuned` or not.
        precision: see :class:`livefan.runtimes.base.Runtime`.
        further: returns another such network, compiled for one thread, for some heads and each number from 1;
            None to run crops one by one.
        threads: number of threads that ``network`` was compiled for.
        heads: the heads of ``network``.
        load: returns the network with other heads; None if there is only one.
    """

    name = "openvino"

    def __init__(
        self,
        weights: WeightFile,
        network: Any,
        precision: str,
        further: Callable[[frozenset[Head], int], Any] | None = None,
        threads: int = 1,
        *,
        heads: Collection[Head] = HEADS,
        load: Callable[[frozenset[Head]], Any] | None = None,
    ) -> None:
        super().__init__(weights.scheme, weights.info, precision, heads)
        self._further, self._threads, self._load = further, threads, load
        self._wanted_heads = self._heads
        self._loading: Future[Any] | None = None
        self._use(network)
        side = network.input(0).shape[1]
        self._margin = side - self.input_size
        self._margin_bgr = margin_bgr(weights.info)
        self._with_margin = np.empty((0, side, side, 3), np.uint8)
        self._inputs: list[Any] = []

    def _use(self, network: Any) -> None:
        self._request = network.create_infer_request()
        self._found = _outputs(self._request)
        self._lanes: list[Any] = []
        self._input: Any = None  # the tensor that the request is bound to
        self._kept = [np.empty((0, *each.shape[1:]), np.float32) for each in self._found]

    def want_heads(self, heads: Collection[Head]) -> None:
        """See :meth:`livefan.runtimes.base.Runtime.want_heads`."""
        self._take_loaded()
        wanted = self._known_heads & set(heads)
        if wanted == self._wanted_heads or self._load is None:
            return
        self._wanted_heads, self._loading = wanted, None
        if wanted != self._heads:
            thread = ThreadPoolExecutor(1, "livefan-heads")
            self._loading = thread.submit(self._load, wanted)
            thread.shutdown(wait=False)

    def _take_loaded(self) -> None:
        """Continue with the network with other heads, if it was loaded meanwhile."""
        loaded = self._loading
        if loaded is None or not loaded.done():
            return
        self._loading = None
        try:
            self._use(loaded.result())
            self._heads = self._wanted_heads
        except Exception as error:  # the present network still runs
            _log.warning("the network with other heads cannot be loaded: %s", error)

    def buffer(self, count: int) -> np.ndarray:
        """See :meth:`livefan.runtimes.base.Runtime.buffer`; crops lie within their margins."""
        if count > len(self._with_margin):
            self._with_margin = np.empty((count, *self._with_margin.shape[1:]), np.uint8)
            self._with_margin[:] = self._margin_bgr
            # To convert an array at each inference would take as long as a layer.
            self._inputs = [openvino().Tensor(self._with_margin[n : n + 1], True) for n in range(count)]
        return self._with_margin[:count, self._margin :, self._margin :]

    def run(self, crops_bgr: np.ndarray) -> np.ndarray:
        """See :meth:`livefan.runtimes.base.Runtime.run`."""
        if crops_bgr.ctypes.data == self.buffer(len(crops_bgr)).ctypes.data:
            return self.run_each(len(crops_bgr), lambda number, place: None)
        return self.run_each(len(crops_bgr), lambda number, place: np.copyto(place, crops_bgr[number]))

    def run_each(self, count: int, cut: Callable[[int, np.ndarray], object]) -> np.ndarray:
        """See :meth:`livefan.runtimes.base.Runtime.run_each`."""
        self._take_loaded()
        pixels = self.buffer(count)
        if count == 1:
            cut(0, pixels[0])
            self._infer(0)
            landmarks, *of_heads = self._found
            self._keep_further(of_heads)
            return landmarks
        if count > len(self._kept[0]):
            self._kept = [np.empty((count, *each.shape[1:]), np.float32) for each in self._kept]
        lanes = self._side_by_side()
        abreast = count if lanes else 0
        if lanes and self._threads > 1 and count % len(lanes) == 1:
            abreast -= 1  # the last crop is faster with all threads than with one
        self._run_abreast(lanes, abreast, cut)
        for number in range(abreast, count):
            cut(number, pixels[number])
            self._infer(number)
            self._keep(number, self._found)
        landmarks, *of_heads = (each[:count] for each in self._kept)
        self._keep_further(of_heads)
        return landmarks

    def _infer(self, number: int) -> None:
        """Run the network on a crop of the buffer."""
        if self._input is not self._inputs[number]:
            self._input = self._inputs[number]
            self._request.set_input_tensor(self._input)
        self._request.infer(share_outputs=True)

    def _keep(self, number: int, found: list[np.ndarray]) -> None:
        """Copy the outputs of a crop."""
        for kept, output in zip(self._kept, found, strict=True):
            kept[number] = output[0]

    def _run_abreast(self, lanes: list[Any], count: int, cut: Callable[[int, np.ndarray], object]) -> None:
        """Run the first crops in parallel."""
        pixels = self.buffer(count)
        self._input = None  # the request may be one of the lanes
        for number in range(count + len(lanes)):
            if number < count:
                cut(number, pixels[number])
            before = number - len(lanes)
            if 0 <= before < count:
                lane = lanes[before % len(lanes)]
                lane.wait()
                self._keep(before, _outputs(lane))
            if number < count:
                lane = lanes[number % len(lanes)]
                lane.set_input_tensor(self._inputs[number])
                lane.start_async()

    def _side_by_side(self) -> list[Any]:
        """Return the requests that run in parallel, one for each core; none on a single core."""
        wanted = max(self._threads, min(_MOST_LANES, _cores()))
        if not self._lanes and self._further is not None and wanted > 1:
            own = [self._request] if self._threads == 1 else []
            others = [self._further(self._heads, number) for number in range(1, wanted - len(own) + 1)]
            self._lanes = own + [network.create_infer_request() for network in others]
        return self._lanes

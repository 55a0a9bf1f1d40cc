"""Networks that OpenVINO compiles, and those that it compiled before."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from livefan.runtimes.base import CPU
from livefan.runtimes.cache import Store
from livefan.runtimes.openvino_core import core, openvino

_HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}
"""OpenVINO's names of the precision of layers that are not quantised."""
_HEADS = ("/expressions/", "/reliability/")
"""Beginnings of the names of layers of the heads."""
_MOST_LOADED = 6
_LOADED: dict[tuple[Any, ...], Any] = {}
"""Compiled networks, the last used one at the end. Six: two detectors, and two copies of two networks."""
_LOADING: dict[tuple[Any, ...], threading.Lock] = {}
"""Locks that are held while a network is looked up or loaded, so that two threads do not load one twice."""
_COMPILING, _REGISTRY = threading.Lock(), threading.Lock()
"""Held while a network is compiled, and while :data:`_LOADED` changes."""


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
        return core().compile_model(read(), device.upper(), settings)
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
            network = core().compile_model(read(), device.upper(), settings)
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
            return core().import_model(kept[0], device.upper(), settings)
        except RuntimeError:
            pass  # written by another build of the same version
    return None


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
    network = core().compile_model(model, "CPU", _settings(precision, threads) | {"PERF_COUNT": True})
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

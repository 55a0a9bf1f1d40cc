"""OpenVINO on the CPU, or on a GPU or an NPU that it finds."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from livefan.networks.checkpoint_info import HEADS, Head, WeightFile, WeightsInfo
from livefan.runtimes.base import Runtime
from livefan.runtimes.openvino_core import openvino

_log = logging.getLogger(__name__)
_MOST_LANES = 4
"""Most crops that run in parallel without an explicit number of threads; each takes memory."""


def margin_bgr(info: WeightsInfo) -> np.ndarray:
    """Return the ``(3,)`` uint8 BGR colour whose normalised value is nearest to zero."""
    return np.round(np.array(info.mean[::-1]) * 255).astype(np.uint8)


def _cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _outputs(request: Any) -> list[np.ndarray]:
    """Return the memory of the outputs of a request for one crop, with the batch axis."""
    return [request.get_output_tensor(number).data for number in range(len(request.model_outputs))]


def _in_thread(name: str, work: Callable[[], Any]) -> Future[Any]:
    """Return the future result of work in a thread of its own, which ends after it."""
    thread = ThreadPoolExecutor(1, name)
    future = thread.submit(work)
    thread.shutdown(wait=False)
    return future


class OpenVinoRuntime(Runtime):
    """A network that OpenVINO runs on the CPU.

    Several crops run in parallel, each in one thread, and the next one is cut meanwhile. This is faster than
    batches, and than all threads for one crop after the other; see benchmarks/README.md. The further networks
    that this needs are loaded at the first call with several crops, or after :meth:`expect_several`.

    Args:
        weights: the weight file.
        network: the result of :func:`livefan.runtimes.openvino_network.load_network` for a model with a batch
            size of one, rewritten by :func:`livefan.runtimes.int8_rewrite.tuned` or not.
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
        self._expects_several = False
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
        self._loading_lanes: Future[list[Any]] | None = None
        self._input: Any = None  # the tensor that the request is bound to
        self._kept = [np.empty((0, *each.shape[1:]), np.float32) for each in self._found]

    def want_heads(self, heads: Collection[Head]) -> None:
        """See :meth:`livefan.runtimes.base.Runtime.want_heads`."""
        self._take_loaded()
        wanted = self.known_heads & set(heads)
        if wanted == self._wanted_heads or self._load is None:
            return
        self._wanted_heads, self._loading = wanted, None
        if wanted != self._heads:
            self._loading = _in_thread("livefan-heads", partial(self._load, wanted))

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
            return
        if self._expects_several:
            self.expect_several()

    def expect_several(self) -> None:
        """See :meth:`livefan.runtimes.base.Runtime.expect_several`; holds for heads that run later too."""
        self._expects_several = True
        if not self._lanes and self._loading_lanes is None:
            self._loading_lanes = _in_thread("livefan-lanes", partial(self._load_lanes, self._heads))

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
        if not self._lanes:
            loading = self._loading_lanes
            others = self._load_lanes(self._heads) if loading is None else loading.result()
            own = [self._request] if others and self._threads == 1 else []
            self._lanes = own + others
        return self._lanes

    def _load_lanes(self, heads: frozenset[Head]) -> list[Any]:
        """Return requests of the further networks, which run beside the own one if that has one thread."""
        wanted = max(self._threads, min(_MOST_LANES, _cores()))
        if self._further is None or wanted <= 1:
            return []
        count = wanted - (self._threads == 1)
        return [self._further(heads, number).create_infer_request() for number in range(1, count + 1)]

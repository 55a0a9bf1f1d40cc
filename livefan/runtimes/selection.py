"""Which runtime runs a network: what the user asks for, or the fastest that agrees with torch."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from livefan.core.crop import Crop
from livefan.core.errors import LivefanError
from livefan.core.resources import bundled_folder
from livefan.networks.checkpoint_info import INPUT_SIZE, WeightFile, read_weight_file, sha256_of
from livefan.runtimes.base import AUTO, PRECISIONS, RUNTIMES, Runtime, RuntimeChoice
from livefan.runtimes.cache import Store

if TYPE_CHECKING:
    from livefan.networks.checkpoint import Weights

_log = logging.getLogger(__name__)

CHECK_CROPS = "self-check.jpg"
"""Crops of faces below one another, which runtimes are compared on."""

NME_TOLERANCE = 1.01
"""A precision is chosen by itself only where its validation NME is at most this times that of float32."""

AGREEMENT_PX = {"float32": 0.02, "bfloat16": 1.5, "int8": 1.5}
"""How far landmarks may lie from torch's, mean over the worst crop in its pixels; a crop is 192 to 256 wide.

Of the crops, one shows a face half covered by a hand, where heatmaps are flat and give way easily."""

_GRAPH = "float32.onnx"
_REPEATS = 15
_CLEARLY_FASTER = 0.9
"""A runtime is taken before one further up only where its time is at most this share, not by chance."""


@dataclass(frozen=True)
class Candidate:
    """A runtime and a precision."""

    runtime: str
    precision: str


@dataclass(frozen=True)
class Precisions:
    """What was measured of a weight file's precisions, as kept in a file beside it.

    Attributes:
        nme: validation NME in percent by precision.
        faces: how many faces it was measured on.
    """

    nme: dict[str, float]
    faces: int

    def is_accurate(self, precision: str) -> bool:
        """Whether a precision was measured to be as accurate as float32, within :data:`NME_TOLERANCE`."""
        if precision == "float32":
            return True
        if not {"float32", precision} <= self.nme.keys():
            return False
        return self.nme[precision] <= NME_TOLERANCE * self.nme["float32"]


def precisions_path(weights: WeightFile) -> Path:
    """Where a weight file's measured precisions are kept."""
    return weights.path.with_suffix(".precisions.json")


def int8_path(weights: WeightFile) -> Path:
    """Where a weight file's quantised model is kept; its numbers lie beside it as ``.bin``."""
    return weights.path.with_suffix(".int8.xml")


def read_precisions(weights: WeightFile) -> Precisions:
    """What was measured of a weight file's precisions; nothing where it was measured of other weights."""
    try:
        kept = json.loads(precisions_path(weights).read_text())
        if kept["weights_sha256"] == weights.sha256:
            return Precisions({str(k): float(v) for k, v in kept["nme"].items()}, int(kept["faces"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return Precisions({}, 0)


def open_runtime(
    weights: Weights | WeightFile | str | Path,
    choice: RuntimeChoice | None = None,
    *,
    cache: Path | None = None,
    log: Callable[[str], None] = lambda text: None,
) -> Runtime:
    """A network, ready to run.

    Args:
        weights: a weight file, or its name or path; a loaded network is run by torch as it is.
        choice: what the user wants; by default the fastest.
        cache: folder for compiled networks; by default in the user's cache.
        say: told in words when something takes seconds, as the first use of a weight file does.

    Raises:
        LivefanError: if the weights cannot be used, what is asked for is unknown, not installed, not there
            for these weights, or does not agree with torch.
    """
    choice = choice or RuntimeChoice()
    if not isinstance(weights, WeightFile | str | Path):
        from livefan.runtimes.torch_runtime import TorchRuntime

        return _logged(TorchRuntime(weights, threads=choice.threads), "loaded weights", choice.threads)
    file = weights if isinstance(weights, WeightFile) else read_weight_file(weights)
    for value, known in ((choice.runtime, RUNTIMES), (choice.precision, PRECISIONS)):
        if value not in (AUTO, *known):
            raise LivefanError(f"unknown runtime or precision {value!r}: choose from {', '.join(known)}")
    store = Store(file.sha256, choice.threads, cache)
    if AUTO not in (choice.runtime, choice.precision):
        made = _make(file, Candidate(choice.runtime, choice.precision), choice.threads, store)
        return _logged(made, file.path.name, choice.threads)
    question = f"{choice.runtime} {choice.precision} {sorted(read_precisions(file).nme.items())}"
    kept = store.read().get("choices", {})
    answer = kept.get(question) if isinstance(kept, dict) else None
    if isinstance(answer, list) and len(answer) == 2:
        try:
            made = _make(file, Candidate(*map(str, answer)), choice.threads, store)
            return _logged(made, file.path.name, choice.threads)
        except LivefanError:
            pass  # gone since, or damaged: choose anew
    log("choosing the fastest way to run the network; only the first time")
    best = _fastest(file, _candidates(file, choice), choice.threads, store)
    store.write(choices=kept | {question: [best.name, best.precision]})
    return _logged(best, file.path.name, choice.threads)


def _logged(runtime: Runtime, weights: str, threads: int) -> Runtime:
    _log.info(
        "%s: runtime %s, precision %s, CPU threads %d", weights, runtime.name, runtime.precision, threads
    )
    return runtime


def _candidates(weights: WeightFile, choice: RuntimeChoice) -> list[Candidate]:
    """What may be chosen, torch last; where only one precision was asked for, in that precision."""
    runtimes = RUNTIMES if choice.runtime == AUTO else (choice.runtime,)
    candidates = [
        Candidate(runtime, precision)
        for runtime in runtimes
        for precision in PRECISIONS
        if choice.precision in (AUTO, precision) and _is_there(weights, Candidate(runtime, precision))
    ]
    if choice.precision == AUTO:
        measured = read_precisions(weights)
        candidates = [one for one in candidates if measured.is_accurate(one.precision)]
    if not candidates:
        raise LivefanError(_missing(weights, choice))
    return candidates


def _is_there(weights: WeightFile, candidate: Candidate) -> bool:
    """Whether a runtime is installed and can run these weights in a precision on this machine."""
    if find_spec(candidate.runtime) is None:
        return False
    if candidate.runtime != "openvino":
        return candidate.precision == "float32"
    if candidate.precision == "int8":
        path = int8_path(weights)
        return path.is_file() and path.with_suffix(".bin").is_file()
    if candidate.precision == "bfloat16":
        from livefan.runtimes.openvino_runtime import has_bfloat16

        return has_bfloat16()
    return True


def _missing(weights: WeightFile, choice: RuntimeChoice) -> str:
    """Why nothing can be chosen, and what to do."""
    if choice.runtime != AUTO and find_spec(choice.runtime) is None:
        return f"{choice.runtime} is not installed; run: pip install {choice.runtime}"
    if choice.precision == "int8":
        if choice.runtime not in (AUTO, "openvino"):
            return f"int8 is run by openvino only; choose openvino, or float32 with {choice.runtime}"
        path = int8_path(weights)
        missing = path.with_suffix(".bin") if path.is_file() else path
        return f"{missing}: no such file; make it with 'livefan quantise'"
    return f"{choice.precision} cannot be run here by {choice.runtime}; choose float32"


def _make(weights: WeightFile, candidate: Candidate, threads: int, store: Store) -> Runtime:
    """Build one runtime.

    Raises:
        LivefanError: if it is not there.
    """
    if not _is_there(weights, candidate):
        raise LivefanError(_missing(weights, RuntimeChoice(candidate.runtime, candidate.precision)))
    if candidate.runtime == "openvino":
        return _openvino(weights, candidate.precision, threads, store)
    if candidate.runtime == "onnxruntime":
        from livefan.runtimes.onnx_runtime import OnnxRuntime

        return OnnxRuntime(weights, _as_onnx(weights, store), threads)
    from livefan.networks.checkpoint import load_weights
    from livefan.runtimes.torch_runtime import TorchRuntime

    return TorchRuntime(load_weights(weights.path), threads=threads)


def _openvino(weights: WeightFile, precision: str, threads: int, store: Store) -> Runtime:
    from livefan.runtimes.openvino_runtime import OpenVinoRuntime, load_network

    name = precision
    if precision == "int8":
        # Its numbers may be made anew from the same weights.
        path = int8_path(weights)
        name = f"int8-{sha256_of(path, path.with_suffix('.bin'))[:16]}"

    def load(threads: int, shared: bool) -> Any:
        def read() -> Any:
            return openvino_model(weights, precision, store)

        return load_network(f"{name}-{threads}.blob", read, precision, threads, store, shared=shared)

    return OpenVinoRuntime(weights, load(threads, True), precision, lambda: load(1, False), threads)


def openvino_model(weights: WeightFile, precision: str, store: Store) -> Any:
    """The OpenVINO model of a weight file in a precision, as it is compiled."""
    from livefan.runtimes.openvino_runtime import for_one_crop, from_onnx

    if precision != "int8":
        return for_one_crop(from_onnx(_as_onnx(weights, store)), weights)
    from livefan.runtimes.int8_rewrite import tuned

    return tuned(for_one_crop(_int8_model(weights), weights), weights.info)


def _int8_model(weights: WeightFile) -> Any:
    from livefan.runtimes.openvino_runtime import read_metadata, read_model

    model = read_model(int8_path(weights))
    if read_metadata(model).get("weights_sha256") != weights.sha256:
        raise LivefanError(
            f"{int8_path(weights)}: was made from other weights than {weights.path.name}; "
            "make it again with 'livefan quantise'"
        )
    return model


def load_heatmap_network(weights: WeightFile, threads: int = 1, cache: Path | None = None) -> Any:
    """A network compiled by OpenVINO that turns one ``(1, size, size, 3)`` crop into its heatmaps.

    They are ``(1, n, size / 4, size / 4)`` float32, before the softmax.
    """
    from livefan.runtimes.openvino_runtime import for_one_crop, from_onnx, load_network, without_decoder

    store = Store(weights.sha256, threads, cache)

    def read() -> Any:
        return for_one_crop(without_decoder(from_onnx(_as_onnx(weights, store))), weights)

    return load_network("heatmaps.blob", read, "float32", threads, store)


def _as_onnx(weights: WeightFile, store: Store) -> bytes:
    """The network's graph, from the cache where it is there."""
    kept = store.load(_GRAPH)
    if kept is not None:
        return kept
    from livefan.networks.checkpoint import load_weights
    from livefan.runtimes.onnx_graph import as_onnx

    made = as_onnx(load_weights(weights.path))
    store.save(_GRAPH, made)
    return made


def check_crops(size: int) -> np.ndarray:
    """``(faces, size, size, 3)`` uint8 BGR crops of real faces that ship with livefan, for a size of network.

    Raises:
        LivefanError: if the file is missing or damaged.
    """
    path = bundled_folder("assets") / CHECK_CROPS
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise LivefanError(f"{path}: cannot be read; install livefan again")
    crop = Crop(((INPUT_SIZE - 1) / 2, (INPUT_SIZE - 1) / 2), INPUT_SIZE).sized(size)
    return np.stack([crop.cut(face) for face in image.reshape(-1, INPUT_SIZE, INPUT_SIZE, 3)])


def disagreement(runtime: Runtime, reference: np.ndarray, crops: np.ndarray) -> float:
    """How far a runtime's landmarks lie from others, mean over each crop in its pixels, of the worst crop."""
    offsets = runtime.run(crops)[..., :2] - reference[..., :2]
    return float(np.linalg.norm(offsets, axis=-1).mean(axis=-1).max())


def _fastest(weights: WeightFile, candidates: list[Candidate], threads: int, store: Store) -> Runtime:
    """Build all candidates, drop those that disagree with torch, and time the rest in turn."""
    from livefan.networks.checkpoint import load_weights
    from livefan.runtimes.torch_runtime import TorchRuntime

    torch_runtime = TorchRuntime(load_weights(weights.path), threads=threads)
    crops = check_crops(weights.info.input_size)
    reference = torch_runtime.run(crops).copy()
    good: list[Runtime] = []
    problems: list[str] = []
    for candidate in candidates:
        try:
            made = (
                torch_runtime if candidate.runtime == "torch" else _make(weights, candidate, threads, store)
            )
        except LivefanError as error:
            problems.append(str(error))
            continue
        apart = disagreement(made, reference, crops)
        if apart <= AGREEMENT_PX[candidate.precision]:
            good.append(made)
        else:
            problems.append(
                f"{candidate.runtime} in {candidate.precision} lies {apart:.2f} pixels from torch"
            )
    if not good:
        raise LivefanError("; ".join(problems))
    if len(good) == 1:
        return good[0]
    best, *others = zip(_time_in_turn(good, crops[:1]), good, strict=True)
    for seconds, runtime in others:
        if seconds < _CLEARLY_FASTER * best[0]:
            best = seconds, runtime
    return best[1]


def _time_in_turn(runtimes: list[Runtime], crops: np.ndarray) -> list[float]:
    """Median seconds of each, run in turn, so that what else runs on the machine slows all alike."""
    taken: list[list[float]] = [[] for _ in runtimes]
    for _ in range(_REPEATS):
        for runtime, times in zip(runtimes, taken, strict=True):
            begun = time.perf_counter()
            runtime.run(crops)
            times.append(time.perf_counter() - begun)
    return [float(np.median(times)) for times in taken]

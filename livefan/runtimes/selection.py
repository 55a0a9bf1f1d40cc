"""Choose the runtime of a network: the one the user names, or the fastest. Each is checked against torch."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from livefan.core.errors import LivefanError
from livefan.networks.checkpoint_info import WeightFile, read_weight_file
from livefan.runtimes.base import AUTO, PRECISIONS, RUNTIMES, Runtime, RuntimeChoice
from livefan.runtimes.cache import Store
from livefan.runtimes.graph_file import files_of
from livefan.runtimes.network_files import model_id, network_graph, openvino_model
from livefan.runtimes.precisions import int8_path, read_precisions
from livefan.runtimes.self_check import AGREEMENT_PX, check_crops, disagreement

if TYPE_CHECKING:
    from livefan.networks.checkpoint import Weights

_log = logging.getLogger(__name__)
_REPEATS = 15
_CLEARLY_FASTER = 0.9
"""A runtime replaces one earlier in the list only if its time is at most this share of the other's."""


@dataclass(frozen=True)
class Candidate:
    """A runtime and a precision."""

    runtime: str
    precision: str

    def __str__(self) -> str:
        return f"{self.runtime} {self.precision}"


def open_runtime(
    weights: Weights | WeightFile | str | Path,
    choice: RuntimeChoice | None = None,
    *,
    cache: Path | None = None,
    log: Callable[[str], None] = lambda text: None,
) -> Runtime:
    """Return a network, ready to run.

    A runtime's landmarks on the faces of the self-check are compared with torch's when it is used for the
    first time on this machine; see :data:`livefan.runtimes.self_check.AGREEMENT_PX`.

    Args:
        weights: a weight file, or its name or path; a loaded network is run by torch.
        choice: the runtime the user wants; by default the fastest.
        cache: folder for compiled networks; by default in the user's cache.
        log: called with a message before work that takes seconds, as the first use of a weight file does.

    Raises:
        LivefanError: if the weights cannot be used, or the choice is unknown, not installed, not available
            for these weights, fails on this machine, or disagrees with torch.
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
        opened = _open(file, Candidate(choice.runtime, choice.precision), choice.threads, store)
    else:
        opened = _open_fastest(file, choice, store, log)
    return _logged(opened, file.path.name, choice.threads)


def _logged(runtime: Runtime, weights: str, threads: int) -> Runtime:
    """Write a record of the runtime that was opened."""
    _log.info(
        "%s: runtime %s, precision %s, CPU threads %d", weights, runtime.name, runtime.precision, threads
    )
    return runtime


def _open_fastest(
    file: WeightFile, choice: RuntimeChoice, store: Store, log: Callable[[str], None]
) -> Runtime:
    """Return the runtime that was chosen before for the same question, or choose one and keep the choice."""
    question = f"{choice.runtime} {choice.precision} {sorted(read_precisions(file).nme.items())}"
    kept = store.read().get("choices")
    choices = kept if isinstance(kept, dict) else {}
    answer = choices.get(question)
    if isinstance(answer, list) and len(answer) == 2:
        try:
            return _open(file, Candidate(*map(str, answer)), choice.threads, store)
        except LivefanError as error:
            _log.info("the earlier choice cannot be used: %s", error)
    log("choosing the fastest way to run the network; only the first time")
    best = _fastest(file, _candidates(file, choice), choice.threads, store)
    store.write(choices=choices | {question: [best.name, best.precision]})
    return best


def _candidates(weights: WeightFile, choice: RuntimeChoice) -> list[Candidate]:
    """Return the candidates for a choice, torch last."""
    runtimes = RUNTIMES if choice.runtime == AUTO else (choice.runtime,)
    candidates = [
        Candidate(runtime, precision)
        for runtime in runtimes
        for precision in PRECISIONS
        if choice.precision in (AUTO, precision) and _is_available(weights, Candidate(runtime, precision))
    ]
    if choice.precision == AUTO:
        measured = read_precisions(weights)
        candidates = [one for one in candidates if measured.is_accurate(one.precision)]
    if not candidates:
        raise LivefanError(_missing(weights, choice))
    return candidates


def _is_available(weights: WeightFile, candidate: Candidate) -> bool:
    """Return whether a runtime is installed and can run these weights in a precision on this machine."""
    if candidate.runtime not in RUNTIMES or find_spec(candidate.runtime) is None:
        return False
    if candidate.runtime != "openvino":
        return candidate.precision == "float32"
    if candidate.precision == "int8":
        path = int8_path(weights)
        return path.is_file() and path.with_suffix(".bin").is_file()
    if candidate.precision == "bfloat16":
        from livefan.runtimes.openvino_runtime import has_bfloat16

        try:
            return has_bfloat16()
        except LivefanError:  # OpenVINO cannot be loaded: other runtimes may be
            return False
    return candidate.precision in PRECISIONS


def _missing(weights: WeightFile, choice: RuntimeChoice) -> str:
    """Return the message for a choice that is not available."""
    if choice.runtime != AUTO and find_spec(choice.runtime) is None:
        return f"{choice.runtime} is not installed; run: pip install {choice.runtime}"
    if choice.precision == "int8":
        if choice.runtime not in (AUTO, "openvino"):
            return f"int8 is run by openvino only; choose openvino, or float32 with {choice.runtime}"
        path = int8_path(weights)
        missing = path.with_suffix(".bin") if path.is_file() else path
        return f"{missing}: no such file; make it with 'livefan quantise'"
    return f"{choice.precision} cannot be run here by {choice.runtime}; choose float32"


def _open(weights: WeightFile, candidate: Candidate, threads: int, store: Store) -> Runtime:
    """Return a runtime that agrees with torch; the result of the comparison is kept in the cache.

    Raises:
        LivefanError: if it is not available, fails, or disagrees.
    """
    if not _is_available(weights, candidate):
        raise LivefanError(_missing(weights, RuntimeChoice(candidate.runtime, candidate.precision)))
    try:
        made = _make(weights, candidate, threads, store)
        if candidate.runtime != "torch":
            _check(made, weights, candidate, store)
    except LivefanError:
        raise
    except Exception as error:
        # Runtimes raise errors of any type, as for an instruction set that is switched off.
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise LivefanError(
            f"{weights.path}: {candidate} fails on this machine ({reason}); "
            "choose another runtime or precision"
        ) from error
    return made


def _make(weights: WeightFile, candidate: Candidate, threads: int, store: Store) -> Runtime:
    """Build a runtime."""
    if candidate.runtime == "openvino":
        return _openvino(weights, candidate.precision, threads, store)
    if candidate.runtime == "onnxruntime":
        from livefan.runtimes.onnx_runtime import OnnxRuntime

        with files_of(network_graph(weights, store), weights) as path:
            return OnnxRuntime(weights, path, threads)
    from livefan.networks.checkpoint import load_weights
    from livefan.runtimes.torch_runtime import TorchRuntime

    return TorchRuntime(load_weights(weights.path), threads=threads)


def _openvino(weights: WeightFile, precision: str, threads: int, store: Store) -> Runtime:
    from livefan.runtimes.openvino_runtime import OpenVinoRuntime, load_network

    name = model_id(weights, precision)

    def load(threads: int, shared: bool) -> Any:
        def read() -> Any:
            return openvino_model(weights, precision, store)

        return load_network(f"{name}-{threads}.blob", read, precision, threads, store, shared=shared)

    return OpenVinoRuntime(weights, load(threads, True), precision, lambda: load(1, False), threads)


def _check(made: Runtime, weights: WeightFile, candidate: Candidate, store: Store) -> None:
    """Compare a runtime with torch's landmarks, once for each cache.

    Raises:
        LivefanError: if it disagrees.
    """
    name = f"{candidate.runtime} {model_id(weights, candidate.precision)}"
    kept = store.read().get("checked")
    checked = kept if isinstance(kept, list) else []
    if name in checked:
        return
    reference = network_graph(weights, store).reference
    apart = disagreement(made, reference, check_crops(weights.info.input_size))
    if not apart <= AGREEMENT_PX[candidate.precision]:
        raise LivefanError(
            f"{weights.path}: the landmarks of {candidate} lie {apart:.2f} pixels from torch's; "
            "choose another runtime or precision"
        )
    _log.info("%s: %s agrees with torch to %.4f pixels of a crop", weights.path.name, candidate, apart)
    store.write(checked=[*checked, name])


def _fastest(weights: WeightFile, candidates: list[Candidate], threads: int, store: Store) -> Runtime:
    """Return the fastest candidate that works and agrees with torch; torch only if there is no other."""
    good: list[Runtime] = []
    problems: list[str] = []
    for candidate in candidates:
        if candidate.runtime == "torch" and good:
            continue  # slower than any other, and seconds to import
        try:
            good.append(_open(weights, candidate, threads, store))
        except LivefanError as error:
            _log.warning("not chosen: %s", error)
            problems.append(str(error))
    if not good:
        raise LivefanError("; ".join(problems))
    if len(good) == 1:
        return good[0]
    times = _time_in_turn(good, check_crops(weights.info.input_size)[:1])
    for seconds, runtime in zip(times, good, strict=True):
        _log.info("%s %s: %.1f ms a crop", runtime.name, runtime.precision, 1000 * seconds)
    best, *others = zip(times, good, strict=True)
    for seconds, runtime in others:
        if seconds < _CLEARLY_FASTER * best[0]:
            best = seconds, runtime
    return best[1]


def _time_in_turn(runtimes: list[Runtime], crops: np.ndarray) -> list[float]:
    """Return the median seconds of each; they run in turn, so that other load slows all alike."""
    taken: list[list[float]] = [[] for _ in runtimes]
    for _ in range(_REPEATS):
        for runtime, times in zip(runtimes, taken, strict=True):
            begun = time.perf_counter()
            runtime.run(crops)
            times.append(time.perf_counter() - begun)
    return [float(np.median(times)) for times in taken]

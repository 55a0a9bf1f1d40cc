"""Open the runtime of a network: the one that the user names, or the first of a rule; each is checked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livefan.core.errors import LivefanError
from livefan.networks.checkpoint_info import HEADS, Head, WeightFile, read_weight_file
from livefan.runtimes.base import AUTO, CPU, DEVICES, PRECISIONS, RUNTIMES, Runtime, RuntimeChoice
from livefan.runtimes.cache import Store
from livefan.runtimes.choice_rule import Candidate, ordered
from livefan.runtimes.graph_file import files_of
from livefan.runtimes.network_files import model_id, network_graph, openvino_model
from livefan.runtimes.precisions import int8_path, read_precisions
from livefan.runtimes.self_check import AGREEMENT_PX, check_crops, disagreement

if TYPE_CHECKING:
    from livefan.networks.checkpoint import Weights

_log = logging.getLogger(__name__)


def open_runtime(
    weights: Weights | WeightFile | str | Path,
    choice: RuntimeChoice | None = None,
    *,
    cache: Path | None = None,
    copy: int = 0,
    heads: Collection[Head] = HEADS,
    log: Callable[[str], None] = lambda text: None,
) -> Runtime:
    """Return a network, ready to run.

    "auto" takes the first candidate of :mod:`livefan.runtimes.choice_rule` that is accurate, can run here and
    agrees with torch. A runtime's landmarks on the faces of the self-check are compared with torch's at its
    first use on this machine; see :data:`livefan.runtimes.self_check.AGREEMENT_PX`.

    Args:
        weights: a weight file, or its name or path; a loaded network is run by torch.
        choice: the runtime the user wants; by default the one of the rule.
        cache: folder for compiled networks; by default in the user's cache.
        copy: runtimes of one copy of a network share its memory and run one after another; runtimes of
            different copies run at the same time.
        heads: the heads whose outputs are wanted; see :meth:`livefan.runtimes.base.Runtime.want_heads`.
        log: called with a message before work that takes seconds, as the first use of a weight file does.

    Raises:
        LivefanError: if the weights cannot be used, or the choice is unknown, not installed, not available
            for these weights, fails on this machine, or disagrees with torch.
    """
    choice = choice or RuntimeChoice()
    if not isinstance(weights, WeightFile | str | Path):
        from livefan.runtimes.torch_runtime import TorchRuntime

        made = TorchRuntime(weights, threads=choice.threads, heads=heads)
        return _logged(made, "loaded weights", choice.threads)
    file = weights if isinstance(weights, WeightFile) else read_weight_file(weights)
    check_choice(choice)
    store = Store(file.sha256, choice.threads, cache)
    problems: list[str] = []
    for candidate in candidates(file, choice):
        try:
            opened = _open(_Variant(file, candidate, store, choice.threads, copy, heads), log)
            return _logged(opened, file.path.name, choice.threads)
        except LivefanError as error:
            if AUTO not in (choice.runtime, choice.precision):
                raise
            _log.warning("not chosen: %s", error)
            problems.append(str(error))
    raise LivefanError("; ".join(problems))


def check_choice(choice: RuntimeChoice) -> None:
    """Check the names of a choice.

    Raises:
        LivefanError: if a runtime, precision or device is unknown, or the runtime cannot use the device.
    """
    for value, known in ((choice.runtime, RUNTIMES), (choice.precision, PRECISIONS)):
        if value not in (AUTO, *known):
            raise LivefanError(f"unknown runtime or precision {value!r}: choose from {', '.join(known)}")
    if choice.device != CPU and choice.device not in DEVICES:
        raise LivefanError(f"unknown device {choice.device!r}: choose from {', '.join((CPU, *DEVICES))}")
    runtime = DEVICES.get(choice.device, choice.runtime)
    if choice.runtime not in (AUTO, runtime):
        raise LivefanError(
            f"device {choice.device}: {choice.runtime} does not run it; choose --runtime {runtime}"
        )
    if choice.device != CPU and choice.precision not in (AUTO, "float32"):
        raise LivefanError(
            f"device {choice.device}: runs float32 networks only; leave --precision {choice.precision} out"
        )


def _logged(runtime: Runtime, weights: str, threads: int) -> Runtime:
    """Write a record of the runtime that was opened."""
    _log.info("%s: %s, CPU threads %d", weights, runtime.label, threads)
    return runtime


def candidates(weights: WeightFile, choice: RuntimeChoice) -> list[Candidate]:
    """Return the candidates for a choice that are installed and accurate, in the order of the rule.

    Raises:
        LivefanError: if there is none.
    """
    if AUTO not in (choice.runtime, choice.precision):  # the reason is reported when it is opened
        return [Candidate(choice.runtime, choice.precision, choice.device)]
    found = [each for each in _matching(choice) if unavailable(weights, each) is None]
    if choice.precision == AUTO:
        measured = read_precisions(weights)
        found = [each for each in found if measured.is_accurate(each.precision)]
    if not found:
        raise LivefanError(_missing(weights, choice))
    return found


def _matching(choice: RuntimeChoice) -> Iterator[Candidate]:
    """Yield the candidates that a choice with an automatic part allows, in the order of the rule."""
    for each in ordered(choice.device):
        if choice.runtime in (AUTO, each.runtime) and choice.precision in (AUTO, each.precision):
            yield each


def unavailable(weights: WeightFile, candidate: Candidate) -> str | None:
    """Return why a candidate cannot run these weights here, in one line; None if it can."""
    if _is_available(weights, candidate):
        return None
    return _missing(weights, RuntimeChoice(candidate.runtime, candidate.precision, device=candidate.device))


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
        from livefan.runtimes.openvino_core import has_bfloat16

        try:
            return has_bfloat16()
        except LivefanError:  # OpenVINO cannot be loaded: other runtimes may be
            return False
    return candidate.precision in PRECISIONS


def _missing(weights: WeightFile, choice: RuntimeChoice) -> str:
    """Return the message for a choice that is not available."""
    runtime = DEVICES.get(choice.device, choice.runtime)
    if runtime != AUTO and find_spec(runtime) is None:
        return f"{runtime} is not installed; run: pip install {runtime}"
    if choice.precision == "int8":
        if choice.runtime not in (AUTO, "openvino"):
            return (
                f"int8 is run by openvino only; choose the runtime openvino, or float32 with {choice.runtime}"
            )
        path = int8_path(weights)
        missing = path.with_suffix(".bin") if path.is_file() else path
        return f"{missing}: no such file; make it with 'livefan quantise'"
    return f"{choice.precision} cannot be run here by {runtime}; choose float32"


@dataclass(frozen=True)
class _Variant:
    """A network in the form in which it is opened.

    Attributes:
        weights: the weight file.
        candidate: runtime, precision and device.
        store: the cache of the weight file.
        threads, copy, heads: see :func:`open_runtime`.
    """

    weights: WeightFile
    candidate: Candidate
    store: Store
    threads: int
    copy: int
    heads: Collection[Head]


def _open(variant: _Variant, log: Callable[[str], None]) -> Runtime:
    """Return a runtime that agrees with torch; the result of the comparison is kept in the cache.

    Raises:
        LivefanError: if it is not available, fails, or disagrees.
    """
    weights, candidate, store = variant.weights, variant.candidate, variant.store
    problem = unavailable(weights, candidate)
    if problem is not None:
        raise LivefanError(problem)
    try:
        if candidate.runtime == "torch":
            return _make(variant)
        checked = _checked(store)
        name = f"{candidate} {model_id(weights, candidate.precision)}"
        if name not in checked:
            log(f"preparing {weights.path.stem} for {candidate}; only the first time")
        made = _make(variant)
        if name not in checked:
            _check(made, variant)
            store.write(checked=[*_checked(store), name])
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


def _checked(store: Store) -> list[str]:
    """Return the candidates that agreed with torch on this machine."""
    kept = store.read().get("checked")
    return kept if isinstance(kept, list) else []


def _make(variant: _Variant) -> Runtime:
    """Build a runtime."""
    weights, candidate = variant.weights, variant.candidate
    made: Runtime
    if candidate.runtime == "openvino":
        made = _openvino(variant)
    elif candidate.runtime == "onnxruntime":
        from livefan.runtimes.onnx_runtime import OnnxRuntime

        with files_of(network_graph(weights, variant.store), weights) as path:
            made = OnnxRuntime(weights, path, variant.threads, candidate.device, variant.heads)
    else:
        from livefan.networks.checkpoint import load_weights
        from livefan.runtimes.torch_runtime import TorchRuntime

        made = TorchRuntime(load_weights(weights.path), threads=variant.threads, heads=variant.heads)
    made.device = candidate.device
    return made


def _openvino(variant: _Variant) -> Runtime:
    from livefan.runtimes.openvino_core import check_device
    from livefan.runtimes.openvino_runtime import OpenVinoRuntime

    def load(heads: Collection[Head]) -> Any:
        return _openvino_network(replace(variant, heads=heads))

    def further(heads: Collection[Head], number: int) -> Any:
        copy = 0 if number == variant.copy else number
        return _openvino_network(replace(variant, heads=heads, threads=1, copy=copy))

    weights, candidate = variant.weights, variant.candidate
    on_cpu = candidate.device == CPU
    if not on_cpu:
        check_device(candidate.device)
    return OpenVinoRuntime(
        weights,
        load(variant.heads),
        candidate.precision,
        further if on_cpu else None,
        variant.threads,
        heads=variant.heads,
        load=load,
    )


def _openvino_network(variant: _Variant) -> Any:
    """Return the network compiled for the heads, threads and device of a variant."""
    from livefan.runtimes.openvino_network import load_network

    weights, precision, device = variant.weights, variant.candidate.precision, variant.candidate.device
    present = sorted(weights.info.heads & set(variant.heads))
    parts = "" if set(present) == weights.info.heads else "-" + "-".join(["landmarks", *present])
    on_device = "" if device == CPU else f"-{device}"
    return load_network(
        f"{model_id(weights, precision)}{on_device}{parts}-{variant.threads}.blob",
        lambda: openvino_model(weights, precision, variant.store, variant.heads),
        precision,
        variant.threads,
        variant.store,
        copy=variant.copy,
        device=device,
    )


def _check(made: Runtime, variant: _Variant) -> None:
    """Compare a runtime with torch's landmarks.

    Raises:
        LivefanError: if it disagrees.
    """
    weights, candidate = variant.weights, variant.candidate
    apart = distance_from_torch(made, weights, variant.store)
    # Other devices round to fewer bits: an NPU to half precision, CUDA to TensorFloat-32.
    limit = AGREEMENT_PX["bfloat16" if candidate.device != CPU else candidate.precision]
    if not apart <= limit:
        raise LivefanError(
            f"{weights.path}: the landmarks of {candidate} lie {apart:.2f} pixels from torch's; "
            "choose another runtime or precision"
        )
    _log.info("%s: %s agrees with torch to %.4f pixels of a crop", weights.path.name, candidate, apart)


def distance_from_torch(runtime: Runtime, weights: WeightFile, store: Store) -> float:
    """Return the distance of a runtime's landmarks from torch's, in crop pixels; see the self-check."""
    reference = network_graph(weights, store).reference
    return disagreement(runtime, reference, check_crops(weights.info.input_size))

"""List the candidates of a weight file: their accuracy and speed, and which one a choice leads to."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from livefan.core.errors import LivefanError
from livefan.networks.checkpoint_info import WeightFile, read_weight_file
from livefan.runtimes.base import AUTO, CPU, Runtime, RuntimeChoice
from livefan.runtimes.cache import Store
from livefan.runtimes.choice_rule import PREFERRED, Candidate, cpu_kind, ordered
from livefan.runtimes.precisions import NME_TOLERANCE, read_precisions
from livefan.runtimes.selection import check_choice, distance_from_torch, open_runtime, unavailable
from livefan.runtimes.self_check import check_crops

_REPEATS = 15


@dataclass(frozen=True)
class Listed:
    """A candidate of a weight file.

    Attributes:
        candidate: runtime, precision and device.
        nme: validation NME in percent, measured when the weight file was made; None if unknown.
        apart: distance of its landmarks from torch's in crop pixels; None if it cannot run here.
        milliseconds: median time for one crop, in turn with the others; None if it cannot run here.
        chosen: whether the choice leads to it.
        reason: why it is chosen, or why not.
    """

    candidate: Candidate
    nme: float | None
    apart: float | None
    milliseconds: float | None
    chosen: bool
    reason: str


@dataclass(frozen=True)
class Listing:
    """All candidates of a weight file, in the order of the rule.

    Attributes:
        weights: name of the weight file.
        cpu: kind of the CPU in words.
        basis: measurement behind the order of the precisions.
        listed: the candidates.
    """

    weights: str
    cpu: str
    basis: str
    listed: list[Listed]

    def as_lines(self) -> Iterator[str]:
        """Yield the lines of a table."""
        yield f"{self.weights}; CPU: {self.cpu}"
        yield f"order: {self.basis}"
        yield f"{'':2}{'candidate':26}{'NME %':>8}{'px from torch':>15}{'ms':>8}"
        for each in self.listed:
            numbers = _number(each.nme, 8, 3) + _number(each.apart, 15, 4) + _number(each.milliseconds, 8, 2)
            yield f"{'>' if each.chosen else ' '} {each.candidate!s:26}{numbers}  {each.reason}"


def _number(value: float | None, width: int, digits: int) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:{width}.{digits}f}"


def list_runtimes(
    weights: WeightFile | str | Path, choice: RuntimeChoice | None = None, *, cache: Path | None = None
) -> Listing:
    """Open every candidate of a weight file, compare it with torch, and time it in turn with the others.

    Args:
        weights: a weight file, or its name or path.
        choice: the choice of the user, by default "auto".
        cache: folder for compiled networks; by default in the user's cache.

    Raises:
        LivefanError: if the weights cannot be used, or the choice is unknown or cannot be opened.
    """
    choice = choice or RuntimeChoice()
    check_choice(choice)
    file = weights if isinstance(weights, WeightFile) else read_weight_file(weights)
    chosen = open_runtime(file, choice, cache=cache)
    opened: dict[Candidate, Runtime] = {}
    problems: dict[Candidate, str] = {}
    for candidate in ordered(choice.device):
        problem = unavailable(file, candidate)
        try:
            if problem is None:
                opened[candidate] = open_runtime(file, _choice_of(candidate, choice.threads), cache=cache)
        except LivefanError as error:
            problem = str(error)
        if problem is not None:
            problems[candidate] = problem
    times = _time_in_turn(opened, check_crops(file.info.input_size)[:1])
    measured, kind, store = read_precisions(file), cpu_kind(), Store(file.sha256, choice.threads, cache)
    listed = []
    for candidate in ordered(choice.device):
        runtime = opened.get(candidate)
        is_chosen = candidate == Candidate(chosen.name, chosen.precision, chosen.device)
        reason = problems.get(candidate) or _reason(
            choice, candidate, measured.is_accurate(candidate.precision), is_chosen
        )
        apart = None if runtime is None else distance_from_torch(runtime, file, store)
        nme = measured.nme.get(candidate.precision)
        listed.append(Listed(candidate, nme, apart, times.get(candidate), is_chosen, reason))
    basis = kind.reason if choice.device == CPU else "only float32 networks run on other devices"
    return Listing(file.path.stem, kind.name, basis, listed)


def _choice_of(candidate: Candidate, threads: int) -> RuntimeChoice:
    return RuntimeChoice(candidate.runtime, candidate.precision, threads, candidate.device)


def _reason(choice: RuntimeChoice, candidate: Candidate, is_accurate: bool, is_chosen: bool) -> str:
    """Return why a candidate that runs here is chosen or not."""
    if is_chosen:
        named = AUTO not in (choice.runtime, choice.precision)
        preferred = os.environ.get(PREFERRED, "").split()
        if not named and preferred == [candidate.runtime, candidate.precision]:
            return f"chosen: named by {PREFERRED}"
        return "chosen: named by the user" if named else "chosen: the first that is accurate and runs here"
    if not is_accurate:
        return f"not chosen: its NME is unknown or above {NME_TOLERANCE:g} times that of float32"
    if choice.runtime not in (AUTO, candidate.runtime) or choice.precision not in (AUTO, candidate.precision):
        return "not chosen: the user names another one"
    return "not chosen: an earlier one is"


def _time_in_turn(runtimes: dict[Candidate, Runtime], crops: np.ndarray) -> dict[Candidate, float]:
    """Return median milliseconds; the runtimes run in turn, so that other programs slow all alike."""
    taken: dict[Candidate, list[float]] = {candidate: [] for candidate in runtimes}
    for _ in range(_REPEATS):
        for candidate, runtime in runtimes.items():
            begun = time.perf_counter()
            runtime.run(crops)
            taken[candidate].append(1000 * (time.perf_counter() - begun))
    return {candidate: float(np.median(times)) for candidate, times in taken.items()}

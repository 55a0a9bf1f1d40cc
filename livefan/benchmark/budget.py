"""The CPU time of each step of a frame, measured within the frame, so that the steps add up to the whole.

Usage: ``python -m livefan.benchmark.budget``.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np

from livefan.benchmark.frames import read_from_first_face, rewritten, there_and_back
from livefan.core.crop import Crop
from livefan.core.frame import Frame
from livefan.core.resources import DEFAULT_WEIGHTS, bundled_clip
from livefan.runtimes.base import Runtime, RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.tracking import pipeline
from livefan.tracking.cut_detector import CutDetector
from livefan.tracking.kalman import KalmanSmoother
from livefan.tracking.pipeline import Pipeline
from livefan.tracking.track import Track

WHOLE, REST = "whole frame", "rest: checks, detection schedule, faces"
_STEPS: tuple[tuple[str, Any, str], ...] = (
    ("cut detector", CutDetector, "update"),
    ("place of the crop", Track, "expected_crop"),
    ("landmarks in the image", pipeline, "locate"),
    ("place of the crop", Crop, "sized"),
    ("crop", Crop, "cut"),
    ("motion of the track", Track, "update"),
    ("appearance, five times a second", Track, "update_appearance"),
    ("smoothing", KalmanSmoother, "update"),
)
"""Name, owner and attribute of the functions of each step."""
_FRAMES, _REPEATS = 75, 300
_CALM = 0.5
"""Share of the frames that count: the fastest ones, since other programs slow the others."""


def budget(runtime: Runtime, clip: str, repeats: int = _REPEATS) -> dict[str, float]:
    """Return the mean CPU time of each step in milliseconds, the whole frame first.

    Args:
        runtime: the network; with one thread, or CPU time of other threads does not count.
        clip: recording that shows a face.
        repeats: number of measured frames.
    """
    return budget_of(runtime, there_and_back(read_from_first_face(clip, runtime, _FRAMES), repeats))


def budget_of(runtime: Runtime, frames: list[Frame]) -> dict[str, float]:
    """Return the budget on frames that show one face; see :func:`budget`."""
    watch = _Watch()
    steps = (*_STEPS, ("network and decoder", type(runtime), "run_each"), (REST, Pipeline, "process"))
    with ExitStack() as stack, Pipeline(runtime, max_faces=1) as tracker:
        tracker.process(frames[0])  # detects the face
        for name, owner, attribute in steps:
            stack.enter_context(watch.timed(name, owner, attribute))
        measured = [watch.seconds(partial(tracker.process, frame)) for frame in map(rewritten, frames[1:])]
    measured.sort(key=lambda seconds: sum(seconds.values()))
    calm = measured[: max(1, round(_CALM * len(measured)))]
    means = {name: 1000 * float(np.mean([each.get(name, 0.0) for each in calm])) for name, *_ in steps}
    return {WHOLE: sum(means.values()), **means}


class _Watch:
    """Measures CPU times of functions without those of the watched functions that they call."""

    def __init__(self) -> None:
        self._inner: list[float] = []
        self._seconds: dict[str, float] = defaultdict(float)

    def seconds(self, work: Callable[[], object]) -> dict[str, float]:
        """Return the time of each watched function in some work, by name."""
        self._seconds.clear()
        work()
        return dict(self._seconds)

    @contextmanager
    def timed(self, name: str, owner: Any, attribute: str) -> Iterator[None]:
        """Watch a function within a block."""
        function = getattr(owner, attribute)

        def timed(*arguments: Any, **named: Any) -> Any:
            begun = time.thread_time()
            self._inner.append(0.0)
            result = function(*arguments, **named)
            taken = time.thread_time() - begun
            self._seconds[name] += taken - self._inner.pop()
            if self._inner:
                self._inner[-1] += taken
            return result

        setattr(owner, attribute, timed)
        try:
            yield
        finally:
            setattr(owner, attribute, function)


def as_lines(milliseconds: Mapping[str, float]) -> Iterator[str]:
    """Yield the lines of a table: milliseconds, and shares of the whole frame."""
    for name, value in milliseconds.items():
        yield f"{name:42}{value:9.3f} ms{value / milliseconds[WHOLE]:8.1%}"


def main() -> None:
    """Print the budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--precision", default="auto")
    arguments = parser.parse_args()
    choice = RuntimeChoice(arguments.runtime, arguments.precision)
    runtime = open_runtime(arguments.weights, choice, heads=())
    print(runtime.label)
    print("\n".join(as_lines(budget(runtime, str(bundled_clip())))))


if __name__ == "__main__":
    main()

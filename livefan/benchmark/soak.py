"""A long run in a loop, to see whether memory or latency grow."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from livefan.benchmark.footprint import peak_mebibytes
from livefan.benchmark.timing import Stopwatch, Timing
from livefan.core.frame import Frame
from livefan.io.open import open_source
from livefan.runtimes.base import RuntimeChoice
from livefan.tracking.pipeline import Pipeline


@dataclass(frozen=True)
class Sample:
    """One stretch of the run.

    Attributes:
        minutes: when it ended, from the beginning.
        mebibytes: memory held then; where the system does not tell, the most that was held so far, or None.
        frame: how long frames took.
    """

    minutes: float
    mebibytes: float | None
    frame: Timing


def held_mebibytes() -> float | None:
    """The memory that this process holds now, in MiB, where the system tells; else :func:`peak_mebibytes`."""
    if not sys.platform.startswith("linux"):
        return peak_mebibytes()
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) / 1024


def soak(
    clip: str | Path,
    weights: str | Path,
    choice: RuntimeChoice,
    minutes: float,
    *,
    every: float = 60.0,
    log: Callable[[Sample], None] = lambda sample: None,
) -> list[Sample]:
    """Follow the faces of a clip over and over, at the pace at which it plays.

    Args:
        minutes: how long.
        every: seconds between samples.
        say: told of every sample.
    """
    pipeline = Pipeline(weights, runtime=choice)
    samples: list[Sample] = []
    begun = since = time.perf_counter()
    watch = Stopwatch()
    for frame in _endless(clip):
        time.sleep(max(0.0, begun + frame.source_time - time.perf_counter()))
        watch.begin()
        pipeline.process(frame)
        watch.end()
        now = time.perf_counter()
        over = now - begun >= 60 * minutes
        if now - since >= every or over:
            samples.append(Sample((now - begun) / 60, held_mebibytes(), watch.timing()))
            log(samples[-1])
            watch.clear()
            since = now
        if over:
            break
    pipeline.close()
    return samples


def _endless(clip: str | Path) -> Iterator[Frame]:
    """A clip's frames over and over, opened anew each time, on a clock that runs on."""
    offset = last = 0.0
    while True:
        with open_source(str(clip)) as source:
            for frame in source:
                last = frame.source_time + offset
                yield Frame(frame.image, frame.index, frame.captured_at, last)
        offset = last + 0.04

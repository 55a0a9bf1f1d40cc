"""A long run in a loop that shows whether memory or latency grow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from livefan.benchmark.footprint import held_mebibytes
from livefan.benchmark.timing import Stopwatch, Timing
from livefan.core.frame import Frame
from livefan.io.open import open_source
from livefan.runtimes.base import RuntimeChoice
from livefan.tracking.pipeline import Pipeline


@dataclass(frozen=True)
class Sample:
    """Measurements of one interval of the run.

    Attributes:
        minutes: end of the interval since the start.
        mebibytes: resident memory at the end, or peak memory where the system reports only that, or None.
        frame: time of a frame.
    """

    minutes: float
    mebibytes: float | None
    frame: Timing


def soak(
    clip: str | Path,
    weights: str | Path,
    choice: RuntimeChoice,
    minutes: float,
    *,
    every: float = 60.0,
    log: Callable[[Sample], None] = lambda sample: None,
) -> list[Sample]:
    """Track the faces of a clip in a loop, at the speed at which it plays.

    Args:
        clip: recording to play.
        weights: name or path of a weight file.
        choice: runtime and precision.
        minutes: duration of the run.
        every: seconds between samples.
        log: receives each sample.
    """
    pipeline = Pipeline(weights, runtime=choice)
    samples: list[Sample] = []
    started = since = time.perf_counter()
    watch = Stopwatch()
    for frame in _endless(clip):
        time.sleep(max(0.0, started + frame.source_time - time.perf_counter()))
        watch.begin()
        pipeline.process(frame)
        watch.end()
        now = time.perf_counter()
        over = now - started >= 60 * minutes
        if now - since >= every or over:
            samples.append(Sample((now - started) / 60, held_mebibytes(), watch.timing()))
            log(samples[-1])
            watch.clear()
            since = now
        if over:
            break
    pipeline.close()
    return samples


def _endless(clip: str | Path) -> Iterator[Frame]:
    """Yield the frames of a clip in an endless loop, with rising timestamps."""
    offset = last = 0.0
    while True:
        with open_source(str(clip)) as source:
            for frame in source:
                last = frame.source_time + offset
                yield Frame(frame.image, frame.index, frame.captured_at, last)
        offset = last + 0.04

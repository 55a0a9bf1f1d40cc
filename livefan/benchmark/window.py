"""The window under measurement: start, capture to paint, how long it is held up, and closing."""

from __future__ import annotations

import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from livefan.benchmark.frames import read_frames, scaled, there_and_back, write_frames
from livefan.core.errors import LivefanError
from livefan.gui.app import has_screen
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.tracking.model_spec import ModelChoice, rival

SIZE, RATE = (1280, 720), 30
_CLIP_FRAMES = 150
_TIME_LIMIT_S = 300


@dataclass(frozen=True)
class WindowReport:
    """What a scripted run of the window took; times in milliseconds.

    Attributes:
        platform: Qt's name of what the window was shown on.
        start: from starting the process to the first picture.
        latency, latency_p95: from capture to paint, median and 95th percentile, with one model.
        painted_per_second: pictures shown, of :data:`RATE` captured.
        held_up: for what was done, the longest that the window took no notice of anything else meanwhile.
        worked: likewise the most processor time that its thread took at a stretch; the rest of the time it
            waited for a core, or for another thread to let go of Python.
        closing: from closing the window until every thread had ended.
        threads_left: how many had not.
    """

    platform: str
    start: float
    latency: float
    latency_p95: float
    painted_per_second: float
    held_up: dict[str, float]
    worked: dict[str, float]
    closing: float
    threads_left: int


def benchmark_window(
    clip: str | Path, weights: str, choice: RuntimeChoice, *, pace: float = 1.0, repeats: int = 3
) -> WindowReport:
    """Open the window on a clip of 1280 x 720 at 30 frames a second, use it as a user does, and close it.

    A process of its own does so. The clip is the given one, scaled; its frames are played at their times,
    and count as captured when they are due, as those of a camera do when they arrive. Without a screen, Qt
    draws into memory.

    Args:
        pace: how many times faster than a user everything is done; the figures of a hasty run are rough.
        repeats: times that it is done; the figures are medians.

    Raises:
        LivefanError: if the clip cannot be read, or the window fails.
    """
    first = ModelChoice(weights, choice.runtime, choice.precision, threads=choice.threads)
    for model in (first, rival(first)):
        # A first use, which decides what runs it, is not what the window is measured by.
        open_runtime(model.weights, RuntimeChoice(model.runtime, model.precision, model.threads))
    environment = dict(os.environ)
    if not has_screen():
        environment["QT_QPA_PLATFORM"] = "offscreen"
    with tempfile.TemporaryDirectory(prefix="livefan-benchmark-") as folder:
        prepared = Path(folder) / "clip.mp4"
        frames = there_and_back(scaled(read_frames(clip, _CLIP_FRAMES // 2), *SIZE), _CLIP_FRAMES)
        write_frames(prepared, frames, RATE)
        return _median([_run(prepared, weights, choice, environment, pace) for _ in range(repeats)])


def _median(reports: list[WindowReport]) -> WindowReport:
    """Of each figure the median over several runs; of threads that were left the most."""

    def of(figure: Callable[[WindowReport], float]) -> float:
        return statistics.median(map(figure, reports))

    def by_name(figures: Callable[[WindowReport], dict[str, float]]) -> dict[str, float]:
        every = [figures(report) for report in reports]
        return {name: statistics.median(each[name] for each in every) for name in every[0]}

    return WindowReport(
        platform=reports[0].platform,
        start=of(lambda report: report.start),
        latency=of(lambda report: report.latency),
        latency_p95=of(lambda report: report.latency_p95),
        painted_per_second=of(lambda report: report.painted_per_second),
        held_up=by_name(lambda report: report.held_up),
        worked=by_name(lambda report: report.worked),
        closing=of(lambda report: report.closing),
        threads_left=max(report.threads_left for report in reports),
    )


def _run(
    clip: Path, weights: str, choice: RuntimeChoice, environment: dict[str, str], pace: float
) -> WindowReport:
    package = str(Path(__file__).parent.parent.parent)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, environment.get("PYTHONPATH")]))
    model = [weights, choice.runtime, choice.precision, str(choice.threads)]
    command = [
        sys.executable,
        "-m",
        "livefan.benchmark.drive",
        str(clip),
        *model,
        str(pace),
        str(time.time()),
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, timeout=_TIME_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise LivefanError(f"the window did not come to an end in {_TIME_LIMIT_S} s") from error
    if done.returncode:
        raise LivefanError(f"the window could not be measured: {failure(done)}")
    return WindowReport(**json.loads(done.stdout.splitlines()[-1]))


def failure(done: subprocess.CompletedProcess[str]) -> str:
    """Why a process failed: what it said last, or else how it ended."""
    lines = done.stderr.strip().splitlines()
    if lines:
        return lines[-1]
    if done.returncode < 0:
        return f"its process was ended by {signal.Signals(-done.returncode).name}"
    return f"its process said nothing and ended with exit code {done.returncode}"


def as_lines(report: WindowReport) -> list[str]:
    """The report as a table."""
    rows = [
        ("start to first picture", f"{report.start:.0f} ms"),
        ("capture to paint, median", f"{report.latency:.1f} ms"),
        ("capture to paint, 95th percentile", f"{report.latency_p95:.1f} ms"),
        (f"pictures a second, of {RATE}", f"{report.painted_per_second:.1f}"),
        ("closing until the last thread ended", f"{report.closing:.0f} ms"),
        ("threads left", str(report.threads_left)),
    ]
    held_up = [
        (f"  {name}", f"{longest:.1f} ms{report.worked[name]:9.1f} ms")
        for name, longest in report.held_up.items()
    ]
    width = max(len(name) for name, _ in itertools.chain(rows, held_up)) + 2
    return [
        f"{SIZE[0]} x {SIZE[1]} at {RATE} frames a second, Qt on {report.platform}",
        *(f"{name:<{width}}{value:>10}" for name, value in rows),
        "longest that the window was held up, and of that the most work of its own, while",
        *(f"{name:<{width}}{value:>22}" for name, value in held_up),
    ]

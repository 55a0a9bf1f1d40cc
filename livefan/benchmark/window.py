"""Figures of the window: start, latency from capture to paint, responsiveness, closing."""

from __future__ import annotations

import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path

from livefan.benchmark.child import output_of
from livefan.benchmark.frames import read_frames, scaled, there_and_back, write_frames
from livefan.gui.app import has_screen
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.tracking.model_spec import ModelChoice, rival

SIZE, RATE = (1280, 720), 30
_CLIP_FRAMES = 150
_TIME_LIMIT_S = 300


@dataclass(frozen=True)
class WindowReport:
    """Figures of a scripted run of the window; times in milliseconds.

    Attributes:
        platform: Qt's name of the display platform.
        start: from the start of the process to the first picture.
        latency: median from capture to paint, with one model.
        latency_p95: 95th percentile of the same.
        painted_per_second: pictures shown, of :data:`RATE` captured.
        held_up: longest time without handling events, by action; median of all rounds.
        held_up_most: maximum of the same.
        worked: CPU time of the window's thread in its longest stretch, by action; median. The rest of
            ``held_up`` the thread waited for a core or for Python's lock.
        closing: from closing the window until every thread ended.
        threads_left: number of threads that did not end.
    """

    platform: str
    start: float
    latency: float
    latency_p95: float
    painted_per_second: float
    held_up: dict[str, float]
    held_up_most: dict[str, float]
    worked: dict[str, float]
    closing: float
    threads_left: int


def benchmark_window(
    clip: str | Path,
    weights: str,
    choice: RuntimeChoice,
    *,
    pace: float = 1.0,
    repeats: int = 3,
    rounds: int = 2,
) -> WindowReport:
    """Open the window on a clip of 1280 x 720 at 30 frames a second, use every part of it, and close it.

    A separate process runs the window. The given clip is scaled; a frame counts as captured when it is due.
    Without a screen, Qt draws into memory.

    Args:
        clip: recording to show.
        weights: name or path of a weight file.
        choice: runtime and precision.
        pace: speed of the script; figures above 1 are rough.
        repeats: number of runs; the figures are medians.
        rounds: number of times that a run uses every part of the window.

    Raises:
        LivefanError: if the clip cannot be read, or the window fails.
    """
    first = ModelChoice(
        weights, choice.runtime, choice.precision, threads=choice.threads, device=choice.device
    )
    for model in (first, rival(first)):
        # The first use chooses the runtime, which does not belong to the start of the window.
        open_runtime(model.weights, model.runtime_choice)
    variables = {} if has_screen() else {"QT_QPA_PLATFORM": "offscreen"}
    with tempfile.TemporaryDirectory(prefix="livefan-benchmark-") as folder:
        prepared = Path(folder) / "clip.mp4"
        frames = there_and_back(scaled(read_frames(clip, _CLIP_FRAMES // 2), *SIZE), _CLIP_FRAMES)
        write_frames(prepared, frames, RATE)
        runs = [_run(prepared, weights, choice, variables, pace, rounds) for _ in range(repeats)]
        return _median(runs)


def _median(reports: list[WindowReport]) -> WindowReport:
    """Return the median of each figure; of ``threads_left`` and ``held_up_most`` the maximum."""

    def of(figure: Callable[[WindowReport], float]) -> float:
        return statistics.median(map(figure, reports))

    def by_name(
        figures: Callable[[WindowReport], dict[str, float]],
        summary: Callable[[list[float]], float] = statistics.median,
    ) -> dict[str, float]:
        every = [figures(report) for report in reports]
        return {name: summary([each[name] for each in every]) for name in every[0]}

    return WindowReport(
        platform=reports[0].platform,
        start=of(lambda report: report.start),
        latency=of(lambda report: report.latency),
        latency_p95=of(lambda report: report.latency_p95),
        painted_per_second=of(lambda report: report.painted_per_second),
        held_up=by_name(lambda report: report.held_up),
        held_up_most=by_name(lambda report: report.held_up_most, max),
        worked=by_name(lambda report: report.worked),
        closing=of(lambda report: report.closing),
        threads_left=max(report.threads_left for report in reports),
    )


def _run(
    clip: Path, weights: str, choice: RuntimeChoice, variables: dict[str, str], pace: float, rounds: int
) -> WindowReport:
    given = [str(clip), weights, *map(str, astuple(choice)), str(pace), str(rounds), str(time.time())]
    command = ["-m", "livefan.benchmark.drive", *given]
    printed = output_of("the window cannot be measured", command, variables, _TIME_LIMIT_S)
    return WindowReport(**json.loads(printed.splitlines()[-1]))


def as_lines(report: WindowReport) -> list[str]:
    """Return the report as the lines of a table."""
    rows = [
        ("start to first picture", f"{report.start:.0f} ms"),
        ("capture to paint, median", f"{report.latency:.1f} ms"),
        ("capture to paint, 95th percentile", f"{report.latency_p95:.1f} ms"),
        (f"pictures a second, of {RATE}", f"{report.painted_per_second:.1f}"),
        ("closing until the last thread ended", f"{report.closing:.0f} ms"),
        ("threads left", str(report.threads_left)),
    ]
    held_up = [
        (f"  {name}", f"{median:.1f} ms{report.held_up_most[name]:9.1f} ms{report.worked[name]:9.1f} ms")
        for name, median in report.held_up.items()
    ]
    width = max(len(name) for name, _ in itertools.chain(rows, held_up)) + 2
    return [
        f"{SIZE[0]} x {SIZE[1]} at {RATE} frames a second, Qt on {report.platform}",
        *(f"{name:<{width}}{value:>10}" for name, value in rows),
        "longest time without handling events, median and highest, and CPU time of its thread, during",
        *(f"{name:<{width}}{value:>34}" for name, value in held_up),
    ]

"""The report of a benchmark as a table, as JSON and as a plot."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from livefan.benchmark.budget import as_lines as budget_lines
from livefan.benchmark.suite import LIVEFAN, Report
from livefan.benchmark.timing import Timing


def _row(name: str, timing: Timing, rest: str = "") -> str:
    times = f"{timing.median:8.2f} ms {timing.p95:8.2f} ms {timing.processor:8.2f} ms"
    return f"  {name:34} {times} {timing.per_second:8.1f} /s{rest}"


def as_table(report: Report) -> Iterator[str]:
    """Return the report as lines of text."""
    yield f"{report.machine}; commit {report.commit}"
    yield f"{report.clip}; {report.threads} thread(s) and core(s)"
    for name, program in report.programs.items():
        yield f"{name}: {program.weights}, {program.runtime} {program.precision}".rstrip()
    yield f"{'':36} {'median':>11} {'95th perc.':>11} {'CPU time':>11} {'rate':>11}"
    yield "from frame to smoothed landmarks, 640 x 480, in alternating blocks of frames"
    for name, timing in report.in_turn.items():
        yield _row(name, timing)
    for baseline, own in itertools.product(report.baselines(), report.in_turn):
        if own.startswith(LIVEFAN):
            time, processor = report.ratio(baseline, own), report.processor_ratio(baseline, own)
            yield f"  {own} takes {time:.2f} x the time, {processor:.2f} x the CPU time of {baseline}"
    yield "stages, 640 x 480"
    for name, timing in report.stages.items():
        yield _row(name, timing)
    if report.budget:
        yield "CPU time of each step within a frame, 640 x 480"
        yield from (f"  {line}" for line in budget_lines(report.budget))
    yield _row("end to end: capture to drawn", report.end_to_end)
    yield "faces, 1280 x 720"
    for count in report.faces:
        yield _row(f"{count.faces}", count.frame, f"   {count.found:.1f} found")
    yield "frame sizes, one face"
    for size in report.sizes:
        yield _row(f"{size.width} x {size.height}", size.frame)
    yield "in a separate process"
    for footprint in report.footprints:
        memory = "-" if footprint.peak_mebibytes is None else f"{footprint.peak_mebibytes:.0f} MiB peak"
        yield f"  {footprint.name:34} {footprint.start_seconds:8.2f} s to the first landmarks, {memory}"
    for note in report.notes:
        yield f"note: {note}"


def as_numbers(report: Report) -> dict[str, object]:
    """Return the report as values for JSON; times are in milliseconds."""
    ratios = {
        own: {
            name: {"time": report.ratio(name, own), "processor": report.processor_ratio(name, own)}
            for name in report.baselines()
        }
        for own in report.in_turn
        if own.startswith(LIVEFAN)
    }
    return asdict(report) | {"ratios": ratios}


def draw_plot(report: Report, path: Path) -> None:
    """Write a PNG: times of all stages, and frames a second against number of faces and frame size."""
    # Imported here: the import takes a second.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 4.5), layout="constrained")
    whole, faces, sizes = figure.subplots(1, 3)
    labels = {name: f"{name} ({each.runtime} {each.precision})" for name, each in report.programs.items()}
    bars = report.in_turn | report.stages | {"end to end": report.end_to_end}
    whole.barh([labels.get(name, name) for name in bars][::-1], [bar.median for bar in bars.values()][::-1])
    whole.set_xlabel("median, ms")
    faces.plot([c.faces for c in report.faces], [c.frame.per_second for c in report.faces], "o-")
    faces.set(xlabel="faces on 1280 x 720", ylabel="frames a second")
    sizes.plot([s.height for s in report.sizes], [s.frame.per_second for s in report.sizes], "o-")
    sizes.set(xlabel="height of the frame, one face", ylabel="frames a second")
    for panel, counts in ((faces, report.faces), (sizes, report.sizes)):
        panel.set_ylim(0, 1.08 * max(count.frame.per_second for count in counts))
    figure.suptitle(f"{report.machine}; {report.threads} thread(s)")
    figure.savefig(path, format="png")

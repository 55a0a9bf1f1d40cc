"""A report as a table, as JSON and as a plot."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from livefan.benchmark.suite import WHOLE_WAY, Report
from livefan.benchmark.timing import Timing


def _row(name: str, timing: Timing, rest: str = "") -> str:
    times = f"{timing.median:8.2f} ms {timing.p95:8.2f} ms {timing.processor:8.2f} ms"
    return f"  {name:34} {times} {timing.per_second:8.1f} /s{rest}"


def as_table(report: Report) -> Iterator[str]:
    """The report in lines of text."""
    yield f"{report.machine}; commit {report.commit}"
    yield f"{report.clip}; {report.threads} thread(s) and core(s)"
    for name, program in report.programs.items():
        yield f"{name}: {program.weights}, {program.runtime} {program.precision}"
    yield f"{'':36} {'median':>11} {'95th perc.':>11} {'processor':>11} {'rate':>11}"
    yield "from frame to smoothed landmarks, 640 x 480, in blocks of frames in turn"
    for name, timing in report.in_turn.items():
        yield _row(name, timing)
    for peer, own in itertools.product(report.peers(), report.in_turn):
        if own.startswith(WHOLE_WAY):
            time, processor = report.ratio(peer, own), report.processor_ratio(peer, own)
            yield f"  {own} takes {time:.2f} x the time, {processor:.2f} x the processor time of {peer}"
    yield "stages, 640 x 480"
    for name, timing in report.stages.items():
        yield _row(name, timing)
    yield _row("end to end: capture to drawn", report.end_to_end)
    yield "faces, 1280 x 720"
    for count in report.faces:
        yield _row(f"{count.faces}", count.frame, f"   {count.found:.1f} found")
    yield "frame sizes, one face"
    for size in report.sizes:
        yield _row(f"{size.width} x {size.height}", size.frame)
    yield "in a process of its own"
    for footprint in report.footprints:
        memory = "-" if footprint.peak_mebibytes is None else f"{footprint.peak_mebibytes:.0f} MiB at most"
        yield f"  {footprint.name:34} {footprint.start_seconds:8.2f} s to the first landmarks, {memory}"
    for note in report.notes:
        yield f"note: {note}"


def as_numbers(report: Report) -> dict[str, object]:
    """The report as JSON can hold it; times are in milliseconds."""
    ratios = {
        own: {
            peer: {"time": report.ratio(peer, own), "processor": report.processor_ratio(peer, own)}
            for peer in report.peers()
        }
        for own in report.in_turn
        if own.startswith(WHOLE_WAY)
    }
    return asdict(report) | {"ratios": ratios}


def draw_plot(report: Report, path: Path) -> None:
    """The report as a PNG: stages, and frames a second against faces and frame size."""
    # Imported here: it takes a second that no other command should wait for.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 4.5), layout="constrained")
    whole, faces, sizes = figure.subplots(1, 3)
    ran = {name: f"{name} ({each.runtime} {each.precision})" for name, each in report.programs.items()}
    bars = report.in_turn | report.stages | {"end to end": report.end_to_end}
    whole.barh([ran.get(name, name) for name in bars][::-1], [bar.median for bar in bars.values()][::-1])
    whole.set_xlabel("median, ms")
    faces.plot([c.faces for c in report.faces], [c.frame.per_second for c in report.faces], "o-")
    faces.set(xlabel="faces on 1280 x 720", ylabel="frames a second")
    sizes.plot([s.height for s in report.sizes], [s.frame.per_second for s in report.sizes], "o-")
    sizes.set(xlabel="height of the frame, one face", ylabel="frames a second")
    for panel, counts in ((faces, report.faces), (sizes, report.sizes)):
        panel.set_ylim(0, 1.08 * max(count.frame.per_second for count in counts))
    figure.suptitle(f"{report.machine}; {report.threads} thread(s)")
    figure.savefig(path, format="png")

"""A report as a table, as JSON and as a plot."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from livefan.atomic import whole_file
from livefan.benchmark.run import WHOLE_WAY, Report
from livefan.benchmark.timing import Timing
from livefan.errors import LivefanError


def _row(name: str, timing: Timing, rest: str = "") -> str:
    times = f"{timing.median:8.2f} ms {timing.p95:8.2f} ms {timing.processor:8.2f} ms"
    return f"  {name:34} {times} {timing.per_second:8.1f} /s{rest}"


def as_table(report: Report) -> Iterator[str]:
    """The report in lines of text."""
    yield f"{report.machine}; commit {report.commit}"
    yield f"{report.clip}; {report.runtime} {report.precision}, {report.threads} thread(s) and core(s)"
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
    for program in report.footprints:
        memory = "-" if program.peak_mebibytes is None else f"{program.peak_mebibytes:.0f} MiB at most"
        yield f"  {program.name:34} {program.start_seconds:8.2f} s to the first landmarks, {memory}"
    for note in report.notes:
        yield f"note: {note}"


def write_json(report: Report, path: Path) -> None:
    """The report as JSON; times are in milliseconds."""
    ratios = {
        own: {
            peer: {"time": report.ratio(peer, own), "processor": report.processor_ratio(peer, own)}
            for peer in report.peers()
        }
        for own in report.in_turn
        if own.startswith(WHOLE_WAY)
    }
    with whole_file(path) as partial:
        partial.write_text(json.dumps(asdict(report) | {"ratios": ratios}, indent=1) + "\n")


def write_plot(report: Report, path: Path) -> None:
    """The report as a picture: stages, and frames a second against faces and frame size.

    Raises:
        LivefanError: if matplotlib is not installed or cannot write such a file.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise LivefanError(f"a plot needs matplotlib ({error}); run: pip install matplotlib") from error
    figure = Figure(figsize=(12, 4), layout="constrained")
    whole, faces, sizes = figure.subplots(1, 3)
    bars = report.in_turn | report.stages
    whole.barh(list(bars)[::-1], [timing.median for timing in bars.values()][::-1])
    whole.set_xlabel("median, ms")
    faces.plot([c.faces for c in report.faces], [c.frame.per_second for c in report.faces], "o-")
    faces.set(xlabel="faces on 1280 x 720", ylabel="frames a second", ylim=(0, None))
    sizes.plot([s.height for s in report.sizes], [s.frame.per_second for s in report.sizes], "o-")
    sizes.set(xlabel="height of the frame, one face", ylabel="frames a second", ylim=(0, None))
    figure.suptitle(f"{report.machine}; {report.runtime} {report.precision}, {report.threads} thread(s)")
    try:
        with whole_file(path) as partial:
            figure.savefig(partial)
    except ValueError as error:
        raise LivefanError(f"{path}: cannot be written as a picture ({error}); end it in .png") from error

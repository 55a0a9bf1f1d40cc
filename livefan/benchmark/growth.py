"""How time and memory grow: with faces, frame size, length of a recording, and number of recordings."""

from __future__ import annotations

import itertools
import json
import math
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from livefan.benchmark.child import output_of
from livefan.benchmark.frames import (
    read_from_first_face,
    repeat_video,
    scaled,
    there_and_back,
    write_frames,
)
from livefan.benchmark.suite import crowds, track_in_turn
from livefan.core.frame import Frame
from livefan.runtimes.base import Runtime, RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.tracking.pipeline import Pipeline

FACES = (1, 2, 5, 10, 20)
SIZES = ((854, 480), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))
RECORDINGS = (1, 2, 4)
_RATE = 25
_FEW = 12
_LARGE, _LARGE_RATE = (1280, 720), 30
_MEASURED = """
import json, subprocess, sys, time
begun = time.perf_counter()
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
seconds, mebibytes = time.perf_counter() - begun, None
try:
    import resource
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    mebibytes = peak / (1024 if sys.platform == "linux" else 2**20)
except ImportError:
    pass
print(json.dumps([seconds, mebibytes]))
sys.exit(code)
"""
"""Runs a command. The peak memory of a process counts that of its parent before it, so this one is small."""
_RUNS = 3
"""Runs of which the median counts."""


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        grows: the quantity that grows.
        value: its value.
        time: median time of a frame in ms, or wall time of a run in seconds.
        unit: unit of the time.
        mebibytes: peak memory of the largest process of a run, if it was measured.
        note: further figures, such as the number of faces found.
    """

    grows: str
    value: str
    time: float
    unit: str
    mebibytes: float | None = None
    note: str = ""


def benchmark_growth(
    clip: str | Path,
    weights: str,
    choice: RuntimeChoice,
    *,
    count: int = 50,
    minutes: Sequence[float],
    log: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """Measure all kinds of growth.

    Args:
        clip: recording that shows a face.
        count: frames for each number of faces and each frame size, at least 6.
        minutes: lengths of the recordings to annotate.
        log: receives each row.

    Raises:
        LivefanError: if the clip shows no face, or an annotation fails.
    """
    runtime = open_runtime(weights, choice)
    frames = read_from_first_face(clip, runtime, max(_FEW, count))
    rows: list[Row] = []
    measured = itertools.chain(
        _faces_and_sizes(frames[:_FEW], runtime, count),
        _with_video(frames, weights, choice),
        _lengths(frames, weights, choice, minutes),
        _recordings(frames, weights, choice),
    )
    for row in measured:
        rows.append(row)
        log(row)
    return rows


def as_line(row: Row) -> str:
    """Return a row as a line of a table."""
    memory = "" if row.mebibytes is None else f"{row.mebibytes:8.0f} MiB"
    return f"{row.grows:28}{row.value:>16}{row.time:10.2f} {row.unit:4}{memory}  {row.note}".rstrip()


def as_numbers(rows: Sequence[Row]) -> dict[str, Any]:
    """Return rows as values for JSON."""
    return {"rows": [asdict(row) for row in rows]}


def _faces_and_sizes(frames: list[Frame], runtime: Runtime, count: int) -> Iterator[Row]:
    with Pipeline(runtime, max_faces=1) as pipeline:
        (face, *_) = pipeline.process_image(frames[0].image)
    in_crowds = track_in_turn(runtime, crowds(frames, face, FACES, dense=True), count)
    for name, (timing, found) in in_crowds.items():
        yield Row("faces on 1280 x 720", name, timing.median, "ms", note=f"{found:.1f} found")
    kinds = {f"{width} x {height}": (1, scaled(frames, width, height)) for width, height in SIZES}
    for name, (timing, _) in track_in_turn(runtime, kinds, count).items():
        yield Row("frame size, one face", name, timing.median, "ms")


def _with_video(frames: list[Frame], weights: str, choice: RuntimeChoice) -> Iterator[Row]:
    """Yield the median time of whole processes that annotate recordings, with their start-up."""
    large = f"10 s of {_LARGE[0]} x {_LARGE[1]} at {_LARGE_RATE}"
    kinds = (("4 s", 4, _RATE, frames), (large, 10, _LARGE_RATE, scaled(frames[:_FEW], *_LARGE)))
    with tempfile.TemporaryDirectory(prefix="livefan-benchmark-") as folder:
        path = Path(folder) / "in.mp4"
        for name, length, rate, each in kinds:
            write_frames(path, there_and_back(each, rate * length), rate)
            given = [path], Path(folder) / "out", weights, choice
            runs = [_annotate(*given, name="a.mp4") for _ in range(_RUNS)]
            seconds = statistics.median(run[0] for run in runs)
            note = f"{length / seconds:.1f} x real time"
            yield Row("video and data, with start-up", name, seconds, "s", runs[0][1], note)


def _lengths(
    frames: list[Frame], weights: str, choice: RuntimeChoice, minutes: Sequence[float]
) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="livefan-benchmark-") as folder:
        for length in minutes:
            part, path = Path(folder) / "part.mp4", Path(folder) / f"{length:g}.mp4"
            parts = math.ceil(length)  # an hour is not encoded for the measurement
            count = round(60 * _RATE * length / parts)
            write_frames(part, there_and_back(frames, count), _RATE)
            repeat_video(part, count / _RATE, parts, path)
            seconds, mebibytes = _annotate([path], Path(folder) / "out", weights, choice, "--no-video")
            note = f"{60 * length / seconds:.1f} x real time"
            yield Row("length, data only", f"{length:g} min", seconds, "s", mebibytes, note)


def _recordings(frames: list[Frame], weights: str, choice: RuntimeChoice) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="livefan-benchmark-") as folder:
        first = Path(folder) / "1.mp4"
        write_frames(first, there_and_back(frames, 10 * _RATE), _RATE)
        paths = [first, *(Path(folder) / f"{n}.mp4" for n in range(2, max(RECORDINGS) + 1))]
        for path in paths[1:]:
            shutil.copy(first, path)
        for count in RECORDINGS:
            for jobs in (1, 2):
                given = ("--no-video", "--jobs", str(jobs))
                seconds, mebibytes = _annotate(paths[:count], Path(folder) / "out", weights, choice, *given)
                grows = f"recordings of 10 s, {jobs} jobs"
                yield Row(grows, str(count), seconds, "s", mebibytes)
        if find_spec("distributed") is not None:
            with _cluster() as address:
                for count in RECORDINGS:
                    given = ("--no-video", "--scheduler", address)
                    seconds, _ = _annotate(paths[:count], Path(folder) / "out", weights, choice, *given)
                    yield Row("recordings of 10 s, cluster", str(count), seconds, "s")


@contextmanager
def _cluster() -> Iterator[str]:
    """Start a Dask cluster of two processes on this machine, and yield its address."""
    from distributed import LocalCluster

    made: Any = LocalCluster
    with made(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        yield cluster.scheduler_address


def _annotate(
    recordings: Sequence[Path], out: Path, weights: str, choice: RuntimeChoice, *given: str, name: str = ""
) -> tuple[float, float | None]:
    """Annotate recordings in a new process; return seconds and peak memory of its largest process in MiB.

    Without ``name`` of an output, the recordings are a batch, which starts slower.
    """
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "livefan", "annotate", *map(str, recordings), "-o", f"{out}/{name}"]
    command += ["--quiet", "--weights", weights, "--runtime", choice.runtime, "--precision", choice.precision]
    command += ["--threads", str(choice.threads), "--device", choice.device, *given]
    out.mkdir()
    printed = output_of("annotate fails in the benchmark", ["-c", _MEASURED, *command])
    seconds, mebibytes = json.loads(printed)
    return seconds, mebibytes

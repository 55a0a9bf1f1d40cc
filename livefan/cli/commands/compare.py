"""The command ``compare``: compare two models on the same frames."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from livefan.cli.commands.options import Commands, add_tracking_options
from livefan.cli.progress import counted
from livefan.core.errors import LivefanError
from livefan.core.resources import bundled_clip


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "compare",
        help="compare two models over a recording or images: a side-by-side video and a report",
        description="Run two models on the same frames. A model is a weight file or the name of a bundled "
        "one, mediapipe, dlib, or a network file (.onnx, .xml, .tflite) with its description beside it (see "
        "describe-model). Options of a model follow an @, separated by commas: a runtime, a precision, a "
        "device, and raw for no smoothing, as in mobilefan-300w@openvino,int8,raw. Distances are percentages "
        "of the distance between the outer eye corners that model B finds; name a teacher as B.",
    )
    parser.add_argument("first", metavar="A", help="the first model")
    parser.add_argument("second", metavar="B", help="the second model")
    parser.add_argument(
        "--source", metavar="CLIP|DIR", help="video, image or folder of images (default: the bundled clip)"
    )
    parser.add_argument(
        "--truth", metavar="DIR", type=Path, help="folder of .pts files with the true landmarks"
    )
    parser.add_argument(
        "--sequence",
        action="store_true",
        help="the images of DIR are the frames of one recording, in the order of their names (default: each "
        "image is processed independently)",
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        help="folder for the video, report.html and report.json",
    )
    parser.add_argument(
        "--layout",
        choices=["side-by-side", "overlaid", "wipe", "difference"],
        default="side-by-side",
        help="layout of the two models in the video (default: %(default)s)",
    )
    add_tracking_options(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace a report that exists")
    parser.add_argument("--quiet", action="store_true", help="report no progress")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code, which is 2 if a part of the source could not be read.

    Raises:
        LivefanError: if the folder has a report already, or the comparison fails.
    """
    from livefan.live.compare import compare
    from livefan.live.compare_report import NUMBERS_NAME, REPORT_NAME
    from livefan.live.view_state import Layout
    from livefan.tracking.model_spec import ModelChoice

    report = arguments.out / REPORT_NAME
    for written in (report, arguments.out / NUMBERS_NAME, arguments.out / f"{arguments.layout}.mp4"):
        if written.exists() and not arguments.overwrite:
            raise LivefanError(f"{written}: exists already; choose another folder, or add --overwrite")
    done = compare(
        ModelChoice.parse(arguments.first),
        ModelChoice.parse(arguments.second),
        arguments.source or bundled_clip(),
        arguments.out,
        layout=Layout(arguments.layout),
        truth=arguments.truth,
        sequence=arguments.sequence,
        max_faces=arguments.max_faces,
        smoothing=arguments.smoothing,
        quiet=arguments.quiet,
    )
    for line in done.warnings:
        print(f"livefan: {line}", file=sys.stderr)
    apart = sum(each.overall for each in done.disagreements) / len(done.disagreements)
    frames = counted(done.n_frames, "frame")
    print(f"{report}: {frames}, {apart:.2f} % apart on {done.scheme.n_points} landmarks")
    for side in done.sides:
        line = f"  {side.label}: {side.latency_ms:.1f} ms a frame"
        if side.jitter.values:
            line += f", jitter {side.jitter.median:.3f} %"
        if side.errors:
            error = sum(each.overall for each in side.errors) / len(side.errors)
            line += f", NME {error:.2f} % on {len(side.errors)} faces of the truth"
        print(line)
    return 2 if done.warnings else 0

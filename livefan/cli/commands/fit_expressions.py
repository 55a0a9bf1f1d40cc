"""The command ``fit-expressions``: fit the expression head of a network."""

from __future__ import annotations

import argparse
from pathlib import Path

from livefan.cli.commands.options import (
    Commands,
    add_cache_option,
    add_fit_options,
    positive_number,
    prepare_fit,
)
from livefan.core.errors import LivefanError


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "fit-expressions",
        help="fit the expression head, which measures ARKit's coefficients and the pupils",
        description="Fit a small network that measures expressions and pupils from the maps and landmarks of "
        "a trained network. Its teacher is MediaPipe's blendshape model, which ships with livefan. The head "
        "is written with the weights, and with their graph and int8 network. The landmarks stay the same.",
    )
    parser.add_argument("weights", metavar="WEIGHTS", help="weight file, or the name of a bundled one")
    parser.add_argument(
        "sources", metavar="SOURCE", nargs="+", type=Path, help="video, image or folder of images to train on"
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="weight file to write")
    parser.add_argument(
        "--hold-out",
        type=Path,
        nargs="+",
        default=[],
        metavar="VIDEO",
        help="videos to measure the agreement with the teacher on; they are not trained on",
    )
    parser.add_argument(
        "--every",
        type=positive_number,
        default=2,
        metavar="N",
        help="take one of N frames of a video (default: %(default)s)",
    )
    parser.add_argument(
        "--most",
        type=positive_number,
        default=2000,
        metavar="N",
        help="take at most N images of a folder, evenly (default: %(default)s)",
    )
    parser.add_argument(
        "--views",
        type=positive_number,
        default=1,
        metavar="N",
        help="disturbed crops of each face, beside the plain one (default: %(default)s)",
    )
    parser.add_argument(
        "--eye-rows",
        type=int,
        choices=(3, 5),
        default=5,
        help="rows of the grid of samples around each eye; 3 take less time (default: %(default)s)",
    )
    add_fit_options(parser)
    add_cache_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from livefan.export.calibrated import Original, adapt_files
    from livefan.training.fit_expressions import SampleChoice, fit_expressions

    for source in arguments.sources:
        if source.resolve() in [video.resolve() for video in arguments.hold_out]:
            raise LivefanError(f"{source}: is also a video of --hold-out; name it once")
    prepare_fit(arguments)
    original = Original.read(arguments.weights)
    agreements = fit_expressions(
        arguments.weights,
        arguments.sources,
        arguments.hold_out,
        arguments.out,
        SampleChoice(arguments.every, arguments.most, arguments.views, arguments.eye_rows),
        seed=arguments.seed,
        half=arguments.half,
        cache=arguments.cache,
        quiet=arguments.quiet,
    )
    adapt_files(original, arguments.out)
    print(f"{arguments.out}: written with an expression head")
    for found in agreements:
        print(
            f"{found.source}: correlation with the teacher {found.mean:.3f}, mean of the "
            f"{len(found.correlation)} coefficients that move; pupils {100 * found.pupil_error:.2f} % of the "
            "distance between the outer eye corners"
        )
        for name, value in sorted(found.correlation.items(), key=lambda each: each[1]):
            print(f"  {name} {value:.3f}")
    return 0

"""The command ``fit-reliability``: fit the reliability head of a network."""

from __future__ import annotations

import argparse
from pathlib import Path

from livefan.cli.commands.options import (
    Commands,
    add_cache_option,
    add_dataset_options,
    add_fit_options,
    listed,
    positive_number,
    prepare_fit,
    print_left_out,
)

COVERS = ("hand", "hair", "object", "texture", "rectangle")
"""The value of :data:`livefan.training.reliability_views.COVERED`, whose import would load OpenCV."""


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "fit-reliability",
        help="fit the reliability head, which tells covered landmarks and crops without a face",
        description="Fit a small network that estimates, from the maps and landmarks of a trained network, "
        "whether each landmark is covered, whether there is a face, and the errors of the landmarks. It "
        "learns from training faces behind hands, hair, objects, pieces of pictures and rectangles, and from "
        "crops without a face. The head is written with the weights, and with their graph and int8 network. "
        "The landmarks stay the same. Run calibrate-sigma afterwards.",
    )
    parser.add_argument("weights", metavar="WEIGHTS", help="weight file, or the name of a bundled one")
    add_dataset_options(parser)
    parser.add_argument("-o", "--out", type=Path, required=True, help="weight file to write")
    parser.add_argument(
        "--empty",
        type=Path,
        metavar="DIR",
        help="pictures without faces; one half is fitted to, the other measured on (default: only the "
        "background of the faces, and computed crops)",
    )
    parser.add_argument(
        "--most",
        type=positive_number,
        default=450,
        metavar="N",
        help="take at most N faces for training, and N for measuring, evenly; each gives 7 or 11 crops "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--without",
        type=lambda text: listed(text, COVERS),
        default=(),
        metavar="COVERS",
        help=f"covers to measure on but not to fit to: {', '.join(COVERS)} (default: none)",
    )
    add_fit_options(parser)
    add_cache_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from livefan.datasets import load_training
    from livefan.export.calibrated import Original, adapt_files
    from livefan.training.fit_reliability import fit_reliability

    prepare_fit(arguments)
    original = Original.read(arguments.weights)
    training, validation = load_training(arguments.dataset, arguments.root)
    print_left_out(training)
    measured = fit_reliability(
        arguments.weights,
        training,
        validation,
        arguments.empty,
        arguments.out,
        most=arguments.most,
        without=arguments.without,
        seed=arguments.seed,
        half=arguments.half,
        cache=arguments.cache,
        quiet=arguments.quiet,
    )
    adapt_files(original, arguments.out)
    print(f"{arguments.out}: written with a reliability head; measured on {validation.title}:")
    for kind, area in measured.occlusion.items():
        fitted = " (not fitted to)" if kind in arguments.without else ""
        print(f"  landmarks covered by {kind}: AUC {area:.3f}{fitted}")
    print(f"  landmarks of plain faces taken for covered: {100 * measured.false_alarms:.2f} %")
    print(f"  faces against crops without a face: AUC {measured.presence:.4f}")
    print(f"  largest presence in computed crops without a face: {measured.empty:.3f}")
    return 0

"""The command ``calibrate-sigma``: make the stated errors and confidences of landmarks true."""

from __future__ import annotations

import argparse

from livefan.cli.commands.options import Commands, add_dataset_options, check_scheme, print_left_out


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "calibrate-sigma",
        help="calibrate the stated errors and confidences of landmarks",
        description="Fit sigma, the radius that holds 68 % of the errors of a landmark, and confidence, the "
        "probability that a landmark is in its place, to plain and hard forms of one half of the validation "
        "faces. Both maps are written to the metadata of the weight file. The command prints how well they "
        "hold on the other half.",
    )
    parser.add_argument("weights", metavar="WEIGHTS", help="weight file, or the name of a bundled one")
    add_dataset_options(parser)
    parser.add_argument("--split", default="validation", help="split of the data set (default: %(default)s)")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the figures, and leave the weight file as it is"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from livefan.core.files import check_folder
    from livefan.datasets import load
    from livefan.evaluation.reliability import (
        confidence_table,
        coverage_table,
        fit_confidence,
        fit_sigma,
        halves,
    )
    from livefan.export.calibrated import write_calibration
    from livefan.networks.checkpoint_info import read_weight_file
    from livefan.runtimes.base import RuntimeChoice
    from livefan.runtimes.selection import open_runtime
    from livefan.training.calibration_crops import empty_confidences, plain_and_hard_errors

    weights = read_weight_file(arguments.weights)
    if not arguments.dry_run:
        check_folder(weights.path.parent)
    faces = load(arguments.dataset, arguments.root, arguments.split)
    check_scheme(weights.path, weights.scheme, faces, arguments.root)
    print_left_out(faces)
    runtime = open_runtime(arguments.weights, RuntimeChoice(precision="float32"))
    fitted, measured = halves(plain_and_hard_errors(runtime, faces))
    sigma, confidence = fit_sigma(fitted), fit_confidence(fitted, empty_confidences(runtime, seed=0))
    print(f"sigma: landmarks within it, in percent\n{coverage_table(measured, sigma)}")
    table = confidence_table(measured, empty_confidences(runtime, seed=1), confidence)
    print(f"\nconfidence: its mean in percent\n{table}")
    if not arguments.dry_run:
        write_calibration(weights, sigma, confidence)
        print(f"{weights.path}: calibrated on {len(fitted.kinds)} crops of faces")
    return 0

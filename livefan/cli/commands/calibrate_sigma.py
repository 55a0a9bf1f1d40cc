"""The command ``calibrate-sigma``: make the stated errors of landmarks true."""

from __future__ import annotations

import argparse

from livefan.cli.commands.options import Commands, add_dataset_options, print_left_out


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "calibrate-sigma",
        help="calibrate the stated errors of landmarks",
        description="Fit the map from the width of a heatmap to sigma, the radius that holds 68 %% of the "
        "errors of a landmark, on plain and hard forms of one half of the validation faces. The map is "
        "written to the metadata of the weight file. The command prints the coverage on the other half.",
    )
    parser.add_argument("weights", metavar="WEIGHTS", help="weight file, or the name of a bundled one")
    add_dataset_options(parser)
    parser.add_argument("--split", default="validation", help="split of the data set (default: %(default)s)")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the coverage, and leave the weight file as it is"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from livefan.datasets import load
    from livefan.evaluation.reliability import coverage_table, fit_sigma, halves
    from livefan.export.calibrated import write_calibration
    from livefan.networks.checkpoint_info import read_weight_file
    from livefan.runtimes.base import RuntimeChoice
    from livefan.runtimes.selection import open_runtime
    from livefan.training.augmentation.robustness import plain_and_hard_errors

    weights = read_weight_file(arguments.weights)
    faces = load(arguments.dataset, arguments.root, arguments.split)
    print_left_out(faces)
    runtime = open_runtime(arguments.weights, RuntimeChoice(precision="float32"))
    fitted, measured = halves(plain_and_hard_errors(runtime, faces))
    calibration = fit_sigma(fitted)
    print(coverage_table(measured, calibration))
    if not arguments.dry_run:
        write_calibration(weights, calibration)
        print(f"{weights.path}: sigma calibrated on {len(fitted.kinds)} crops")
    return 0

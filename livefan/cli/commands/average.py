"""``livefan average``: average the weights of epochs."""

from __future__ import annotations

import argparse
from pathlib import Path

from livefan.cli.commands.options import Commands, add_dataset_options, print_left_out


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "average",
        help="average the weights of several epochs where that helps",
        description="Average weight files greedily: from the best on, each further one goes in if the "
        "validation NME falls. Made for the epochs that 'train --keep-epochs' writes.",
    )
    parser.add_argument(
        "candidates", type=Path, nargs="+", metavar="FILE", help="weight files of one network"
    )
    add_dataset_options(parser)
    parser.add_argument("-o", "--out", type=Path, required=True, help="weight file to write")
    parser.add_argument(
        "--all",
        action="store_true",
        help="the mean of all of them, whether the validation NME falls or not; of the training it says what "
        "the first one says",
    )
    parser.add_argument("--half", action="store_true", help="write 16-bit floats, half the size")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    from livefan.core.files import atomic_write
    from livefan.datasets import load
    from livefan.training.average import average

    # Entered before the work, so that a place that cannot be written to is told of at once.
    with atomic_write(arguments.out) as partial:
        validation = load(arguments.dataset, arguments.root, "validation")
        print_left_out(validation)
        chosen, error = average(
            arguments.candidates, validation, partial, greedy=not arguments.all, half=arguments.half
        )
    print(f"{arguments.out}: mean of {len(chosen)}, validation NME {error:.3f} %")
    return 0

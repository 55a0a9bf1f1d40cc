"""The command ``average``: average the weights of epochs."""

from __future__ import annotations

import argparse
from pathlib import Path

from livefan.cli.commands.options import Commands, add_dataset_options, print_left_out


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "average",
        help="average the weights of several epochs",
        description="Average weight files greedily: start with the best file, and include each further file "
        "if the validation NME falls. 'train --keep-epochs' writes such files.",
    )
    parser.add_argument(
        "candidates", type=Path, nargs="+", metavar="FILE", help="weight files of one network"
    )
    add_dataset_options(parser)
    parser.add_argument("-o", "--out", type=Path, required=True, help="weight file to write")
    parser.add_argument(
        "--all",
        action="store_true",
        help="include every file, also if the validation NME rises; the metadata are those of the first file",
    )
    parser.add_argument(
        "--split",
        choices=("validation", "validation-choice"),
        default="validation",
        help="faces that decide (default: %(default)s)",
    )
    parser.add_argument("--half", action="store_true", help="write 16-bit floats, which halves the size")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from livefan.core.files import atomic_write
    from livefan.datasets import load
    from livefan.export.export import export_graph
    from livefan.training.average import average

    # Opened before the work, so that an output that cannot be written is reported at once.
    with atomic_write(arguments.out) as partial:
        validation = load(arguments.dataset, arguments.root, arguments.split)
        print_left_out(validation)
        chosen, error = average(
            arguments.candidates, validation, partial, greedy=not arguments.all, half=arguments.half
        )
    export_graph(arguments.out)
    print(f"{arguments.out}: mean of {len(chosen)}, validation NME {error:.3f} %")
    return 0

"""The command ``refine``: fit the shape refiner of a network."""

from __future__ import annotations

import argparse
from pathlib import Path

from livefan.cli.commands.options import (
    Commands,
    add_dataset_options,
    add_extra_option,
    add_fit_options,
    part_share,
    positive_number,
    prepare_fit,
    print_left_out,
)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "refine",
        help="fit the shape refiner, which corrects the landmarks of a network",
        description="Fit a small network that corrects each landmark by the positions of all others. The fit "
        "uses many augmented views of labelled faces. The refiner is written with the weights. This is the "
        "last step of training, after 'average'.",
    )
    parser.add_argument("weights", metavar="WEIGHTS", help="weight file, or the name of a bundled one")
    add_dataset_options(parser)
    add_extra_option(parser, "one view of each face")
    parser.add_argument(
        "--validation",
        type=part_share,
        metavar="SHARE",
        help="hold out the faces that 'train --validation SHARE' holds out (default: a tenth)",
    )
    parser.add_argument(
        "--passes",
        type=positive_number,
        default=8,
        metavar="N",
        help="views of each labelled face (default: %(default)s)",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="weight file to write")
    parser.add_argument(
        "--keep-unrefined",
        action="store_true",
        help="without a gain in validation, write the weights without a refiner instead of failing",
    )
    add_fit_options(parser, "seed of the views and of the initial weights")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from livefan.datasets import load_extra, load_training, load_training_with
    from livefan.export.export import export_graph
    from livefan.training.fit_refiner import refine

    prepare_fit(arguments)
    data = arguments.dataset, arguments.root
    if arguments.validation is None:
        labelled, validation = load_training(*data)
    else:
        labelled, held_out = load_training_with(*data, (), str(arguments.validation))
        assert held_out is not None  # a share holds faces out
        validation = held_out
    print_left_out(labelled)
    done = refine(
        arguments.weights,
        labelled,
        load_extra(arguments.extra),
        validation,
        arguments.out,
        passes=arguments.passes,
        seed=arguments.seed,
        half=arguments.half,
        keep_unrefined=arguments.keep_unrefined,
        quiet=arguments.quiet,
    )
    export_graph(arguments.out)
    if done.strength == 0:
        print(f"{arguments.out}: written without a refiner, since none helps")
        return 0
    print(
        f"{arguments.out}: fitted to {done.views} views, strength {done.strength:.2f}; validation NME "
        f"{done.before:.3f} % without, {done.after:.3f} % with"
    )
    return 0

"""The command ``prune``: remove channels that matter little."""

from __future__ import annotations

import argparse
from pathlib import Path

from livefan.cli.commands.options import Commands, add_dataset_options, part_share, print_left_out


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "prune",
        help="remove channels that matter little",
        description="Remove channels inside of the blocks of a MobileFAN and of its decoder. Each layer "
        "loses the channels for which the others can stand in, measured on training faces. The network is "
        "faster and less accurate; train the result further (setting init). Refiner and heads no longer fit "
        "and are left out.",
    )
    parser.add_argument("weights", metavar="WEIGHTS", help="weight file, or the name of a bundled one")
    add_dataset_options(parser)
    parser.add_argument("-o", "--out", type=Path, required=True, help="weight file to write")
    parser.add_argument(
        "--share",
        type=part_share,
        default=0.01,
        metavar="SHARE",
        help="largest share of the variance of a layer's output that may be lost (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from livefan.core.files import atomic_write
    from livefan.datasets import load_training
    from livefan.export.export import export_graph
    from livefan.export.quantise import labelled_crops
    from livefan.networks.checkpoint import load_weights
    from livefan.training.pruning import prune

    weights = load_weights(arguments.weights)
    with atomic_write(arguments.out) as partial:
        training, _ = load_training(arguments.dataset, arguments.root)
        print_left_out(training)
        removals = prune(weights, labelled_crops(training, weights.info.input_size), arguments.share, partial)
    export_graph(arguments.out)
    print("layer             channels  lost")
    for each in removals:
        print(f"{each.layer:16} {each.before:4} to {each.after:3}  {100 * each.lost:.1f} %")
    return 0

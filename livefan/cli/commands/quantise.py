"""``livefan quantise``: make int8 weights."""

from __future__ import annotations

import argparse
from pathlib import Path

from livefan.cli.commands.options import Commands, add_dataset_options, print_left_out
from livefan.core.errors import LivefanError


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "quantise",
        help="make int8 weights, which run faster",
        description="Quantise a network by the range of its activations on real faces, and write the result "
        "beside its weight file, where it is found by itself. With a data set, what int8 costs in accuracy "
        "is measured on its validation faces; only what was measured is ever chosen by itself.",
    )
    parser.add_argument("weights", metavar="WEIGHTS", help="weight file, or name of a bundled one")
    add_dataset_options(parser, required=False)
    parser.add_argument("--faces", type=Path, help="any folder with pictures of faces, instead of a data set")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    from livefan.datasets import load_training
    from livefan.export.quantise import found_crops, labelled_crops, quantise
    from livefan.networks.checkpoint_info import read_weight_file

    if (arguments.root is None) == (arguments.faces is None):
        raise LivefanError("name either a data set (--root) or a folder of faces (--faces)")
    if arguments.root is None:
        done = quantise(arguments.weights, found_crops(arguments.faces, arguments.weights))
    else:
        training, validation = load_training(arguments.dataset, arguments.root)
        print_left_out(training)
        size = read_weight_file(arguments.weights).info.input_size
        done = quantise(arguments.weights, labelled_crops(training, size), validation)
    print(f"{done.path}: by {done.faces} faces")
    for precision, error in done.nme.items():
        print(f"{precision:9} validation NME {error:.3f} %")
    if not done.nme:
        print("not measured on labelled faces, so used only where --precision int8 asks for it")
    return 0

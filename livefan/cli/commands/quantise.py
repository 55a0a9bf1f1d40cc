"""The command ``quantise``: write int8 weights."""

from __future__ import annotations

import argparse
from pathlib import Path

from livefan.cli.commands.options import Commands, add_dataset_options, check_scheme, print_left_out
from livefan.core.errors import LivefanError


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "quantise",
        help="write int8 weights, which run faster",
        description="Quantise a network by the range of its activations on real faces. The result is written "
        "beside the weight file, where livefan finds it. With a data set, the accuracy of int8 is measured "
        "on validation faces. Without this measurement, int8 is used only with --precision int8.",
    )
    parser.add_argument("weights", metavar="WEIGHTS", help="weight file, or the name of a bundled one")
    add_dataset_options(parser, required=False)
    parser.add_argument("--faces", type=Path, help="any folder with images of faces, instead of a data set")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from livefan.datasets import load_training
    from livefan.export.quantise import found_crops, labelled_crops, quantise
    from livefan.networks.checkpoint_info import read_weight_file

    if (arguments.root is None) == (arguments.faces is None):
        raise LivefanError("give either a data set (--root) or a folder of faces (--faces)")
    if arguments.root is None:
        done = quantise(arguments.weights, found_crops(arguments.faces, arguments.weights))
    else:
        training, validation = load_training(arguments.dataset, arguments.root)
        print_left_out(training)
        weights = read_weight_file(arguments.weights)
        check_scheme(weights.path, weights.scheme, training, arguments.root)
        crops = labelled_crops(training, weights.info.input_size)
        done = quantise(arguments.weights, crops, validation)
    print(f"{done.path}: quantised on {done.faces} faces")
    for precision, error in done.nme.items():
        print(f"{precision:9} validation NME {error:.3f} %")
    if not done.nme:
        print("accuracy was not measured on labelled faces; int8 is used only with --precision int8")
    return 0

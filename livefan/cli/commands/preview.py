"""The command ``preview``: draw a sheet of augmented training faces."""

from __future__ import annotations

import argparse
from pathlib import Path

from livefan.cli.commands.options import (
    Commands,
    add_dataset_options,
    add_extra_option,
    check_png,
    positive_number,
    print_left_out,
    seed_number,
)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "preview",
        help="draw a sheet of augmented training faces with their landmarks",
        description="Draw training faces with the augmentation of a configuration, beside their plain crops.",
    )
    add_dataset_options(parser)
    add_extra_option(parser, "the faces")
    parser.add_argument(
        "--config",
        type=Path,
        help="TOML file of settings (default: the settings of livefan/training/config.py)",
    )
    parser.add_argument("-o", "--out", metavar="FILE", type=Path, required=True, help="PNG file to write")
    parser.add_argument(
        "--faces",
        type=positive_number,
        default=6,
        metavar="N",
        help="number of faces, one in each row (default: %(default)s)",
    )
    parser.add_argument(
        "--samples",
        type=positive_number,
        default=5,
        metavar="N",
        help="augmented samples of each face (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=seed_number,
        help="seed of the choice of faces and of the augmentation (default: as in the configuration)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from livefan.core.files import atomic_write
    from livefan.datasets import load, load_extra, print_skipped
    from livefan.training.config import read_config
    from livefan.training.preview import draw_preview

    check_png(arguments.out)
    given = {} if arguments.seed is None else {"seed": arguments.seed}
    config = read_config(arguments.config, given)
    with atomic_write(arguments.out) as partial:
        faces = load(arguments.dataset, arguments.root, "train")
        if (extra := load_extra(arguments.extra)) is not None:
            faces = faces.joined(extra)
        print_left_out(faces)
        print_skipped(faces.skipped)
        draw_preview(faces, config, partial, rows=arguments.faces, samples=arguments.samples)
    return 0

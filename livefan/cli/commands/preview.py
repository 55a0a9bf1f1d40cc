"""``livefan preview``: a sheet of augmented training faces."""

from __future__ import annotations

import argparse
from pathlib import Path

from livefan.cli.commands.options import (
    Commands,
    add_dataset_options,
    add_extra_option,
    check_picture,
    positive_number,
    print_left_out,
    seed_number,
)


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "preview",
        help="draw a sheet of augmented faces with their points, to look at",
        description="Draw training faces as a run's settings would change them, each beside its plain crop.",
    )
    add_dataset_options(parser)
    add_extra_option(parser, "draw from the faces")
    parser.add_argument("--config", type=Path, help="TOML file of settings; see livefan/training/config.py")
    parser.add_argument("-o", "--out", metavar="FILE", type=Path, required=True, help="PNG file to write")
    parser.add_argument(
        "--faces",
        type=positive_number,
        default=6,
        metavar="N",
        help="rows of the sheet (default: %(default)s)",
    )
    parser.add_argument(
        "--samples",
        type=positive_number,
        default=5,
        metavar="N",
        help="samples of each face (default: %(default)s)",
    )
    parser.add_argument("--seed", type=seed_number, help="decides the faces and what is done to them")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    from livefan.core.files import atomic_write
    from livefan.datasets import load, load_extra, print_skipped
    from livefan.training.config import read_config
    from livefan.training.preview import draw_preview

    check_picture(arguments.out)
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

"""The command ``synthesise-profiles``: render profile views of labelled faces."""

from __future__ import annotations

import argparse
from pathlib import Path

from livefan.cli.commands.options import (
    Commands,
    add_dataset_options,
    load_split,
    positive_number,
    seed_number,
)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "synthesise-profiles",
        help="render profile views of labelled faces, for training",
        description="Rotate labelled faces in depth by 20 to 75 degrees, and write the views as images with "
        ".pts files. 'train --extra' takes the folder. After a stop, the same command continues.",
    )
    add_dataset_options(parser)
    parser.add_argument("--split", default="train", help="split of the data set (default: %(default)s)")
    parser.add_argument("-o", "--out", metavar="DIR", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--views",
        type=positive_number,
        default=3,
        metavar="N",
        help="views of each face (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=seed_number, default=0, help="seed of the angles (default: %(default)s)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from livefan.datasets import print_skipped
    from livefan.training.augmentation.face_profiling import synthesise

    faces = load_split(arguments)
    made = synthesise(faces, arguments.out, arguments.views, arguments.seed)
    print_skipped([*faces.skipped, *made.skipped])
    print(f"{arguments.out}: {made.n_views} views of {len(faces.faces) - len(made.skipped)} faces")
    return 0

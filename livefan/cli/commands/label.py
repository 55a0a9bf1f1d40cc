"""The command ``label``: label faces that have no labels."""

from __future__ import annotations

import argparse
from pathlib import Path

from livefan.cli.commands.options import (
    Commands,
    add_runtime_options,
    notice,
    runtime_choice,
    seconds_up_to,
    share,
)
from livefan.core.resources import DEFAULT_WEIGHTS


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "label",
        help="label the faces of images and videos, for training",
        description="Find the faces of images and videos, and write each as an image with a .pts file of its "
        "landmarks. A face is kept if shifted, scaled, rotated and mirrored views of it give nearly the same "
        "landmarks. labels.json in the folder names the rejected faces and the reasons. 'train --extra' "
        "takes the folder. After a stop, the same command continues.",
    )
    parser.add_argument(
        "folder",
        metavar="DIR",
        type=Path,
        help="folder with images and videos, also in its subfolders; or one image or video",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder to write")
    parser.add_argument(
        "--weights",
        action="append",
        help=f"weight file of the teacher (default: {DEFAULT_WEIGHTS}); several: the mean of their landmarks",
    )
    parser.add_argument(
        "--disagreement",
        type=share,
        default=0.02,
        metavar="SHARE",
        help="largest mean distance of the views' landmarks from their mean, as a share of the distance "
        "between the outer eye corners (default: %(default)s)",
    )
    parser.add_argument(
        "--confidence",
        type=share,
        default=0.6,
        metavar="C",
        help="lowest face score, the mean confidence of the heatmaps, from 0 to 1 (default: %(default)s)",
    )
    parser.add_argument(
        "--every",
        type=seconds_up_to(3600.0),
        default=1.0,
        metavar="SECONDS",
        help="take one frame of a video every so many seconds; 0 takes all (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="report no progress")
    add_runtime_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from livefan.networks.checkpoint_info import read_weight_file
    from livefan.runtimes.selection import open_runtime
    from livefan.training.pseudo_label import Criteria, label

    choice, log = runtime_choice(arguments), notice(quiet=arguments.quiet)
    names = arguments.weights or [DEFAULT_WEIGHTS]
    teachers = [open_runtime(name, choice, log=log) for name in names]
    described = [
        f"{read_weight_file(name).sha256} {teacher.name} {teacher.precision}"
        for name, teacher in zip(names, teachers, strict=True)
    ]
    criteria = Criteria(disagreement=arguments.disagreement, confidence=arguments.confidence)
    labels = label(
        teachers,
        arguments.folder,
        arguments.out,
        criteria,
        every=arguments.every,
        described="\n".join(described),
        quiet=arguments.quiet,
    )
    print(f"{arguments.out}: {labels.kept} faces labelled, {len(labels.left_out)} left out")
    return 0

"""``livefan label``: label faces that have no labels."""

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
    """Declare the command."""
    parser = commands.add_parser(
        "label",
        help="label faces that have no labels, where the network agrees with itself",
        description="Find the faces of images and videos and write each with its landmarks, as an image with "
        "a .pts file, if several views of it, shifted, scaled, turned and mirrored, give nearly the same. "
        "'train --extra' takes the folder. Why others were left out is in its labels.json. "
        "Stopped, the same command goes on where it was.",
    )
    parser.add_argument(
        "folder",
        metavar="DIR",
        type=Path,
        help="images and videos, in it and in the folders in it; or one image or video",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder to make")
    parser.add_argument(
        "--weights",
        action="append",
        help=f"the teacher (default: {DEFAULT_WEIGHTS}); given several times, the mean of these networks",
    )
    parser.add_argument(
        "--disagreement",
        type=share,
        default=0.02,
        metavar="SHARE",
        help="largest mean distance of the views from their mean, as a share of the distance between the "
        "outer eye corners (default: %(default)s)",
    )
    parser.add_argument(
        "--confidence",
        type=share,
        default=0.6,
        metavar="C",
        help="lowest mean confidence (default: %(default)s)",
    )
    parser.add_argument(
        "--every",
        type=seconds_up_to(3600.0),
        default=1.0,
        metavar="SECONDS",
        help="of a video look at a frame each so many seconds; 0 for all of them (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    add_runtime_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
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

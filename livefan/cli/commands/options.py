"""Options that several commands have, and what several of them say."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from livefan.core.errors import LivefanError
from livefan.core.resources import DEFAULT_WEIGHTS

if TYPE_CHECKING:
    from livefan.datasets import FaceSet
    from livefan.runtimes.base import RuntimeChoice

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
DEFAULT_SMOOTHING = 0.5
"""As :data:`livefan.tracking.kalman.DEFAULT_STRENGTH`, which would bring numpy in before it is needed."""
_LEFT = "as it was left"
_LARGEST_SEED = 2**64 - 1
"""As :mod:`livefan.training.config` has it, which would bring torch in before it is needed."""
STYLE_PARTS = ("outlines", "mesh", "points", "numbers", "boxes", "ids", "confidence")
"""As :data:`livefan.drawing.faces.STYLE_PARTS`, for the same reason."""


def whole_number(text: str) -> int:
    """A whole number from 0 up."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


def seed_number(text: str) -> int:
    """A whole number that torch and numpy take to begin their random ones with."""
    number = whole_number(text)
    if number > _LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {_LARGEST_SEED}")
    return number


def positive_number(text: str) -> int:
    """A whole number from 1 up."""
    if whole_number(text) == 0:
        raise argparse.ArgumentTypeError("must be at least 1")
    return int(text)


def number_between(least: float, most: float, what: str = "number") -> Callable[[str], float]:
    """Reads a number in a range."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a {what} from {least:g} to {most:g}")
        return number

    return read


share = number_between(0.0, 1.0)


def listed(text: str, known: Sequence[str]) -> tuple[str, ...]:
    """Names with commas between, each of which is known."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
    return names


def seconds_up_to(most: float) -> Callable[[str], float]:
    """Reads a number of seconds from 0 up."""
    return number_between(0.0, most, "number of seconds")


def add_style_options(group: argparse._ArgumentGroup) -> None:
    """What is drawn of a face."""
    for option, what in (("--hide", "leave out of the drawing"), ("--show", "draw too")):
        group.add_argument(
            option,
            type=lambda text: listed(text, STYLE_PARTS),
            default=(),
            metavar="PARTS",
            help=f"{what}: {', '.join(STYLE_PARTS)}",
        )


def add_pipeline_options(parser: argparse.ArgumentParser, *, remembered: bool = False) -> None:
    """What decides how faces are followed.

    Args:
        remembered: what is not given is as it was left the last time: None.
    """
    default = _LEFT if remembered else "%(default)s"
    parser.add_argument(
        "--weights",
        default=None if remembered else DEFAULT_WEIGHTS,
        help=f"weight file, or name of a bundled one (default: {default})",
    )
    parser.add_argument(
        "--smoothing",
        type=share,
        default=None if remembered else DEFAULT_SMOOTHING,
        metavar="S",
        help=f"how strongly landmarks are filtered over time, from 0, not at all, to 1 (default: {default})",
    )
    parser.add_argument(
        "--no-smoothing", dest="smoothing", action="store_const", const=0.0, help="the same as --smoothing 0"
    )
    parser.add_argument(
        "--max-faces",
        type=positive_number,
        default=5,
        metavar="N",
        help="follow at most N faces (default: %(default)s)",
    )


def add_dataset_options(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Which labelled faces to take."""
    parser.add_argument(
        "--dataset",
        choices=["300w", "wflw", "cofw", "pts"],
        default="300w",
        help="layout of the folder; pts is any folder of images with .pts beside them (default: %(default)s)",
    )
    parser.add_argument(
        "--root", type=Path, required=required, help="folder that holds the data set's folders or files"
    )


def add_extra_option(parser: argparse.ArgumentParser, use: str) -> None:
    """Further faces, of folders that people or other commands made.

    Args:
        use: what is done with them, in words.
    """
    parser.add_argument(
        "--extra",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help=f"{use} of this folder too, images with .pts such as 'label' and 'synthesise-profiles' write; "
        "may be given several times",
    )


def print_left_out(faces: FaceSet) -> None:
    """Say on standard error what of a set of faces is absent or left out on purpose.

    What was skipped is told together with the images that turn out unreadable, by
    :func:`livefan.datasets.print_skipped`.
    """
    for folder in faces.absent:
        print(f"absent, done without: {folder}", file=sys.stderr)
    for line in faces.duplicates:
        print(f"left out: {line}", file=sys.stderr)


def add_runtime_options(
    parser: argparse.ArgumentParser, runtime: str = "auto", threads: str = "1", *, remembered: bool = False
) -> None:
    """What runs the network.

    Args:
        runtime: the default.
        remembered: runtime and precision that are not given are as they were left the last time: None.
        threads: the default in words, where it is not one: ``arguments.threads`` is None then.
    """
    default = _LEFT if remembered else "%(default)s"
    parser.add_argument(
        "--runtime",
        choices=["auto", "openvino", "onnxruntime", "torch"],
        default=None if remembered else runtime,
        help=f"what runs the network; auto: the fastest that agrees with torch (default: {default})",
    )
    parser.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16", "int8"],
        default=None if remembered else "auto",
        help="numbers to compute in; auto: the fastest of those that are as accurate as float32, within 1 %% "
        f"(default: {default})",
    )
    parser.add_argument(
        "--threads",
        type=positive_number,
        default=1 if threads == "1" else None,
        metavar="N",
        help=f"CPU threads for the network (default: {threads})",
    )


def runtime_choice(arguments: argparse.Namespace) -> RuntimeChoice:
    """What :func:`add_runtime_options` was given."""
    from livefan.runtimes.base import RuntimeChoice

    return RuntimeChoice(arguments.runtime, arguments.precision, arguments.threads or 1)


def notice(*, quiet: bool) -> Callable[[str], None]:
    """Prints what takes long to a person who waits at a terminal."""

    def log(text: str) -> None:
        if not quiet and sys.stderr.isatty():
            print(text, file=sys.stderr)

    return log


def check_picture(path: Path | None) -> None:
    """Say so before the work if a picture is to be written to a file of another kind."""
    if path is not None and path.suffix.lower() != ".png":
        raise LivefanError(f"{path}: name a .png file for the picture")

"""Options and messages that several commands share."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from livefan.core.errors import LivefanError
from livefan.core.files import check_file, check_folder
from livefan.core.resources import DEFAULT_WEIGHTS, full_name

if TYPE_CHECKING:
    from livefan.core.landmarks import LandmarkScheme
    from livefan.datasets import FaceSet
    from livefan.runtimes.base import RuntimeChoice

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
DEFAULT_SMOOTHING = 0.5
"""The value of :data:`livefan.tracking.kalman.DEFAULT_STRENGTH`, whose import would load numpy."""
_LEFT = "its last value"
_LARGEST_NUMBER = 1_000_000
_LARGEST_SEED = 2**64 - 1
"""The limit of :mod:`livefan.training.config`, whose import would load torch."""
DEVICES = ("cpu", "gpu", "npu", "cuda", "directml", "coreml")
"""The devices of :mod:`livefan.runtimes.base`, whose import would load numpy."""
STYLE_PARTS = ("outlines", "mesh", "points", "numbers", "boxes", "ids", "confidence", "gaze")
"""The value of :data:`livefan.drawing.faces.STYLE_PARTS`, whose import would load OpenCV."""


def whole_number(text: str) -> int:
    """Read a whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def seed_number(text: str) -> int:
    """Read a seed of torch and numpy."""
    number = whole_number(text)
    if number > _LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {_LARGEST_SEED}")
    return number


def positive_number(text: str) -> int:
    """Read a whole number from 1 to a million; far larger ones overflow in libraries."""
    number = whole_number(text)
    if not 1 <= number <= _LARGEST_NUMBER:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {_LARGEST_NUMBER}")
    return number


def number_between(least: float, most: float, name: str = "number") -> Callable[[str], float]:
    """Return a function that reads a number in a range."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a {name} from {least:g} to {most:g}")
        return number

    return read


share = number_between(0.0, 1.0)


def part_share(text: str) -> float:
    """Read a share that is neither nothing nor all."""
    with suppress(ValueError):
        if 0 < float(text) < 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a share between 0 and 1")


def picture_size(text: str) -> tuple[int, int]:
    """Read a width and height in pixels, such as 1280x720."""
    found = re.fullmatch(r"([1-9]\d{1,4})[xX]([1-9]\d{1,4})", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a width and height such as 1280x720")
    return int(found[1]), int(found[2])


def listed(text: str, known: Sequence[str]) -> tuple[str, ...]:
    """Read known names that are separated by commas."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"{name!r} is unknown; choose from {', '.join(known)}")
    return names


def seconds_up_to(most: float) -> Callable[[str], float]:
    """Return a function that reads a number of seconds from 0."""
    return number_between(0.0, most, "number of seconds")


def add_style_options(group: argparse._ArgumentGroup) -> None:
    """Add the options for the parts of a face that are drawn."""
    for option, text in (("--hide", "parts not to draw"), ("--show", "parts to draw")):
        group.add_argument(
            option,
            type=lambda text: listed(text, STYLE_PARTS),
            default=(),
            metavar="PARTS",
            help=f"{text}, separated by commas: {', '.join(STYLE_PARTS)}",
        )


def add_pipeline_options(parser: argparse.ArgumentParser, *, remembered: bool = False) -> None:
    """Add the options of the tracking.

    Args:
        remembered: options that are not given are None, which keeps their last value.
    """
    default = _LEFT if remembered else "%(default)s"
    parser.add_argument(
        "--weights",
        type=full_name,
        default=None if remembered else DEFAULT_WEIGHTS,
        help=f"weight file, or the name of a bundled one; fast is mobilefan-fast-300w (default: {default})",
    )
    add_tracking_options(parser, remembered=remembered)


def add_tracking_options(parser: argparse.ArgumentParser, *, remembered: bool = False) -> None:
    """Add the options of the tracking that do not name the model; see :func:`add_pipeline_options`."""
    default = _LEFT if remembered else "%(default)s"
    parser.add_argument(
        "--smoothing",
        type=share,
        default=None if remembered else DEFAULT_SMOOTHING,
        metavar="S",
        help=f"strength of the smoothing of landmarks over time, from 0 (none) to 1 (default: {default})",
    )
    parser.add_argument(
        "--no-smoothing", dest="smoothing", action="store_const", const=0.0, help="the same as --smoothing 0"
    )
    parser.add_argument(
        "--max-faces",
        type=positive_number,
        default=None if remembered else 5,
        metavar="N",
        help=f"largest number of faces to track (default: {default})",
    )


def add_fit_options(parser: argparse.ArgumentParser, seed: str = "seed") -> None:
    """Add the options of the commands that fit a part of a trained network.

    Args:
        seed: help for the seed.
    """
    parser.add_argument("--seed", type=seed_number, default=0, help=f"{seed} (default: %(default)s)")
    parser.add_argument("--threads", type=positive_number, help="CPU threads (default: all cores)")
    parser.add_argument("--half", action="store_true", help="write 16-bit floats, which halves the size")
    parser.add_argument("--quiet", action="store_true", help="report no progress")


def prepare_fit(arguments: argparse.Namespace) -> None:
    """Check the output and the cache of a command that fits a part of a network, and set its CPU threads.

    Raises:
        LivefanError: if a folder does not exist or is not writable, or the output is a folder.
    """
    import torch

    check_file(arguments.out)
    if getattr(arguments, "cache", None) is not None:
        check_folder(arguments.cache)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)


def add_cache_option(parser: argparse.ArgumentParser) -> None:
    """Add the option for the folder that keeps the samples of a fit."""
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="folder to keep the samples in, for the next fit"
    )


def add_dataset_options(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add the options for the data set."""
    parser.add_argument(
        "--dataset",
        choices=["300w", "wflw", "cofw", "pts"],
        default="300w",
        help="layout of the data set; pts is any folder of images with .pts files (default: %(default)s)",
    )
    parser.add_argument(
        "--root", type=Path, required=required, help="folder that holds the folders or files of the data set"
    )


def add_extra_option(parser: argparse.ArgumentParser, use: str) -> None:
    """Add the option for folders with further faces.

    Args:
        use: the faces that the command takes from such a folder, in words.
    """
    parser.add_argument(
        "--extra",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help=f"use {use} of this folder too: images with .pts files, such as 'label' and "
        "'synthesise-profiles' write; can be given several times",
    )


def load_split(arguments: argparse.Namespace) -> FaceSet:
    """Load the split that the options of the data set name; print missing folders and left-out duplicates.

    The split ``train`` is that of training: without photographs that other splits contain too.

    Raises:
        LivefanError: if a folder lacks a part of its layout.
    """
    from livefan.datasets import load, load_training

    if arguments.split == "train":
        faces, _ = load_training(arguments.dataset, arguments.root)
    else:
        faces = load(arguments.dataset, arguments.root, arguments.split)
    print_left_out(faces)
    return faces


def print_left_out(faces: FaceSet) -> None:
    """Print, on standard error, the missing folders and the duplicates of a set of faces.

    :func:`livefan.datasets.print_skipped` reports unreadable images and labels.
    """
    for folder in faces.absent:
        print(f"livefan: {folder}: missing; continuing without it", file=sys.stderr)
    for line in faces.duplicates:
        print(f"livefan: left out: {line}", file=sys.stderr)


def check_scheme(weights: str | Path, scheme: LandmarkScheme, faces: FaceSet, root: Path) -> None:
    """Raise an error if weights are of another landmark scheme than the faces in a folder.

    Raises:
        LivefanError: if they are.
    """
    if scheme != faces.scheme:
        raise LivefanError(
            f"{weights}: is of scheme {scheme.name}, the faces in {root} of {faces.scheme.name}; train "
            "first, or name weights of this scheme"
        )


def add_runtime_options(
    parser: argparse.ArgumentParser, runtime: str = "auto", threads: str = "1", *, remembered: bool = False
) -> None:
    """Add the options of the runtime.

    Args:
        runtime: the default runtime.
        remembered: runtime, precision and device that are not given are None, which keeps their last value.
        threads: the default in words; if it is not "1", ``arguments.threads`` is None by default.
    """
    default = _LEFT if remembered else "%(default)s"
    parser.add_argument(
        "--runtime",
        choices=["auto", "openvino", "onnxruntime", "torch"],
        default=None if remembered else runtime,
        help="library that runs the network; auto: the first of a fixed rule that agrees with torch; see "
        f"'livefan runtimes' (default: {default})",
    )
    parser.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16", "int8"],
        default=None if remembered else "auto",
        help="precision of the network; auto: the first of a fixed rule whose validation NME is within 1 %% "
        f"of float32 (default: {default})",
    )
    parser.add_argument(
        "--threads",
        type=positive_number,
        default=1 if threads == "1" else None,
        metavar="N",
        help=f"CPU threads for the network (default: {threads})",
    )
    parser.add_argument(
        "--device",
        choices=DEVICES,
        default=None if remembered else "cpu",
        help="device that runs the network: gpu and npu through OpenVINO; cuda, directml and coreml "
        f"through ONNX Runtime (default: {default})",
    )


def runtime_choice(arguments: argparse.Namespace) -> RuntimeChoice:
    """Return the choice that the options of :func:`add_runtime_options` make."""
    from livefan.runtimes.base import RuntimeChoice

    return RuntimeChoice(
        arguments.runtime, arguments.precision, arguments.threads or 1, arguments.device or "cpu"
    )


def notice(*, quiet: bool) -> Callable[[str], None]:
    """Return a function that prints a message on a terminal, such as that a choice takes seconds."""

    def log(text: str) -> None:
        if not quiet and sys.stderr.isatty():
            print(text, file=sys.stderr)

    return log


def check_png(path: Path | None) -> None:
    """Check, before the work, the name of an image to write.

    Raises:
        LivefanError: if it does not end in .png.
    """
    if path is not None and path.suffix.lower() != ".png":
        raise LivefanError(f"{path}: images are written as PNG; end the name in .png")

"""The command ``train``: train a network."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, cast

from livefan.cli.commands.options import (
    Commands,
    add_dataset_options,
    add_extra_option,
    part_share,
    positive_number,
    print_left_out,
    seed_number,
)
from livefan.core.errors import LivefanError

_NOT_WITH_RECIPE = (
    *("extra", "config", "validation", "width", "epochs", "init", "threads"),
    *("keep_epochs", "compile", "quiet"),
)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train",
        help="train a network on labelled faces",
        description="Train a MobileFAN on the training faces of a data set. After a stop, the same command "
        "continues. OUT/best.safetensors has the weights with the lowest validation NME.",
    )
    add_dataset_options(parser)
    add_extra_option(parser, "the faces")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        help="run the stages of a recipe, each a livefan command: a TOML file, or the name of a bundled one, "
        "such as mobilefan-300w; their outputs go into --out; see livefan/cli/recipe.py",
    )
    parser.add_argument(
        "--reference", type=Path, metavar="DIR", help="folder of WFLW, for recipes that derive its landmarks"
    )
    parser.add_argument(
        "--unlabelled", type=Path, metavar="DIR", help="images and videos that stages of the recipe label"
    )
    parser.add_argument(
        "--config",
        type=Path,
        help="TOML file of settings (default: the settings of livefan/training/config.py)",
    )
    parser.add_argument(
        "--width",
        type=float,
        help="width multiplier of the encoder, 0.1 to 4 (default: as in the configuration)",
    )
    parser.add_argument(
        "--epochs",
        type=positive_number,
        help="number of passes over the training faces; more than before continue a finished run "
        "(default: as in the configuration)",
    )
    parser.add_argument(
        "--init",
        help="path or bundled name of initial weights; '' for random ones (default: as in the configuration)",
    )
    parser.add_argument(
        "--seed",
        type=seed_number,
        help="seed of initial weights, order and augmentation (default: as in the configuration); with "
        "--recipe, added to the seed of each of its train stages",
    )
    parser.add_argument(
        "--validation",
        type=_validation,
        metavar="none|half|test|SHARE",
        help="train on all faces (none), choose epochs on one half of the validation faces (half), validate "
        "on the test split (test), or hold out another share of the training faces by photograph (default: a "
        "tenth)",
    )
    parser.add_argument("--threads", type=positive_number, help="CPU threads (default: all cores)")
    parser.add_argument("--keep-epochs", action="store_true", help="write the weights of every epoch")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile the network, for some minutes: faster on some machines; needs a C++ compiler",
    )
    parser.add_argument("--quiet", action="store_true", help="report no progress")
    parser.set_defaults(run=run, commands=commands)


def _run_recipe(arguments: argparse.Namespace) -> int:
    from livefan.cli.recipe import Places, find_recipe, run_recipe

    given = [option for option in _NOT_WITH_RECIPE if getattr(arguments, option) not in (None, False, [])]
    if given:
        named = ", ".join(f"--{option.replace('_', '-')}" for option in given)
        raise LivefanError(f"{named}: not with --recipe; write it in the commands of its stages")
    folders = (arguments.unlabelled, arguments.out, arguments.reference)
    places = Places(arguments.dataset, arguments.root, *folders)
    recipe = find_recipe(arguments.recipe)

    def fail(message: str) -> NoReturn:
        raise LivefanError(message)

    def parse(words: Sequence[str]) -> argparse.Namespace:
        if words[0] not in arguments.commands.choices:
            raise LivefanError(f"no command {words[0]!r} in livefan")
        parser = arguments.commands.choices[words[0]]
        # In place of the end of the program, so that the error names recipe and stage.
        parser.error = fail
        parser.exit = lambda *_: fail("asks for help; a stage must run")
        return cast(argparse.Namespace, parser.parse_args(words[1:]))

    run_recipe(recipe, places, parse, arguments.seed or 0)
    return 0


def _validation(text: str) -> str:
    """Check a way of validation: none, half, test, or a share between 0 and 1."""
    if text in ("none", "half", "test"):
        return text
    with suppress(argparse.ArgumentTypeError):
        part_share(text)
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not none, half, test or a share between 0 and 1")


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    if arguments.recipe is not None:
        return _run_recipe(arguments)
    if arguments.reference:
        raise LivefanError("--reference needs --recipe; for labels alone use the command derive-labels")
    if arguments.unlabelled:
        raise LivefanError("--unlabelled needs --recipe; for labels alone use the command label")

    import torch

    from livefan.datasets import FaceSet, load_training, load_training_with
    from livefan.export.export import export_graph
    from livefan.training.config import read_config
    from livefan.training.distributed import own_rank
    from livefan.training.run import BEST_NAME
    from livefan.training.train import train

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    given = {key: getattr(arguments, key) for key in ("width", "epochs", "init", "seed")}
    config = read_config(arguments.config, {key: value for key, value in given.items() if value is not None})
    data = (arguments.dataset, arguments.root, arguments.extra)
    training: FaceSet
    validation: FaceSet | None
    if arguments.validation is None:
        training, validation = load_training(*data)
    else:
        training, validation = load_training_with(*data, arguments.validation)
    first = own_rank() == 0
    if first:
        print_left_out(training)
    progress = train(
        training,
        validation,
        config,
        arguments.out,
        keep_epochs=arguments.keep_epochs,
        compiled=arguments.compile,
        quiet=arguments.quiet,
    )
    if first and validation is None:
        export_graph(arguments.out / BEST_NAME)
        print(f"{arguments.out / BEST_NAME}: the weights of epoch {progress.epoch}, not validated")
    elif first:
        if math.isinf(progress.best_nme):
            raise LivefanError(
                f"{arguments.out}: no epoch had a finite validation error, so no weights were written; lower "
                "learning_rate and choose another --out"
            )
        export_graph(arguments.out / BEST_NAME)
        print(f"{arguments.out / BEST_NAME}: validation NME {progress.best_nme:.3f} %")
        if progress.best_face_score is not None:
            _print_face_score(progress.best_face_score)
    return 0


def _print_face_score(score: float) -> None:
    from livefan.tracking.landmarker import CONFIRMED_FACE_SCORE, MIN_FACE_SCORE

    none = score < MIN_FACE_SCORE
    least, shown = (MIN_FACE_SCORE, "no face") if none else (CONFIRMED_FACE_SCORE, "few faces")
    warning = f"; below {least:g}, so the application shows {shown}; train for more epochs"
    print(f"mean face score of the validation faces {score:.2f}{warning if score < least else ''}")

"""``livefan train``: train a network."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path

from livefan.cli.commands.options import (
    Commands,
    add_dataset_options,
    add_extra_option,
    positive_number,
    print_left_out,
    seed_number,
)
from livefan.core.errors import LivefanError


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "train",
        help="train a network on labelled faces",
        description="Train a MobileFAN on a data set's training faces. The same command takes up a run that "
        "was stopped. The best weights by validation NME are OUT/best.safetensors.",
    )
    add_dataset_options(parser)
    add_extra_option(parser, "train on the faces")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--config", type=Path, help="TOML file of settings; see livefan/training/config.py")
    parser.add_argument("--width", type=float, help="width multiplier of the network (1.0 or 0.5)")
    parser.add_argument("--epochs", type=positive_number, help="passes over the training faces")
    parser.add_argument("--init", help="weights to start from, a path or a bundled name; '' for random ones")
    parser.add_argument("--seed", type=seed_number, help="decides initial weights, order and augmentations")
    parser.add_argument("--threads", type=positive_number, help="CPU threads (default: all cores)")
    parser.add_argument("--keep-epochs", action="store_true", help="write the weights of every epoch too")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="train a quarter to a half faster after minutes of compiling; needs a C++ compiler",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    import torch

    from livefan.datasets import load_training
    from livefan.training.config import read_config
    from livefan.training.run import BEST_NAME
    from livefan.training.train import train

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    given = {key: getattr(arguments, key) for key in ("width", "epochs", "init", "seed")}
    config = read_config(arguments.config, {key: value for key, value in given.items() if value is not None})
    training, validation = load_training(arguments.dataset, arguments.root, arguments.extra)
    first = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun may have started
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
    if first:
        if math.isinf(progress.best_nme):
            raise LivefanError(
                f"{arguments.out}: no weights were kept, since no epoch had a finite validation error; lower "
                "learning_rate, and choose another --out"
            )
        print(f"{arguments.out / BEST_NAME}: validation NME {progress.best_nme:.3f} %")
    return 0

"""The command line: parses arguments, wires the parts together, turns errors into one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import livefan
from livefan.errors import LivefanError


def _add_train(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "train",
        help="train a network on labelled faces",
        description="Train a MobileFAN on 300W's training images. The same command takes up a run that "
        "was stopped. The best weights by validation NME are OUT/best.safetensors.",
    )
    parser.add_argument("--root", type=Path, required=True, help="folder that holds 300W's image sets")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--config", type=Path, help="TOML file of settings; see livefan/training/config.py")
    parser.add_argument("--width", type=float, help="width multiplier of the network (1.0 or 0.5)")
    parser.add_argument("--epochs", type=int, help="passes over the training faces")
    parser.add_argument("--init", help="encoder weights to start from; '' for random ones")
    parser.add_argument("--seed", type=int, help="decides initial weights, order and augmentations")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> int:
    import torch

    from livefan.datasets import load_300w
    from livefan.training.config import read_config
    from livefan.training.engine import BEST_NAME, train

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    given = {key: getattr(arguments, key) for key in ("width", "epochs", "init", "seed")}
    config = read_config(
        arguments.config, {key: value for key, value in given.items() if value is not None}
    )
    training, validation = (load_300w(arguments.root, split) for split in ("train", "validation"))
    for folder in training.absent:
        print(f"absent, trained without: {folder}", file=sys.stderr)
    progress = train(training, validation, config, arguments.out, quiet=arguments.quiet)
    print(f"{arguments.out / BEST_NAME}: validation NME {progress.best_nme:.3f} %")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(prog="livefan", description=livefan.__doc__)
    parser.add_argument("--version", action="version", version=f"livefan {livefan.__version__}")
    commands = parser.add_subparsers(title="commands", dest="command")
    _add_train(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 for success, 2 for what the user can put right."""
    arguments = build_parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except LivefanError as error:
        print(f"livefan: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("livefan: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0

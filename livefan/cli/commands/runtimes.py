"""The command ``runtimes``: list the candidates that can run a weight file, and the one that is chosen."""

from __future__ import annotations

import argparse

from livefan.cli.commands.options import Commands, add_runtime_options, runtime_choice
from livefan.core.resources import DEFAULT_WEIGHTS


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "runtimes",
        help="list the runtimes and precisions of a weight file, and the one that is chosen",
        description="List the runtimes and precisions of a weight file: validation NME, distance of the "
        "landmarks from torch's in pixels of a crop, time for one crop, and which one is chosen and why. The "
        "choice follows a fixed rule from the features of the CPU and the NME. Set LIVEFAN_RUNTIME, for "
        "example to 'openvino float32', to prefer another one on every machine of a cluster.",
    )
    parser.add_argument(
        "--weights",
        default=DEFAULT_WEIGHTS,
        help="weight file, or the name of a bundled one (default: %(default)s)",
    )
    add_runtime_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from livefan.runtimes.listing import list_runtimes

    print("\n".join(list_runtimes(arguments.weights, runtime_choice(arguments)).as_lines()))
    return 0

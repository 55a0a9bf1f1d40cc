"""The command ``describe-model``: draft the description of a network of another project."""

from __future__ import annotations

import argparse
from pathlib import Path

from livefan.cli.commands.options import Commands
from livefan.core.errors import LivefanError


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "describe-model",
        help="draft the description of another project's network, to compare it",
        description="Write a TOML file that describes a landmark network, drafted from the shapes of its "
        "inputs and outputs. Complete the values that have a comment. The network can then be named "
        "wherever a model is compared. docs/compare.md explains the keys and shows examples.",
    )
    parser.add_argument(
        "network", metavar="FILE", type=Path, help="network: .onnx, .xml (OpenVINO) or .tflite"
    )
    parser.add_argument(
        "-o", "--out", type=Path, metavar="FILE.toml", help="description to write (default: beside FILE)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a description that exists")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code.

    Raises:
        LivefanError: if the network cannot be read, or the description exists.
    """
    from livefan.core.files import atomic_write
    from livefan.external_models.description import SUFFIX, description_path
    from livefan.external_models.draft import draft_description
    from livefan.external_models.network_file import NetworkFile

    network = NetworkFile(arguments.network)
    out = arguments.out or description_path(arguments.network)
    if out.suffix.lower() != SUFFIX:
        raise LivefanError(f"{out}: descriptions are TOML; end the name in {SUFFIX}")
    if out.exists() and not arguments.overwrite:
        raise LivefanError(f"{out}: exists already; choose another name, or add --overwrite")
    draft = draft_description(network, out)
    with atomic_write(out) as partial:
        partial.write_text(draft, encoding="utf-8")
    print(f"{out}: a draft; check the values with a comment")
    print(f"{network.path.name} has {network.shapes}")
    return 0

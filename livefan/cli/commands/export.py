"""``livefan export``: write a network for use elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path

from livefan.cli.commands.options import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "export",
        help="write a network as ONNX or OpenVINO, for use elsewhere",
        description="Write a network with its preprocessing and decoder: BGR crops in, landmarks out. The "
        "file says what it expects and gives, and appears only after it was checked against torch.",
    )
    parser.add_argument("weights", metavar="WEIGHTS", help="weight file, or name of a bundled one")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, help="file to write; openvino writes .bin beside its .xml"
    )
    parser.add_argument("--format", choices=["onnx", "openvino"], required=True)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    from livefan.export.export import export

    apart = export(arguments.weights, arguments.out, arguments.format)
    print(f"{arguments.out}: agrees with torch to {apart:.2g} pixels of a crop")
    return 0

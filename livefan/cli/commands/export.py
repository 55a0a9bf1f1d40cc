"""The command ``export``: write a network for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from livefan.cli.commands.options import Commands
from livefan.core.errors import LivefanError

F32_HINT = "INFERENCE_PRECISION_HINT=f32"


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "export",
        help="write a network as ONNX or OpenVINO, for other programs",
        description="Write a network with its preprocessing and decoder: BGR crops in, landmarks out. The "
        "metadata of the file describe its input and output. The file is written only if its landmarks agree "
        "with torch. OpenVINO computes in bfloat16 where the processor has it: for float32 results compile "
        "the file with INFERENCE_PRECISION_HINT=f32. The format graph writes NAME.graph.onnx beside the "
        "weights: livefan then runs them without torch.",
    )
    parser.add_argument("weights", metavar="WEIGHTS", help="weight file, or the name of a bundled one")
    parser.add_argument(
        "-o", "--out", type=Path, help="file to write: .onnx, or .xml with a .bin beside it; none for graph"
    )
    formats = ["onnx", "openvino", "graph"]
    parser.add_argument("--format", choices=formats, required=True, help="format of the file")
    parser.add_argument(
        "--precision",
        choices=["float32", "int8"],
        default="float32",
        help="int8: the network that quantise wrote, for --format openvino (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from livefan.export.export import export, export_graph, export_int8

    if (arguments.out is None) != (arguments.format == "graph"):
        raise LivefanError(
            "--format onnx and openvino need -o FILE; --format graph takes none, it writes beside the weights"
        )
    if arguments.precision == "int8":
        if arguments.format != "openvino":
            raise LivefanError("--precision int8 needs --format openvino")
        export_int8(arguments.weights, arguments.out)
        print(f"{arguments.out}: int8; compile it with {F32_HINT} for the same results on every processor")
        return 0
    if arguments.format == "graph":
        out, apart = export_graph(arguments.weights)
    else:
        out, apart = arguments.out, export(arguments.weights, arguments.out, arguments.format)
    print(f"{out}: agrees with torch to {apart:.2g} pixels of a crop")
    if arguments.format == "openvino":
        print(f"for float32 results compile it with {F32_HINT}")
    return 0

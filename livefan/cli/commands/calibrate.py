"""The command ``calibrate``: fit the map from detections to crops."""

from __future__ import annotations

import argparse
from pathlib import Path

from livefan.cli.commands.options import Commands, add_dataset_options, print_left_out


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "calibrate",
        help="fit the map from detections to landmark crops, or from MediaPipe's mesh to 300W's landmarks",
        description="Fit the linear map from the key points of the face detector to the crop around the "
        "landmarks. The fit uses training faces. The command prints the residual on validation faces. "
        "All commands use the file that the environment variable LIVEFAN_DETECTION_TO_CROP names.",
    )
    add_dataset_options(parser)
    parser.add_argument("-o", "--out", type=Path, required=True, help="file to write")
    parser.add_argument(
        "--mediapipe",
        action="store_true",
        help="instead, fit the map from the 478 points of MediaPipe's FaceLandmarker to the 68 of 300W, and "
        "write a .safetensors file",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from livefan.core.files import check_file
    from livefan.datasets import load_training
    from livefan.training.fit_detection_to_crop import calibrate

    check_file(arguments.out)
    training, validation = load_training(arguments.dataset, arguments.root)
    print_left_out(training)
    if arguments.mediapipe:
        from livefan.training.fit_mesh_map import fit_mesh_map

        figures = fit_mesh_map(training, validation, arguments.out)
        print(", ".join(f"{name} {value:g}" for name, value in figures.items()))
        return 0
    for model, figures in calibrate(training, validation, arguments.out).items():
        print(f"{model}: " + ", ".join(f"{name} {value:g}" for name, value in figures.items()))
    return 0

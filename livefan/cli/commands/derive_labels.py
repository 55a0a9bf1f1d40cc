"""The command ``derive-labels``: derive landmarks of WFLW or COFW from the 68 of 300W."""

from __future__ import annotations

import argparse
from pathlib import Path

from livefan.cli.commands.options import (
    Commands,
    add_dataset_options,
    add_runtime_options,
    load_split,
    notice,
    runtime_choice,
)

_SCHEMES = ("wflw", "cofw")
"""The keys of :data:`livefan.training.derive_labels.DERIVED`, whose import would load torch."""
_TEACHERS = ("teacher-300w", "mobilefan-300w")


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "derive-labels",
        help="derive the 98 landmarks of WFLW or the 29 of COFW from the 68 of 300W, for training",
        description="Derive landmarks of WFLW or COFW for faces with the 68 landmarks of 300W: splines "
        "through the 68 landmarks, and the lower edges of the brows and the pupils of MediaPipe's mesh. "
        "Each face is written as an image with a .pts file. 'train --dataset pts' takes the folder.",
    )
    add_dataset_options(parser)
    parser.add_argument(
        "--split", default="train", help="split of the data set; for pts all (default: %(default)s)"
    )
    parser.add_argument("--scheme", choices=_SCHEMES, required=True, help="landmarks to derive")
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="DIR",
        help="folder of WFLW: the offsets between the conventions of WFLW and 300W are fitted to half of its "
        "test faces, the split test-reference (default: no offsets)",
    )
    parser.add_argument(
        "--mesh",
        type=Path,
        metavar="FILE",
        help="MediaPipe's face_landmarker.task (default: the bundled one)",
    )
    parser.add_argument(
        "--weights",
        action="append",
        help="network that finds the 68 landmarks of the reference faces; several: the mean of their "
        f"landmarks (default: {' and '.join(_TEACHERS)})",
    )
    parser.add_argument("-o", "--out", metavar="DIR", type=Path, required=True, help="folder to write")
    add_runtime_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from livefan.core.files import check_new_folder
    from livefan.datasets import load
    from livefan.runtimes.selection import open_runtime
    from livefan.training.derive_labels import derive_labels, reference_offsets
    from livefan.training.mesh_landmarks import MeshLandmarks

    check_new_folder(arguments.out)
    faces = load_split(arguments)
    mesh, offsets, count = MeshLandmarks(arguments.mesh), None, 0
    if arguments.reference:
        choice, log = runtime_choice(arguments), notice(quiet=False)
        teachers = [open_runtime(name, choice, log=log) for name in arguments.weights or _TEACHERS]
        offsets, count = reference_offsets(
            load("wflw", arguments.reference, "test-reference"), teachers, mesh
        )
    done = derive_labels(faces, arguments.out, arguments.scheme, mesh, offsets, count)
    print(f"{arguments.out}: {done.kept} faces, {len(done.left_out)} left out; offsets of {count} faces")
    return 0

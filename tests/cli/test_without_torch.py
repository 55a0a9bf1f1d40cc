"""The commands of the application in a process that cannot import torch or onnx."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow.csv
import pytest
from clips import write_recording
from compiled_networks import shared_folder

from livefan.cli.main import main
from livefan.core.frame import Face
from livefan.io.pts_file import write_pts

_PROGRAM = """
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: None if name in ("torch", "onnx") else find(name, *rest)
from livefan.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def call(cache: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run livefan without torch, and with a folder for compiled networks."""
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"LIVEFAN_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_annotate_gives_the_table_of_torch(tmp_path: Path, photo: np.ndarray):
    clip = tmp_path / "clip.mp4"
    write_recording(clip, [np.roll(photo, 2 * shift, axis=1) for shift in range(5)])
    choice = ["--precision", "float32", "--overwrite", "--quiet", "--weights", "mobilefan-half-300w"]
    done = call(
        tmp_path / "cache", "annotate", clip, "-o", tmp_path / "a.csv", "--runtime", "openvino", *choice
    )
    assert done.returncode == 0, done.stderr
    assert main(["annotate", str(clip), "-o", str(tmp_path / "b.csv"), "--runtime", "torch", *choice]) == 0
    tables = [pyarrow.csv.read_csv(tmp_path / name).to_pydict() for name in ("a.csv", "b.csv")]
    assert tables[0].keys() == tables[1].keys()
    assert len(tables[0]["frame"]) == 5
    for name, values in tables[0].items():
        if name.startswith(("x", "y")):
            assert np.abs(np.subtract(values, tables[1][name])).max() < 0.02, name


@pytest.mark.slow
def test_evaluate_gives_the_error_of_torch(tmp_path: Path, photo: np.ndarray, face: Face):
    own = tmp_path / "own"
    own.mkdir()
    cv2.imwrite(str(own / "face.png"), photo)
    write_pts(own / "face.pts", face.points_px + 2)
    command = ["evaluate", "--dataset", "pts", "--root", own, "--split", "all", "--precision", "float32"]
    command += ["--weights", "mobilefan-half-300w"]
    without = call(shared_folder(), *command, "--runtime", "openvino", "--json", tmp_path / "a.json")
    assert without.returncode == 0, without.stderr
    assert main([*map(str, command), "--runtime", "torch", "--json", str(tmp_path / "b.json")]) == 0
    errors = [json.loads((tmp_path / name).read_text()) for name in ("a.json", "b.json")]
    assert errors[0]["n_faces"] == errors[1]["n_faces"] == 1
    assert errors[0]["nme_inter_ocular"] == pytest.approx(errors[1]["nme_inter_ocular"], abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "--dataset", "pts", "--root", "tests", "--split", "all"],
        ["export", "mobilefan-300w", "--format", "graph"],
        ["average", "a.safetensors", "--root", "tests", "-o", "b.safetensors"],
    ],
    ids=lambda command: command[0],
)
def test_command_that_needs_torch_gives_one_line_error(command: list[str], tmp_path: Path):
    done = call(tmp_path, *command)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install torch" in done.stderr

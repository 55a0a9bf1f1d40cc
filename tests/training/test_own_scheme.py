"""Training, evaluation and annotation with a landmark scheme of the user."""

import csv
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from clips import write_recording
from marked_faces import SMALL

from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.core.frame import Face
from livefan.core.landmarks import IBUG_68
from livefan.core.resources import find_weights
from livefan.core.scheme_file import read_scheme, table_of, toml_of
from livefan.datasets import load
from livefan.io.pts_file import write_pts
from livefan.networks.checkpoint import WeightsInfo, load_weights, save_weights
from livefan.networks.checkpoint_info import read_weight_file
from livefan.networks.mobilefan import MobileFAN, build_alike
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.training.config import to_toml
from livefan.training.initial import initial_network
from livefan.training.nearest_landmarks import nearest_landmarks

POINTS = (17, 21, 22, 26, 36, 37, 39, 41, 42, 43, 45, 47, 30, 31, 35, 48, 51, 54, 57, 8)
"""For each point of the example scheme, the one of 300W at about the same place."""


@pytest.fixture
def faces(tmp_path: Path, photo: np.ndarray, face: Face) -> Path:
    folder = tmp_path / "faces"
    folder.mkdir()
    shutil.copy("docs/scheme-20.toml", folder / "scheme.toml")
    for number in range(12):
        cv2.imwrite(str(folder / f"{number}.png"), np.clip(photo * (0.7 + 0.05 * number), 0, 255))
        write_pts(folder / f"{number}.pts", face.points_px[list(POINTS)])
    return folder


def test_folder_with_a_scheme_file_is_read_with_its_landmarks(faces: Path):
    assert load("pts", faces, "all").scheme.name == "mini-20"


@pytest.mark.parametrize(("init", "width"), [("mobilefan-half-300w", 0.5), ("mobilefan-300w", 0.5)])
def test_heatmaps_of_own_landmarks_begin_as_the_nearest_ones(faces: Path, init: str, width: float):
    (faces / "0.png").write_bytes(b"")  # an image that cannot be read does not count
    own = load("pts", faces, "all")
    network = initial_network("mobilefan", width, init, own.scheme, own.faces)
    source = initial_network("mobilefan", width, init, IBUG_68)
    assert torch.allclose(network.head.weight, source.head.weight[list(POINTS)])
    assert torch.allclose(network.head.bias, source.head.bias[list(POINTS)])


def test_heatmaps_begin_at_random_if_no_face_is_found(faces: Path):
    own = load("pts", faces, "all")
    for face in own.faces:
        cv2.imwrite(str(face.image_path), np.zeros((400, 400, 3)))
    runtime = open_runtime("mobilefan-half-300w", RuntimeChoice("torch"), heads=())
    assert nearest_landmarks(runtime, own.faces, own.scheme) is None


def test_scheme_is_written_as_a_file_that_defines_it(faces: Path, tmp_path: Path):
    scheme = read_scheme(faces / "scheme.toml")
    (tmp_path / "again.toml").write_text(toml_of(scheme), encoding="utf-8")
    assert read_scheme(tmp_path / "again.toml") == scheme


def test_labels_by_a_network_for_own_landmarks_define_them(faces: Path, tmp_path: Path):
    """The network was not trained, so no face is kept."""
    own = save_own_network(faces / "scheme.toml", tmp_path / "own.safetensors")
    assert main(["label", str(faces), "-o", str(tmp_path / "labels"), "--weights", str(own), "--quiet"]) == 0
    assert read_scheme(tmp_path / "labels" / "scheme.toml").name == "mini-20"


@pytest.mark.slow
def test_weights_of_other_landmarks_are_named_with_the_folder(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    half = find_weights("mobilefan-half-300w")
    data, out = ["--dataset", "pts", "--root", str(faces)], ["-o", str(tmp_path / "o.safetensors")]
    apart = f"{half}: is of scheme 300w-68, the faces in {faces} of mini-20; train first, or name weights"
    needed = (
        f"{half}: was trained for scheme 300w-68, but mini-20 is needed here; train it for these landmarks"
    )
    for command, message in (
        (["evaluate", "--weights", str(half)], apart),
        (["calibrate-sigma", str(half), "--dry-run"], apart),
        (["quantise", str(half)], apart),
        (["refine", str(half), *out], needed),
        (["average", str(half), *out], needed),
    ):
        assert main([*command, *data]) == 2
        assert message in capsys.readouterr().err


def test_weights_with_another_scheme_of_that_name_are_named_once(tmp_path: Path):
    text = Path("docs/scheme-20.toml").read_text().replace('"mini-20"', '"again-20"')
    (tmp_path / "scheme.toml").write_text(text)
    (tmp_path / "other.toml").write_text(
        text.replace('"again-20"', '"renamed-20"').replace('"chin"', '"jaw"')
    )
    table = table_of(read_scheme(tmp_path / "other.toml")) | {"name": "again-20"}
    path = tmp_path / "own.safetensors"
    save_weights(path, MobileFAN(20, 0.5), WeightsInfo("again-20", 0.5, landmarks=table))
    read_scheme(tmp_path / "scheme.toml")
    with pytest.raises(LivefanError) as error:
        read_weight_file(path)
    assert str(error.value) == (
        f"{path}: another landmark scheme is called 'again-20' in {tmp_path}/scheme.toml; choose another "
        "name for yours"
    )


@pytest.mark.slow
def test_own_landmarks_are_trained_measured_and_annotated(
    faces: Path, tmp_path: Path, photo: np.ndarray, face: Face
):
    """The commands after the training know the scheme from the weight files alone."""
    (tmp_path / "run.toml").write_text(to_toml(replace(SMALL, epochs=1, eye_closing=1.0)))
    data = ["--dataset", "pts", "--root", str(faces)]
    run, weights = tmp_path / "run", str(tmp_path / "run/best.safetensors")
    settings = ["--config", str(tmp_path / "run.toml"), "--init", "mobilefan-half-300w"]
    assert main(["train", *data, *settings, "--out", str(run), "--quiet"]) == 0
    assert read_weight_file(weights).scheme.n_points == 20
    own = save_own_network(faces / "scheme.toml", tmp_path / "own.safetensors")
    clip = write_recording(tmp_path / "clip.mp4", [photo] * 3)
    out = ["--out", str(tmp_path / "out.mp4"), "--runtime", "torch", "--quiet"]
    run_alone(
        ["annotate", str(clip), *out, "--weights", str(own)],
        ["evaluate", *data, "--weights", weights, "--crop", "all"],
    )
    with (tmp_path / "out.csv").open() as file:
        (first, *_) = csv.DictReader(line for line in file if not line.startswith("#"))
    names = read_scheme(faces / "scheme.toml").point_names
    found = np.array([[float(first[f"{name}_{axis}"]) for axis in "xy"] for name in names])
    assert np.linalg.norm(found - face.points_px[list(POINTS)], axis=1).max() < 15
    assert (first["yaw_deg"], first["mouth_opening"]) == ("", "")


def save_own_network(scheme_file: Path, path: Path) -> Path:
    """Write the network of half width with the heatmaps of twenty of its landmarks."""
    source = load_weights("mobilefan-half-300w")
    network = build_alike(source.model, 20)
    network.encoder.load_state_dict(source.model.encoder.state_dict())
    network.decoder.load_state_dict(source.model.decoder.state_dict())
    with torch.no_grad():
        for name in ("weight", "bias"):
            getattr(network.head, name).copy_(getattr(source.model.head, name)[list(POINTS)])
    scheme = read_scheme(scheme_file)
    info = replace(source.info, scheme=scheme.name, landmarks=table_of(scheme), sigma=None)
    save_weights(path, network, info)
    return path


def run_alone(*commands: list[str]) -> None:
    """Run commands in a process of their own, which has read no scheme file."""
    code = f"from livefan.cli.main import main; import sys; sys.exit(max(map(main, {commands!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

"""Recipes: stages in a TOML file, run one after the other."""

import argparse
import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from livefan.cli.main import main
from livefan.cli.recipe import Places, read_recipe, run_recipe
from livefan.core.errors import LivefanError
from livefan.core.frame import Face
from livefan.io.pts_file import write_pts
from livefan.networks.checkpoint import load_weights
from livefan.training.config import read_config

STAGED = sorted(Path("weights/recipes/staged").glob("*.toml"))

SETTINGS = "width = 0.5, epochs = 1, batch_size = 4, input_sizes = [96], learning_rate = 1e-6"
START = 'init = "mobilefan-half-300w"'
TINY = f"""
[stages.profiles]
command = "synthesise-profiles {{data}} --out {{profiles}} --views 1"
[stages.labels]
command = "label {{unlabelled}} --out {{labels}} --weights mobilefan-half-300w --quiet"
[stages.distil]
command = "train {{data}} --extra {{profiles}} --extra {{labels}} --out {{distil}} --quiet"
settings = {{ teacher = "mobilefan-half-300w", response_weight = 1.0, {START}, {SETTINGS} }}
[stages.closed-eyes]
command = "train {{data}} --out {{closed-eyes}} --quiet"
settings = {{ init = "{{distil}}/best.safetensors", eye_closing = 0.5, {SETTINGS} }}
[stages.refined]
command = "refine {{closed-eyes}}/best.safetensors {{data}} --out {{refined}}.safetensors --keep-unrefined"
[stages.figures]
command = "evaluate {{data}} --weights {{refined}}.safetensors --json {{figures}}.json"
"""


@pytest.fixture
def folder(tmp_path: Path, photo: np.ndarray, face: Face) -> Path:
    """Twelve labelled faces in other light each, one unlabelled face, and a recipe with tiny stages."""
    (tmp_path / "faces").mkdir()
    (tmp_path / "unlabelled").mkdir()
    small = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    points_px = (face.points_px + 0.5) / 2 - 0.5
    for number in range(12):
        light = np.random.default_rng(number).uniform(0.7, 1.3, (4, 4))
        light = cv2.resize(light, small.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(tmp_path / f"faces/{number}.png"), np.clip(small * light[..., None], 0, 255))
        write_pts(tmp_path / f"faces/{number}.pts", points_px)
    cv2.imwrite(str(tmp_path / "unlabelled/a.png"), photo)
    (tmp_path / "recipe.toml").write_text(TINY)
    return tmp_path


def command(folder: Path) -> list[str]:
    words = ["train", "--recipe", str(folder / "recipe.toml"), "--dataset", "pts"]
    places = {"--root": "faces", "--unlabelled": "unlabelled", "--out": "run"}
    return words + [word for option, name in places.items() for word in (option, str(folder / name))]


@pytest.mark.usefixtures("mediapipe")
@pytest.mark.slow
def test_recipe_leads_to_measured_weights_and_resumes(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(command(folder)) == 0
    out = capsys.readouterr().out
    assert "stage 1 of 6, profiles: livefan synthesise-profiles" in out
    assert load_weights(folder / "run/refined.safetensors").info.width == 0.5
    assert json.loads((folder / "run/figures.json").read_text())["results"]
    assert read_config(folder / "run/closed-eyes.toml", {}).init == str(
        folder / "run/distil/best.safetensors"
    )
    for name in ("closed-eyes", "figures"):
        (folder / f"run/{name}.finished.json").unlink()
    assert main(command(folder)) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("stage ")]
    assert [line.endswith("finished before") for line in lines] == [True, True, True, False, True, False]


def test_everything_that_is_missing_is_named_before_the_first_stage(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    text = TINY.replace('init = "mobilefan-half', 'init = "absent').replace(
        "--weights mobilefan-half", "--weights gone"
    )
    (folder / "recipe.toml").write_text(text)
    (folder / "faces").rename(folder / "elsewhere")
    (folder / "unlabelled").rename(folder / "other")
    assert main(command(folder)) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    for name in (
        f"{folder}/faces (--root)",
        f"{folder}/unlabelled (--unlabelled)",
        "absent-300w",
        "gone-300w",
    ):
        assert name in message
    assert not (folder / "run").exists()


def test_recipe_that_labels_needs_a_folder_of_unlabelled_images(folder: Path):
    places = Places("pts", folder / "faces", None, folder / "run")
    with pytest.raises(LivefanError, match=r"missing are: a folder of unlabelled images \(--unlabelled\)$"):
        run_recipe(folder / "recipe.toml", places, parse=not_called)


def not_called(words: Sequence[str]) -> argparse.Namespace:
    pytest.fail(f"{words} must not be run")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stages = 3", r"one table \[stages\.NAME\] for each stage"),
        ("[stages.a]\ncommand = ''", "stage a needs a command"),
        ("[stages.a]\ncommand = 'label x'\nspeed = 3", "nothing else"),
        ("[stages.a]\ncommand = 'label x'\nsettings = {epochs = 1}", "only the command train has settings"),
        (
            "[stages.a]\ncommand = 'label {b}'\n[stages.b]\ncommand = 'label x'",
            "unknown placeholder 'b'; known",
        ),
        (
            "[stages.a]\ncommand = 'train {data} --out {a}'\nsettings = {epochs = 0}",
            "stage a: settings: epochs must",
        ),
        ("[stages.a]\ncommand = 'fly {data}'", "no command 'fly' in livefan"),
        ("stages", "cannot be read as a TOML recipe"),
    ],
)
def test_wrong_recipe_gives_one_line_error(
    folder: Path, text: str, message: str, capsys: pytest.CaptureFixture[str]
):
    (folder / "recipe.toml").write_text(text)
    assert main(command(folder)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(message, error)


def test_folder_of_another_recipe_is_rejected(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "run").mkdir()
    (folder / "run/recipe.toml").write_text(TINY.replace("--views 1", "--views 2"))
    assert main(command(folder)) == 2
    assert "this folder holds the run of another recipe; choose another --out" in capsys.readouterr().err


def test_options_of_a_stage_are_rejected_beside_a_recipe(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main([*command(folder), "--epochs", "3"]) == 2
    assert "--epochs: not with --recipe; write it in the commands of its stages" in capsys.readouterr().err


@pytest.mark.parametrize("path", STAGED, ids=lambda path: path.stem)
def test_staged_recipes_have_valid_settings(path: Path):
    assert read_recipe(path)[0].name == "profiles"
    for table in tomllib.loads(path.read_text())["stages"].values():
        read_config(None, table.get("settings", {}))

"""Recipes: stages in a TOML file, run one after the other."""

import argparse
import json
import re
import shutil
import threading
import tomllib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from labelled import wflw_line

from livefan.cli.main import main
from livefan.cli.recipe import Places, read_recipe, run_recipe
from livefan.core.crop import upright_crop
from livefan.core.errors import LivefanError
from livefan.core.frame import Face
from livefan.core.landmarks import IBUG_68
from livefan.export import calibrated, export
from livefan.io.pts_file import write_pts
from livefan.networks.checkpoint import load_weights
from livefan.training import fit_refiner
from livefan.training.config import read_config
from livefan.training.derive_labels import derive_wflw
from livefan.training.mesh_landmarks import MeshLandmarks
from livefan.training.run import BEST_NAME

STAGED = sorted(Path("weights/recipes/staged").glob("*.toml"))

# A minute of processor time each: the others run only with -m fuzz.
ALL_RUN = [
    path if path.stem == "mobilefan-wflw" else pytest.param(path, marks=pytest.mark.fuzz) for path in STAGED
]

SETTINGS = "width = 0.5, epochs = 1, batch_size = 4, input_sizes = [96], learning_rate = 1e-6"
REFINED = "--passes 2 --keep-unrefined"
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
command = "refine {{closed-eyes}}/best.safetensors {{data}} --out {{refined}}.safetensors {REFINED}"
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


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The training stages that wrote a graph. None of these writes one, which takes seconds."""
    stages: list[str] = []
    write = export.export_graph

    def record_or_write(path: Path) -> tuple[Path, float]:
        if path.name != BEST_NAME:
            return write(path)
        assert path.is_file()
        stages.append(path.parent.name)
        return path, 0.0

    monkeypatch.setattr(export, "export_graph", record_or_write)
    monkeypatch.setattr(calibrated, "export_graph", lambda path: (path, 0.0))
    return stages


@pytest.mark.usefixtures("mediapipe")
@pytest.mark.slow
def test_recipe_leads_to_measured_weights_and_resumes(
    folder: Path, graphs: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    # Private, here and below: the steps of the fit are no option.
    monkeypatch.setattr(fit_refiner, "_STEPS", 3)
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
    assert graphs == ["distil", "closed-eyes", "closed-eyes"]


def test_everything_that_is_missing_is_named_before_the_first_stage(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    text = TINY.replace('init = "mobilefan-half', 'init = "absent').replace(
        "--weights mobilefan-half", "--weights gone"
    )
    text += "[stages.int8]\ncommand = 'quantise no-such-300w {data}'\n"
    text += "[stages.mean]\ncommand = 'average {distil}/best.safetensors none-300w {data} --out {mean}'\n"
    text += "[stages.mesh]\ncommand = 'evaluate {data} --weights mediapipe'\n"
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
        "no-such-300w",
        "none-300w",
    ):
        assert name in message
    assert "weights mediapipe" not in message
    assert "best.safetensors" not in message
    assert not (folder / "run").exists()


def test_second_process_runs_train_stages_and_waits_for_the_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("RANK", "1")
    (folder / "recipe.toml").write_text(
        '[stages.labels]\ncommand = "label {unlabelled} --out {labels}"\n'
        f'[stages.student]\ncommand = "train {{data}} --out {{student}}"\nsettings = {{ {START} }}\n'
    )
    ran: list[str] = []

    def parse(words: Sequence[str]) -> argparse.Namespace:
        def run(_: argparse.Namespace) -> int:
            ran.append(words[0])
            (folder / "run/student.finished.json").touch()
            return 0

        return argparse.Namespace(run=run)

    (folder / "run").mkdir()
    first = threading.Timer(0.5, (folder / "run/labels.finished.json").touch)
    first.start()
    places = Places("pts", folder / "faces", folder / "unlabelled", folder / "run")
    run_recipe(folder / "recipe.toml", places, parse)
    assert not first.is_alive()
    assert ran == ["train"]
    assert not capsys.readouterr().out


def test_recipe_is_found_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    given = ["--root", str(tmp_path), "--out", str(tmp_path / "run")]
    assert main(["train", "--recipe", "mobilefan-wflw", *given]) == 2
    assert "missing are: a folder of WFLW (--reference)" in capsys.readouterr().err
    assert main(["train", "--recipe", "mobilefan-9", *given]) == 2
    error = capsys.readouterr().err
    assert "mobilefan-9: no such recipe; give a path, or one of: " in error
    assert main(["train", "--recipe", "", *given]) == 2
    assert "--recipe '': no such recipe; give a path, or one of: " in capsys.readouterr().err


def shrunk(text: str) -> str:
    """Return a recipe with one step in each training stage, and without int8 and the two heads."""
    text = re.sub(r"epochs = \d+", "epochs = 1\nbatch_size = 4\nprecision = 'float32'", text)
    text = re.sub(r"input_sizes = .*", "input_sizes = [96]", text)
    text = re.sub(r"--views \d|--passes \d", lambda found: found[0][:-1] + "1", text)
    text = re.sub(r'\[stages\.(int8|reliability|expressions)\]\ncommand = ".*"\n', "", text)
    text = text.replace("--keep-unrefined", "--passes 2 --keep-unrefined")
    text = text.replace('teacher = "teacher-300w"', 'teacher = "mobilefan-300w"')
    return text.replace('init = "efficientnet-lite2-imagenet"', 'init = "teacher-300w"').replace(
        "--weights {first}/best.safetensors", ""
    )


@pytest.mark.usefixtures("mediapipe", "graphs")
@pytest.mark.slow
@pytest.mark.parametrize("path", ALL_RUN, ids=lambda path: path.stem)
def test_bundled_recipe_runs_from_beginning_to_end(
    path: Path, folder: Path, photo: np.ndarray, face: Face, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fit_refiner, "_STEPS", 3)
    (folder / "recipe.toml").write_text(shrunk(path.read_text()))
    for number in range(12, 16):  # two faces for validation
        for suffix in (".png", ".pts"):
            shutil.copy(folder / f"faces/{number - 12}{suffix}", folder / f"faces/{number}{suffix}")
    lists = folder / "wflw/WFLW_annotations/list_98pt_rect_attr_train_test"
    lists.mkdir(parents=True)
    (folder / "wflw/WFLW_images").mkdir()
    lines = ""
    mesh_px = MeshLandmarks().find(photo, upright_crop(face.points_px, IBUG_68))
    for number in range(2):
        cv2.imwrite(str(folder / f"wflw/WFLW_images/{number}.png"), photo)
        lines += wflw_line(derive_wflw(face.points_px, mesh_px), "0 0 0 0 0 0", f"{number}.png")
    (lists / "list_98pt_rect_attr_test.txt").write_text(lines)
    assert main([*command(folder), "--reference", str(folder / "wflw")]) == 0
    weights = load_weights(folder / "run/refined.safetensors")
    assert weights.scheme.name == {"wflw": "wflw-98", "cofw": "cofw-29"}.get(path.stem[-4:], "300w-68")
    assert weights.info.sigma is not None
    assert json.loads((folder / "run/figures.json").read_text())["results"]


def test_recipe_that_labels_needs_a_folder_of_unlabelled_images(folder: Path):
    (folder / "recipe.toml").write_text("[stages.labels]\ncommand = 'label {unlabelled} --out {labels}'")
    places = Places("pts", folder / "faces", None, folder / "run")
    with pytest.raises(LivefanError, match=r"missing are: a folder of unlabelled images \(--unlabelled\)$"):
        run_recipe(folder / "recipe.toml", places, lambda _: argparse.Namespace(run=not_called))


def not_called(arguments: argparse.Namespace) -> int:
    pytest.fail(f"{arguments} must not be run")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stages = 3", r"one table \[stages\.NAME\] for each stage"),
        ("[stages.a]\ncommand = ''", "stage a needs a command"),
        ("[stages.a]\ncommand = 'label x'\nspeed = 3", "nothing else"),
        ("[stages.a]\ncommand = 'label x'\nsettings = {epochs = 1}", "only the command train has settings"),
        (
            "[stages.a]\ncommand = 'label {b}'\n[stages.b]\ncommand = 'label x'",
            r"unknown placeholder in '\{b\}'; known here are \{a\}, .* and \{data\} as a word of its own",
        ),
        ("[stages.a]\ncommand = 'label {unlabelled.x}'", r"unknown placeholder in '\{unlabelled\.x\}'"),
        ("[stages.a]\ncommand = 'label x{data}'", r"unknown placeholder in 'x\{data\}'"),
        ('[stages.a]\ncommand = "label \'x"', "stage a: No closing quotation"),
        ("[stages.a]\ncommand = 'label x --speed 3 --out y'", "stage a: unrecognized arguments: --speed 3"),
        (
            "[stages.a]\ncommand = 'train {data} --out {a} --config x'\nsettings = {epochs = 1}",
            "stage a: its command has --config or --seed; write them into its settings",
        ),
        (
            "[stages.a]\ncommand = 'train {data} --out {a} --seed 1'\nsettings = {epochs = 1}",
            "stage a: its command has --config or --seed; write them into its settings",
        ),
        (
            "[stages.a]\ncommand = 'train {data} --out {a}'\nsettings = {epochs = 0}",
            "stage a: settings: epochs must",
        ),
        ("[stages.a]\ncommand = 'fly {data}'", "stage a: no command 'fly' in livefan"),
        (
            "[stages.a]\ncommand = 'train --recipe mobilefan-wflw {data} --out {a}'",
            "stage a: a stage cannot run another recipe; write its stages into this one",
        ),
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
    assert not (folder / "run").exists()


def test_seed_beside_settings_in_a_file_is_rejected(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "recipe.toml").write_text("[stages.a]\ncommand = 'train {data} --out {a} --config x'")
    assert main([*command(folder), "--seed", "3"]) == 2
    assert "stage a: its command has --config or --seed" in capsys.readouterr().err


def test_labels_that_were_derived_before_a_stop_are_finished(folder: Path):
    (folder / "recipe.toml").write_text("[stages.a]\ncommand = 'derive-labels {data} --out {a}'")
    (folder / "run/a").mkdir(parents=True)
    places = Places("pts", folder / "faces", None, folder / "run")
    run_recipe(folder / "recipe.toml", places, lambda _: argparse.Namespace(run=not_called))


def test_folder_of_another_recipe_is_rejected(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "run").mkdir()
    (folder / "run/recipe.toml").write_text(TINY.replace("--views 1", "--views 2"))
    assert main(command(folder)) == 2
    assert "holds the run of another recipe or seed; choose another --out" in capsys.readouterr().err


def test_seed_moves_the_seeds_of_all_train_stages(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "recipe.toml").write_text(
        '[stages.labels]\ncommand = "label {unlabelled} --out {labels}"\n'
        '[stages.first]\ncommand = "train {data} --out {first}"\n'
        f'[stages.second]\ncommand = "train {{data}} --out {{second}}"\nsettings = {{ {START}, seed = 1 }}\n'
    )
    places = Places("pts", folder / "faces", folder / "unlabelled", folder / "run")
    run_recipe(folder / "recipe.toml", places, lambda _: argparse.Namespace(run=lambda _: 0), seed=10)
    seeds = [read_config(folder / f"run/{name}.toml", {}).seed for name in ("first", "second")]
    assert seeds == [10, 11]
    assert main([*command(folder), "--seed", "11"]) == 2
    assert "this folder holds the run of another recipe or seed" in capsys.readouterr().err


def test_options_of_a_stage_are_rejected_beside_a_recipe(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main([*command(folder), "--epochs", "3", "--threads", "2", "--init", ""]) == 2
    message = "--epochs, --init, --threads: not with --recipe; write it in the commands of its stages"
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("path", STAGED, ids=lambda path: path.stem)
def test_staged_recipes_have_valid_settings(path: Path):
    assert read_recipe(path)
    for table in tomllib.loads(path.read_text())["stages"].values():
        read_config(None, table.get("settings", {}))


def test_stage_that_asks_for_help_is_rejected(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "recipe.toml").write_text("[stages.a]\ncommand = 'train --help'")
    assert main(command(folder)) == 2
    assert "stage a: asks for help; a stage must run" in capsys.readouterr().err
    assert not (folder / "run").exists()


def test_weights_that_no_earlier_stage_writes_are_named_before_the_first_stage(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    (folder / "recipe.toml").write_text(
        f"""
[stages.first]
command = "train {{data}} --out {{first}} --keep-epochs"
settings = {{ epochs = 3, {START} }}
[stages.mean]
command = "average {{first}}/epoch-3.safetensors {{first}}/epoch-4.safetensors {{data}} --out {{mean}}"
[stages.last]
command = "train {{data}} --extra {{first}} --out {{last}}"
settings = {{ init = "{{first}}/bset.safetensors", teacher = "{{mean}}", response_weight = 1.0 }}
"""
    )
    assert main(command(folder)) == 2
    run = folder / "run"
    missing = [
        f"folder {run}/first (--extra)",
        *(f"weights {run}/first/{name}.safetensors" for name in ("bset", "epoch-4")),
    ]
    assert capsys.readouterr().err.endswith(f"missing are: {'; '.join(missing)}\n")
    assert not run.exists()


def test_missing_extra_folder_is_named_before_the_first_stage(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    text = "[stages.first]\ncommand = 'synthesise-profiles {data} -o {first}'\n"
    text += "[stages.last]\ncommand = 'train {data} --extra absent --extra {first} --out {last}'\n"
    (folder / "own.toml").write_text(text)
    data = ["--dataset", "pts", "--root", str(folder / "faces")]
    assert main(["train", "--recipe", str(folder / "own.toml"), *data, "--out", str(folder / "run")]) == 2
    assert capsys.readouterr().err.endswith("missing are: folder absent (--extra)\n")
    assert not (folder / "run").exists()

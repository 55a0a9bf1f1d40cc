"""The folder of a training run."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from marked_faces import SMALL, marked_faces, new_folder
from safetensors.torch import save

from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68
from livefan.datasets import labels_sha256
from livefan.networks.checkpoint import WeightsInfo, save_weights
from livefan.networks.checkpoint_info import sha256_of
from livefan.networks.mobilefan import MobileFAN
from livefan.training.config import read_config, to_toml
from livefan.training.losses import LandmarkCriterion
from livefan.training.run import Run
from livefan.training.state import Progress
from livefan.training.train import train


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"seed": 1}, "first 'seed = 0', which is 'seed = 1' now"),
        ({"epochs": 1}, "first 'epochs = 2', which is 'epochs = 1' now"),
    ],
)
def test_run_with_other_settings_is_rejected(tmp_path: Path, other: dict[str, int], message: str):
    faces = marked_faces(tmp_path, 4)
    (tmp_path / "r").mkdir()
    (tmp_path / "r/run.toml").write_text(to_toml(SMALL))
    (tmp_path / "r/best.safetensors").write_bytes(b"")
    with pytest.raises(LivefanError, match=rf"run\.toml: .*other settings, {message}"):
        train(faces, faces, replace(SMALL, **other), tmp_path / "r", quiet=True)


@pytest.mark.parametrize("name", ["state.safetensors", "best.safetensors"])
def test_results_of_a_run_with_unknown_settings_are_not_replaced(tmp_path: Path, name: str):
    faces, folder = marked_faces(tmp_path, 4), new_folder(tmp_path / "r")
    (folder / name).write_bytes(b"kept")
    with pytest.raises(LivefanError, match=rf"run\.toml: missing, but {name} .*; restore it, or choose"):
        train(faces, faces, SMALL, folder, quiet=True)
    assert [path.name for path in folder.iterdir()] == [name]


def test_run_that_began_in_float16_needs_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    faces, folder = marked_faces(tmp_path, 4), new_folder(tmp_path / "r")
    (folder / "run.toml").write_text(to_toml(SMALL))
    (folder / "best.safetensors").write_bytes(b"")
    (folder / "environment.json").write_text(json.dumps({"precision": "float16"}))
    with pytest.raises(LivefanError, match=r"r: this run began in float16, .*choose another --out"):
        train(faces, faces, SMALL, folder, quiet=True)


@pytest.mark.slow
def test_finished_run_continues_with_more_epochs(tmp_path: Path):
    faces, folder = marked_faces(new_folder(tmp_path / "f"), 4), tmp_path / "r"
    train(faces, faces, replace(SMALL, epochs=1), folder, quiet=True)
    progress = train(faces, faces, SMALL, folder, quiet=True)
    assert [entry["epoch"] for entry in progress.history] == [1, 2]
    assert read_config(folder / "run.toml", {}).epochs == 2


@pytest.mark.slow
def test_resumed_run_keeps_the_precision_in_which_it_began(tmp_path: Path):
    faces, folder = marked_faces(new_folder(tmp_path / "f"), 4), tmp_path / "r"
    train(faces, faces, replace(SMALL, epochs=1), folder, quiet=True)
    before = json.loads((folder / "environment.json").read_text())
    other = {"float32": "bfloat16", "bfloat16": "float32"}[before["precision"]]
    (folder / "environment.json").write_text(json.dumps(before | {"precision": other}))
    train(faces, faces, SMALL, folder, quiet=True)
    assert json.loads((folder / "resumed.jsonl").read_text())["precision"] == other


@pytest.mark.slow
def test_run_of_a_version_without_the_precision_setting_resumes(tmp_path: Path):
    faces, folder = marked_faces(new_folder(tmp_path / "f"), 4), tmp_path / "r"
    train(faces, faces, replace(SMALL, epochs=1), folder, quiet=True)
    lines = (folder / "run.toml").read_text().splitlines(keepends=True)
    (folder / "run.toml").write_text("".join(line for line in lines if not line.startswith("precision")))
    assert train(faces, faces, SMALL, folder, quiet=True).epoch == 2
    with pytest.raises(LivefanError, match="first 'precision = \"auto\"'"):
        train(faces, faces, replace(SMALL, precision="float32"), folder, quiet=True)


@pytest.mark.slow
def test_run_without_results_starts_anew_with_other_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    faces, others = (marked_faces(new_folder(tmp_path / name), 4) for name in ("f", "others"))
    folder, mended = tmp_path / "r", replace(SMALL, epochs=1)
    with monkeypatch.context() as patch:
        patch.setattr(
            LandmarkCriterion, "forward", lambda self, maps, points: {"heatmap": maps.sum() * torch.nan}
        )
        for _ in range(2):
            with pytest.raises(LivefanError, match="lower learning_rate"):
                train(faces, faces, replace(mended, learning_rate=9.0), folder, quiet=True)
    (folder / ".best.1.partial.safetensors").write_bytes(b"half-written by what was killed")
    train(others, faces, mended, folder, quiet=True)
    assert read_config(folder / "run.toml", {}) == mended
    assert "others" in (folder / "faces.txt").read_text().splitlines()[0]
    assert not (folder / "resumed.jsonl").exists()
    (folder / "state.safetensors").unlink()
    with pytest.raises(LivefanError, match="other settings"):  # its best weights would be lost
        train(others, faces, SMALL, folder, quiet=True)


@pytest.mark.slow
def test_run_on_other_faces_is_rejected(tmp_path: Path):
    faces, others = (marked_faces(new_folder(tmp_path / name), 4) for name in ("f", "others"))
    once, folder = replace(SMALL, epochs=1), tmp_path / "r"
    train(faces, faces, once, folder, quiet=True)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    fewer = replace(faces, faces=faces.faces[:3])
    for training, validation, message in (
        (others, faces, r"first 'train .*f/0\.png', which is 'train .*others/0\.png' now"),
        (faces, others, r"first 'validation .*f/0\.png', which is 'validation .*others/0\.png' now"),
        (faces, fewer, r"first 'validation .*3\.png', which is 'no further' now"),
        (faces.joined(others), faces, r"first 'validation .*', which is 'train .*others/0\.png' now"),
    ):
        with pytest.raises(LivefanError, match=rf"r/faces\.txt: .*run on other faces, {message}"):
            train(training, validation, once, folder, quiet=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.slow
def test_run_with_another_init_or_teacher_of_the_same_name_is_rejected(tmp_path: Path):
    faces, folder = marked_faces(new_folder(tmp_path / "f"), 4), tmp_path / "r"
    paths = {name: tmp_path / f"{name}.safetensors" for name in ("init", "teacher")}
    for path in paths.values():
        save_weights(path, MobileFAN(68, 0.5), WeightsInfo("300w-68", 0.5))
    config = replace(
        SMALL, epochs=1, response_weight=1.0, **{name: str(path) for name, path in paths.items()}
    )
    train(faces, faces, config, folder, quiet=True)
    assert json.loads((folder / "weights.json").read_text()) == {"labels": labels_sha256(faces, faces)} | {
        name: sha256_of(path) for name, path in paths.items()
    }
    for name, path in paths.items():
        as_it_was = path.read_bytes()
        save_weights(path, MobileFAN(68, 0.5), WeightsInfo("300w-68", 0.5))
        before = {file.name: file.read_bytes() for file in folder.iterdir()}
        with pytest.raises(
            LivefanError, match=rf"whose {name}, .*{name}\.safetensors, was another file"
        ) as error:
            train(faces, faces, config, folder, quiet=True)
        assert "\n" not in str(error.value)
        assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
        path.write_bytes(as_it_was)
    (folder / "weights.json").unlink()  # as runs of earlier versions have none
    save_weights(paths["teacher"], MobileFAN(68, 0.5), WeightsInfo("300w-68", 0.5))
    train(faces, faces, config, folder, quiet=True)


@pytest.mark.slow
def test_run_records_environment_faces_and_each_resumption(tmp_path: Path):
    faces = marked_faces(new_folder(tmp_path / "f"), 4)
    train(faces, faces, replace(SMALL, epochs=1), tmp_path / "r", quiet=True)
    environment = json.loads((tmp_path / "r/environment.json").read_text())
    assert environment["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert environment["commit"]
    assert (environment["device"], environment["processes"]) == ("cpu", 1)
    assert environment["threads"] >= 1
    assert environment["precision"] in ("float32", "bfloat16")
    listed = (tmp_path / "r/faces.txt").read_text().splitlines()
    assert sum(line.startswith("train ") for line in listed) == 4
    assert str(faces.faces[0].image_path) in listed[0]
    assert list((tmp_path / "r").glob("events.out.tfevents.*")), "no TensorBoard log"
    assert not (tmp_path / "r/resumed.jsonl").exists()
    for times in (1, 2):
        train(faces, faces, replace(SMALL, epochs=1), tmp_path / "r", quiet=True)
        resumed = (tmp_path / "r/resumed.jsonl").read_text().splitlines()
        assert len(resumed) == times
    latest = json.loads(resumed[-1])
    assert latest.keys() == environment.keys()
    assert latest["time"] >= environment["time"]
    assert json.loads((tmp_path / "r/environment.json").read_text()) == environment


@pytest.mark.slow
def test_history_is_as_long_as_the_state_whenever_the_run_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It is written before the state: without the state, the epoch is repeated."""
    faces, folder = marked_faces(tmp_path, 4), new_folder(tmp_path / "r")
    epochs: list[int] = []

    def save_state(*given: Any, **metadata: Any) -> bytes:
        epochs.append(len(json.loads((folder / "history.json").read_text())))
        return save(*given, **metadata)

    monkeypatch.setattr("livefan.training.run.save", save_state)
    train(faces, faces, SMALL, folder, quiet=True)
    assert epochs == [1, 2]


def test_damaged_files_of_a_run_give_one_line_errors(tmp_path: Path):
    faces, folder = marked_faces(new_folder(tmp_path / "f"), 4), new_folder(tmp_path / "r")
    (folder / "best.safetensors").write_bytes(b"")
    (folder / "run.toml").write_text(to_toml(SMALL))
    for name, content, message in (
        ("weights.json", b"{", r"weights\.json: is damaged .*; remove it"),
        ("faces.txt", b"\xff", r"faces\.txt: is damaged .*; choose another --out"),
        ("run.toml", b"\xff", r"run\.toml: is damaged .*; choose another --out"),
    ):
        (folder / name).write_bytes(content)
        with pytest.raises(LivefanError, match=message):
            Run(folder, SMALL, faces, faces)


def test_faces_with_any_file_name_are_recorded_and_resumed(tmp_path: Path):
    faces, folder = marked_faces(new_folder(tmp_path / "f"), 2), new_folder(tmp_path / "r")
    names = ("b\udcfcro.png", "two\nlines.png")  # a name in Latin-1, and one with a line end
    odd = [replace(face, image_path=Path(name)) for face, name in zip(faces.faces, names, strict=True)]
    named = replace(faces, faces=odd)
    Run(folder, SMALL, named, None).begin(skipped=[f"{name}: damaged" for name in names])
    (folder / "best.safetensors").write_bytes(b"")
    assert (folder / "faces.txt").read_text() == "train b\\udcfcro.png\ntrain two lines.png\n"
    assert len((folder / "skipped.txt").read_text().splitlines()) == 2
    Run(folder, SMALL, named, None)  # the same faces


def test_run_on_other_labels_of_the_same_faces_is_rejected(tmp_path: Path):
    faces, folder = marked_faces(new_folder(tmp_path / "f"), 2), new_folder(tmp_path / "r")
    Run(folder, SMALL, faces, faces).begin()
    (folder / "best.safetensors").write_bytes(b"")
    Run(folder, SMALL, faces, faces)  # the same labels
    moved = [replace(face, points_px=face.points_px + 0.5) for face in faces.faces]
    renamed = replace(IBUG_68, name="other-68")
    for other in (replace(faces, faces=moved), replace(faces, scheme=renamed)):
        with pytest.raises(LivefanError, match=r"weights\.json: .* other labels or another scheme"):
            Run(folder, SMALL, faces, other)
    kept = json.loads((folder / "weights.json").read_text())
    del kept["labels"]  # as runs of earlier versions have none
    (folder / "weights.json").write_text(json.dumps(kept))
    Run(folder, SMALL, faces, replace(faces, faces=moved)).begin()
    assert "labels" in json.loads((folder / "weights.json").read_text())


def test_finished_run_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    faces = marked_faces(new_folder(tmp_path / "f"), 4)
    monkeypatch.setattr(Run, "resume", lambda run, state: Progress(epoch=2))
    train(faces, faces, SMALL, tmp_path / "r")
    message = f"{tmp_path}/r: finished before, at epoch 2; raise --epochs or choose another --out\n"
    assert capsys.readouterr().out == message


def test_damaged_state_gives_one_line_error(tmp_path: Path):
    faces, folder = marked_faces(new_folder(tmp_path / "f"), 4), new_folder(tmp_path / "r")
    (folder / "run.toml").write_text(to_toml(SMALL))
    save_weights(folder / "state.safetensors", MobileFAN(68, 0.5), WeightsInfo("300w-68", 0.5))
    with pytest.raises(LivefanError, match=r"state\.safetensors: not the state of this run; remove it"):
        train(faces, faces, SMALL, folder, quiet=True)

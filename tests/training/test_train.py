"""Training runs, from the command line and from Python."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from marked_faces import SMALL, marked_faces, new_folder, write_faces
from safetensors.torch import save

from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.core.folder_lock import locked
from livefan.datasets import load_training
from livefan.io.pts_file import write_pts
from livefan.networks.checkpoint import WeightsInfo, load_weights, save_weights
from livefan.networks.mobilefan import MobileFAN
from livefan.training.config import to_toml
from livefan.training.engine import Validated
from livefan.training.run import Run
from livefan.training.state import Progress
from livefan.training.train import train


@pytest.mark.slow
def test_resumed_run_equals_an_uninterrupted_one(tmp_path: Path):
    training, validation = (marked_faces(new_folder(tmp_path / name), 8) for name in ("t", "v"))
    whole = train(training, validation, SMALL, tmp_path / "whole", quiet=True)
    with pytest.MonkeyPatch.context() as patch:
        save = Run.save

        def killed(*arguments: Any, **options: Any) -> None:
            save(*arguments, **options)
            raise KeyboardInterrupt

        patch.setattr(Run, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            train(training, validation, SMALL, tmp_path / "cut", quiet=True)
    resumed = train(training, validation, SMALL, tmp_path / "cut", quiet=True)
    for entry in (*resumed.history, *whole.history):
        assert entry.pop("images_per_second") > 0
    assert resumed.history == whole.history
    best = [load_weights(tmp_path / run / "best.safetensors") for run in ("whole", "cut")]
    assert torch.equal(best[0].model.head.weight, best[1].model.head.weight)
    assert float(best[0].info.training["validation"].split()[0]) == pytest.approx(whole.best_nme, abs=1e-3)


def test_folder_of_another_training_is_refused(tmp_path: Path):
    faces, run = marked_faces(new_folder(tmp_path / "faces"), 8), new_folder(tmp_path / "run")
    with locked(run), pytest.raises(LivefanError, match="another livefan is at work here"):
        train(faces, None, SMALL, run, quiet=True)
    assert not list(run.iterdir())


@pytest.mark.slow
def test_full_disk_gives_one_line_error_that_names_the_file(
    tmp_path: Path, full_beyond: Callable[[int], None], capsys: pytest.CaptureFixture[str]
):
    root, out = tmp_path / "root", tmp_path / "run"
    write_faces(root, 12)
    (tmp_path / "run.toml").write_text(to_toml(replace(SMALL, epochs=1)))
    command = ["train", "--dataset", "pts", "--root", str(root), "--config", str(tmp_path / "run.toml")]
    command += ["--out", str(out), "--quiet"]
    weights_size = len(save(MobileFAN(68, 0.5).state_dict()))
    for size, name in ((weights_size // 2, "best"), (2 * weights_size, "state")):
        full_beyond(size)
        assert main(command) == 2
        message = capsys.readouterr().err
        assert message.startswith(f"livefan: {out / name}.safetensors: File too large; check the place")
        assert message.count("\n") == 1
        assert not list(out.glob(".*"))
    assert (out / "best.safetensors").is_file()


@pytest.mark.slow
def test_student_loss_is_the_weighted_sum_of_all_terms(tmp_path: Path):
    faces = marked_faces(new_folder(tmp_path / "f"), 4)
    train(faces, faces, replace(SMALL, width=1.0, epochs=1), tmp_path / "teacher", quiet=True)
    teacher = str(tmp_path / "teacher/best.safetensors")
    config = replace(SMALL, teacher=teacher, aligned_weight=0.5, similarity_weight=2.0, response_weight=0.25)
    whole = train(faces, faces, config, tmp_path / "whole", quiet=True)
    first = whole.history[0]
    parts = first["coordinate"] + first["heatmap"]
    parts += 0.5 * first["aligned"] + 2.0 * first["similarity"] + 0.25 * first["response"]
    assert first["loss"] == pytest.approx(parts, rel=1e-5)
    assert min(first.values()) > 0
    state = load_weights(tmp_path / "whole/best.safetensors").model.state_dict()
    assert not [name for name in state if "adapter" in name]


@pytest.mark.slow
def test_teacher_gets_the_size_of_each_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    faces = marked_faces(new_folder(tmp_path / "f"), 4)
    teacher = tmp_path / "w.safetensors"
    save_weights(teacher, MobileFAN(68, 0.5), WeightsInfo("300w-68", 0.5))
    seen: list[tuple[bool, int]] = []
    made = MobileFAN.with_stages

    def recorded(network: MobileFAN, x: torch.Tensor) -> Any:
        seen.append((torch.is_grad_enabled(), x.shape[-1]))
        return made(network, x)

    monkeypatch.setattr(MobileFAN, "with_stages", recorded)
    config = replace(
        SMALL, input_sizes=(192, 256), teacher=str(teacher), aligned_weight=1.0, response_weight=1.0
    )
    train(faces, faces, config, tmp_path / "r", quiet=True)
    assert seen == [(True, 192), (False, 224), (True, 256), (False, 256)]


def test_teacher_of_another_scheme_gives_one_line_error(tmp_path: Path):
    faces = marked_faces(new_folder(tmp_path / "f"), 4)
    save_weights(tmp_path / "w.safetensors", MobileFAN(98, 0.5), WeightsInfo("wflw-98", 0.5))
    config = replace(SMALL, teacher=str(tmp_path / "w.safetensors"), response_weight=1.0)
    with pytest.raises(LivefanError, match="wflw-98"):
        train(faces, faces, config, tmp_path / "r", quiet=True)
    assert not (tmp_path / "r").exists()


def test_folder_without_faces_gives_one_line_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["train", "--root", str(tmp_path), "--out", str(tmp_path / "run")]) == 2
    assert "lfpw/trainset" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_folder_of_one_recording_gives_one_line_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_faces(tmp_path / "root", 5)
    for path in list((tmp_path / "root").iterdir()):
        path.rename(path.with_stem(f"talk-frame{path.stem:0>6}_0"))
    (tmp_path / "small.toml").write_text(to_toml(SMALL))
    command = ["train", "--dataset", "pts", "--root", str(tmp_path / "root"), "--out", str(tmp_path / "run")]
    assert main([*command, "--config", str(tmp_path / "small.toml")]) == 2
    assert capsys.readouterr().err == (
        "livefan: 5 training faces, but none for validation; check --root, or give --validation a larger "
        "share or none\n"
    )
    assert not (tmp_path / "run").exists()


def test_skipped_files_of_another_validation_set_are_printed_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run, faces = new_folder(tmp_path / "run"), marked_faces(new_folder(tmp_path / "faces"), 4)
    training, validation = (replace(faces, skipped=lines) for lines in (["both"], ["both", "test"]))
    with locked(run), pytest.raises(LivefanError, match="at work here"):
        train(training, validation, SMALL, run, quiet=True)
    assert capsys.readouterr().err == "skipped: both\nskipped: test\nskipped in all: 2\n"


def test_extra_faces_are_added_to_the_training_faces(tmp_path: Path):
    for name in ("lfpw/trainset", "helen/trainset", "afw"):
        write_faces(tmp_path / "root" / name, 8)
    write_faces(tmp_path / "more", 5)
    training, validation = load_training("300w", tmp_path / "root")
    with_more, same = load_training("300w", tmp_path / "root", [tmp_path / "more"])
    assert len(with_more.faces) == len(training.faces) + 5
    assert [face.name for face in same.faces] == [face.name for face in validation.faces]
    assert with_more.title == "300w train; more"
    for pts in (tmp_path / "more").glob("*.pts"):
        write_pts(pts, np.random.default_rng(0).uniform(20, 80, (98, 2)))
    with pytest.raises(LivefanError, match="wflw-98"):
        load_training("300w", tmp_path / "root", [tmp_path / "more"])


@pytest.mark.slow
def test_run_without_finite_validation_error_reports_that_nothing_was_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    root, out = tmp_path / "root", tmp_path / "run"
    write_faces(root, 12)
    monkeypatch.setattr("livefan.training.train.validate", lambda *given, **named: Validated(math.inf, 0.5))
    (tmp_path / "run.toml").write_text(to_toml(replace(SMALL, epochs=1)))
    command = ["train", "--dataset", "pts", "--root", str(root), "--config", str(tmp_path / "run.toml")]
    assert main([*command, "--out", str(out), "--quiet"]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert "no epoch had a finite validation error, so no weights were written" in printed.err
    assert "best.safetensors" not in printed.out
    assert not (out / "best.safetensors").exists()


@pytest.mark.parametrize(
    ("score", "warning"),
    [
        (0.35, "; below 0.4, so the application shows no face; train for more epochs"),
        (0.5, "; below 0.75, so the application shows few faces; train for more epochs"),
        (0.92, ""),
    ],
)
def test_training_ends_with_the_face_score(
    tmp_path: Path,
    score: float,
    warning: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    history = [{"validation_nme": 9.0, "face_score": score}, {"validation_nme": 9.5, "face_score": 1.0}]
    monkeypatch.setattr("livefan.training.train.train", lambda *given, **named: Progress(2, 9.0, history))
    monkeypatch.setattr("livefan.export.export.export_graph", lambda path: None)
    write_faces(tmp_path / "root", 12)
    command = ["train", "--dataset", "pts", "--root", str(tmp_path / "root"), "--out", str(tmp_path / "run")]
    assert main(command) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"mean face score of the validation faces {score:.2f}{warning}"


@pytest.mark.slow
def test_skipped_files_are_listed_counted_and_kept_with_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    root, more = tmp_path / "root", tmp_path / "more"
    write_faces(root, 12)
    write_faces(more, 2)
    (root / "0.pts").write_text("damaged")
    (root / "1.png").write_bytes(b"no image")
    (more / "0.png").unlink()
    (tmp_path / "run.toml").write_text(to_toml(replace(SMALL, epochs=1)))
    data = ["--dataset", "pts", "--root", str(root), "--extra", str(more)]
    command = ["train", *data, "--config", str(tmp_path / "run.toml"), "--out", str(tmp_path / "run")]
    assert main([*command, "--quiet"]) == 0
    message = capsys.readouterr().err.splitlines()
    listed = (tmp_path / "run/skipped.txt").read_text().splitlines()
    assert [line.partition(":")[0] for line in sorted(listed)] == [
        str(more / "0.pts"),
        str(root / "0.pts"),
        str(root / "1.png"),
    ]
    assert message == [*(f"skipped: {line}" for line in listed), "skipped in all: 3"]
    assert main(["preview", *data[:4], "-o", str(tmp_path / "sheet.png")]) == 0
    assert capsys.readouterr().err.splitlines() == [message[0], "skipped in all: 1"]


def test_traceback_of_an_unexpected_exception_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    def fail(*arguments: Any, **options: Any) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr("livefan.training.train.train_epoch", fail)
    faces = marked_faces(tmp_path, 4)
    with caplog.at_level("ERROR", "livefan.training"), pytest.raises(ValueError, match="a defect"):
        train(faces, faces, SMALL, tmp_path / "r", quiet=True)
    (record,) = caplog.records
    assert record.name == "livefan.training"
    assert record.exc_info is not None

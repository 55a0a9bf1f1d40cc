"""Averages of weight files."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from marked_faces import SMALL, marked_faces, new_folder, write_faces

from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68
from livefan.datasets import FaceSet
from livefan.networks.checkpoint import WeightsInfo, load_weights, save_weights
from livefan.networks.mobilefan import MobileFAN
from livefan.training.augmentation.augment import EvaluationFaces
from livefan.training.average import average
from livefan.training.engine import Validated, validate
from livefan.training.train import train

INFO = WeightsInfo("300w-68", 0.5, input_size=96)


@pytest.mark.slow
def test_greedy_average_never_raises_the_error_and_records_its_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    training, validation = (marked_faces(new_folder(tmp_path / name), 4) for name in ("t", "v"))
    monkeypatch.setattr(sys, "argv", ["livefan", "train", "--root", "faces"])
    progress = train(training, validation, SMALL, tmp_path / "run", keep_epochs=True, quiet=True)
    epochs = [tmp_path / f"run/epoch-{number}.safetensors" for number in (1, 2)]
    monkeypatch.setattr(sys, "argv", ["livefan", "average", "run/epoch-1.safetensors", "--root", "faces"])
    validation = replace(validation, title="marked")
    chosen, error = average(epochs, validation, tmp_path / "mean.safetensors")
    assert error <= progress.best_nme + 1e-6
    mean = load_weights(tmp_path / "mean.safetensors")
    assert mean.info.training["averaged"] == ", ".join(f"run/{path.stem}" for path in chosen)
    environment = json.loads((tmp_path / "run/environment.json").read_text())
    done = f"livefan average run/epoch-1.safetensors --root faces (commit {environment['commit']})"
    assert mean.info.training["averaged_by"] == done
    assert mean.info.training["command"] == environment["command"] == "livefan train --root faces"
    parts = [load_weights(path).model.head.weight for path in chosen]
    assert torch.allclose(mean.model.head.weight, torch.stack(parts).mean(0), atol=1e-7)
    assert mean.info.training["validation"] == f"{error:.3f} % NME, inter-ocular, landmark-box crops, marked"
    average(epochs, validation, tmp_path / "half.safetensors", half=True)
    half = load_weights(tmp_path / "half.safetensors").model.head.weight
    assert half.dtype == torch.float32
    assert torch.allclose(half, mean.model.head.weight, rtol=1e-3, atol=1e-5)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.6 * epochs[0].stat().st_size
    everything, _ = average(epochs, validation, tmp_path / "all.safetensors", greedy=False)
    assert everything == epochs
    heads = [load_weights(path).model.head.weight for path in epochs]
    mean_head = load_weights(tmp_path / "all.safetensors").model.head.weight
    assert torch.allclose(mean_head, torch.stack(heads).mean(0), atol=1e-7)


def test_broken_file_does_not_change_which_one_is_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    paths = [tmp_path / f"{name}.safetensors" for name in ("worse", "broken", "better")]
    for path, error in zip(paths, (3.0, torch.nan, 2.0), strict=True):
        network = MobileFAN(68, 0.5)
        torch.nn.init.constant_(network.head.bias, error)
        save_weights(path, network, INFO)
    monkeypatch.setattr(
        "livefan.training.average.validate",
        lambda network, *_: Validated(network.head.bias.mean().item(), 1.0),
    )
    faces = marked_faces(new_folder(tmp_path / "faces"), 1)
    assert average(paths, faces, tmp_path / "mean.safetensors") == ([paths[2]], 2.0)


@pytest.mark.slow
def test_file_named_twice_counts_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name in ("lfpw/trainset", "helen/trainset", "afw"):
        write_faces(tmp_path / "root" / name, 8)
    heads = []
    for name in ("x", "y"):
        network = MobileFAN(68, 0.5)
        save_weights(new_folder(tmp_path / name) / "best.safetensors", network, INFO)
        heads.append(network.head.weight)
    x, y, mean = (str(tmp_path / f"{name}.safetensors") for name in ("x/best", "y/best", "mean"))
    data = ["--root", str(tmp_path / "root"), "-o", mean]
    assert main(["average", x, x, y, "--all", *data]) == 0
    assert f"{mean}: mean of 3, " in capsys.readouterr().out
    info = load_weights(mean).info
    assert info.training["averaged"] == "x/best, x/best, y/best"
    assert torch.allclose(load_weights(mean).model.head.weight, (2 * heads[0] + heads[1]) / 3, atol=1e-7)
    # Greedily once more of the same does not lower the error, and so is tried and left out.
    assert main(["average", x, x, *data]) == 0
    message = capsys.readouterr().out
    assert message.count(f"{x}: alone") == 2
    assert "mean of 1, " in message


@pytest.mark.parametrize(
    ("out", "message"),
    [("gone/mean.safetensors", "gone: no such folder; create it first"), ("", "is a folder; name a file")],
)
def test_output_is_checked_before_the_faces_are_read(
    tmp_path: Path,
    out: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr("livefan.datasets.load", lambda *_: pytest.fail("faces are read"))
    assert main(["average", "x", "--root", str(tmp_path), "-o", str(tmp_path / out)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("greedy", [True, False])
def test_average_without_finite_error_is_not_written(tmp_path: Path, greedy: bool):
    faces = marked_faces(new_folder(tmp_path / "f"), 2)
    faces.faces[0].points_px[36] = faces.faces[0].points_px[45]  # eye corners in one place
    save_weights(tmp_path / "x.safetensors", MobileFAN(68, 0.5), INFO)
    with pytest.raises(LivefanError, match="validation error is inf; check the labels"):
        average([tmp_path / "x.safetensors"], faces, tmp_path / "mean.safetensors", greedy=greedy)
    assert not (tmp_path / "mean.safetensors").exists()


def test_validation_set_without_faces_gives_one_line_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    root, out = tmp_path / "root", tmp_path / "mean.safetensors"
    save_weights(tmp_path / "x.safetensors", MobileFAN(68, 0.5), INFO)
    command = ["average", str(tmp_path / "x.safetensors"), "--root", str(root), "-o", str(out)]
    for name in ("lfpw/trainset", "helen/trainset", "afw"):
        write_faces(root / name, 8)
        for image in (root / name).glob("*.png"):
            image.write_bytes(b"no image")
    assert main(command) == 2
    message = capsys.readouterr().err
    assert message.startswith(
        "livefan: 300w validation: holds no face that can be used; check --root; the first of"
    )
    assert ".png: not an image, or damaged" in message
    assert message.count("\n") == 1
    with pytest.raises(LivefanError, match="own validation: holds no faces; check --root"):
        average([tmp_path / "x.safetensors"], FaceSet(IBUG_68, [], title="own validation"), out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (replace(INFO, width=1.0), "of width 1.0 for 96"),
        (replace(INFO, input_size=224), "for 224 pixels"),
        (replace(INFO, decoder="argmax"), "pixels and argmax"),
    ],
)
def test_networks_of_different_kinds_are_not_averaged(tmp_path: Path, other: WeightsInfo, message: str):
    faces = marked_faces(new_folder(tmp_path / "f"), 4)
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for path, info in zip(paths, (INFO, other), strict=True):
        save_weights(path, MobileFAN(68, info.width), info)
    with pytest.raises(
        LivefanError, match=rf"b\.safetensors: a mobilefan .*{message}.*, but .*networks of one kind"
    ):
        average(paths, faces, tmp_path / "mean.safetensors")
    assert not (tmp_path / "mean.safetensors").exists()


@pytest.mark.slow
def test_average_is_validated_with_its_own_decoder(tmp_path: Path):
    faces = marked_faces(new_folder(tmp_path / "f"), 4)
    torch.manual_seed(0)
    networks = [MobileFAN(68, 0.5).eval() for _ in range(2)]
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for path, network, offset in zip(paths, networks, (0.0035, 0.004), strict=True):
        info = WeightsInfo(
            "300w-68",
            0.5,
            decoder="argmax",
            input_size=96,
            mirror_offset=offset,
            training={"data": "some", "refiner": "fitted", "refined_by": "livefan refine"},
        )
        save_weights(path, network, info)
    chosen, error = average(paths, faces, tmp_path / "mean.safetensors")
    mean = load_weights(tmp_path / "mean.safetensors")
    assert mean.info.mirror_offset == load_weights(chosen[0]).info.mirror_offset
    assert mean.info.training.keys() == {"data", "averaged", "averaged_by", "validation"}
    assert mean.refiner is None
    held_out, cpu = EvaluationFaces(faces.faces, 96), torch.device("cpu")
    by_argmax, by_soft_argmax = (
        validate(mean.model, held_out, IBUG_68, cpu, decoder).nme for decoder in ("argmax", "soft-argmax")
    )
    assert error == pytest.approx(by_argmax, rel=1e-5)
    assert error != pytest.approx(by_soft_argmax, rel=1e-2)


@pytest.mark.slow
def test_average_of_several_mirror_offsets_reports_the_kept_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    faces = marked_faces(new_folder(tmp_path / "f"), 2)
    paths = [tmp_path / f"{name}.safetensors" for name in "abc"]
    for path, offset in zip(paths, (0.004, 0.0035, 0.0035), strict=True):
        save_weights(path, MobileFAN(68, 0.5), replace(INFO, mirror_offset=offset))
    for order in (paths, paths[::-1]):
        average(order, faces, tmp_path / "mean.safetensors", greedy=False)
        kept = load_weights(order[0]).info.mirror_offset
        assert load_weights(tmp_path / "mean.safetensors").info.mirror_offset == kept
        printed = f"mirror offsets are 0.0035 and 0.004; the mean gets {kept}, from {order[0]}"
        assert capsys.readouterr().out.splitlines() == [printed]
    average(paths[1:], faces, tmp_path / "mean.safetensors", greedy=False)
    assert capsys.readouterr().out == ""

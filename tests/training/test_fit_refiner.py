import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from clips import relit
from hypothesis import given
from hypothesis import strategies as st
from untrained import moving_refiner

from livefan.cli.main import main, parse
from livefan.core.errors import LivefanError
from livefan.core.frame import Face
from livefan.core.landmarks import IBUG_68
from livefan.datasets import FaceSet, LabelledFace, load_held_out
from livefan.io.pts_file import write_pts
from livefan.networks.checkpoint import load_weights, read_tensors, save_weights
from livefan.networks.checkpoint_info import read_weight_file
from livefan.networks.shape_refiner import ShapeRefiner
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.graph_file import graph_path, parse_graph
from livefan.runtimes.onnx_graph import make_graph
from livefan.runtimes.selection import open_runtime
from livefan.runtimes.self_check import check_crops
from livefan.runtimes.torch_runtime import TorchRuntime
from livefan.training import fit_refiner as fit_module
from livefan.training.fit_refiner import Views, fit_refiner, fit_safely

STEPS = "livefan.training.fit_refiner._STEPS"
"""Number of optimiser steps; private, since nobody needs to set it, but a few steps suffice for tests."""


def views_of(predicted: torch.Tensor, truth: torch.Tensor) -> Views:
    """Views of labelled faces, four of each photograph."""
    photographs = [str(number // 4) for number in range(len(predicted))]
    return Views(predicted, truth, photographs, torch.ones(len(predicted), dtype=torch.bool))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of half width with such a refiner."""
    path = tmp_path_factory.mktemp("small") / "small.safetensors"
    loaded = load_weights("mobilefan-half-300w")
    save_weights(path, loaded.model, loaded.info, refiner=moving_refiner(68))
    # Without it, each runtime would make the graph.
    graph_path(path).write_bytes(make_graph(read_weight_file(path)))
    return path


def test_new_refiner_moves_no_landmark(face: Face):
    landmarks = torch.rand(3, 68, 4) * 256
    assert torch.equal(ShapeRefiner(68)(landmarks), landmarks)


@pytest.mark.slow
@given(
    st.floats(-500, 500),
    st.floats(-500, 500),
    st.floats(0.1, 10),
    st.integers(0, 1000),
)
def test_refinement_is_independent_of_position_and_scale(x: float, y: float, scale: float, seed: int):
    refiner = moving_refiner(68)
    points = torch.rand(1, 68, 2, generator=torch.Generator().manual_seed(seed)) * 200
    elsewhere = points * scale + torch.tensor([x, y])
    moved = refiner(points) - points
    assert float(moved.abs().max()) > 0.1
    assert torch.allclose(refiner(elsewhere) - elsewhere, moved * scale, atol=0.02 * max(scale, 1))


def test_confidence_and_sigma_stay_and_faces_of_a_batch_are_independent():
    landmarks = torch.rand(4, 68, 4) * 200
    refiner = moving_refiner(68)
    refined = refiner(landmarks)
    assert torch.equal(refined[..., 2:], landmarks[..., 2:])
    assert torch.allclose(refined[2], refiner(landmarks[2:3])[0], atol=1e-4)


def test_coinciding_landmarks_stay_finite():
    assert torch.isfinite(moving_refiner(68)(torch.full((1, 68, 2), 7.0))).all()


@pytest.mark.slow
def test_fit_removes_errors_that_depend_on_the_shape(face: Face, monkeypatch: pytest.MonkeyPatch):
    """Much of the error is a jaw left behind by an open mouth, which shows in the shape; noise does not."""
    monkeypatch.setattr(STEPS, 300)
    generator = torch.Generator().manual_seed(3)
    base = torch.from_numpy(face.points_px).float()
    truth = base + 4 * torch.randn(1500, 68, 2, generator=generator)
    open_by = torch.rand(1500, 1, generator=generator)
    truth[:, 48:, 1] += 30 * open_by
    noise = torch.randn(1500, 68, 2, generator=generator)
    found = truth + noise
    found[:, 6:11, 1] -= 20 * open_by
    refiner = fit_refiner(views_of(found[:1200], truth[:1200]), IBUG_68)
    before, after = (
        (points[1200:] - truth[1200:])[:, 6:11].norm(dim=-1).mean() for points in (found, refiner(found))
    )
    assert after < 0.5 * before
    assert (refiner(found) - truth)[1200:].norm(dim=-1).mean() < 1.15 * noise.norm(dim=-1).mean()


@pytest.mark.slow
def test_refiner_that_overfits_is_shrunk_or_left_out(face: Face, monkeypatch: pytest.MonkeyPatch):
    """The error is noise that differs between photographs, so nothing can be learnt from ten of them."""
    monkeypatch.setattr(STEPS, 150)
    generator = torch.Generator().manual_seed(1)
    base = torch.from_numpy(face.points_px).float()

    def noisy(n_photographs: int) -> Views:
        truth = base + 8 * torch.randn(n_photographs, 68, 2, generator=generator).repeat_interleave(4, 0)
        error = 2 * torch.randn(n_photographs, 68, 2, generator=generator).repeat_interleave(4, 0)
        view = torch.randn(4 * n_photographs, 68, 2, generator=generator)
        return views_of(truth + error + 0.3 * view, truth)

    few, others = noisy(10), noisy(100)
    before = (others.predicted - others.truth).norm(dim=-1).mean()
    unshrunk = fit_refiner(few, IBUG_68)
    assert (unshrunk(others.predicted) - others.truth).norm(dim=-1).mean() > 1.05 * before
    refiner, strength = fit_safely(few, IBUG_68)
    assert strength < 0.3
    refined = others.predicted if refiner is None else refiner(others.predicted)
    assert (refined - others.truth).norm(dim=-1).mean() < 1.02 * before


@pytest.mark.slow
def test_refiner_that_generalises_keeps_its_strength(face: Face, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(STEPS, 150)
    truth = torch.from_numpy(face.points_px).float() + 2 * torch.randn(40, 68, 2)
    shifted = truth.clone()
    shifted[:, :17, 0] += 8
    refiner, strength = fit_safely(views_of(shifted, truth), IBUG_68)
    assert refiner is not None
    assert strength > 0.8


def test_rotated_views_of_a_held_out_face_are_held_out_with_it():
    source = LabelledFace(Path("a/helen/1.png"), np.zeros((68, 2)), "helen")
    view = LabelledFace(Path("profiles/helen-1-2.jpg"), np.zeros((68, 2)), "profiles")
    other = LabelledFace(Path("profiles/7-2.jpg"), np.zeros((68, 2)), "profiles")
    # The names are internal to the fit: no result of a fit on few faces shows the leak reliably.
    names = fit_module._photograph_names([source])
    assert fit_module._photograph(view, names) == fit_module._photograph(source, names)
    assert fit_module._photograph(other, names) != fit_module._photograph(source, names)


def test_largest_seed_is_accepted(monkeypatch: pytest.MonkeyPatch):
    command = ["refine", "w", "--root", ".", "-o", "x", "--seed", str(2**64 - 1)]
    monkeypatch.setattr(STEPS, 2)
    shapes = torch.rand(8, 68, 2) * 200
    refiner = fit_refiner(views_of(shapes, shapes + 1), IBUG_68, parse(command).seed)
    assert torch.isfinite(refiner(shapes)).all()


def test_checkpoint_keeps_its_refiner(small: Path, tmp_path: Path):
    loaded = load_weights(small)
    assert loaded.refiner is not None
    landmarks = torch.rand(1, 68, 4) * 200
    for half, near in ((False, 0.0), (True, 0.05)):
        again = tmp_path / f"again-{half}.safetensors"
        save_weights(again, loaded.model, loaded.info, refiner=loaded.refiner, half=half)
        refiner = load_weights(again).refiner
        assert refiner is not None
        assert float((refiner(landmarks) - moving_refiner(68)(landmarks)).abs().max()) <= near
    save_weights(again, loaded.model, loaded.info)
    assert load_weights(again).refiner is None


def test_refiner_for_another_number_of_points_gives_one_line_error(small: Path, tmp_path: Path):
    loaded = load_weights(small)
    broken = tmp_path / "broken.safetensors"
    save_weights(broken, loaded.model, loaded.info, refiner=moving_refiner(29))
    with pytest.raises(LivefanError, match="do not fit") as caught:
        load_weights(broken)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["torch", "openvino", "onnxruntime"])
def test_every_runtime_applies_the_refiner(runtime: str, small: Path, tmp_path: Path):
    pytest.importorskip(runtime)
    loaded = load_weights(small)
    crops = check_crops(loaded.info.input_size)
    plain = TorchRuntime(replace(loaded, refiner=None)).run(crops)
    wanted = moving_refiner(68)(torch.from_numpy(plain)).numpy()
    found = open_runtime(small, RuntimeChoice(runtime, "float32"), cache=tmp_path).run(crops)
    assert np.abs(wanted - plain).max() > 0.5
    assert np.abs(found - wanted).max() < 0.02


def test_other_decoder_disables_the_refiner(small: Path):
    loaded = load_weights(small)
    crops = check_crops(loaded.info.input_size)
    plain = TorchRuntime(replace(loaded, refiner=None), "argmax").run(crops)
    assert np.array_equal(TorchRuntime(loaded, "argmax").run(crops), plain)
    by_itself = TorchRuntime(loaded).run(crops)
    assert np.array_equal(TorchRuntime(loaded, "soft-argmax").run(crops), by_itself)
    assert not np.array_equal(TorchRuntime(replace(loaded, refiner=None)).run(crops), by_itself)


@pytest.mark.slow
def test_command_writes_a_checkpoint_with_refiner(
    tmp_path: Path,
    small: Path,
    photo: np.ndarray,
    face: Face,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    for folder, name in enumerate(("lfpw/trainset", "helen/trainset", "afw", "profiles")):
        (tmp_path / name).mkdir(parents=True)
        for number in range(6):
            # Otherwise the images would count as copies of one photograph.
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), relit(photo, 6 * folder + number))
            write_pts(tmp_path / name / f"{number}.pts", face.points_px)
    out = tmp_path / "refined.safetensors"
    command = ["refine", str(small), "--root", str(tmp_path), "--extra", str(tmp_path / "profiles")]
    monkeypatch.setattr(sys, "argv", ["livefan", "refine", "small.safetensors"])
    monkeypatch.setattr(STEPS, 20)
    assert main([*command, "--passes", "1", "-o", str(out), "--quiet"]) == 0
    assert parse_graph(graph_path(out).read_bytes()).weights_sha256 == read_weight_file(out).sha256
    assert "validation NME" in capsys.readouterr().out
    before, after = (read_tensors(path)[0] for path in (small, out))
    assert torch.equal(before["head.weight"], after["head.weight"])
    assert not torch.equal(before["refiner.skip.bias"], after["refiner.skip.bias"])
    training = json.loads(read_tensors(out)[1]["livefan"])["training"]
    assert "views" in training["refiner"]
    assert training["refined_by"].startswith("livefan refine small.safetensors (commit ")
    before = json.loads(read_tensors(small)[1]["livefan"])["training"]
    assert {key: training[key] for key in ("command", "commit")} == {
        key: before[key] for key in ("command", "commit")
    }


@pytest.mark.slow
def test_refiner_that_raises_the_validation_error_is_not_written(
    tmp_path: Path,
    small: Path,
    photo: np.ndarray,
    face: Face,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    for number in range(20):
        cv2.imwrite(str(tmp_path / f"{number}.png"), relit(photo, number))
        write_pts(tmp_path / f"{number}.pts", face.points_px)
    worse = moving_refiner(68)
    with torch.no_grad():
        worse.skip.bias += 0.1
    monkeypatch.setattr("livefan.training.fit_refiner.fit_safely", lambda *arguments: (worse, 1.0))
    out = tmp_path / "o.safetensors"
    command = ["refine", str(small), "--dataset", "pts", "--root", str(tmp_path), "--passes", "2", "--quiet"]
    assert main([*command, "-o", str(out)]) == 2
    message = capsys.readouterr().err
    assert message.startswith(
        f"livefan: {out}: not written, since the refiner raises the validation NME from"
    )
    assert message.count("\n") == 1
    assert not out.exists()


def test_share_of_the_training_is_held_out_of_the_fit_too(
    tmp_path: Path, face: Face, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "faces").mkdir()
    for number in range(20):
        (tmp_path / f"faces/{number}.png").touch()
        write_pts(tmp_path / f"faces/{number}.pts", face.points_px)

    def fit(weights: str, labelled: FaceSet, extra: None, validation: FaceSet, *given: Any, **named: Any):
        held_out = load_held_out("pts", tmp_path / "faces", 0.3)
        assert [each.name for each in validation.faces] == [each.name for each in held_out.faces]
        assert len(labelled.faces) == 14
        raise LivefanError("checked")

    monkeypatch.setattr(fit_module, "refine", fit)
    data = ["--dataset", "pts", "--root", str(tmp_path / "faces"), "--validation", "0.3"]
    assert main(["refine", "absent", *data, "-o", str(tmp_path / "o.safetensors")]) == 2


def test_missing_output_folder_is_reported_before_the_fit(
    tmp_path: Path, small: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "gone" / "o.safetensors"
    assert main(["refine", str(small), "--root", str(tmp_path), "-o", str(out)]) == 2
    assert "gone: no such folder" in capsys.readouterr().err


def test_folder_for_the_output_is_reported_before_the_fit(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["refine", str(small), "--root", str(tmp_path), "-o", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"livefan: {tmp_path}: is a folder; name a file for the output\n"


def test_extra_faces_of_another_scheme_are_rejected_before_the_fit(
    tmp_path: Path, small: Path, face: Face, photo: np.ndarray, capsys: pytest.CaptureFixture[str]
):
    for folder, points in (("afw", face.points_px), ("further", face.points_px[:29])):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "a.png"), photo)
        write_pts(tmp_path / folder / "a.pts", points)
    (tmp_path / "lfpw/trainset").mkdir(parents=True)
    command = ["refine", str(small), "--root", str(tmp_path), "--extra", str(tmp_path / "further")]
    assert main([*command, "-o", str(tmp_path / "o.safetensors")]) == 2
    *absent, message = capsys.readouterr().err.splitlines()
    assert all(line.endswith(": missing; continuing without it") for line in absent)
    assert message.startswith(
        "livefan: further is of scheme cofw-29, 300w train of 300w-68; faces of one run"
    )
    assert not (tmp_path / "o.safetensors").exists()


def test_unreadable_validation_faces_are_reported_before_the_fit(
    tmp_path: Path,
    small: Path,
    face: Face,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    # Private: the first function of the fit that takes long.
    monkeypatch.setattr(
        "livefan.training.fit_refiner._predict_views", lambda *a, **b: pytest.fail("worked already")
    )
    for name in ("lfpw/trainset", "helen/trainset", "afw"):
        (tmp_path / name).mkdir(parents=True)
        for number in range(8):
            (tmp_path / name / f"{number}.png").write_bytes(b"no image")
            write_pts(tmp_path / name / f"{number}.pts", face.points_px)
    out = tmp_path / "o.safetensors"
    assert main(["refine", str(small), "--root", str(tmp_path), "-o", str(out)]) == 2
    *_, message = capsys.readouterr().err.splitlines()
    assert message.startswith(
        "livefan: 300w validation: holds no face that can be used; check --root; the first"
    )
    assert ".png: not an image, or damaged" in message


def test_missing_weights_give_one_line_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "lfpw/trainset").mkdir(parents=True)
    command = ["refine", "absent", "--root", str(tmp_path), "-o", str(tmp_path / "o.safetensors")]
    assert main(command) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "o.safetensors").exists()

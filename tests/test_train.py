from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from livefan.cli import main
from livefan.datasets import FaceSet, LabelledFace
from livefan.decode import crop_to_heatmap
from livefan.errors import LivefanError
from livefan.scheme import IBUG_68
from livefan.training.augment import EvaluationFaces, TrainingFaces
from livefan.training.average import greedy_soup
from livefan.training.config import TrainConfig, read_config, to_toml
from livefan.training.engine import learning_rate_factor, train
from livefan.training.losses import LandmarkCriterion
from livefan.weights import load_weights

SMALL = TrainConfig(width=0.5, init="", epochs=2, batch_size=4, warmup_steps=1)


def marked_faces(folder: Path, count: int) -> FaceSet:
    """Pictures with a white dot at every landmark, so that points can be found again by eye and code."""
    faces = []
    for index in range(count):
        rng = np.random.default_rng(index)
        xs, ys = np.meshgrid(np.linspace(110, 200, 9), np.linspace(100, 210, 8))
        points = np.column_stack([xs.ravel(), ys.ravel()])[:68] + rng.uniform(-2, 2, (68, 2))
        image = np.zeros((320, 320, 3), np.uint8)
        for x, y in points:
            cv2.circle(image, (round(x * 16), round(y * 16)), 48, (255, 255, 255), -1, cv2.LINE_AA, 4)
        path = folder / f"{index}.png"
        cv2.imwrite(str(path), image)
        faces.append(LabelledFace(path, points, "marked"))
    return FaceSet(IBUG_68, faces)


def test_augmented_points_stay_on_what_they_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("livefan.training.augment._PHOTOMETRIC", ())
    dataset = TrainingFaces(marked_faces(tmp_path, 2).faces, IBUG_68, TrainConfig(seed=3))
    for key in range(40):
        pixels, points = (value.numpy() for value in dataset[key])
        inside = points[((points > 1) & (points < 254)).all(axis=1)].round().astype(int)
        assert len(inside) > 30
        assert (pixels[inside[:, 1], inside[:, 0], 0] > 120).all()


def test_augmentation_varies_and_follows_from_its_seed(tmp_path: Path):
    faces = marked_faces(tmp_path, 2).faces
    first, same, other = (TrainingFaces(faces, IBUG_68, TrainConfig(seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(first[1][0], same[1][0])
    assert not torch.equal(first[1][0], other[1][0])
    assert not torch.equal(first[1][1], first[3][1])  # the same face in the next epoch


def test_a_face_kept_small_in_memory_is_the_same_face(tmp_path: Path):
    (face,) = marked_faces(tmp_path, 1).faces
    large = cv2.resize(face.read_image(), None, fx=6, fy=6, interpolation=cv2.INTER_LINEAR)
    cv2.imwrite(str(tmp_path / "large.png"), large)
    points = (face.points_px + 0.5) * 6 - 0.5
    config = TrainConfig(rotation_probability=0, scale=1.0, shift=0)
    crops = [
        TrainingFaces([one], IBUG_68, config)[0][1]
        for one in (face, LabelledFace(tmp_path / "large.png", points, "marked"))
    ]
    assert torch.allclose(crops[0], crops[1], atol=0.05)


def test_unreadable_images_are_passed_over_and_listed(tmp_path: Path):
    faces = marked_faces(tmp_path, 3).faces
    faces[1].image_path.write_bytes(b"broken")
    for dataset in (TrainingFaces(faces, IBUG_68, SMALL), EvaluationFaces(faces)):
        assert len(dataset) == 2
        assert "1.png" in dataset.skipped[0]


def perfect_logits(points_crop: torch.Tensor, sigma: float) -> torch.Tensor:
    target = crop_to_heatmap(points_crop)
    cells = torch.arange(64.0)
    dx = (cells - target[..., :1]) ** 2
    dy = (cells - target[..., 1:]) ** 2
    return -(dy[..., :, None] + dx[..., None, :]) / (2 * sigma**2)


def test_the_loss_is_least_at_the_target_and_its_terms_are_named():
    points = torch.rand(2, 68, 2) * 180 + 40
    criterion = LandmarkCriterion(heatmap_weight=0.5)
    perfect = criterion(perfect_logits(points, 1.2), points)
    shifted = criterion(perfect_logits(points + 4, 1.2), points)
    assert perfect["coordinate"] < 1e-3
    assert shifted["coordinate"].item() == pytest.approx(1.0, abs=1e-3)
    # The entropy of a Gaussian of sigma 1.2: log(2 pi e sigma^2).
    assert perfect["heatmap"].item() == pytest.approx(3.20, abs=0.02)
    assert shifted["heatmap"] > perfect["heatmap"]
    assert criterion.total(perfect).item() == pytest.approx(
        (perfect["coordinate"] + 0.5 * perfect["heatmap"]).item()
    )


def test_landmarks_outside_the_crop_do_not_count():
    points = torch.full((1, 68, 2), 100.0)
    logits = perfect_logits(points, 1.2)
    points[0, 10:] = 400.0
    assert LandmarkCriterion()(logits, points)["coordinate"] < 1e-3
    everything_outside = LandmarkCriterion()(logits, points + 1000)
    assert all(value.item() == 0.0 for value in everything_outside.values())


def test_the_learning_rate_warms_up_and_falls_to_zero():
    factors = [learning_rate_factor(step, 10, 110) for step in range(110)]
    assert factors[0] == 0.1
    assert factors[9] == factors[10] == 1.0
    assert factors[60] == pytest.approx(0.5)
    assert factors[-1] < 0.001
    assert factors[10:] == sorted(factors[10:], reverse=True)


def test_a_run_resumed_equals_one_never_stopped(tmp_path: Path):
    training, validation = (marked_faces(_folder(tmp_path / name), 8) for name in ("t", "v"))
    whole = train(training, validation, SMALL, tmp_path / "whole", quiet=True)
    with pytest.MonkeyPatch.context() as patch:
        save = __import__("livefan.training.engine", fromlist=["_save_state"])._save_state

        def killed(*arguments: object) -> None:
            save(*arguments)
            raise KeyboardInterrupt

        patch.setattr("livefan.training.engine._save_state", killed)
        with pytest.raises(KeyboardInterrupt):
            train(training, validation, SMALL, tmp_path / "cut", quiet=True)
    resumed = train(training, validation, SMALL, tmp_path / "cut", quiet=True)
    assert resumed.history == whole.history
    best = [load_weights(tmp_path / run / "best.safetensors") for run in ("whole", "cut")]
    assert torch.equal(best[0].model.head.weight, best[1].model.head.weight)
    assert float(best[0].info.training["validation"].split()[0]) == pytest.approx(whole.best_nme, abs=1e-3)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_other_settings_do_not_continue_a_run(tmp_path: Path):
    faces = marked_faces(tmp_path, 4)
    train(faces, faces, TrainConfig(width=0.5, init="", epochs=1, batch_size=4), tmp_path / "r", quiet=True)
    with pytest.raises(LivefanError, match="other settings"):
        train(faces, faces, SMALL, tmp_path / "r", quiet=True)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_terms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        LandmarkCriterion,
        "forward",
        lambda self, heatmaps, points: {
            "coordinate": heatmaps.sum() * 0 + 1,
            "heatmap": heatmaps.sum() * torch.nan,
        },
    )
    faces = marked_faces(tmp_path, 4)
    with pytest.raises(LivefanError, match="'heatmap': nan"):
        train(faces, faces, SMALL, tmp_path / "r", quiet=True)


def test_settings_survive_toml_and_wrong_ones_are_named(tmp_path: Path):
    path = tmp_path / "run.toml"
    path.write_text(to_toml(SMALL))
    assert read_config(path, {}) == SMALL
    assert read_config(path, {"epochs": 7}).epochs == 7
    for text, said in (
        ("speed = 3", "unknown setting 'speed'"),
        ("epochs = 'many'", "epochs must be a int"),
        ("epochs = 0", "at least 1"),
        ("epochs = ", "cannot be read"),
    ):
        path.write_text(text)
        with pytest.raises(LivefanError, match=said):
            read_config(path, {})


def test_training_on_a_folder_without_faces_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["train", "--root", str(tmp_path), "--out", str(tmp_path / "run")]) == 2
    assert "lfpw/trainset" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_averaging_keeps_what_helps_and_says_what_went_in(tmp_path: Path):
    training, validation = (marked_faces(_folder(tmp_path / name), 8) for name in ("t", "v"))
    progress = train(training, validation, SMALL, tmp_path / "run", keep_epochs=True, quiet=True)
    epochs = [tmp_path / f"run/epoch-{number}.safetensors" for number in (1, 2)]
    chosen, error = greedy_soup(epochs, validation, tmp_path / "mean.safetensors")
    assert error <= progress.best_nme + 1e-6
    mean = load_weights(tmp_path / "mean.safetensors")
    assert mean.info.training["averaged"] == ", ".join(path.stem for path in chosen)
    parts = [load_weights(path).model.head.weight for path in chosen]
    assert torch.allclose(mean.model.head.weight, torch.stack(parts).mean(0), atol=1e-7)

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save

from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68
from livefan.datasets import FaceSet, LabelledFace, load_training
from livefan.io.pts_file import write_pts
from livefan.networks.checkpoint import WeightsInfo, load_weights, save_weights
from livefan.networks.checkpoint_info import sha256_of
from livefan.networks.heatmaps import crop_to_heatmap, heatmap_to_crop, soft_argmax
from livefan.networks.mobilefan import MobileFAN
from livefan.training.augmentation.augment import EvaluationFaces, TrainingFaces, kept_margin
from livefan.training.average import average
from livefan.training.config import TrainConfig, read_config, to_toml
from livefan.training.engine import validate
from livefan.training.learner import Learner, MovingAverage
from livefan.training.loader import Loader
from livefan.training.losses import DistillationCriterion, LandmarkCriterion, weighted_total
from livefan.training.objective import teacher_outputs
from livefan.training.optimisation import learning_rate_factor
from livefan.training.run import Run
from livefan.training.train import train

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
    monkeypatch.setattr("livefan.training.augmentation.augment._PHOTOMETRIC", ())
    dataset = TrainingFaces(marked_faces(tmp_path, 2).faces, IBUG_68, TrainConfig(seed=3))
    for key in range(40):
        size = 256 if key % 2 else 192
        pixels, points = (value.numpy() for value in dataset.sample(key, size))
        assert pixels.shape == (size, size, 3)
        inside = points[((points > 1) & (points < size - 2)).all(axis=1)].round().astype(int)
        assert len(inside) > 30
        assert (pixels[inside[:, 1], inside[:, 0], 0] > 120).all()


def test_labels_of_mirrored_faces_keep_their_offset(tmp_path: Path):
    faces = marked_faces(tmp_path, 2).faces
    exact, offset = (TrainingFaces(faces, IBUG_68, TrainConfig(mirror_offset=share)) for share in (0.0, 0.05))
    moved = np.array([(offset[key][1] - exact[key][1]).mean(0).tolist() for key in range(40)])
    plain = np.isclose(moved, (0.0, 0.0), atol=1e-3).all(axis=1)
    mirrored = np.isclose(moved, (2 * 12.8, 0.0), atol=1e-3).all(axis=1)
    assert (plain | mirrored).all()
    assert plain.any()
    assert mirrored.any()


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


@pytest.mark.parametrize(
    "settings",
    [
        TrainConfig(scale=2.0, shift=0.3, rotation=180.0, rotation_probability=1.0),
        TrainConfig(scale=4.0, rotation_probability=0.0),
        TrainConfig(shift=1.0),
    ],
)
def test_what_the_picture_shows_is_there_however_far_crops_reach(tmp_path: Path, settings: TrainConfig):
    """In the middle of a white picture there is nothing black, whatever is cut of it."""
    (face,) = marked_faces(tmp_path, 1).faces
    middle = face.points_px.mean(axis=0)
    cv2.imwrite(str(tmp_path / "white.png"), np.full((1200, 1200, 3), 255, np.uint8))
    white = LabelledFace(tmp_path / "white.png", face.points_px + 600 - middle, "white")
    dataset = TrainingFaces([white], IBUG_68, replace(settings, photometric=0.0))
    assert min(int(dataset[key][0].min()) for key in range(200)) == 255


def test_no_more_is_kept_of_a_face_than_its_picture_has(tmp_path: Path):
    (face,) = marked_faces(tmp_path, 1).faces
    dataset = TrainingFaces([face], IBUG_68, TrainConfig(scale=10.0, shift=1.0))
    assert dataset._kept[0][0].nbytes < 2 * face.read_image().nbytes
    assert kept_margin(TrainConfig()) == 2.4  # what the shipped weights saw stays as it was


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
    assert weighted_total(perfect, criterion.weights).item() == pytest.approx(
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
    config = TrainConfig(epochs=11, warmup_steps=10)
    factors = [learning_rate_factor(step, 10, config) for step in range(110)]
    assert factors[0] == 0.1
    assert factors[9] == factors[10] == 1.0
    assert factors[60] == pytest.approx(0.5)
    assert factors[-1] < 0.001
    assert factors[10:] == sorted(factors[10:], reverse=True)
    steps = replace(config, schedule="steps", milestones=(3, 5))
    falls = [learning_rate_factor(step, 10, steps) for step in (29, 30, 49, 50)]
    assert falls == pytest.approx([1.0, 0.1, 0.1, 0.01])


def test_a_run_resumed_equals_one_never_stopped(tmp_path: Path):
    training, validation = (marked_faces(_folder(tmp_path / name), 8) for name in ("t", "v"))
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


def test_a_run_that_made_nothing_is_begun_anew_with_other_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    faces, others = (marked_faces(_folder(tmp_path / name), 4) for name in ("f", "others"))
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


def test_other_faces_do_not_continue_a_run(tmp_path: Path):
    faces, others = (marked_faces(_folder(tmp_path / name), 4) for name in ("f", "others"))
    once, folder = replace(SMALL, epochs=1), tmp_path / "r"
    train(faces, faces, once, folder, quiet=True)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    fewer = replace(faces, faces=faces.faces[:3])
    for training, validation, said in (
        (others, faces, r"first 'train .*f/0\.png', which is 'train .*others/0\.png' now"),
        (faces, others, r"first 'validation .*f/0\.png', which is 'validation .*others/0\.png' now"),
        (faces, fewer, r"first 'validation .*3\.png', which is 'no further' now"),
        (faces.joined(others), faces, r"first 'validation .*', which is 'train .*others/0\.png' now"),
    ):
        with pytest.raises(LivefanError, match=rf"r/faces\.txt: .*run on other faces, {said}"):
            train(training, validation, once, folder, quiet=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_another_init_or_teacher_of_the_same_name_does_not_continue_a_run(tmp_path: Path):
    faces, folder = marked_faces(_folder(tmp_path / "f"), 4), tmp_path / "r"
    paths = {name: tmp_path / f"{name}.safetensors" for name in ("init", "teacher")}
    for path in paths.values():
        save_weights(path, MobileFAN(68, 0.5), WeightsInfo("300w-68", 0.5))
    config = replace(
        SMALL, epochs=1, response_weight=1.0, **{name: str(path) for name, path in paths.items()}
    )
    train(faces, faces, config, folder, quiet=True)
    assert json.loads((folder / "weights.json").read_text()) == {
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


def test_a_run_writes_down_what_it_began_with(tmp_path: Path):
    faces = marked_faces(_folder(tmp_path / "f"), 4)
    train(faces, faces, replace(SMALL, epochs=1), tmp_path / "r", quiet=True)
    environment = json.loads((tmp_path / "r/environment.json").read_text())
    assert environment["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert environment["commit"]
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


def test_a_full_disk_is_one_line_that_names_the_file(
    tmp_path: Path, full_beyond: Callable[[int], None], capsys: pytest.CaptureFixture[str]
):
    root, out = tmp_path / "root", tmp_path / "run"
    _write_faces(root, 12)
    (tmp_path / "run.toml").write_text(to_toml(replace(SMALL, epochs=1)))
    command = ["train", "--dataset", "pts", "--root", str(root), "--config", str(tmp_path / "run.toml")]
    command += ["--out", str(out), "--quiet"]
    weights_size = len(save(MobileFAN(68, 0.5).state_dict()))
    for size, name in ((weights_size // 2, "best"), (2 * weights_size, "state")):
        full_beyond(size)
        assert main(command) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"livefan: {out / name}.safetensors: File too large; check the place")
        assert said.count("\n") == 1
        assert not list(out.glob(".*"))
    assert (out / "best.safetensors").is_file()


def test_a_student_learns_from_its_teacher_and_can_be_stopped_on_the_way(tmp_path: Path):
    faces = marked_faces(_folder(tmp_path / "f"), 4)
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


@pytest.mark.parametrize(
    ("input_size", "side", "seen"), [(256, 192, 224), (224, 160, 224), (192, 128, 192), (256, 224, 224)]
)
def test_a_teacher_for_larger_crops_sees_the_face_as_large_as_it_learnt_it(
    tmp_path: Path, input_size: int, side: int, seen: int
):
    torch.manual_seed(0)
    path = tmp_path / "w.safetensors"
    save_weights(path, MobileFAN(68, 0.5), WeightsInfo("300w-68", 0.5, input_size=input_size))
    teacher = load_weights(path)
    sizes: list[int] = []
    teacher.model.encoder.register_forward_pre_hook(lambda _, given: sizes.append(given[0].shape[-1]))
    crops = torch.randn(2, 3, side, side)
    theirs, their_stages = teacher_outputs(teacher, crops)
    assert sizes == [seen]
    learner = Learner(MobileFAN(68, 0.5), teacher.model.channels)
    heatmaps, stages, lifted = learner(crops)
    assert theirs.shape == heatmaps.shape
    terms = DistillationCriterion(1.0, 1.0, 1.0)(heatmaps, stages, lifted, theirs, their_stages)
    assert all(value.isfinite() and value > 0 for value in terms.values())
    for value in terms.values():
        learner.zero_grad()
        torch.autograd.backward(value, retain_graph=True)
        slope = learner.network.decoder[0][0].weight.grad
        assert slope is not None
        assert slope.isfinite().all()
        assert slope.abs().max() > 0
    if seen == side:
        as_they_are, their_own = teacher.model.with_stages(crops)
        assert torch.equal(theirs, as_they_are)
        assert all(map(torch.equal, their_stages, their_own))


def test_what_a_teacher_marks_on_the_larger_crop_lies_in_the_same_place_of_the_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    save_weights(tmp_path / "w.safetensors", MobileFAN(68, 0.5), WeightsInfo("300w-68", 0.5))
    points = torch.tensor([[60.0, 120.0], [150.0, 31.0]])
    logits = perfect_logits(points, 1.5)[None, :, :56, :56]
    monkeypatch.setattr(MobileFAN, "with_stages", lambda network, x: (logits, []))
    heatmaps, _ = teacher_outputs(load_weights(tmp_path / "w.safetensors"), torch.zeros(1, 3, 192, 192))
    found = heatmap_to_crop(soft_argmax(heatmaps)[0])[0]
    assert torch.allclose((found + 0.5) * 224 / 192 - 0.5, points, atol=0.1)


def test_batches_of_several_sizes_are_each_taught_in_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    faces = marked_faces(_folder(tmp_path / "f"), 4)
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


def test_a_teacher_of_another_scheme_is_one_line(tmp_path: Path):
    faces = marked_faces(_folder(tmp_path / "f"), 4)
    save_weights(tmp_path / "w.safetensors", MobileFAN(98, 0.5), WeightsInfo("wflw-98", 0.5))
    config = replace(SMALL, teacher=str(tmp_path / "w.safetensors"), response_weight=1.0)
    with pytest.raises(LivefanError, match="wflw-98"):
        train(faces, faces, config, tmp_path / "r", quiet=True)
    assert not (tmp_path / "r").exists()


def test_two_processes_share_a_run(tmp_path: Path):
    for name in ("lfpw/trainset", "helen/trainset", "afw"):
        _write_faces(tmp_path / name, 8)  # one of them is held out
    (tmp_path / "run.toml").write_text("width = 0.5\ninit = ''\nbatch_size = 4\nwarmup_steps = 1\n")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["main.py", "train", "--root", str(tmp_path), "--config", str(tmp_path / "run.toml")]
    command += ["--out", str(tmp_path / "run"), "--epochs", "2", "--threads", "1", "--quiet"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("validation NME") == 1, "only one process reports"
    history = json.loads((tmp_path / "run/history.json").read_text())
    assert [entry["epoch"] for entry in history] == [1, 2]
    # Taken up by a single process: nothing is left to do, and nothing changes.
    assert main(["train", *command[command.index("--root") :]]) == 0
    assert json.loads((tmp_path / "run/history.json").read_text()) == history


def test_a_batch_is_divided_among_processes(tmp_path: Path):
    faces = TrainingFaces(marked_faces(tmp_path, 8).faces, IBUG_68, SMALL)
    (whole,) = islice(Loader(faces, 8, 0, 1).epoch(0), 1)
    halves = [next(iter(Loader(faces, 8, 0, 1, rank=rank, processes=2).epoch(0))) for rank in (0, 1)]
    assert torch.equal(whole[0][0::2], halves[0][0])
    assert torch.equal(whole[1][1::2], halves[1][1])


def test_batches_take_the_sizes_of_crops_in_turn_over_the_epochs(tmp_path: Path):
    config = replace(SMALL, input_sizes=(256, 192))
    faces = TrainingFaces(marked_faces(tmp_path, 6).faces, IBUG_68, config)
    loader = Loader(faces, 2, 0, 1)
    shapes = [[tuple(crops.shape) for crops, _ in loader.epoch(epoch)] for epoch in (0, 1)]
    large, small = (2, 256, 256, 3), (2, 192, 192, 3)
    assert shapes == [[large, small, large], [small, large, small]]


def test_the_moving_average_forgets_its_beginning():
    network = MobileFAN(5, 0.5)
    average = MovingAverage(network, 0.9)
    beginning = average.network.head.weight.clone()
    with torch.no_grad():
        network.head.weight.fill_(1.0)
        network.encoder.features[0][1].num_batches_tracked.fill_(7)
    average.update(network, 0)
    assert torch.allclose(average.network.head.weight, beginning * 0.1 + 0.9)
    average.update(network, 10**6)
    assert torch.allclose(average.network.head.weight, (beginning * 0.1 + 0.9) * 0.9 + 0.1)
    assert average.network.encoder.features[0][1].num_batches_tracked == 7


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
        ("milestones = ['a']", "list of whole numbers"),
        ("schedule = 'often'", "one of cosine, steps"),
        ("heatmap_loss = 'mse'", "coordinate_weight = 0"),
        ("response_weight = 1.0", "needs both a teacher"),
    ):
        path.write_text(text)
        with pytest.raises(LivefanError, match=said):
            read_config(path, {})


def test_a_number_out_of_its_range_is_one_line_that_says_the_range(capsys: pytest.CaptureFixture[str]):
    for setting, value, said in (
        ("learning_rate", -1.0, "at least 0, not -1.0"),
        ("learning_rate", math.inf, "at least 0, not inf"),
        ("weight_decay", -1e-4, "at least 0, not -0.0001"),
        ("warmup_steps", -3, "at least 0, not -3"),
        ("epochs", 0, "at least 1, not 0"),
        ("batch_size", 1, "at least 2, not 1"),
        ("average_decay", 2.0, "from 0 to 1, not 2.0"),
        ("mirror", 2.0, "from 0 to 1, not 2.0"),
        ("rotation_probability", 5.0, "from 0 to 1, not 5.0"),
        ("scale", 0.8, "from 1 to 10, not 0.8"),
        ("scale", -1.2, "from 1 to 10, not -1.2"),
        ("seed", -1, "from 0 to 18446744073709551615, not -1"),
        ("seed", 10**30, "from 0 to 18446744073709551615"),
        ("width", math.nan, "from 0.1 to 4, not nan"),
        ("width", 0.0, "from 0.1 to 4, not 0.0"),
        ("heatmap_sigma", 0.0, "at least 0.1, not 0.0"),
        ("response_weight", -1.0, "at least 0, not -1.0"),
    ):
        with pytest.raises(LivefanError, match=f"^settings: {setting} must be a number {said}"):
            read_config(None, {setting: value})
    for setting in fields(TrainConfig):
        if setting.type in ("int", "float"):
            with pytest.raises(LivefanError, match=f"^settings: {setting.name} must be a number"):
                read_config(None, {setting.name: {"int": -1, "float": math.nan}[str(setting.type)]})
    assert main(["train", "--root", "r", "--out", "o", "--width", "nan"]) == 2
    assert capsys.readouterr().err == "livefan: settings: width must be a number from 0.1 to 4, not nan\n"


@pytest.mark.parametrize("recipe", sorted(Path("weights/recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_can_be_read(recipe: Path):
    read_config(recipe, {})


def test_recipes_begin_with_what_the_commands_of_the_model_card_make():
    """Of the half width, whose commands are as the others, by the numbers of its stages."""
    card = Path("docs/experiments.md").read_text()
    runs = {
        *re.findall(r"--out (runs/\S+)", card),
        "runs/half",
        *(f"runs/half-{stage}" for stage in range(2, 9)),
    }
    means = re.findall(r" -o (runs/\S+)", card)
    assert {str(Path(mean).parent) for mean in means} <= runs  # where a folder is there to write to
    means += ["runs/half-3/mean.safetensors", "runs/half-5/mean.safetensors"]
    for recipe in Path("weights/recipes").glob("*.toml"):
        init = read_config(recipe, {}).init
        if init in ("", TrainConfig().init):
            continue
        # Not by a name that is taken by other weights at every release.
        assert init in means or re.search(r"^(.*)/(best|epoch-\d+)\.safetensors$", init), recipe
        assert str(Path(init).parent) in runs, recipe


def test_training_on_a_folder_without_faces_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["train", "--root", str(tmp_path), "--out", str(tmp_path / "run")]) == 2
    assert "lfpw/trainset" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_further_faces_are_trained_on_too(tmp_path: Path):
    for name in ("lfpw/trainset", "helen/trainset", "afw"):
        _write_faces(tmp_path / "root" / name, 8)
    _write_faces(tmp_path / "more", 5)
    training, validation = load_training("300w", tmp_path / "root")
    with_more, same = load_training("300w", tmp_path / "root", [tmp_path / "more"])
    assert len(with_more.faces) == len(training.faces) + 5
    assert [face.name for face in same.faces] == [face.name for face in validation.faces]
    assert with_more.title == "300w train; more"
    for pts in (tmp_path / "more").glob("*.pts"):
        write_pts(pts, np.random.default_rng(0).uniform(20, 80, (98, 2)))
    with pytest.raises(LivefanError, match="wflw-98"):
        load_training("300w", tmp_path / "root", [tmp_path / "more"])


def _write_faces(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for face in marked_faces(folder, count).faces:
        write_pts(face.image_path.with_suffix(".pts"), face.points_px)


def test_averaging_keeps_what_helps_and_says_what_went_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    training, validation = (marked_faces(_folder(tmp_path / name), 8) for name in ("t", "v"))
    progress = train(training, validation, SMALL, tmp_path / "run", keep_epochs=True, quiet=True)
    epochs = [tmp_path / f"run/epoch-{number}.safetensors" for number in (1, 2)]
    monkeypatch.setattr(sys, "argv", ["livefan", "average", "run/epoch-1.safetensors", "--root", "faces"])
    chosen, error = average(epochs, validation, tmp_path / "mean.safetensors")
    assert error <= progress.best_nme + 1e-6
    mean = load_weights(tmp_path / "mean.safetensors")
    assert mean.info.training["averaged"] == ", ".join(path.stem for path in chosen)
    environment = json.loads((tmp_path / "run/environment.json").read_text())
    done = f"livefan average run/epoch-1.safetensors --root faces (commit {environment['commit']})"
    assert mean.info.training["averaged_by"] == done
    assert mean.info.training["command"] == environment["command"] != done
    parts = [load_weights(path).model.head.weight for path in chosen]
    assert torch.allclose(mean.model.head.weight, torch.stack(parts).mean(0), atol=1e-7)
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


def test_a_file_counts_in_the_mean_as_often_as_it_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    for name in ("lfpw/trainset", "helen/trainset", "afw"):
        _write_faces(tmp_path / "root" / name, 8)
    heads = []
    for name in ("x", "y"):
        network = MobileFAN(68, 0.5)
        save_weights(tmp_path / f"{name}.safetensors", network, WeightsInfo("300w-68", 0.5))
        heads.append(network.head.weight)
    x, y, mean = (str(tmp_path / f"{name}.safetensors") for name in ("x", "y", "mean"))
    data = ["--root", str(tmp_path / "root"), "-o", mean]
    assert main(["average", x, x, y, "--all", *data]) == 0
    assert f"{mean}: mean of 3, " in capsys.readouterr().out
    info = load_weights(mean).info
    assert info.training["averaged"] == "x, x, y"
    assert torch.allclose(load_weights(mean).model.head.weight, (2 * heads[0] + heads[1]) / 3, atol=1e-7)
    # Greedily once more of the same does not lower the error, and so is tried and left out.
    assert main(["average", x, x, *data]) == 0
    said = capsys.readouterr().out
    assert said.count(f"{x}: alone") == 2
    assert "mean of 1, " in said


@pytest.mark.parametrize(
    ("out", "said"),
    [("gone/mean.safetensors", "gone: no such folder; create it first"), ("", "is a folder; name a file")],
)
def test_a_mean_that_could_not_be_written_is_not_measured(
    tmp_path: Path, out: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("livefan.datasets.load", lambda *_: pytest.fail("faces are read"))
    assert main(["average", "x", "--root", str(tmp_path), "-o", str(tmp_path / out)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("greedy", [True, False])
def test_without_a_finite_error_no_mean_is_written(tmp_path: Path, greedy: bool):
    faces = marked_faces(_folder(tmp_path / "f"), 2)
    faces.faces[0].points_px[36] = faces.faces[0].points_px[45]  # eye corners in one place
    save_weights(tmp_path / "x.safetensors", MobileFAN(68, 0.5), WeightsInfo("300w-68", 0.5))
    with pytest.raises(LivefanError, match="validation error is inf; check the labels"):
        average([tmp_path / "x.safetensors"], faces, tmp_path / "mean.safetensors", greedy=greedy)
    assert not (tmp_path / "mean.safetensors").exists()


def test_a_mean_without_faces_to_measure_it_on_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    root, out = tmp_path / "root", tmp_path / "mean.safetensors"
    save_weights(tmp_path / "x.safetensors", MobileFAN(68, 0.5), WeightsInfo("300w-68", 0.5))
    command = ["average", str(tmp_path / "x.safetensors"), "--root", str(root), "-o", str(out)]
    for name in ("lfpw/trainset", "helen/trainset", "afw"):
        _write_faces(root / name, 8)
        for image in (root / name).glob("*.png"):
            image.write_bytes(b"no image")
    assert main(command) == 2
    said = capsys.readouterr().err
    assert said.startswith(
        "livefan: 300w validation: holds no face that can be used; check --root; the first of"
    )
    assert ".png: cannot be read as an image" in said
    assert said.count("\n") == 1
    with pytest.raises(LivefanError, match="own validation: holds no faces; check --root"):
        average([tmp_path / "x.safetensors"], FaceSet(IBUG_68, [], title="own validation"), out)
    assert not out.exists()


def test_a_run_without_a_finite_validation_error_says_that_it_kept_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    root, out = tmp_path / "root", tmp_path / "run"
    _write_faces(root, 12)
    monkeypatch.setattr("livefan.training.train.validate", lambda *given, **named: math.inf)
    (tmp_path / "run.toml").write_text(to_toml(replace(SMALL, epochs=1)))
    command = ["train", "--dataset", "pts", "--root", str(root), "--config", str(tmp_path / "run.toml")]
    assert main([*command, "--out", str(out), "--quiet"]) == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert "no weights were kept, since no epoch had a finite validation error" in told.err
    assert "best.safetensors" not in told.out
    assert not (out / "best.safetensors").exists()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (WeightsInfo("300w-68", 1.0), "of width 1.0 for 256"),
        (WeightsInfo("300w-68", 0.5, input_size=224), "for 224 pixels"),
        (WeightsInfo("300w-68", 0.5, decoder="argmax"), "pixels and argmax"),
    ],
)
def test_only_networks_of_one_kind_are_averaged(tmp_path: Path, other: WeightsInfo, said: str):
    faces = marked_faces(_folder(tmp_path / "f"), 4)
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for path, info in zip(paths, (WeightsInfo("300w-68", 0.5), other), strict=True):
        save_weights(path, MobileFAN(68, info.width), info)
    with pytest.raises(LivefanError, match=rf"b\.safetensors: a mobilefan .*{said}.*, but .*one kind only"):
        average(paths, faces, tmp_path / "mean.safetensors")
    assert not (tmp_path / "mean.safetensors").exists()


def test_a_mean_is_measured_by_the_decoder_that_it_is_saved_with(tmp_path: Path):
    faces = marked_faces(_folder(tmp_path / "f"), 4)
    torch.manual_seed(0)
    networks = [MobileFAN(68, 0.5).eval() for _ in range(2)]
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for path, network, offset in zip(paths, networks, (0.0035, 0.004), strict=True):
        info = WeightsInfo(
            "300w-68",
            0.5,
            decoder="argmax",
            input_size=192,
            mirror_offset=offset,
            training={"data": "some", "refiner": "fitted", "refined_by": "livefan refine"},
        )
        save_weights(path, network, info)
    chosen, error = average(paths, faces, tmp_path / "mean.safetensors")
    mean = load_weights(tmp_path / "mean.safetensors")
    assert mean.info.mirror_offset == load_weights(chosen[0]).info.mirror_offset
    assert mean.info.training.keys() == {"data", "averaged", "averaged_by", "validation"}
    assert mean.refiner is None
    held_out, cpu = EvaluationFaces(faces.faces, 192), torch.device("cpu")
    by_argmax, by_soft_argmax = (
        validate(mean.model, held_out, IBUG_68, cpu, decoder) for decoder in ("argmax", "soft-argmax")
    )
    assert error == pytest.approx(by_argmax, rel=1e-5)
    assert error != pytest.approx(by_soft_argmax, rel=1e-2)


def test_a_mean_of_several_mirror_offsets_says_which_it_keeps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    faces = marked_faces(_folder(tmp_path / "f"), 2)
    paths = [tmp_path / f"{name}.safetensors" for name in "abc"]
    for path, offset in zip(paths, (0.004, 0.0035, 0.0035), strict=True):
        save_weights(path, MobileFAN(68, 0.5), WeightsInfo("300w-68", 0.5, mirror_offset=offset))
    for order in (paths, paths[::-1]):
        average(order, faces, tmp_path / "mean.safetensors", greedy=False)
        kept = load_weights(order[0]).info.mirror_offset
        assert load_weights(tmp_path / "mean.safetensors").info.mirror_offset == kept
        told = f"mirror offsets of 0.0035 and 0.004: the mean says {kept}, as {order[0]} does"
        assert capsys.readouterr().out.splitlines() == [told]
    average(paths[1:], faces, tmp_path / "mean.safetensors", greedy=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("size", [256, 224, 96])
def test_preview_draws_each_face_plain_and_as_it_is_trained_on(
    tmp_path: Path, size: int, capsys: pytest.CaptureFixture[str]
):
    root = tmp_path / "own"
    _write_faces(root, 3)
    sheet, settings = tmp_path / "sheet.png", tmp_path / "run.toml"
    settings.write_text(f"input_sizes = [{size}]\ncovering = 1.0\nrotation_probability = 1.0\n")
    arguments = ["preview", "--dataset", "pts", "--root", root, "--config", settings, "--faces", 2]
    arguments += ["--samples", 3, "-o", sheet]
    assert main([str(argument) for argument in arguments]) == 0
    drawn = cv2.imread(str(sheet))
    assert drawn.shape == (2 * size, 4 * size, 3)
    tiles = drawn.reshape(2, size, 4, size, 3).swapaxes(1, 2).reshape(8, -1)
    assert len(np.unique(tiles, axis=0)) == 8  # no two are the same
    before = sheet.read_bytes()
    assert main([str(argument) for argument in arguments]) == 0
    assert sheet.read_bytes() == before
    _write_faces(tmp_path / "more", 2)
    assert main([*map(str, arguments), "--extra", str(tmp_path / "more"), "--faces", "9"]) == 0
    assert cv2.imread(str(sheet)).shape[0] == (2 + 3) * size
    assert main([str(argument) for argument in (*arguments[:-1], tmp_path / "gone/sheet.png")]) == 2
    assert "gone: no such folder" in capsys.readouterr().err
    assert main([str(argument) for argument in (*arguments[:-1], tmp_path / "sheet.txt")]) == 2
    assert "name a .png" in capsys.readouterr().err


def test_what_is_skipped_is_listed_counted_and_kept_with_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    root, more = tmp_path / "root", tmp_path / "more"
    _write_faces(root, 12)
    _write_faces(more, 2)
    (root / "0.pts").write_text("damaged")
    (root / "1.png").write_bytes(b"no image")
    (more / "0.png").unlink()
    (tmp_path / "run.toml").write_text(to_toml(replace(SMALL, epochs=1)))
    data = ["--dataset", "pts", "--root", str(root), "--extra", str(more)]
    command = ["train", *data, "--config", str(tmp_path / "run.toml"), "--out", str(tmp_path / "run")]
    assert main([*command, "--quiet"]) == 0
    said = capsys.readouterr().err.splitlines()
    listed = (tmp_path / "run/skipped.txt").read_text().splitlines()
    assert [line.partition(":")[0] for line in sorted(listed)] == [
        str(more / "0.pts"),
        str(root / "0.pts"),
        str(root / "1.png"),
    ]
    assert said == [*(f"skipped: {line}" for line in listed), "skipped in all: 3"]
    assert main(["preview", *data[:4], "-o", str(tmp_path / "sheet.png")]) == 0
    assert capsys.readouterr().err.splitlines() == [said[0], "skipped in all: 1"]

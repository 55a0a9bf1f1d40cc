"""The expression head: its fit, and the teacher's names."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from clips import write_recording

from livefan.cli.main import main
from livefan.core.crop import upright_crop
from livefan.core.errors import LivefanError
from livefan.core.face_measures import EXPRESSION_NAMES
from livefan.core.frame import Face
from livefan.core.landmarks import IBUG_68
from livefan.networks.checkpoint import load_weights, save_weights
from livefan.training.expression_teacher import ExpressionTeacher, mirrored_order
from livefan.training.fit_expressions import (
    SampleChoice,
    Samples,
    _Collector,
    agreement,
    cache_name,
    fit_expressions,
    fit_head,
    mirrored_points,
    new_head,
)
from livefan.training.head_samples import disturbed_colours
from livefan.training.mesh_landmarks import EYES_NOSE_MOUTH, mesh_fits

MESH = np.random.default_rng(1).normal(0, 0.5, (146, 2)).astype(np.float32)
LIPS = slice(0, 40)


@pytest.mark.slow
def test_head_learns_a_simple_dependence(tmp_path: Path):
    weights = load_weights("mobilefan-half-300w")
    head = new_head(weights, eye_rows=3)  # the file has 5, so that both are read
    random = np.random.default_rng(0)
    shape = random.normal(0, 1, (600, head.n_shape)).astype(np.float32)
    rest = random.normal(2, 1, (600, head.n_eyes + 68 * head.reduce.in_features))
    opened = shape[:, :1] + 0.5 * shape[:, 1:2]
    mesh = np.repeat(MESH[None], 600, axis=0)
    mesh[:, LIPS, 1] += 0.1 * opened
    expressions = np.repeat(1 / (1 + np.exp(-2 * opened)), len(EXPRESSION_NAMES), axis=1)
    pupils = 0.02 * shape[:, 1:2] * np.ones(4, np.float32)
    samples = Samples(
        np.hstack([shape, rest]).astype(np.float16),
        mesh,
        expressions.astype(np.float32),
        pupils.astype(np.float32),
        np.arange(600) % 2 == 0,
        np.zeros(600, bool),
    )
    fit_head(head, samples, steps=150)
    found = agreement(head, samples, "made", weights)
    assert len(found.correlation) == len(EXPRESSION_NAMES)
    assert found.mean > 0.9
    assert found.pupil_error < 0.05
    path = tmp_path / "with-head.safetensors"
    save_weights(path, weights.model, weights.info, refiner=weights.refiner, expression_head=head)
    again = load_weights(path)
    assert again.info.expressions == EXPRESSION_NAMES
    crops = torch.rand(2, 3, 192, 192)
    maps: list[torch.Tensor] = []
    assert torch.equal(again.model(crops, maps), weights.model(crops))
    landmarks = 192 * torch.rand(2, 68, 4)
    values, pupils_crop = again.expression_head(maps, landmarks)
    assert torch.equal(values, head(maps, landmarks)[0])
    assert (values.shape, pupils_crop.shape) == ((2, 50), (2, 2, 2))


@pytest.mark.slow
def test_head_is_fitted_to_photographs_and_videos(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    # Private: the number of samples that a useful fit needs.
    monkeypatch.setattr("livefan.training.fit_expressions._FEWEST", 20)
    folder, cache, out = tmp_path / "faces", tmp_path / "cache", tmp_path / "fitted.safetensors"
    folder.mkdir()
    cache.mkdir()
    for name, image in {"a": photo, "b": photo[:, ::-1], "c": np.zeros_like(photo)}.items():
        cv2.imwrite(str(folder / f"{name}.png"), image)
    (tmp_path / "b").mkdir()  # recordings of one name, in two folders
    video, other = (
        write_recording(tmp_path / name / "held.mp4", [photo] * n) for name, n in (("", 3), ("b", 1))
    )
    weights = load_weights("mobilefan-half-300w")
    choice = SampleChoice(every=2, most=3, views=9)

    found = fit_expressions(
        weights.path, [folder], [video, other], out, choice, cache=cache, quiet=True, half=True, steps=3
    )

    assert [each.source for each in found] == ["held", "held", "all frames"]
    fitted = load_weights(out)
    assert fitted.info.expressions == EXPRESSION_NAMES
    assert "20 crops" in fitted.info.training["expressions"]
    network, before = (each.model.state_dict() for each in (fitted, weights))
    assert all(
        torch.equal(network[name], tensor.half().float())
        for name, tensor in before.items()
        if tensor.is_floating_point()
    )
    with np.load(cache / cache_name(weights, folder, choice)) as arrays:
        samples = Samples(**arrays)
    # A photograph follows no other one: the teacher starts anew, and takes every photograph with a face.
    assert np.flatnonzero(samples.plain).tolist() == [0, 10]
    right, left = (samples.expressions[row] for row in (0, 10))
    assert np.abs(right - left[mirrored_order(EXPRESSION_NAMES)]).mean() < 0.05
    assert np.isfinite(samples.mesh).all()
    assert np.isfinite(samples.pupils).all()
    with np.load(cache / cache_name(weights, video, choice)) as arrays:
        assert len(arrays["inputs"]) == 20
    assert cache_name(weights, folder, SampleChoice()) != cache_name(weights, folder, choice)


@pytest.mark.slow
def test_error_for_a_source_without_a_sure_face_tells_the_cause(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    # Private: a score that no face reaches stands for a network with too little training.
    monkeypatch.setattr("livefan.training.fit_expressions._LOWEST_SCORE", 1.1)
    for name, image, message in (
        ("face", photo, r"1 faces found, all with a face score below 1\.1; train .*half.* further"),
        ("grey", np.full_like(photo, 90), "no face was found; name other images"),
    ):
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
        with pytest.raises(LivefanError, match=f"{name}.png: {message}"):
            fit_expressions("mobilefan-half-300w", [tmp_path / f"{name}.png"], [], tmp_path / "out")


def test_video_to_fit_to_and_to_measure_on_is_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "there").mkdir()
    command = ["fit-expressions", "mobilefan-half-300w", "pictures", str(tmp_path / "a.mp4")]
    held_out = str(tmp_path / "there/../a.mp4")
    assert main([*command, "--hold-out", held_out, "-o", str(tmp_path / "o.safetensors")]) == 2
    assert f"{tmp_path}/a.mp4: is also a video of --hold-out; name it once" in capsys.readouterr().err


def test_weights_without_a_head_lose_it_when_they_are_saved(tmp_path: Path):
    weights = load_weights("mobilefan-half-300w")
    save_weights(tmp_path / "w.safetensors", weights.model, weights.info)
    again = load_weights(tmp_path / "w.safetensors")
    assert (again.expression_head, again.info.expressions) == (None, None)


def test_mirrored_mesh_gets_the_points_of_the_other_side():
    half = np.random.default_rng(2).uniform(0.1, 1, (20, 2))
    mesh = np.concatenate([half, half * (-1, 1)])
    order = mirrored_points(mesh)
    assert np.array_equal(order, [*range(20, 40), *range(20)])
    assert np.allclose((mesh * (-1, 1))[order], mesh)


def test_mirror_exchanges_left_and_right():
    order = mirrored_order(EXPRESSION_NAMES)
    mirrored = [EXPRESSION_NAMES[place] for place in order]
    at = EXPRESSION_NAMES.index
    assert mirrored[at("mouthSmileLeft")] == "mouthSmileRight"
    assert mirrored[at("jawRight")] == "jawLeft"
    assert mirrored[at("jawOpen")] == "jawOpen"


def test_disturbed_colours_stay_pixels():
    pixels = np.full((8, 8, 3), 128, np.uint8)
    made = [disturbed_colours(pixels, np.random.default_rng(seed)) for seed in range(20)]
    assert all(each.dtype == np.uint8 and each.shape == pixels.shape for each in made)
    assert len({each.tobytes() for each in made}) > 10


def test_teacher_measures_a_mirrored_face_mirrored(photo: np.ndarray, face: Face):
    """Were the mesh half a pixel of its crop aside, this would be 1.3 % of the distance of the eyes."""
    teacher, to_mirror = ExpressionTeacher(), np.array([photo.shape[1] - 1, 0])
    mirrored_px = (face.points_px * (-1, 1) + to_mirror)[IBUG_68.mirror_order]
    there = teacher.measure(photo, upright_crop(face.points_px, IBUG_68))
    back = teacher.measure(np.ascontiguousarray(photo[:, ::-1]), upright_crop(mirrored_px, IBUG_68))
    apart = there.pupils_px - (back.pupils_px[::-1] * (-1, 1) + to_mirror)
    eyes = np.linalg.norm(face.points_px[36] - face.points_px[45])
    assert abs(apart[:, 0].mean()) < 0.006 * eyes


@pytest.mark.slow
def test_teacher_finds_the_face_after_a_cut(tmp_path: Path, photo: np.ndarray):
    """The face jumps from one corner of the frame to the other."""
    size = max(photo.shape[:2])
    frames = []
    for corner in (slice(0, None), slice(size, None)):
        frame = np.full((2 * size, 2 * size, 3), 90, np.uint8)
        frame[corner, corner][: photo.shape[0], : photo.shape[1]] = photo
        frames += 3 * [frame]
    clip = write_recording(tmp_path / "cut.mp4", frames)
    weights = load_weights("mobilefan-fast-300w")
    collector = _Collector(weights, new_head(weights), SampleChoice(every=1), None)
    found = [(face.points_px, taught.mesh_px) for _, face, taught in collector._faces(clip)]
    assert len(found) >= 4
    for points_px, mesh_px in found:
        assert mesh_fits(mesh_px, points_px, EYES_NOSE_MOUTH)

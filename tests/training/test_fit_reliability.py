"""The reliability head: its fit, its views, and its place in a weight file."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from labelled import add_face

from livefan.cli.commands import fit_reliability as command
from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68
from livefan.datasets import FaceSet, LabelledFace
from livefan.networks.checkpoint import load_weights, save_weights
from livefan.networks.reliability_head import ReliabilityHead
from livefan.runtimes.torch_runtime import TorchRuntime
from livefan.training import reliability_samples
from livefan.training.augmentation import distortions
from livefan.training.augmentation.empty_crops import made_crops
from livefan.training.fit_reliability import fit_head, fit_reliability
from livefan.training.measure_reliability import area_under_roc, measure
from livefan.training.reliability_samples import Collector, Samples
from livefan.training.reliability_views import COVERED, face_views

CHANNELS = (3, 4, 5, 6)


def simulated(count: int, seed: int) -> Samples:
    """Covered landmarks have a low first value, faces a high first mean; errors follow the second value."""
    generator = torch.Generator().manual_seed(seed)
    at_points = torch.randn(count, 4, CHANNELS[0] + CHANNELS[2] + 2, generator=generator)
    kinds = np.array([(*COVERED, "plain", "made")[number % 7] for number in range(count)])
    at_points[..., 2] += torch.from_numpy(np.where(kinds == "made", -4.0, 4.0))[:, None]
    covered = (at_points[..., 0] < -0.5).float() * torch.from_numpy(np.isin(kinds, COVERED))[:, None]
    error = 0.01 * at_points[..., 1].exp() * torch.rand(count, 4, generator=generator)
    shape = torch.randn(count, 8, generator=generator)
    return Samples(at_points.half(), shape, covered, error, kinds)


def test_head_learns_covers_faces_and_errors():
    torch.manual_seed(0)
    head = ReliabilityHead(4, CHANNELS, 64)
    fit_head(head, simulated(700, 0), steps=200)
    other = simulated(350, 1)
    measured = measure(head, other)
    assert set(measured.occlusion) == {*COVERED, "all"}
    assert measured.occlusion["all"] > 0.7
    assert measured.presence > 0.99
    assert measured.empty < 0.5
    faces = other.is_face
    log_error = head.of_landmarks(other.at_points.float(), other.shape)[1]
    within = (other.error <= log_error.exp()).numpy()[faces]
    assert within.mean() == pytest.approx(0.68, abs=0.07)
    assert np.corrcoef(log_error.numpy()[faces].ravel(), other.at_points[faces, :, 1].ravel())[0, 1] > 0.6


def test_area_under_roc_is_the_share_of_pairs_in_the_right_order():
    scores = np.array([0.1, 0.4, 0.35, 0.8])
    assert area_under_roc(scores, np.array([False, False, True, True])) == 0.75
    assert np.isnan(area_under_roc(scores, np.ones(4, bool)))
    assert area_under_roc(np.array([0.5, 0.5, 0.5, 1.0]), np.array([True, False, False, True])) == 0.75


@pytest.mark.parametrize("kind", distortions.COVERS)
def test_cover_changes_pixels_within_its_mask_only(kind: str):
    pixels = np.full((120, 120, 3), 90, np.uint8)
    covered, mask = distortions.COVERS[kind](pixels, np.random.default_rng(3))
    assert (covered[mask == 0] == 90).all()
    assert 0.01 < (mask == 255).mean() < 0.7
    seed = 5
    drawn, _ = distortions.cover_with_mask(pixels, np.random.default_rng(seed))
    assert np.array_equal(drawn, distortions.cover(pixels, np.random.default_rng(seed)))


def test_views_of_a_face_are_plain_covered_and_hard_and_always_the_same(photo: np.ndarray, face):
    labelled = LabelledFace(Path("photo.jpg"), face.points_px, "made")
    views = list(face_views(photo, labelled, 96, [photo], disturb=False))
    assert [view.kind for view in views[:6]] == ["plain", *COVERED]
    assert views[0].occluded.max() == 0
    assert max(view.occluded.max() for view in views[1:6]) == 1
    again = face_views(photo, labelled, 96, [photo], disturb=False)
    for view, other in zip(views, again, strict=True):
        assert np.array_equal(view.pixels, other.pixels)
    assert len(list(face_views(photo, labelled, 96, [photo], disturb=True))) == 7


def test_samples_are_read_from_the_cache(photo: np.ndarray, face, tmp_path: Path, monkeypatch):
    ran = []

    def network(weights, head, n_outputs):
        ran.append(weights.path)
        return lambda pixels: [np.zeros((68, 4), np.float32), *np.zeros((2, 68, 3), np.float32)]

    monkeypatch.setattr(reliability_samples, "sampling_network", network)
    image = tmp_path / "photo.png"
    cv2.imwrite(str(image), photo)
    faces = FaceSet(IBUG_68, [LabelledFace(image, face.points_px, "made")], title="one face")
    weights = load_weights("mobilefan-half-300w")
    first, again = (
        Collector(weights, None, cache=tmp_path, quiet=True).samples(faces, [], disturb=False)
        for _ in range(2)
    )
    assert len(ran) == 1
    assert list(again.kinds) == list(first.kinds)
    assert first.is_face.sum() == 11
    assert torch.equal(again.error, first.error)
    Collector(weights, None, cache=tmp_path, quiet=True).samples(faces, [], disturb=True)
    assert len(ran) == 2
    moved = replace(faces, faces=[replace(faces.faces[0], points_px=face.points_px + 1)])
    Collector(weights, None, cache=tmp_path, quiet=True).samples(moved, [], disturb=False)
    assert len(ran) == 3
    cv2.imwrite(str(image), 255 - photo)
    Collector(weights, None, cache=tmp_path, quiet=True).samples(faces, [], disturb=False)
    assert len(ran) == 4
    for content in (b"", b"PK\x03\x04"):
        for path in tmp_path.glob("*.npz"):
            path.write_bytes(content)
        with pytest.raises(LivefanError, match=r"\.npz: not whole samples .*; remove the file"):
            Collector(weights, None, cache=tmp_path, quiet=True).samples(faces, [], disturb=False)


def test_made_crops_show_nothing():
    crops = list(made_crops(8, 32, np.random.default_rng(0)))
    assert {crop.shape for crop in crops} == {(32, 32, 3)}
    assert {crop.dtype for crop in crops} == {np.dtype(np.uint8)}
    assert crops[0].std(axis=(0, 1)).max() == 0


def test_head_in_a_weight_file_leaves_the_landmarks_as_they_are(tmp_path: Path):
    weights = load_weights("mobilefan-half-300w")
    head = ReliabilityHead(68, weights.model.encoder.channels, 192, per_point=2)
    path = tmp_path / "with-head.safetensors"
    save_weights(path, weights.model, weights.info, refiner=weights.refiner, reliability_head=head)
    again = load_weights(path)
    assert again.info.reliability is True
    assert again.info.further_outputs == ("occluded", "presence", "expected_error")
    crops = np.random.default_rng(0).integers(0, 256, (1, 192, 192, 3), np.uint8)
    runtime = TorchRuntime(again)
    assert np.array_equal(runtime.run(crops), TorchRuntime(weights).run(crops))
    assert runtime.occluded.shape == runtime.expected_error_crop.shape == (1, IBUG_68.n_points)
    assert runtime.presence.shape == (1,)
    assert 0 <= runtime.presence[0] <= 1


def test_folder_without_pictures_gives_one_line_error(tmp_path: Path):
    for folder, message in ((tmp_path / "none", "no such folder"), (tmp_path, "holds no pictures")):
        with pytest.raises(LivefanError, match=message):
            fit_reliability("mobilefan-half-300w", None, None, folder, tmp_path / "out.safetensors", most=1)


def test_pictures_alone_give_one_line_error(tmp_path: Path, photo: np.ndarray, face):
    """Rows of pictures without faces are no rows to fit to."""
    cv2.imwrite(str(tmp_path / "wall.png"), photo[:20, :20])
    faces = FaceSet(IBUG_68, [LabelledFace(tmp_path / "gone.png", face.points_px, "made")], title="one face")
    collector = Collector(load_weights("mobilefan-half-300w"), None, quiet=True)
    collector._run = lambda pixels: [np.zeros((68, 4)), np.zeros((68, 9)), np.zeros(8)]  # private: no network
    with pytest.raises(LivefanError, match=r"one face: holds no face that can be used; .*gone\.png"):
        collector.samples(faces, [tmp_path / "wall.png"], disturb=True)


def test_command_names_what_it_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def fit(*given: object, **named: object) -> None:
        raise LivefanError("enough")

    monkeypatch.setattr("livefan.training.fit_reliability.fit_reliability", fit)
    add_face(tmp_path / "afw", "a")
    data = ["--root", str(tmp_path), "-o", str(tmp_path / "o.safetensors")]
    assert main(["fit-reliability", "mobilefan-half-300w", *data]) == 2
    assert f"{tmp_path}/lfpw/trainset: missing; continuing without it" in capsys.readouterr().err


def test_command_names_all_covers():
    assert command.COVERS == COVERED

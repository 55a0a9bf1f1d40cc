"""Accuracy of networks on labelled faces."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from livefan.core.boxes import bounding_box
from livefan.core.common_landmarks import common_landmarks
from livefan.core.crop import crop_from_landmarks
from livefan.core.errors import LivefanError
from livefan.core.frame import Face
from livefan.core.landmarks import COFW_29, IBUG_68, MEDIAPIPE_478
from livefan.datasets import FaceSet, load
from livefan.evaluation.evaluate import Evaluation, evaluate, evaluate_external
from livefan.networks.checkpoint import Weights
from livefan.runtimes.torch_runtime import TorchRuntime
from livefan.tracking.landmarker import locate


def test_subsets_of_300w(evaluation: Evaluation):
    eyes = math.hypot(50, 30)
    parts = evaluation.subsets()
    assert list(parts) == ["common", "challenging", "lfpw/testset", "helen/testset", "ibug"]
    assert parts["common"].accuracy.n_faces == 3
    assert parts["common"].accuracy.nme_inter_ocular == pytest.approx(100 * 2 / eyes)
    assert parts["challenging"].accuracy.nme_inter_ocular == pytest.approx(100 * 10 / eyes)
    assert parts["challenging"].accuracy.failure_rate == 100.0
    assert evaluation.accuracy.failure_rate == 40.0
    assert evaluation.accuracy.auc == pytest.approx(
        sum(max(0, 8 - 100 * off / eyes) / 8 for off in (1, 2, 3, 10)) / 5
    )
    assert (evaluation.n_missed, parts["helen/testset"].n_missed) == (1, 0)


def test_face_counts_in_each_of_its_attributes(evaluation: Evaluation):
    first, second = evaluation.faces[:2]
    both = replace(first, face=replace(first.face, subset="test", attributes=("pose", "blur")))
    blurred = replace(second, face=replace(second.face, subset="test", attributes=("blur",)))
    parts = replace(evaluation, faces=[both, blurred]).subsets()
    assert {name: len(part.faces) for name, part in parts.items()} == {"pose": 1, "blur": 2}


def test_worst_faces_start_with_missed_ones(evaluation: Evaluation):
    assert [each.face.image_path.name for each in evaluation.worst(3)] == ["e.png", "d.png", "c.png"]


def test_flip_averages_with_the_mirrored_image(own: Path, weights: Weights):
    """The reference is the prediction for an image mirrored beforehand."""
    face = next(face for face in load("pts", own, "all").faces if face.image_path.stem == "good")
    faces = FaceSet(IBUG_68, [face])
    runtime = TorchRuntime(weights)
    runtime.mirror_offset = 0.02  # landmarks too far to the right in both images
    flipped = evaluate(runtime, faces, flip=True).faces[0].predicted_px
    plain = evaluate(runtime, faces).faces[0].predicted_px
    image = face.read_image()
    last = image.shape[1] - 1
    mirrored_points = face.points_px[IBUG_68.mirror_order] * (-1, 1) + (last, 0)
    crop = crop_from_landmarks(mirrored_points).sized(runtime.input_size)
    other = locate(runtime, np.ascontiguousarray(image[:, ::-1]), [crop])[0].points_px
    other = other[IBUG_68.mirror_order] * (-1, 1) + (last + 2 * 0.02 * crop.side_px, 0)
    assert flipped is not None
    assert plain is not None
    assert np.allclose(flipped, (plain + other) / 2, atol=1e-3)


def test_weights_of_another_scheme_are_an_error(weights: Weights):
    with pytest.raises(LivefanError, match=r"of scheme 300w-68, the faces of cofw-29"):
        evaluate(TorchRuntime(weights), FaceSet(COFW_29, []))


def test_error_for_an_empty_set_differs_from_that_for_unreadable_faces(weights: Weights):
    with pytest.raises(LivefanError, match="own: holds no faces; check --root"):
        evaluate(TorchRuntime(weights), FaceSet(IBUG_68, [], title="own"))


class Mesh:
    """A model of 478 points that finds two faces: one far off, and one a pixel right of the truth."""

    scheme = MEDIAPIPE_478

    def __init__(self, truth_px: np.ndarray) -> None:
        self._truth_px = truth_px

    def process_image(self, image: np.ndarray) -> list[Face]:
        common = common_landmarks(IBUG_68, MEDIAPIPE_478)
        points_px = np.tile(self._truth_px.mean(axis=0), (478, 1))
        points_px[common.theirs] = self._truth_px[common.ours] + np.array([1.0, 0.0])
        faces = [points_px + 500, points_px]
        return [Face(1, bounding_box(each), each, np.full(478, np.nan)) for each in faces]


def test_external_model_is_measured_on_its_own_faces_and_common_landmarks(own: Path):
    faces = load("pts", own, "all")
    good = next(face for face in faces.faces if face.name.endswith("good.png"))
    found = evaluate_external(Mesh(good.points_px), faces)
    assert found.scheme.n_points == 41
    assert len(found.skipped) == 1
    eyes = np.linalg.norm(good.points_px[36] - good.points_px[45])
    errors = {Path(each.face.name).stem: each.nme for each in found.faces}
    assert errors["good"] == pytest.approx(100 / eyes)
    assert errors["bad"] > errors["good"]
    missed = evaluate_external(Mesh(good.points_px + 900), faces)
    assert missed.n_missed == len(missed.faces) == 2

"""Faces made hard to find: dark, small, rotated, covered, compressed, blurred, in profile."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluations import write_labelled_folder

from livefan.core.frame import Face
from livefan.core.landmarks import IBUG_68
from livefan.datasets import FaceSet, load
from livefan.evaluation.evaluate import evaluate
from livefan.networks.checkpoint import Weights
from livefan.runtimes.torch_runtime import TorchRuntime
from livefan.tracking.pipeline import Pipeline
from livefan.training.augmentation.robustness import hard_faces

pytestmark = pytest.mark.usefixtures("mediapipe")


@pytest.fixture
def own(tmp_path: Path, photo: np.ndarray, face: Face) -> Path:
    """A folder with a face labelled to a pixel, a face labelled badly, and a damaged image."""
    return write_labelled_folder(tmp_path / "own", photo, face.points_px)


@pytest.mark.slow
def test_hard_faces_are_reproducible_and_their_points_stay_on_the_face(
    own: Path, weights: Weights, pipeline: Pipeline
):
    face = next(face for face in load("pts", own, "all").faces if face.image_path.stem == "good")
    faces = FaceSet(IBUG_68, [replace(face, subset="afw")])
    first, again = (hard_faces(faces).faces for _ in range(2))
    kinds = ["afw", "blurred", "compressed", "covered", "dark", "profile", "rotated", "small"]
    assert [each.attributes for each in first] == [(kind,) for kind in kinds]
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.read_image(), other.read_image())
        assert np.array_equal(one.points_px, other.points_px)
    by_kind = {each.attributes[0]: each for each in first}
    moderate = [by_kind[kind] for kind in ("afw", "rotated", "compressed", "blurred")]
    result = evaluate(TorchRuntime(weights), FaceSet(IBUG_68, moderate))
    assert np.median(result.errors) < 12  # the labels belong to the distorted image
    assert len({each.name for each in first}) == len(first)

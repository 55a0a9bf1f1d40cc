"""The crops to which sigma and confidence are calibrated."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from marked_faces import marked_faces

from livefan.datasets import FaceSet
from livefan.training.calibration_crops import plain_and_hard_errors


def test_each_face_counts_once_in_each_form_and_belongs_to_its_own_photograph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    measured: dict[str, list[str]] = {}

    def landmark_errors(runtime: None, faces: FaceSet, kinds: list[str], photographs: list[str]) -> None:
        assert len(faces.faces) == len(kinds) == len(photographs)
        measured.update(kinds=kinds, photographs=photographs)

    monkeypatch.setattr("livefan.training.calibration_crops.landmark_errors", landmark_errors)
    faces = marked_faces(tmp_path, 1)
    subsets = ("afw", "helen/trainset")  # files of one name in two folders
    both = replace(faces, faces=[replace(faces.faces[0], subset=subset) for subset in subsets])
    plain_and_hard_errors(None, both)
    kinds = ("plain", "rotated", "covered", "blurred", "dark", "compressed", "small")
    assert Counter(measured["kinds"]) == dict.fromkeys(kinds, 2)
    assert Counter(measured["photographs"]) == {f"{subset}/0": 7 for subset in subsets}

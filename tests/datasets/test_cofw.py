"""COFW in its official files."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from labelled import write_cofw

from livefan.core.errors import LivefanError
from livefan.core.landmarks import COFW_29
from livefan.datasets import load, load_training


def test_points_occlusion_and_images_in_colour_or_grey(tmp_path: Path):
    phis = write_cofw(tmp_path / "COFW_test_color.mat", "IsT", "phisT", 4)
    faces = load("cofw", tmp_path, "test")
    assert faces.scheme == COFW_29
    assert len(faces.faces) == 4
    face = faces.faces[1]
    assert np.allclose(face.points_px, np.column_stack([phis[1, :29], phis[1, 29:58]]) - 1)
    assert face.occluded is not None
    assert np.flatnonzero(face.occluded).tolist() == [28]
    colour, grey = face.read_image(), faces.faces[2].read_image()
    assert colour.shape == grey.shape == (80, 90, 3)
    assert colour[6, 70].tolist() == [0, 0, 255]
    assert grey[5, 70].tolist() == [200, 200, 200]
    assert len({face.name for face in faces.faces}) == 4
    assert faces.faces[1].place == f"{tmp_path}/COFW_test_color.mat, IsT 2"
    with pytest.raises(LivefanError, match=r"COFW_test_color\.mat, IsT 2: of 90 x 80 pixels, but a landmark"):
        replace(face, points_px=face.points_px + 500).read_image()


def test_training_file_is_divided_and_errors_name_the_file(tmp_path: Path):
    with pytest.raises(LivefanError, match=r"COFW_train_color\.mat: not there"):
        load("cofw", tmp_path, "train")
    path = tmp_path / "COFW_train_color.mat"
    write_cofw(path, "IsTr", "phisTr", 20)
    assert [len(load("cofw", tmp_path, split).faces) for split in ("train", "validation")] == [18, 2]
    write_cofw(path, "IsTr", "other", 2)
    with pytest.raises(LivefanError, match="holds no phisTr"):
        load("cofw", tmp_path, "train")
    path.write_bytes(b"not a MATLAB file")
    with pytest.raises(LivefanError, match=r"not a MATLAB v7\.3 file"):
        load("cofw", tmp_path, "train")


def test_duplicates_within_the_file_are_listed_by_index(tmp_path: Path):
    """All faces lie in one file."""
    write_cofw(tmp_path / "COFW_train_color.mat", "IsTr", "phisTr", 20)
    training, validation = load_training("cofw", tmp_path)
    everything = training.duplicates + [face.place for face in training.faces]
    assert len({line.partition(":")[0] for line in everything}) == 18
    held_out = {face.place for face in validation.faces}
    assert training.duplicates
    assert {line.rpartition("same photograph as ")[2] for line in training.duplicates} <= held_out


def test_error_without_h5py_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "COFW_test_color.mat").touch()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(LivefanError, match="pip install h5py"):
        load("cofw", tmp_path, "test")

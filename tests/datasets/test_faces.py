"""Labelled faces: faults of labels and images."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from labelled import wflw_line, write_cofw

from livefan.core.errors import LivefanError
from livefan.datasets import load, load_300w


def test_faces_with_equal_eye_corners_are_skipped_in_every_data_set(root: Path, wflw: Path, tmp_path: Path):
    """Their error would be infinite, and with it the mean error of the data set."""
    message = "the outer eye corners fall together"
    place = root / "lfpw/testset/image_0000.pts"
    place.write_text("version: 1\nn_points: 68\n{\n" + "1.0 1.0\n" * 68 + "}\n")
    for faces in (load("300w", root, "common"), load("pts", root / "lfpw/testset", "all")):
        assert len(faces.faces) == 4
        assert faces.skipped == [f"{place}: {message}"]
    listed = wflw / "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt"
    listed.write_text(listed.read_text() + wflw_line(np.ones((98, 2)), "0 0 0 0 0 0", "0--Parade/1.jpg"))
    assert load("wflw", wflw, "test").skipped[-1] == f"{listed}, line 5: {message}"
    cofw = tmp_path / "COFW_test_color.mat"
    write_cofw(cofw, "IsT", "phisT", 4)
    with h5py.File(cofw, "a") as file:
        file["phisT"][:58, 2] = 1.0
    faces = load("cofw", tmp_path, "test")
    assert len(faces.faces) == 3
    assert faces.skipped == [f"{cofw}, IsT 3: {message}"]


def test_landmarks_far_outside_the_image_are_an_error_but_a_face_cut_off_by_the_edge_is_not(root: Path):
    face = load("300w", root, "common").faces[0]
    hanging_over = replace(face, points_px=face.points_px - (30, 0))  # by 10 of a box of about 60
    assert hanging_over.points_px.min() < 0
    assert hanging_over.read_image().shape == (100, 100, 3)
    far_out = face.points_px.copy()
    far_out[7] = (900, 50)
    with pytest.raises(LivefanError, match=r"100 x 100 pixels, but a landmark lies 801 pixels outside"):
        replace(face, points_px=far_out).read_image()


def test_unreadable_image_is_an_error(root: Path):
    face = load_300w(root, "common").faces[0]
    face.image_path.write_bytes(b"not an image")
    with pytest.raises(LivefanError, match="not an image, or damaged"):
        face.read_image()

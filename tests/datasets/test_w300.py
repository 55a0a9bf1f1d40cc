"""300W in its official layout."""

from pathlib import Path

import numpy as np
import pytest
from labelled import add_face

from livefan.core.errors import LivefanError
from livefan.datasets import load, load_300w
from livefan.io.pts_file import write_pts


def test_missing_image_set_is_listed_and_the_others_are_used(root: Path):
    faces = load_300w(root, "full")
    assert len(faces.faces) == 5
    assert faces.absent == [root / "helen/testset", root / "ibug"]


def test_error_for_a_folder_without_the_layout_names_the_first_missing_path(tmp_path: Path):
    with pytest.raises(LivefanError) as error:
        load_300w(tmp_path, "challenging")
    assert str(tmp_path / "ibug") in str(error.value)


def test_unusable_files_are_skipped_and_listed(root: Path):
    (root / "ibug").mkdir()
    add_face(root / "ibug", "good")
    add_face(root / "ibug", "imageless")
    (root / "ibug/imageless.jpg").unlink()
    write_pts(root / "ibug/short.pts", np.ones((5, 2)))
    (root / "ibug/short.jpg").write_bytes(b"")
    faces = load_300w(root, "challenging")
    assert [face.image_path.name for face in faces.faces] == ["good.jpg"]
    assert len(faces.skipped) == 2


def test_empty_image_set_and_images_without_labels_are_listed(root: Path):
    (root / "helen/testset").mkdir()
    for name in "ab":
        (root / f"lfpw/testset/{name}.JPG").write_bytes(b"")
    (root / "lfpw/testset/._image_0000.pts").write_bytes(b"metadata of macOS")
    faces = load_300w(root, "common")
    assert len(faces.faces) == 5
    assert faces.absent == []
    assert faces.skipped == [
        f"{root}/lfpw/testset: images without a .pts beside them: 2, such as a.JPG",
        f"{root}/helen/testset: holds no .pts file",
    ]


def test_faces_of_the_full_set_are_marked_common_or_challenging(root: Path):
    add_face(root / "helen/testset", "77_1")
    add_face(root / "ibug", "image_003_1")
    faces = load("300w", root, "full").faces
    assert [face.attributes for face in faces] == [("common",)] * 6 + [("challenging",)]

"""WFLW in its official layout."""

from pathlib import Path

import numpy as np
import pytest
from labelled import wflw_line

from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68, WFLW_98, WFLW_TO_IBUG
from livefan.datasets import load


def test_faces_have_their_attributes_and_unusable_lines_are_listed(wflw: Path):
    faces = load("wflw", wflw, "test")
    assert faces.scheme == WFLW_98
    assert [face.attributes for face in faces.faces] == [("pose", "blur"), ()]
    assert np.allclose(faces.faces[1].points_px - faces.faces[0].points_px, 1.0)
    assert faces.faces[0].points_px[0] == pytest.approx(np.random.default_rng(0).uniform(20, 80, 2), abs=1e-6)
    assert faces.faces[0].read_image().shape == (100, 100, 3)
    image = wflw / "WFLW_images/0--Parade/1.jpg"
    x, y = faces.faces[0].points_px.mean(axis=0)
    assert [face.place for face in faces.faces] == [f"{image} at {x + d:.0f}, {y + d:.0f}" for d in (0, 1)]
    assert len(faces.skipped) == 2
    assert "line 3" in faces.skipped[0]
    assert "gone.jpg" in faces.skipped[0]
    assert "line 4: holds 3 fields, expected 207" in faces.skipped[1]


def test_validation_holds_photographs_of_both_events(wflw: Path):
    train, validation = (load("wflw", wflw, split).faces for split in ("train", "validation"))
    assert (len(train), len(validation)) == (18, 2)
    assert train[0].attributes == ("expression", "make-up", "occlusion")


def test_halves_of_the_test_faces_share_no_photograph(wflw: Path):
    points = np.random.default_rng(0).uniform(20, 80, (98, 2))
    path = next(wflw.rglob("list_98pt_rect_attr_test.txt"))
    path.write_text(
        "".join(wflw_line(points + k, "1 0 0 0 0 1", f"0--Parade/{i}.jpg") for i in range(6) for k in (0, 1))
    )
    reference, held_out = (load("wflw", wflw, split).faces for split in ("test-reference", "test-held-out"))
    assert len(reference) == len(held_out) == 6
    assert {face.photograph for face in reference}.isdisjoint(face.photograph for face in held_out)


@pytest.mark.parametrize("missing", ["list_98pt_rect_attr_test.txt", "WFLW_images"])
def test_error_without_list_or_images_names_the_path(wflw: Path, missing: str):
    next(wflw.rglob(missing)).rename(wflw / "elsewhere")
    with pytest.raises(LivefanError, match=f"{missing}: not there"):
        load("wflw", wflw, "test")


def test_wflw_points_in_the_order_of_300w_keep_their_part_of_the_face():
    """The mirrored order and the names of the parts agree between the schemes."""
    order = np.array(WFLW_TO_IBUG)
    assert np.array_equal(WFLW_98.mirror_order[order], order[IBUG_68.mirror_order])
    for index, name in enumerate(IBUG_68.point_names):
        assert WFLW_98.point_names[order[index]].rpartition("_")[0] == name.rpartition("_")[0]
    assert tuple(order[list(IBUG_68.normaliser)]) == WFLW_98.normaliser

"""The division into training and validation faces."""

from pathlib import Path

import numpy as np
import pytest
from labelled import add_face

from livefan.core.landmarks import IBUG_68
from livefan.datasets import HALVES, FaceSet, LabelledFace, load, load_300w, load_training_with
from livefan.datasets.holdout import divide, divide_whole
from livefan.training.augmentation.robustness import hard_faces


def test_train_and_validation_divide_the_training_images(root: Path):
    train, validation = (load_300w(root, split).faces for split in ("train", "validation"))
    names = [{face.image_path for face in faces} for faces in (train, validation)]
    assert not names[0] & names[1]
    assert len(names[0] | names[1]) == 100
    held_out = {
        subset: sum(face.subset == subset for face in validation)
        for subset in ("lfpw/trainset", "helen/trainset", "afw")
    }
    assert held_out == {"lfpw/trainset": 6, "helen/trainset": 3, "afw": 2}


def test_faces_of_one_photograph_are_not_divided(root: Path):
    photographs = [
        {face.image_path.stem.split("_")[0] for face in load_300w(root, split).faces if face.subset == "afw"}
        for split in ("train", "validation")
    ]
    assert not photographs[0] & photographs[1]


def test_division_is_reproducible_and_independent_of_the_path(root: Path, tmp_path: Path):
    before = [face.image_path.name for face in load_300w(root, "validation").faces]
    assert before == [  # the published figures of all weights rest on this division
        *(f"image_{number:04d}.png" for number in (12, 14, 29, 47, 50, 54)),
        *("1022_1.jpg", "1025_1.jpg", "1026_1.jpg", "770_1.jpg", "770_2.jpg"),
    ]
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("lfpw", "helen", "afw"):
        (root / name).rename(moved / name)
    assert [face.image_path.name for face in load_300w(moved, "validation").faces] == before


def test_file_names_need_not_be_utf_8():
    points_px = np.random.default_rng(0).uniform(0, 90, (68, 2))
    faces = [LabelledFace(Path(f"{n}\udcfc.png"), points_px, "own") for n in range(10)]
    for divided in (divide, divide_whole):
        assert len(divided(FaceSet(IBUG_68, faces), "validation").faces) == 1
    assert len(hard_faces(FaceSet(IBUG_68, faces[:1]), profiles=False).faces) == 6


def test_halves_of_the_validation_faces_share_no_photograph(root: Path):
    choice, report = ({face.image_path for face in load("300w", root, half).faces} for half in HALVES)
    assert (len(choice), len(report)) == (5, 6)
    assert choice | report == {face.image_path for face in load_300w(root, "validation").faces}
    training, validation = load_training_with("300w", root, [], "half")
    assert validation is not None
    assert {face.image_path for face in validation.faces} == choice
    assert not {face.image_path for face in training.faces} & (choice | report)


def held_out_of(root: Path) -> tuple[set[str], set[str]]:
    """Return the paths of the training images and of those held out."""
    train, validation = (
        {face.image_path.relative_to(root).as_posix() for face in load("pts", root, split).faces}
        for split in ("train", "validation")
    )
    assert not train & validation
    assert len(train | validation) == len(load("pts", root, "all").faces)
    return train, validation


def test_a_tenth_of_all_faces_is_held_out_however_they_are_sorted_into_folders(tmp_path: Path):
    for number in range(60):
        add_face(tmp_path / f"sorted/person {number // 3}", f"{number}")
        add_face(tmp_path / "flat", f"{number}")
    train, validation = held_out_of(tmp_path / "sorted")
    assert (len(train), len(validation)) == (54, 6)
    assert held_out_of(tmp_path / "flat")[1] == {f"{number}.jpg" for number in (11, 20, 22, 24, 40, 53)}


@pytest.mark.parametrize("by_label", [True, False])
def test_faces_of_one_recording_or_labelled_photograph_are_not_divided(tmp_path: Path, by_label: bool):
    """A last number distinguishes faces only in folders written by ``label``; elsewhere photographs."""
    for number in range(40):
        add_face(tmp_path, f"clip {number // 4}-frame{25 * number:06}_{number % 2}")
        add_face(tmp_path, f"IMG-{number // 2}_{number % 2}")
    if by_label:
        (tmp_path / "labels.json").write_text("{}")
    train, validation = held_out_of(tmp_path)
    assert 6 <= len(validation) <= 8
    clips, photographs = (
        [{name.partition(sign)[0] for name in names if sign in name} for names in (train, validation)]
        for sign in ("-frame", "_")
    )
    assert not clips[0] & clips[1]
    assert bool(photographs[0] & photographs[1]) != by_label


@pytest.mark.parametrize(("frames", "held_out"), [([10, 90], 10), ([30, 70], 30), ([100], 0)])
def test_long_recording_is_for_training_and_the_smallest_is_held_out(
    tmp_path: Path, frames: list[int], held_out: int
):
    for clip, count in enumerate(frames):
        for frame in range(count):
            add_face(tmp_path, f"clip{clip}-frame{frame:06}_0")
    assert len(held_out_of(tmp_path)[1]) == held_out

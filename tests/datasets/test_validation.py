"""Other ways to validate than on the tenth of the training faces that is held out."""

from pathlib import Path

import pytest
from marked_faces import write_faces

from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.datasets import load_held_out, load_training_with


@pytest.fixture
def w300(tmp_path: Path) -> Path:
    """300W with thirty training faces and four test faces, all different."""
    for name, count in (("lfpw/trainset", 10), ("helen/trainset", 10), ("afw", 10), ("helen/testset", 4)):
        write_faces(tmp_path / name, count)
    return tmp_path


def test_without_validation_all_faces_are_for_training(w300: Path):
    training, validation = load_training_with("300w", w300, [], "none")
    assert validation is None
    assert {face.subset for face in training.faces} == {"lfpw/trainset", "helen/trainset", "afw"}
    n_left_out = len(training.duplicates)
    assert len(training.faces) + n_left_out == 30


def test_test_split_can_be_the_validation_faces(w300: Path):
    training, validation = load_training_with("300w", w300, [], "test")
    assert validation is not None
    assert {face.subset for face in validation.faces} == {"helen/testset"}
    assert len(training.faces) + len(training.duplicates) == 30


@pytest.mark.parametrize(("dataset", "folder"), [("300w", "."), ("pts", "afw")])
def test_another_share_can_be_held_out(w300: Path, dataset: str, folder: str):
    training, validation = load_training_with(dataset, w300 / folder, [], "0.4")
    assert validation is not None
    n_all = 30 if dataset == "300w" else 10
    assert len(validation.faces) == 0.4 * n_all
    assert len(training.faces) + len(training.duplicates) == 0.6 * n_all
    assert "a share of 0.4" in validation.title
    again = load_held_out(dataset, w300 / folder, 0.4)
    assert [face.place for face in again.faces] == [face.place for face in validation.faces]
    assert not {face.place for face in training.faces} & {face.place for face in validation.faces}


def test_data_set_without_test_split_gives_one_line_error(w300: Path):
    with pytest.raises(LivefanError, match=r"pts has no test split: choose --validation none or a share$"):
        load_training_with("pts", w300 / "afw", [], "test")


@pytest.mark.parametrize("value", ["0", "1", "all", "nan"])
def test_wrong_share_is_rejected(value: str, w300: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["train", "--root", str(w300), "--out", "x", "--validation", value])
    assert "is not none, half, test or a share between 0 and 1" in capsys.readouterr().err

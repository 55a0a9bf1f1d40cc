"""Load labelled faces from data sets in their official layouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from livefan.core.errors import LivefanError
from livefan.datasets import cofw, pts, w300, wflw
from livefan.datasets.duplicates import exclude_duplicates
from livefan.datasets.faces import FaceSet, LabelledFace, labels_sha256, print_skipped, read_images
from livefan.datasets.holdout import HALVES, VALIDATION_SEED, VALIDATION_SHARE, divide, divide_whole, halved
from livefan.datasets.w300 import load_300w

__all__ = [
    "DATASETS",
    "HALVES",
    "VALIDATION_SEED",
    "VALIDATION_SHARE",
    "DataSet",
    "FaceSet",
    "LabelledFace",
    "labels_sha256",
    "load",
    "load_300w",
    "load_held_out",
    "load_training",
    "load_training_with",
    "print_skipped",
    "read_images",
]


@dataclass(frozen=True)
class DataSet:
    """A data set and its splits.

    Attributes:
        load: function that reads one split from the data set's folder.
        splits: names of the splits; ``train`` and ``validation`` are always among them.
        test_splits: splits that together hold every test face.
    """

    load: Callable[[Path, str], FaceSet]
    splits: tuple[str, ...]
    test_splits: tuple[str, ...]


DATASETS: dict[str, DataSet] = {
    "300w": DataSet(load_300w, w300.SPLITS, ("full",)),
    "wflw": DataSet(wflw.load_wflw, wflw.SPLITS, ("test",)),
    "cofw": DataSet(cofw.load_cofw, cofw.SPLITS, ("test",)),
    "pts": DataSet(pts.load_pts_folder, pts.SPLITS, ()),
}


def load(dataset: str, root: Path, split: str) -> FaceSet:
    """Load one split of a data set.

    Args:
        dataset: a key of :data:`DATASETS`; ``"pts"`` is any folder of images with ``.pts`` files beside them.
        root: the data set's folder in its official layout.
        split: ``"train"``, ``"validation"`` (held out of the training faces), one of its :data:`HALVES`, or a
            test split.

    Raises:
        LivefanError: if there is no such split, or the folder lacks a part of the layout.
    """
    root, known = Path(root), DATASETS[dataset]
    if split not in (*known.splits, *HALVES):
        names = ", ".join((*known.splits, *HALVES))
        raise LivefanError(f"{dataset} has no split {split!r}: choose from {names}")
    if not root.is_dir():
        raise LivefanError(f"{root}: no such folder; --root must hold the data set")
    faces = halved(known.load(root, "validation"), split) if split in HALVES else known.load(root, split)
    return replace(faces, title=f"{dataset} {split}")


def load_training(dataset: str, root: Path, extra: Sequence[Path] = ()) -> tuple[FaceSet, FaceSet]:
    """Return the training faces and the validation faces of a data set.

    Training faces of a published data set are left out if their photograph is also among the validation
    faces, or among the test faces in the folder. Faces of ``"pts"`` and ``extra`` folders all stay, since the
    frames of one recording resemble each other.

    Args:
        dataset: a key of :data:`DATASETS`.
        root: the data set's folder.
        extra: folders of images with ``.pts`` files beside them; their faces are added to the training faces.

    Raises:
        LivefanError: if a folder lacks a part of its layout, or the landmark schemes differ.
    """
    training, validation = _load_without_duplicates(dataset, root)
    added = load_extra(extra)
    return training if added is None else training.joined(added), validation


def load_training_with(
    dataset: str, root: Path, extra: Sequence[Path], validation: str
) -> tuple[FaceSet, FaceSet | None]:
    """Return training faces and validation faces that are divided in another way than published.

    Args:
        dataset: a key of :data:`DATASETS`.
        root: the data set's folder.
        extra: folders of images with ``.pts`` files beside them; their faces are added to the training faces.
        validation: ``"half"`` divides as published, and validates on the first of the :data:`HALVES`.
            ``"none"`` trains on all faces. ``"test"`` trains on all faces and validates on the test
            faces. A share, such as ``"0.2"``, of the faces is held out for validation by photograph.

    Raises:
        LivefanError: if a folder lacks a part of its layout, the landmark schemes differ, or the data set has
            no test split.
    """
    if validation == "half":
        return load_training(dataset, root, extra)[0], load(dataset, root, HALVES[0])
    every = _every(dataset, root)
    held_out: FaceSet | None = None
    if validation == "test":
        if not DATASETS[dataset].test_splits:
            raise LivefanError(f"{dataset} has no test split: choose --validation none or a share")
        held_out = load(dataset, root, DATASETS[dataset].test_splits[0])
    elif validation != "none":
        share = float(validation)
        held_out = load_held_out(dataset, root, share)
        every = replace(_divide(dataset, every, "train", share), title=f"{dataset}, a share of {1 - share:g}")
    others = [*([held_out] if held_out else []), *_test_faces(dataset, root)]
    if DATASETS[dataset].test_splits:
        every = exclude_duplicates(every, *others)
    added = load_extra(extra)
    return every if added is None else every.joined(added), held_out


def load_held_out(dataset: str, root: Path, share: float) -> FaceSet:
    """Return the share of all training faces, in (0, 1), that is held out in place of the published one.

    Raises:
        LivefanError: if the folder lacks a part of its layout.
    """
    held_out = _divide(dataset, _every(dataset, root), "validation", share)
    return replace(held_out, title=f"{dataset}, a share of {share:g} held out with seed {VALIDATION_SEED}")


def _every(dataset: str, root: Path) -> FaceSet:
    """Return training and validation faces."""
    training, validation = (load(dataset, root, split) for split in ("train", "validation"))
    return replace(training, faces=training.faces + validation.faces, title=f"{dataset}, all training faces")


def _divide(dataset: str, faces: FaceSet, split: str, share: float) -> FaceSet:
    return (divide if DATASETS[dataset].test_splits else divide_whole)(faces, split, share)


def load_extra(folders: Sequence[Path]) -> FaceSet | None:
    """Return the faces of folders of images with ``.pts`` files beside them; None without folders."""
    joined: FaceSet | None = None
    for folder in folders:
        faces = replace(load("pts", folder, "all"), title=folder.name)
        joined = faces if joined is None else joined.joined(faces)
    return joined


def _load_without_duplicates(dataset: str, root: Path) -> tuple[FaceSet, FaceSet]:
    training, validation = (load(dataset, root, split) for split in ("train", "validation"))
    if not DATASETS[dataset].test_splits:
        return training, validation
    return exclude_duplicates(training, validation, *_test_faces(dataset, root)), validation


def _test_faces(dataset: str, root: Path) -> list[FaceSet]:
    """Return the test splits that are in the folder."""
    found = []
    for split in DATASETS[dataset].test_splits:
        try:
            found.append(load(dataset, root, split))
        except LivefanError:
            continue
    return found

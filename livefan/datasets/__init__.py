"""Labelled faces on disk, in the official layouts of their data sets: one way to load them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from livefan.core.errors import LivefanError
from livefan.datasets import cofw, pts, w300, wflw
from livefan.datasets.duplicates import exclude_duplicates
from livefan.datasets.faces import FaceSet, LabelledFace, print_skipped
from livefan.datasets.holdout import VALIDATION_SEED, VALIDATION_SHARE
from livefan.datasets.w300 import load_300w

__all__ = [
    "DATASETS",
    "VALIDATION_SEED",
    "VALIDATION_SHARE",
    "DataSet",
    "FaceSet",
    "LabelledFace",
    "load",
    "load_300w",
    "load_training",
    "print_skipped",
]


@dataclass(frozen=True)
class DataSet:
    """A data set's layout.

    Attributes:
        load: reads one split from the data set's folder.
        splits: the splits it has; all have ``train`` and ``validation``.
        test_splits: those that together hold every test face.
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
        dataset: a key of :data:`DATASETS`; ``"pts"`` is any folder of images with ``.pts`` beside them.
        root: the folder that holds what the data set's official layout demands.
        split: ``"train"``, ``"validation"`` (held out of the training faces), or a test split.

    Raises:
        LivefanError: if there is no such split, or the folder lacks what the layout demands.
    """
    root, known = Path(root), DATASETS[dataset]
    if split not in known.splits:
        raise LivefanError(f"{dataset} has no split {split!r}: choose from {', '.join(known.splits)}")
    if not root.is_dir():
        raise LivefanError(f"{root}: no such folder; --root must hold the data set")
    return replace(known.load(root, split), title=f"{dataset} {split}")


def load_training(dataset: str, root: Path, extra: Sequence[Path] = ()) -> tuple[FaceSet, FaceSet]:
    """The faces to train on and those to validate on.

    Args:
        dataset: a key of :data:`DATASETS`.
        root: the data set's folder.
        extra: folders of images with ``.pts`` beside them, all of whose faces are trained on too.

    Of a published data set, training faces whose photograph is also among the validation faces, or
    among those test faces that are there, are left out. People's own folders are taken as they are:
    the frames of a recording resemble each other by nature.
    """
    training, validation = _divided(dataset, root)
    further = load_extra(extra)
    return training if further is None else training.joined(further), validation


def load_extra(folders: Sequence[Path]) -> FaceSet | None:
    """The faces of people's own folders of images with ``.pts`` beside them; None without folders."""
    joined: FaceSet | None = None
    for folder in folders:
        faces = replace(load("pts", folder, "all"), title=folder.name)
        joined = faces if joined is None else joined.joined(faces)
    return joined


def _divided(dataset: str, root: Path) -> tuple[FaceSet, FaceSet]:
    training, validation = (load(dataset, root, split) for split in ("train", "validation"))
    others = [validation]
    test_splits = DATASETS[dataset].test_splits
    if not test_splits:
        return training, validation
    for split in test_splits:
        try:
            others.append(load(dataset, root, split))
        except LivefanError:
            continue  # without its test faces, nothing of them can be in the training faces
    return exclude_duplicates(training, *others), validation

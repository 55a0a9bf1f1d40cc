"""Load 300W from its official layout: four image sets, each image with its ``.pts`` file beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68
from livefan.datasets.faces import FaceSet, LabelledFace
from livefan.datasets.holdout import divide
from livefan.datasets.pts import add_folder

_TRAIN: dict[str, tuple[str, ...]] = {"lfpw/trainset": (), "helen/trainset": (), "afw": ()}
_COMMON: dict[str, tuple[str, ...]] = {"lfpw/testset": ("common",), "helen/testset": ("common",)}
_CHALLENGING: dict[str, tuple[str, ...]] = {"ibug": ("challenging",)}
_IMAGE_SETS: dict[str, dict[str, tuple[str, ...]]] = {
    "train": _TRAIN,
    "validation": _TRAIN,
    "common": _COMMON,
    "challenging": _CHALLENGING,
    "full": _COMMON | _CHALLENGING,
}
SPLITS = tuple(_IMAGE_SETS)


@dataclass(frozen=True)
class _Face300W(LabelledFace):
    """A face; names of several faces of one photograph end in a number: ``1051618982_1``."""

    @property
    def photograph(self) -> str:
        stem, _, number = self.image_path.stem.rpartition("_")
        return stem if stem.isdigit() and number.isdigit() else self.image_path.stem


def load_300w(root: Path, split: str) -> FaceSet:
    """Load a split of 300W from its official layout.

    ``train`` and ``validation`` divide the official training images by photograph with a fixed seed; a tenth
    of each image set is held out. ``common``, ``challenging`` and ``full`` are the official test sets.
    Missing image sets are listed in :attr:`FaceSet.absent`, unusable files in :attr:`FaceSet.skipped`.

    Raises:
        LivefanError: if the split has no usable face.
    """
    result = FaceSet(IBUG_68, [])
    for subset, attributes in _IMAGE_SETS[split].items():
        folder = root / subset
        if not folder.is_dir():
            result.absent.append(folder)
            continue
        add_folder(folder, subset, attributes, result, _Face300W)
    if not result.faces:
        missing = result.absent[0] if result.absent else root / next(iter(_IMAGE_SETS[split]))
        raise LivefanError(
            f"{missing}: no faces of the {split} split here; name the folder above 300W's folders"
        )
    return divide(result, split) if split in ("train", "validation") else result

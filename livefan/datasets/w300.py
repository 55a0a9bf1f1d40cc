"""Labelled faces on disk, in the official layouts of their data sets."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from livefan.errors import LivefanError
from livefan.scheme import IBUG_68, LandmarkScheme

_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
_300W_TRAIN = ("lfpw/trainset", "helen/trainset", "afw")
_300W_SPLITS = {
    "train": _300W_TRAIN,
    "validation": _300W_TRAIN,
    "common": ("lfpw/testset", "helen/testset"),
    "challenging": ("ibug",),
    "full": ("lfpw/testset", "helen/testset", "ibug"),
}
SPLITS = tuple(_300W_SPLITS)
VALIDATION_SHARE = 0.1
VALIDATION_SEED = 300


@dataclass(frozen=True)
class LabelledFace:
    """One face with its true landmarks.

    Attributes:
        image_path: the image that holds it.
        points_px: ``(n, 2)`` float64 landmarks in image pixels, pixel centres at integers.
        subset: the image set it belongs to, e.g. ``"helen/trainset"``.
    """

    image_path: Path
    points_px: np.ndarray
    subset: str

    def read_image(self) -> np.ndarray:
        """The image, ``(height, width, 3)`` uint8 BGR.

        Raises:
            LivefanError: if it cannot be read.
        """
        image = cv2.imread(str(self.image_path), cv2.IMREAD_COLOR)
        if image is None:
            raise LivefanError(f"{self.image_path}: cannot be read as an image; copy it again or remove it")
        return image


@dataclass(frozen=True)
class FaceSet:
    """Labelled faces of one scheme, the image sets that were absent, and the files passed over."""

    scheme: LandmarkScheme
    faces: list[LabelledFace]
    absent: list[Path] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def read_pts(path: Path, n_points: int) -> np.ndarray:
    """Read an iBUG ``.pts`` file: ``(n_points, 2)`` float64, moved from 1-based to 0-based pixels.

    Raises:
        LivefanError: if the file is damaged or holds another number of points.
    """
    text = path.read_text(errors="replace")
    opening, closing = text.find("{"), text.rfind("}")
    try:
        if opening < 0 or closing < opening:
            raise ValueError("no { } block")
        points = np.array(text[opening + 1 : closing].split(), np.float64).reshape(-1, 2)
        if not np.isfinite(points).all():
            raise ValueError("a coordinate is not finite")
    except ValueError as error:
        raise LivefanError(f"{path}: not a .pts file ({error})") from error
    if len(points) != n_points:
        raise LivefanError(f"{path}: holds {len(points)} points, expected {n_points}")
    return points - 1.0


def load_300w(root: Path, split: str) -> FaceSet:
    """Load a split of 300W from its official layout.

    ``train`` and ``validation`` divide the official training images: a tenth of each image set is
    held out, by photograph and a fixed seed. ``common``, ``challenging`` and ``full`` are the
    official test sets. An image set that is not there is named in :attr:`FaceSet.absent`, a file that cannot
    be used in :attr:`FaceSet.skipped`.

    Raises:
        LivefanError: if none of the split's image sets is there.
    """
    if split not in _300W_SPLITS:
        raise LivefanError(f"unknown split {split!r}: choose from {', '.join(SPLITS)}")
    result = FaceSet(IBUG_68, [])
    for subset in _300W_SPLITS[split]:
        folder = Path(root) / subset
        if not folder.is_dir():
            result.absent.append(folder)
            continue
        _load_folder(folder, subset, result)
    if not result.faces:
        missing = result.absent[0] if result.absent else Path(root) / _300W_SPLITS[split][0]
        raise LivefanError(f"{missing}: no faces of the {split} split here; --root must hold 300W's folders")
    if split in ("train", "validation"):
        held_out = _validation_faces(result.faces)
        wanted = split == "validation"
        result.faces[:] = [face for face in result.faces if (face.image_path in held_out) == wanted]
    return result


def _load_folder(folder: Path, subset: str, into: FaceSet) -> None:
    """Add every image of a folder that has a usable ``.pts`` beside it."""
    for pts in sorted(folder.glob("*.pts")):
        image = next((p for s in _IMAGE_SUFFIXES if (p := pts.with_suffix(s)).is_file()), None)
        if image is None:
            into.skipped.append(f"{pts}: no image beside it")
            continue
        try:
            points = read_pts(pts, into.scheme.n_points)
        except LivefanError as error:
            into.skipped.append(str(error))
            continue
        into.faces.append(LabelledFace(image, points, subset))


def _photograph(path: Path) -> str:
    """The photograph a file was cut from: several faces of one photograph differ in a last number."""
    stem, _, number = path.stem.rpartition("_")
    return stem if stem.isdigit() and number.isdigit() else path.stem


def _validation_faces(faces: list[LabelledFace]) -> set[Path]:
    """A tenth of each image set, held out by photograph in the order of a seeded hash."""
    by_subset: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for face in faces:
        by_subset[face.subset][_photograph(face.image_path)].append(face.image_path)
    held_out: set[Path] = set()
    for subset, photographs in by_subset.items():

        def order(photograph: str, subset: str = subset) -> str:
            return hashlib.sha256(f"{VALIDATION_SEED}/{subset}/{photograph}".encode()).hexdigest()

        wanted = round(VALIDATION_SHARE * sum(map(len, photographs.values())))
        chosen: list[Path] = []
        for photograph in sorted(photographs, key=order):
            if len(chosen) >= wanted:
                break
            chosen += photographs[photograph]
        held_out.update(chosen)
    return held_out

"""Divide the training faces of a data set into training and validation faces, always in the same way."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import replace
from typing import TypeAlias

from livefan.core.files import name_bytes
from livefan.datasets.faces import FaceSet, LabelledFace

VALIDATION_SHARE = 0.1
VALIDATION_SEED = 300
HALVES = ("validation-choice", "validation-report")
"""Splits that together are the validation faces."""

_Photograph: TypeAlias = tuple[str, str]
"""Image set and name of the photograph in it."""


def divide(faces: FaceSet, split: str, share: float = VALIDATION_SHARE) -> FaceSet:
    """Return the ``"validation"`` faces, or for ``"train"`` all others.

    A share of each image set is held out, by photograph, in the order of a seeded hash of the names. The
    result depends neither on the folder's path nor on other image sets.
    """
    return _side(faces, split, _held_out_of_each_set(faces.faces, share))


def divide_whole(faces: FaceSet, split: str, share: float = VALIDATION_SHARE) -> FaceSet:
    """Return the ``"validation"`` faces, or for ``"train"`` all others; a share of all image sets together.

    Users' own folders may be many and small, and one recording, whose faces stay together, may hold most
    faces. A photograph or recording with more faces than still needed is therefore skipped. If all are
    skipped, the smallest one is held out.
    """
    return _side(faces, split, _held_out_of_whole(faces.faces, share))


def halved(faces: FaceSet, half: str) -> FaceSet:
    """Return one of the :data:`HALVES` of validation faces, by photograph.

    Epochs and settings may be chosen on the first half. The error on the second half is then not too low.
    """
    photographs = sorted({(face.subset, face.photograph) for face in faces.faces}, key=_seeded_hash)
    kept = set(photographs[HALVES.index(half) :: 2])
    chosen = [face for face in faces.faces if (face.subset, face.photograph) in kept]
    return replace(faces, faces=chosen)


def _side(faces: FaceSet, split: str, held_out: set[_Photograph]) -> FaceSet:
    validation = split == "validation"
    chosen = [face for face in faces.faces if ((face.subset, face.photograph) in held_out) == validation]
    return replace(faces, faces=chosen)


def _held_out_of_each_set(faces: list[LabelledFace], share: float) -> set[_Photograph]:
    by_subset: dict[str, Counter[_Photograph]] = defaultdict(Counter)
    for face in faces:
        by_subset[face.subset][face.subset, face.photograph] += 1
    held_out: set[_Photograph] = set()
    for photographs in by_subset.values():
        n_needed = round(share * photographs.total())
        for photograph in sorted(photographs, key=_seeded_hash):
            if n_needed <= 0:
                break
            held_out.add(photograph)
            n_needed -= photographs[photograph]
    return held_out


def _held_out_of_whole(faces: list[LabelledFace], share: float) -> set[_Photograph]:
    photographs = Counter((face.subset, face.photograph) for face in faces)
    in_order = sorted(photographs, key=_seeded_hash)
    held_out: set[_Photograph] = set()
    n_needed = round(share * len(faces))
    for photograph in in_order:
        if photographs[photograph] <= n_needed:
            held_out.add(photograph)
            n_needed -= photographs[photograph]
    if n_needed and not held_out and len(photographs) > 1:
        held_out.add(min(in_order, key=photographs.__getitem__))
    return held_out


def _seeded_hash(photograph: _Photograph) -> str:
    return hashlib.sha256(name_bytes("/".join((str(VALIDATION_SEED), *photograph)))).hexdigest()

"""The fixed division of a data set's training faces into those to train on and those to validate on."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from livefan.datasets.faces import FaceSet, LabelledFace

VALIDATION_SHARE = 0.1
VALIDATION_SEED = 300

_Photograph: TypeAlias = tuple[str, str]
"""Image set, and name in it."""


def divide(faces: FaceSet, split: str) -> FaceSet:
    """The faces of one side: ``"validation"``, or ``"train"`` for the others.

    A tenth of each image set is held out, by photograph, in the order of a seeded hash of names: the
    same faces wherever the folder lies, and whatever other image sets are there.
    """
    return _side(faces, split, _held_out_of_each_set)


def divide_whole(faces: FaceSet, split: str) -> FaceSet:
    """The same, but a tenth of all faces together is held out.

    People's own folders may be many and small, and a recording, whose faces stay together, may hold most of
    them: so a photograph or recording with more faces than are still wanted is passed over, and where all
    are, the smallest is held out.
    """
    return _side(faces, split, _held_out_of_whole)


def _side(faces: FaceSet, split: str, choose: Callable[[list[LabelledFace]], set[_Photograph]]) -> FaceSet:
    held_out = choose(faces.faces)
    wanted = split == "validation"
    chosen = [face for face in faces.faces if ((face.subset, face.photograph) in held_out) == wanted]
    return replace(faces, faces=chosen)


def _held_out_of_each_set(faces: list[LabelledFace]) -> set[_Photograph]:
    by_subset: dict[str, Counter[_Photograph]] = defaultdict(Counter)
    for face in faces:
        by_subset[face.subset][face.subset, face.photograph] += 1
    held_out: set[_Photograph] = set()
    for photographs in by_subset.values():
        wanted = round(VALIDATION_SHARE * photographs.total())
        for photograph in sorted(photographs, key=_place_in_order):
            if wanted <= 0:
                break
            held_out.add(photograph)
            wanted -= photographs[photograph]
    return held_out


def _held_out_of_whole(faces: list[LabelledFace]) -> set[_Photograph]:
    photographs = Counter((face.subset, face.photograph) for face in faces)
    in_order = sorted(photographs, key=_place_in_order)
    held_out: set[_Photograph] = set()
    wanted = round(VALIDATION_SHARE * len(faces))
    for photograph in in_order:
        if photographs[photograph] <= wanted:
            held_out.add(photograph)
            wanted -= photographs[photograph]
    if wanted and not held_out and len(photographs) > 1:
        held_out.add(min(in_order, key=photographs.__getitem__))
    return held_out


def _place_in_order(photograph: _Photograph) -> str:
    return hashlib.sha256("/".join((str(VALIDATION_SEED), *photograph)).encode()).hexdigest()

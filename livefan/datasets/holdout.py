"""The fixed division of a data set's training faces into those to train on and those to validate on."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import replace

from livefan.datasets.faces import FaceSet, LabelledFace

VALIDATION_SHARE = 0.1
VALIDATION_SEED = 300


def divide(faces: FaceSet, split: str) -> FaceSet:
    """The faces of one side: ``"validation"``, or ``"train"`` for the others.

    A tenth of each image set is held out, by photograph, in the order of a seeded hash of names: the
    same faces wherever the folder lies, and whatever other image sets are there.
    """
    held_out = _held_out(faces.faces)
    wanted = split == "validation"
    chosen = [face for face in faces.faces if ((face.subset, face.photograph) in held_out) == wanted]
    return replace(faces, faces=chosen)


def _held_out(faces: list[LabelledFace]) -> set[tuple[str, str]]:
    by_subset: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for face in faces:
        by_subset[face.subset][face.photograph] += 1
    held_out: set[tuple[str, str]] = set()
    for subset, photographs in by_subset.items():

        def order(photograph: str, subset: str = subset) -> str:
            return hashlib.sha256(f"{VALIDATION_SEED}/{subset}/{photograph}".encode()).hexdigest()

        wanted = round(VALIDATION_SHARE * sum(photographs.values()))
        for photograph in sorted(photographs, key=order):
            if wanted <= 0:
                break
            held_out.add((subset, photograph))
            wanted -= photographs[photograph]
    return held_out

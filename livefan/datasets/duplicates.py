"""Photographs that two sets share: found by what they show, since no list of them is published.

300W's image sets were gathered from the web one by one, and LFPW holds some photographs many times.
A face counts as a double if the perceptual hashes of the two landmark crops (DCT of 32 x 32 grey
pixels, 64 bits, as in OpenCV's ``img_hash``) differ in at most seven bits. Among the training images
of 300W that finds copies in another size, brightness or compression. A copy that was mirrored, turned
grey with another contrast, or cut and labelled otherwise can escape it.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from livefan.core.crop import crop_from_landmarks
from livefan.core.errors import LivefanError
from livefan.datasets.faces import FaceSet, LabelledFace

_MOST_BITS_APART = 7
_HASH_CROP_PX = 128


def face_hash(face: LabelledFace) -> np.ndarray:
    """The perceptual hash of a face's landmark crop, ``(64,)`` uint8 of bits.

    Raises:
        LivefanError: if its image cannot be read.
    """
    crop = crop_from_landmarks(face.points_px, size=_HASH_CROP_PX)
    grey = cv2.cvtColor(crop.cut(face.read_image()), cv2.COLOR_BGR2GRAY)
    return np.unpackbits(cv2.img_hash.pHash(grey)[0])  # type: ignore[attr-defined]  # not in the stubs


def exclude_duplicates(faces: FaceSet, *others: FaceSet) -> FaceSet:
    """Leave out the faces that one of ``others`` holds too; they are told in :attr:`FaceSet.duplicates`.

    Faces whose image cannot be read stay: whoever uses them lists them as skipped.
    """
    held = [face for other in others for face in other.faces]
    held_hashes, held = _hashes(held)
    own_hashes, readable = _hashes(faces.faces)
    if not held or not readable:
        return faces
    # Two binary vectors differ in as many places as one has ones where the other has zeros, and back.
    own, other = own_hashes.astype(np.float32), held_hashes.astype(np.float32)
    apart = own @ (1 - other).T + (1 - own) @ other.T
    nearest = apart.argmin(axis=1)
    doubles = {
        id(face): held[index]
        for face, index, bits in zip(readable, nearest, apart.min(axis=1), strict=True)
        if bits <= _MOST_BITS_APART
    }
    return replace(
        faces,
        faces=[face for face in faces.faces if id(face) not in doubles],
        duplicates=[
            f"{face.place}: the same photograph as {doubles[id(face)].place}"
            for face in readable
            if id(face) in doubles
        ],
    )


def _hashes(faces: list[LabelledFace]) -> tuple[np.ndarray, list[LabelledFace]]:
    hashes, readable = [], []
    for face in faces:
        try:
            hashes.append(face_hash(face))
        except LivefanError:
            continue
        readable.append(face)
    return np.array(hashes).reshape(-1, 64), readable

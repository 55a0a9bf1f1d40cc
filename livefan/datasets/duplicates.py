"""Find faces that two sets share, by perceptual hashes of their landmark crops.

300W's image sets were gathered from the web one by one, and LFPW holds some photographs many times. No list
of these duplicates is published. Two faces count as duplicates if their hashes differ in at most seven of 64
bits. Among the training images of 300W that finds copies in another size, brightness or compression. It can
miss a copy that was mirrored, turned grey with another contrast, cropped, or labelled otherwise.
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
_DCT_PX = 32
_LOW_FREQUENCIES = 8


def face_hash(face: LabelledFace) -> np.ndarray:
    """Return the perceptual hash of a face's landmark crop, ``(64,)`` uint8, each zero or one.

    Raises:
        LivefanError: if the image cannot be read.
    """
    crop = crop_from_landmarks(face.points_px, size=_HASH_CROP_PX)
    return perceptual_hash(crop.cut(face.read_image()))


def perceptual_hash(image: np.ndarray) -> np.ndarray:
    """Return 64 bits that change little when an image is scaled, brightened or compressed.

    The DCT hash of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), with
    the choices of OpenCV's ``img_hash``: which of the 8 x 8 lowest frequencies of the image at 32 x 32 grey
    pixels exceed their mean, the constant one counted as zero.

    Args:
        image: ``(height, width, 3)`` uint8 BGR.

    Returns:
        ``(64,)`` uint8, each zero or one; rows of frequencies follow on each other.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (_DCT_PX, _DCT_PX), interpolation=cv2.INTER_LINEAR_EXACT)
    low = cv2.dct(small.astype(np.float32))[:_LOW_FREQUENCIES, :_LOW_FREQUENCIES].copy()
    low[0, 0] = 0
    return (low > low.mean()).astype(np.uint8).ravel()


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

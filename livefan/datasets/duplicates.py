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

_MOST_DIFFERENT_BITS = 7
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
    """Return the faces without those that one of ``others`` also holds.

    The faces left out are listed in :attr:`FaceSet.duplicates`. Faces whose image cannot be read stay; their
    users list them as skipped.
    """
    other_hashes, other_faces = _hashes([face for other in others for face in other.faces])
    own_hashes, readable = _hashes(faces.faces)
    if not other_faces or not readable:
        return faces
    # The Hamming distance: ones of one vector where the other has zeros, and the reverse.
    own, other = own_hashes.astype(np.float32), other_hashes.astype(np.float32)
    distances = own @ (1 - other).T + (1 - own) @ other.T
    nearest = distances.argmin(axis=1)
    originals = {
        id(face): other_faces[index]
        for face, index, bits in zip(readable, nearest, distances.min(axis=1), strict=True)
        if bits <= _MOST_DIFFERENT_BITS
    }
    return replace(
        faces,
        faces=[face for face in faces.faces if id(face) not in originals],
        duplicates=[
            f"{face.place}: the same photograph as {originals[id(face)].place}"
            for face in readable
            if id(face) in originals
        ],
    )


def _hashes(faces: list[LabelledFace]) -> tuple[np.ndarray, list[LabelledFace]]:
    """Return the ``(n, 64)`` hashes of the faces whose image can be read, and these faces."""
    hashes, readable = [], []
    for face in faces:
        try:
            hashes.append(face_hash(face))
        except LivefanError:
            continue
        readable.append(face)
    return np.array(hashes).reshape(-1, 64), readable

"""The landmarks of a trained network that lie nearest to those of another landmark scheme."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from livefan.core.crop import upright_crop
from livefan.core.landmarks import LandmarkScheme
from livefan.datasets import LabelledFace, read_images
from livefan.runtimes.base import Runtime
from livefan.tracking.landmarker import SURE_FACE_SCORE, locate_twice

_FACES = 64
"""Number of faces that decide; fewer than twice as many, since they are taken at equal steps."""


def nearest_landmarks(
    runtime: Runtime, faces: Sequence[LabelledFace], scheme: LandmarkScheme
) -> np.ndarray | None:
    """Return the ``(n, n_source)`` float64 map to landmarks of a scheme from those of a network.

    Each row has a one for the landmark of the network with the smallest mean squared distance, relative to
    the size of the face.

    Args:
        runtime: the network.
        faces: labelled faces, of which some, evenly spread, are taken.
        scheme: their scheme.

    Returns:
        None if the network finds none of the faces.
    """
    squares = []
    for face, image in read_images(faces[:: max(1, len(faces) // _FACES)], []):
        crop = upright_crop(face.points_px, scheme)
        (found,) = locate_twice(runtime, image, [crop])
        if found.face_score >= SURE_FACE_SCORE:
            apart = face.points_px[:, None] - found.points_px
            squares.append((apart**2).sum(axis=-1) / crop.side_px**2)
    if not squares:
        return None
    return np.eye(runtime.scheme.n_points)[np.mean(squares, axis=0).argmin(axis=1)]

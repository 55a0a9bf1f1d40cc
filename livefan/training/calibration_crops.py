"""Measure a network on the crops to which sigma and confidence are calibrated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from livefan.datasets import FaceSet
from livefan.evaluation.reliability import LandmarkErrors, landmark_errors
from livefan.runtimes.base import Runtime
from livefan.training.augmentation.empty_crops import made_crops
from livefan.training.augmentation.robustness import hard_faces

_N_EMPTY = 150


def plain_and_hard_errors(runtime: Runtime, faces: FaceSet) -> LandmarkErrors:
    """Measure a network on faces as they are, and in each hard form except profile views, once each.

    Raises:
        LivefanError: if no face can be read.
    """
    # Faces of afw stay unchanged among the hard ones.
    hard = [face for face in hard_faces(faces, profiles=False).faces if face.attributes != ("afw",)]
    both = replace(faces, faces=faces.faces + hard)
    kinds = ["plain"] * len(faces.faces) + [face.attributes[0] for face in hard]
    originals = [getattr(face, "original", face) for face in both.faces]
    photographs = [f"{face.subset}/{face.photograph}" for face in originals]
    return landmark_errors(runtime, both, kinds, photographs)


def empty_confidences(runtime: Runtime, seed: int) -> np.ndarray:
    """Return ``(crops, n)`` confidences of heatmaps in computed crops without a face, such as grey ones."""
    confidences = []
    for crop in made_crops(_N_EMPTY, runtime.input_size, np.random.default_rng(seed)):
        pixels = runtime.buffer(1)
        pixels[0] = crop
        confidences.append(runtime.run(pixels)[0, :, 2].astype(np.float64))
    return np.array(confidences)

"""Measure weights on labelled faces, by the protocol of their data set."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import asdict, dataclass

import numpy as np
from tqdm import tqdm

from livefan.crop import Crop, crop_from_landmarks, upright_crop
from livefan.datasets import FaceSet
from livefan.detect import FaceDetector, match_detection
from livefan.errors import LivefanError
from livefan.framing import load_framing
from livefan.inference import locate
from livefan.metrics import Accuracy, measure
from livefan.runtimes.base import Runtime


@dataclass(frozen=True)
class Evaluation:
    """Accuracy over a set of faces.

    Attributes:
        accuracy: errors of all faces; those missed have no NME but count as failures.
        n_missed: faces that the detector did not find.
        skipped: files that could not be read, passed over.
    """

    accuracy: Accuracy
    n_missed: int
    skipped: list[str]

    def numbers(self) -> dict[str, float | None]:
        """The figures by name, NMEs and failure rate in percent; one that is undefined is None."""
        figures = asdict(self.accuracy) | {"n_missed": self.n_missed}
        return {name: None if math.isnan(value) else value for name, value in figures.items()}


def evaluate(runtime: Runtime, faces: FaceSet, *, crop: str = "landmarks") -> Evaluation:
    """Measure a network on labelled faces.

    Args:
        crop: ``"landmarks"`` cuts around the true landmark box, as papers do; ``"detector"`` finds
            each face and looks twice, as the live application does.

    Raises:
        LivefanError: if the weights are of another scheme, or no face could be read.
    """
    if runtime.scheme != faces.scheme:
        raise LivefanError(
            f"the weights are of scheme {runtime.scheme.name}, the faces of {faces.scheme.name}"
        )
    predicted, truth, skipped = [], [], list(faces.skipped)
    n_missed = 0
    with FaceDetector() if crop == "detector" else nullcontext() as detector:
        framing = load_framing()
        for face in tqdm(faces.faces, "evaluating", leave=False, disable=None):
            try:
                image = face.read_image()
            except LivefanError as error:
                skipped.append(str(error))
                continue
            first: Crop | None = crop_from_landmarks(face.points_px)
            if detector is not None:
                found = match_detection(face.points_px, detector.detect(image))
                first = framing.crop(found) if found else None
            if first is None:
                n_missed += 1
                continue
            (seen,) = locate(runtime, image, [first])
            if detector is not None:
                (seen,) = locate(runtime, image, [upright_crop(seen.points_px, faces.scheme)])
            predicted.append(seen.points_px)
            truth.append(face.points_px)
    if not predicted and not n_missed:
        raise LivefanError("no image of the split could be read; see the list of skipped files")
    shape = (-1, faces.scheme.n_points, 2)
    accuracy = measure(
        np.array(predicted).reshape(shape), np.array(truth).reshape(shape), faces.scheme, n_missed
    )
    return Evaluation(accuracy, n_missed, skipped)

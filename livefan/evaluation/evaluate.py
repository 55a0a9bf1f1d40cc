"""Measure weights on labelled faces, by the protocol of their data set."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace

import numpy as np
from tqdm import tqdm

from livefan.core.crop import Crop, crop_from_landmarks, upright_crop
from livefan.core.errors import LivefanError
from livefan.core.landmarks import LandmarkScheme
from livefan.core.metrics import Accuracy, inter_ocular, measure, nme
from livefan.datasets import FaceSet, LabelledFace
from livefan.detection.detection_to_crop import Framing, load_framing
from livefan.detection.detector import FaceDetector, match_detection
from livefan.runtimes.base import Runtime
from livefan.tracking.landmarker import locate

CROPS = ("landmarks", "detector")


@dataclass(frozen=True)
class Measured:
    """A face and what a network made of it.

    Attributes:
        face: the face with its true landmarks.
        predicted_px: ``(n, 2)`` landmarks in image pixels; None if the detector did not find the face.
        nme: inter-ocular error in percent; infinite if it was not found.
    """

    face: LabelledFace
    predicted_px: np.ndarray | None
    nme: float


@dataclass(frozen=True)
class Evaluation:
    """A network measured over a set of faces in one way.

    Attributes:
        scheme: the landmarks.
        crop, decoder: how the faces were cut and the heatmaps read.
        measured: each face that could be read.
        skipped: files that could not be read, passed over.
    """

    scheme: LandmarkScheme
    crop: str
    decoder: str
    measured: list[Measured]
    skipped: list[str]

    @property
    def n_missed(self) -> int:
        """Faces that the detector did not find."""
        return sum(each.predicted_px is None for each in self.measured)

    @property
    def errors(self) -> np.ndarray:
        """``(faces,)`` inter-ocular NMEs in percent, infinite for a face that was missed."""
        return np.array([each.nme for each in self.measured])

    @property
    def accuracy(self) -> Accuracy:
        """Errors of all faces; those missed have no NME but count as failures."""
        found = [each for each in self.measured if each.predicted_px is not None]
        shape = (-1, self.scheme.n_points, 2)
        return measure(
            np.array([each.predicted_px for each in found], np.float64).reshape(shape),
            np.array([each.face.points_px for each in found], np.float64).reshape(shape),
            self.scheme,
            self.n_missed,
        )

    def numbers(self) -> dict[str, float | None]:
        """The figures by name, NMEs and failure rate in percent; one that is undefined is None."""
        figures = asdict(self.accuracy) | {"n_missed": self.n_missed}
        return {name: value if math.isfinite(value) else None for name, value in figures.items()}

    def subsets(self) -> dict[str, Evaluation]:
        """The same over each part of the protocol's report, and each image set where there are several.

        A face may be in several parts, as in WFLW's.
        """
        attributes = list(dict.fromkeys(name for each in self.measured for name in each.face.attributes))
        image_sets = list(dict.fromkeys(each.face.subset for each in self.measured))
        parts = {name: [m for m in self.measured if name in m.face.attributes] for name in attributes}
        if len(image_sets) > 1:
            parts |= {name: [m for m in self.measured if m.face.subset == name] for name in image_sets}
        return {name: replace(self, measured=part, skipped=[]) for name, part in parts.items()}

    def worst(self, count: int) -> list[Measured]:
        """The faces with the largest errors, the worst first; those missed before all."""
        return sorted(self.measured, key=lambda each: -each.nme)[:count]


def evaluate(
    runtime: Runtime,
    faces: FaceSet,
    *,
    crop: str = "landmarks",
    flip: bool = False,
    decoder: str = "own",
) -> Evaluation:
    """Measure a network on labelled faces.

    Args:
        crop: ``"landmarks"`` cuts around the true landmark box, as papers do; ``"detector"`` finds
            each face and looks twice, as the live application does.
        flip: average each prediction with that for the mirrored image.
        decoder: what to call the runtime's decoder in reports.

    Raises:
        LivefanError: if the weights are of another scheme, or no face could be read.
    """
    if runtime.scheme != faces.scheme:
        raise LivefanError(
            f"the weights are of scheme {runtime.scheme.name}, the faces of {faces.scheme.name}"
        )
    measured, skipped = [], list(faces.skipped)
    with FaceDetector() if crop == "detector" else nullcontext() as detector:
        framing = load_framing()
        for face in tqdm(faces.faces, "evaluating", leave=False, disable=None):
            try:
                image = face.read_image()
            except LivefanError as error:
                skipped.append(str(error))
                continue
            first = _first_crop(face, image, detector, framing)
            if first is None:
                measured.append(Measured(face, None, math.inf))
                continue
            points_px = _predict(runtime, image, first, flip)
            if detector is not None:
                again = upright_crop(points_px, faces.scheme)
                points_px = _predict(runtime, image, again, flip)
            measured.append(Measured(face, points_px, _error(points_px, face.points_px, faces.scheme)))
    if not measured:
        raise faces.unusable(skipped)
    return Evaluation(faces.scheme, crop, decoder, measured, skipped)


def _first_crop(
    face: LabelledFace, image: np.ndarray, detector: FaceDetector | None, framing: Framing
) -> Crop | None:
    if detector is None:
        return crop_from_landmarks(face.points_px)
    found = match_detection(face.points_px, detector.detect(image))
    return framing.crop(found) if found else None


def _predict(runtime: Runtime, image: np.ndarray, crop: Crop, flip: bool) -> np.ndarray:
    """Landmarks of the face in a crop, ``(n, 2)`` image pixels."""
    crop = crop.sized(runtime.input_size)
    (seen,) = locate(runtime, image, [crop])
    if not flip:
        return seen.points_px
    last = image.shape[1] - 1
    mirrored = replace(crop, centre_px=(last - crop.centre_px[0], crop.centre_px[1]), angle=-crop.angle)
    (other,) = locate(runtime, np.ascontiguousarray(image[:, ::-1]), [mirrored])
    offset_px = runtime.mirror_offset * crop.side_px * np.array([math.cos(crop.angle), math.sin(crop.angle)])
    back = other.points_px[runtime.scheme.mirror_order] * (-1, 1) + (last, 0) + 2 * offset_px
    return (seen.points_px + back) / 2


def _error(predicted_px: np.ndarray, truth_px: np.ndarray, scheme: LandmarkScheme) -> float:
    truth = truth_px[None]
    return float(nme(predicted_px[None], truth, inter_ocular(truth, scheme))[0])

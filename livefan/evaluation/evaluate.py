"""Measure the accuracy of a network on labelled faces, by the protocol of their data set."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace

import numpy as np
from tqdm import tqdm

from livefan.core.boxes import iou, square_box
from livefan.core.common_landmarks import common_landmarks
from livefan.core.crop import Crop, crop_from_landmarks, upright_crop
from livefan.core.errors import LivefanError
from livefan.core.landmarks import LandmarkScheme
from livefan.core.metrics import Accuracy, inter_ocular, measure, nme
from livefan.datasets import FaceSet, LabelledFace, read_images
from livefan.detection.detection_to_crop import DetectionToCrop, load_detection_to_crop
from livefan.detection.detector import FaceDetector, match_detection
from livefan.runtimes.base import Runtime
from livefan.tracking.landmark_model import LandmarkModel
from livefan.tracking.landmarker import CONFIRMED_FACE_SCORE, Located, locate, locate_detected

CROPS = ("landmarks", "detector")
"""Ways to crop a face: around its true landmarks, or around the detected face."""
OWN_CROP = "own"
"""Crop of a model that finds the faces by itself."""
SAME_FACE_IOU = 0.3
"""Overlap of the boxes of a labelled and a found face from which they are one face."""


@dataclass(frozen=True)
class EvaluatedFace:
    """A labelled face and the landmarks that a network predicted.

    Attributes:
        face: the face with its true landmarks.
        predicted_px: ``(n, 2)`` landmarks in image pixels; None if the detector missed the face.
        nme: normalised mean error (NME) in percent of the inter-ocular distance; infinite for a missed face.
    """

    face: LabelledFace
    predicted_px: np.ndarray | None
    nme: float


@dataclass(frozen=True)
class Evaluation:
    """The accuracy of a network on a set of faces, with one crop and one decoder.

    Attributes:
        scheme: the landmark scheme.
        crop: one of :data:`CROPS`, or :data:`OWN_CROP`.
        decoder: name of the heatmap decoder.
        faces: each face whose image could be read.
        skipped: files that could not be read, each with the reason.
    """

    scheme: LandmarkScheme
    crop: str
    decoder: str
    faces: list[EvaluatedFace]
    skipped: list[str]

    @property
    def n_missed(self) -> int:
        """Number of faces that the detector missed."""
        return sum(each.predicted_px is None for each in self.faces)

    @property
    def errors(self) -> np.ndarray:
        """``(faces,)`` float64 inter-ocular NMEs in percent, infinite for missed faces."""
        return np.array([each.nme for each in self.faces])

    @property
    def accuracy(self) -> Accuracy:
        """Accuracy over all faces; missed faces have no NME but count as failures."""
        found = [each for each in self.faces if each.predicted_px is not None]
        shape = (-1, self.scheme.n_points, 2)
        return measure(
            np.array([each.predicted_px for each in found], np.float64).reshape(shape),
            np.array([each.face.points_px for each in found], np.float64).reshape(shape),
            self.scheme,
            self.n_missed,
        )

    def numbers(self) -> dict[str, float | None]:
        """Return the figures by name, NMEs and failure rate in percent; an undefined figure is None."""
        figures = asdict(self.accuracy) | {"n_missed": self.n_missed}
        return {name: value if math.isfinite(value) else None for name, value in figures.items()}

    def subsets(self) -> dict[str, Evaluation]:
        """Return an evaluation for each attribute, and for each image set if there are several.

        A face may have several attributes, as in WFLW.
        """
        attributes = list(dict.fromkeys(name for each in self.faces for name in each.face.attributes))
        image_sets = list(dict.fromkeys(each.face.subset for each in self.faces))
        parts = {name: [m for m in self.faces if name in m.face.attributes] for name in attributes}
        if len(image_sets) > 1:
            parts |= {name: [m for m in self.faces if m.face.subset == name] for name in image_sets}
        return {name: replace(self, faces=part, skipped=[]) for name, part in parts.items()}

    def worst(self, count: int) -> list[EvaluatedFace]:
        """Return the faces with the largest errors, missed faces first, then the largest error."""
        return sorted(self.faces, key=lambda each: -each.nme)[:count]


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
        runtime: the network.
        faces: the labelled faces, of the network's landmark scheme.
        crop: ``"landmarks"`` crops around the true landmarks, as papers do; ``"detector"`` detects the face
            and locates it as the live application does.
        flip: average each prediction with that for the mirrored image.
        decoder: name of the runtime's decoder in reports.

    Raises:
        LivefanError: if the network has another landmark scheme, or no face could be read.
    """
    if runtime.scheme != faces.scheme:
        raise LivefanError(
            f"the weights are of scheme {runtime.scheme.name}, the faces of {faces.scheme.name}"
        )
    evaluated, skipped = [], list(faces.skipped)
    with FaceDetector() if crop == "detector" else nullcontext() as detector:
        to_crop = load_detection_to_crop()
        shown = tqdm(faces.faces, "evaluating", leave=False, disable=None)
        for face, image in read_images(shown, skipped):
            if detector is None:
                points_px = _predict(runtime, image, crop_from_landmarks(face.points_px), flip)
            else:
                located = _locate_by_detector(runtime, image, face, detector, to_crop)
                if located is None:
                    evaluated.append(EvaluatedFace(face, None, math.inf))
                    continue
                points_px = located.points_px
                if flip:
                    points_px = _predict(runtime, image, upright_crop(points_px, faces.scheme), flip)
            evaluated.append(EvaluatedFace(face, points_px, _error(points_px, face.points_px, faces.scheme)))
    if not evaluated:
        raise faces.unusable(skipped)
    return Evaluation(faces.scheme, crop, decoder, evaluated, skipped)


def evaluate_external(model: LandmarkModel, faces: FaceSet) -> Evaluation:
    """Return the accuracy of a model that finds the faces by itself, on the landmarks that it has.

    Each image is processed independently. A labelled face is the found face whose square overlaps its own
    most; it is missed if none overlaps it by :data:`SAME_FACE_IOU`.

    Args:
        model: the model; its scheme and that of the faces need not be equal.
        faces: labelled faces.

    Raises:
        LivefanError: if no image can be read.
    """
    common = common_landmarks(model.scheme, faces.scheme)
    faces = (
        faces
        if model.scheme == faces.scheme
        else faces.in_scheme(common.scheme, tuple(common.theirs.tolist()))
    )
    skipped, evaluated = list(faces.skipped), []
    shown = tqdm(faces.faces, "evaluating", leave=False, disable=None)
    for face, image in read_images(shown, skipped):
        found = [each.points_px[common.ours] for each in model.process_image(image)]
        evaluated.append(_evaluated(face, found, faces.scheme))
    if not evaluated:
        raise faces.unusable(skipped)
    return Evaluation(faces.scheme, OWN_CROP, "own", evaluated, skipped)


def _evaluated(face: LabelledFace, found: list[np.ndarray], scheme: LandmarkScheme) -> EvaluatedFace:
    box = square_box(face.points_px)
    nearest = max(found, key=lambda points_px: iou(square_box(points_px), box), default=None)
    if nearest is None or iou(square_box(nearest), box) < SAME_FACE_IOU:
        return EvaluatedFace(face, None, math.inf)
    return EvaluatedFace(face, nearest, _error(nearest, face.points_px, scheme))


def _locate_by_detector(
    runtime: Runtime,
    image: np.ndarray,
    face: LabelledFace,
    detector: FaceDetector,
    to_crop: DetectionToCrop,
) -> Located | None:
    """Return the landmarks of a detected face; None if it is missed, or faint and not confirmed."""
    if detection := match_detection(face.points_px, detector.detect(image)):
        return locate_detected(runtime, image, [to_crop.crop(detection)])[0]
    if detection := match_detection(face.points_px, detector.detect(image, faint=True)):
        (located,) = locate_detected(runtime, image, [to_crop.crop(detection)])
        return located if located.face_score >= CONFIRMED_FACE_SCORE else None
    return None


def _predict(runtime: Runtime, image: np.ndarray, crop: Crop, flip: bool) -> np.ndarray:
    """Return the landmarks of the face in a crop, ``(n, 2)`` image pixels."""
    crop = crop.sized(runtime.input_size)
    (located,) = locate(runtime, image, [crop])
    if not flip:
        return located.points_px
    last = image.shape[1] - 1
    mirrored = replace(crop, centre_px=(last - crop.centre_px[0], crop.centre_px[1]), angle=-crop.angle)
    (other,) = locate(runtime, np.ascontiguousarray(image[:, ::-1]), [mirrored])
    offset_px = runtime.mirror_offset * crop.side_px * np.array([math.cos(crop.angle), math.sin(crop.angle)])
    unmirrored_px = other.points_px[runtime.scheme.mirror_order] * (-1, 1) + (last, 0) + 2 * offset_px
    return (located.points_px + unmirrored_px) / 2


def _error(predicted_px: np.ndarray, truth_px: np.ndarray, scheme: LandmarkScheme) -> float:
    truth = truth_px[None]
    return float(nme(predicted_px[None], truth, inter_ocular(truth, scheme))[0])

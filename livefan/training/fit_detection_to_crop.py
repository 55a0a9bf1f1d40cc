"""Fit the map from detections to landmark crops on labelled faces, and measure its residuals."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from tqdm import tqdm

from livefan.core.crop import crop_from_landmarks
from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write
from livefan.datasets import FaceSet, LabelledFace, print_skipped, read_images
from livefan.detection.detection_to_crop import N_FEATURES, face_frame, features
from livefan.detection.detector import FULL_RANGE, SHORT_RANGE, Detection, FaceDetector, match_detection

_RIDGE = 1e-2
_FEWEST_TO_MEASURE = 2
"""A standard deviation needs two faces."""


def _targets(face: LabelledFace, detection: Detection) -> np.ndarray:
    """Return the ``(3,)`` landmark crop in the detection's frame: x, y, and the logarithm of the side."""
    frame = face_frame(detection)
    crop = crop_from_landmarks(face.points_px, angle=frame.angle)
    return np.append(frame.from_image(np.array(crop.centre_px)), math.log(crop.side_px / frame.unit_px))


def _pairs(
    faces: FaceSet, detector: FaceDetector, label: str, skipped: list[str]
) -> dict[str, list[tuple[LabelledFace, Detection]]]:
    """Return labelled faces with their detections, by detector model; list unreadable ones in ``skipped``."""
    pairs: dict[str, list[tuple[LabelledFace, Detection]]] = {SHORT_RANGE: [], FULL_RANGE: []}
    shown = tqdm(faces.faces, label, leave=False, disable=None)
    for face, image in read_images(shown, skipped):
        for model, found in detector.detect_by_model(image).items():
            detection = match_detection(face.points_px, found)
            if detection is not None:
                pairs[model].append((face, detection))
    return pairs


def calibrate(training: FaceSet, validation: FaceSet, output: Path) -> dict[str, dict[str, float]]:
    """Fit the map on the training faces, write it to ``output``, and return its validation residuals.

    Returns:
        For each detector model: ``n_faces`` that it finds, and the standard deviation of the error of the
        centre (in crop sides) and of the side (in percent). ``before`` is the error of the mean crop of the
        training faces, ``after`` that of the fitted map.

    Raises:
        LivefanError: if one of the models finds too few faces to fit or to measure.
    """
    skipped = list(training.skipped)
    with FaceDetector() as detector:
        training_pairs = _pairs(training, detector, "training faces", skipped)
        validation_pairs = _pairs(validation, detector, "validation faces", skipped)
    print_skipped(skipped)
    for faces, pairs_of, needed in (
        (training, training_pairs, N_FEATURES),
        (validation, validation_pairs, _FEWEST_TO_MEASURE),
    ):
        for model, pairs in pairs_of.items():
            if len(pairs) < needed:
                raise LivefanError(
                    f"{faces.title}: the detector's {model} model finds {len(pairs)} of its "
                    f"{len(faces.faces)} faces, but {needed} are needed; name a --root with more faces"
                )
    models: dict[str, dict[str, object]] = {}
    report: dict[str, dict[str, float]] = {}
    for model, pairs in training_pairs.items():
        inputs = np.array([features(detection) for _, detection in pairs])
        targets = np.array([_targets(*pair) for pair in pairs])
        ridge = _RIDGE * np.eye(inputs.shape[1])
        coefficients = np.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ targets)
        report[model] = _residuals(validation_pairs[model], coefficients, targets.mean(axis=0))
        models[model] = {"coefficients": coefficients.round(6).tolist(), "validation": report[model]}
    source = f"{len(training.faces)} faces of {training.title}, ridge {_RIDGE}"
    with atomic_write(output) as partial:
        partial.write_text(
            json.dumps({"fitted_on": source, "models": models}, indent=1) + "\n", encoding="utf-8"
        )
    return report


def _residuals(
    pairs: list[tuple[LabelledFace, Detection]], coefficients: np.ndarray, mean_target: np.ndarray
) -> dict[str, float]:
    predictions = np.array([features(detection) @ coefficients for _, detection in pairs])
    targets = np.array([_targets(*pair) for pair in pairs])
    sides = np.exp(targets[:, 2:])
    report: dict[str, float] = {"n_faces": len(pairs)}
    for name, guess in (("before", mean_target), ("after", predictions)):
        error = targets - guess
        report[f"centre_x_{name}"], report[f"centre_y_{name}"] = (
            float(value) for value in (error[:, :2] / sides).std(axis=0).round(4)
        )
        report[f"side_percent_{name}"] = round(100 * float(error[:, 2].std()), 2)
    return report

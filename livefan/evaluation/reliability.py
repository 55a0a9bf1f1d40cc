"""Compare stated with actual errors of landmarks, and calibrate sigma and confidence."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from tqdm import tqdm

from livefan.core.boxes import bounding_box
from livefan.core.crop import crop_from_landmarks
from livefan.core.errors import LivefanError
from livefan.datasets import FaceSet
from livefan.networks.confidence_calibration import TOLERANCE, ConfidenceCalibration, logit
from livefan.networks.sigma_calibration import COVERAGE, EXPECTED_ERROR, WIDTH, SigmaCalibration
from livefan.runtimes.base import Runtime

_LARGEST_FACTOR = 3.0
_STEPS = 20
_BINS = 10


@dataclass(frozen=True)
class LandmarkErrors:
    """Errors of the landmarks of labelled faces, and what a network states about them.

    Lengths are shares of the side of the crop.

    Attributes:
        photographs: the photograph of each face.
        kinds: the kind of each face, such as ``"plain"`` or ``"covered"``.
        face_size: ``(faces,)`` float64, longer side of the box of the true landmarks.
        error, width, confidence: ``(faces, n)`` float64 errors, widths and confidences of heatmaps.
        expected: ``(faces, n)`` float64 errors that the reliability head expects; None without a head.
        occluded: ``(faces, n)`` float64 probabilities that landmarks are covered; None likewise.
    """

    photographs: list[str]
    kinds: list[str]
    face_size: np.ndarray
    error: np.ndarray
    width: np.ndarray
    confidence: np.ndarray
    expected: np.ndarray | None = None
    occluded: np.ndarray | None = None

    @property
    def in_place(self) -> np.ndarray:
        """``(faces, n)`` bool, whether each landmark is within :data:`TOLERANCE` of its true place."""
        return np.asarray(self.error <= TOLERANCE * self.face_size[:, None])

    def at(self, chosen: np.ndarray) -> LandmarkErrors:
        """Return some of the faces, by a ``(faces,)`` bool mask."""
        indices = np.flatnonzero(chosen)
        arrays = {each.name: getattr(self, each.name) for each in fields(self)[2:]}
        part: dict[str, Any] = {
            name: None if array is None else array[indices] for name, array in arrays.items()
        }
        return LandmarkErrors(
            [self.photographs[index] for index in indices], [self.kinds[index] for index in indices], **part
        )

    def of_kind(self, kind: str) -> LandmarkErrors:
        """Return the faces of a kind."""
        return self.at(np.array(self.kinds) == kind)


def landmark_errors(
    runtime: Runtime, faces: FaceSet, kinds: list[str], photographs: list[str]
) -> LandmarkErrors:
    """Measure the landmarks of a network in the crops around the true landmarks.

    Args:
        runtime: the network.
        faces: labelled faces of its scheme.
        kinds: the kind of each face.
        photographs: the photograph of each face.

    Raises:
        LivefanError: if no face can be read.
    """
    size = runtime.input_size
    skipped, rows = list(faces.skipped), []
    further: list[tuple[np.ndarray, np.ndarray]] = []
    shown = tqdm(faces.faces, "measuring", leave=False, disable=None)
    for face, kind, photograph in zip(shown, kinds, photographs, strict=True):
        try:
            image = face.read_image()
        except LivefanError as error:
            skipped.append(str(error))
            continue
        crop = crop_from_landmarks(face.points_px).sized(size)
        pixels = runtime.buffer(1)
        crop.cut(image, out=pixels[0])
        (found,) = runtime.run(pixels).astype(np.float64)
        apart = np.linalg.norm(found[:, :2] - crop.to_crop(face.points_px), axis=1)
        left, top, right, bottom = bounding_box(face.points_px)
        face_size = max(right - left, bottom - top) / crop.side_px
        rows.append((photograph, kind, face_size, apart / size, found[:, 3] / size, found[:, 2]))
        if runtime.expected_error_crop is not None and runtime.occluded is not None:
            further.append((runtime.expected_error_crop[0] / size, runtime.occluded[0].copy()))
    if not rows:
        raise faces.unusable(skipped)
    names, of_kind, *columns = zip(*rows, strict=True)
    columns += zip(*further, strict=True)
    return LandmarkErrors(list(names), list(of_kind), *(np.array(each, np.float64) for each in columns))


def halves(errors: LandmarkErrors) -> tuple[LandmarkErrors, LandmarkErrors]:
    """Return two halves of the faces; all faces of a photograph are in one half.

    Raises:
        LivefanError: if there is only one photograph.
    """
    names = sorted(set(errors.photographs))
    if len(names) < 2:
        raise LivefanError("sigma cannot be calibrated on one photograph; name a data set with more faces")
    first = set(names[::2])
    chosen = np.array([name in first for name in errors.photographs])
    return errors.at(chosen), errors.at(~chosen)


def fit_sigma(errors: LandmarkErrors) -> SigmaCalibration:
    """Return the calibration by quantile regression: 68 % of each landmark's errors are within sigma.

    Sigma follows from the errors that the reliability head expects, or without a head from the widths. The
    map is that with the least quantile loss of the logarithms of the errors.
    """
    from scipy.optimize import minimize  # takes 0.2 s

    measured = errors.width if errors.expected is None else errors.expected
    log_error = np.log(errors.error.clip(1e-6))
    log_measured = np.log(measured.clip(1e-6))
    terms = [log_measured, log_measured.mean(axis=1, keepdims=True)]
    if errors.occluded is not None:
        terms.append(errors.occluded)

    def fitted(factors: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the quantile loss, and the logarithms of the scales."""
        residual = log_error - sum(factor * term for factor, term in zip(factors, terms, strict=True))
        log_scale = np.quantile(residual, COVERAGE, axis=0)
        over = residual - log_scale
        return float(np.maximum(COVERAGE * over, (COVERAGE - 1) * over).mean()), log_scale

    best = minimize(
        lambda factors: fitted(factors)[0],
        np.array([1.0, 0.5, 0.5][: len(terms)]),
        method="Nelder-Mead",
        bounds=[(0.0, _LARGEST_FACTOR)] * len(terms),
        options={"xatol": 0.01, "fatol": 1e-5},
    ).x
    exponent, face_exponent, covered = (*map(float, best), 0.0)[:3]
    of = WIDTH if errors.expected is None else EXPECTED_ERROR
    return SigmaCalibration(exponent, np.exp(fitted(best)[1]), of, face_exponent, covered)


def fit_confidence(errors: LandmarkErrors, empty: np.ndarray) -> ConfidenceCalibration:
    """Return the calibration by logistic regression.

    Args:
        errors: labelled faces.
        empty: ``(crops, n)`` confidences of heatmaps in crops without a face.
    """
    logits = np.concatenate([logit(errors.confidence), logit(empty)]).ravel()
    in_place = np.concatenate([errors.in_place, np.zeros(empty.shape, bool)]).ravel()
    inputs = np.stack([np.ones_like(logits), logits])
    factors = np.array([0.0, 1.0])
    for _ in range(_STEPS):  # of Newton's method
        stated = 1 / (1 + np.exp(-factors @ inputs))
        curvature = (inputs * (stated * (1 - stated))) @ inputs.T + np.eye(2)
        factors += np.linalg.solve(curvature, inputs @ (in_place - stated) - factors)
    return ConfidenceCalibration(*map(float, factors))


def stated_sigma(errors: LandmarkErrors, calibration: SigmaCalibration | None) -> np.ndarray:
    """Return ``(faces, n)`` stated errors as shares of the crop; widths of heatmaps without calibration."""
    if calibration is None:
        return errors.width
    if calibration.of == WIDTH or errors.expected is None:
        return calibration.sigma(errors.width, 1.0)
    occluded = 0.0 if errors.occluded is None else errors.occluded
    return calibration.sigma(errors.expected, 1.0, occluded)


def coverage(errors: LandmarkErrors, sigma: np.ndarray) -> float:
    """Return the share of landmarks whose error is at most their sigma."""
    return float((errors.error <= sigma).mean())


def bins(stated: np.ndarray, actual: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return ten bins of equally many landmarks, from the smallest to the largest stated value.

    Args:
        stated: stated values, such as sigma or confidence.
        actual: the actual values of the same landmarks, such as errors.

    Returns:
        For each bin the stated and the actual values; fewer bins than ten for fewer landmarks than ten.
    """
    order = np.argsort(stated, axis=None)
    n_bins = min(_BINS, len(order))
    parts = (np.array_split(values.ravel()[order], n_bins) for values in (stated, actual))
    return list(zip(*parts, strict=True))


def calibration_error(errors: LandmarkErrors, sigma: np.ndarray) -> float:
    """Return the expected calibration error: the mean distance of the bins' coverage from 68 %."""
    covered = [(error <= stated).mean() for stated, error in bins(sigma, errors.error)]
    return float(np.abs(np.subtract(covered, COVERAGE)).mean())


def confidence_error(stated: np.ndarray, in_place: np.ndarray) -> float:
    """Return the expected calibration error: the mean distance of confidences from shares, over the bins."""
    return float(np.mean([abs(each.mean() - actual.mean()) for each, actual in bins(stated, in_place)]))


def coverage_table(errors: LandmarkErrors, calibration: SigmaCalibration) -> str:
    """Return coverage and expected calibration error by kind of face, in percent, as text in columns."""
    lines = [f"{'faces':12}{'number':>7}{'before':>20}{'calibrated':>20}"]
    for kind in [*dict.fromkeys(errors.kinds), "all"]:
        part = errors if kind == "all" else errors.of_kind(kind)
        figures = ""
        for sigma in (stated_sigma(part, None), stated_sigma(part, calibration)):
            figures += f"{100 * coverage(part, sigma):8.1f} (ECE {100 * calibration_error(part, sigma):4.1f})"
        lines.append(f"{kind:12}{len(part.kinds):7}{figures}")
    return "\n".join(lines)


def confidence_table(errors: LandmarkErrors, empty: np.ndarray, calibration: ConfidenceCalibration) -> str:
    """Return mean confidence and expected calibration error by kind of crop, in percent, as text in columns.

    Args:
        errors: labelled faces.
        empty: ``(crops, n)`` confidences of heatmaps in crops without a face.
        calibration: the map to measure.
    """
    parts = {kind: errors.of_kind(kind) for kind in dict.fromkeys(errors.kinds)} | {"all": errors}
    rows = {kind: (part.confidence, part.in_place) for kind, part in parts.items()}
    rows["no face"] = empty, np.zeros(empty.shape, bool)
    lines = [f"{'crops':12}{'number':>7}{'in place':>10}{'before':>20}{'calibrated':>20}"]
    for kind, (measured, in_place) in rows.items():
        figures = ""
        for stated in (measured, calibration.confidence(measured)):
            figures += f"{100 * stated.mean():8.1f} (ECE {100 * confidence_error(stated, in_place):4.1f})"
        lines.append(f"{kind:12}{len(measured):7}{100 * in_place.mean():10.1f}{figures}")
    return "\n".join(lines)

"""Compare stated with actual errors of landmarks, and calibrate sigma."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from livefan.core.crop import crop_from_landmarks
from livefan.core.errors import LivefanError
from livefan.datasets import FaceSet
from livefan.networks.sigma_calibration import COVERAGE, EXPECTED_ERROR, WIDTH, SigmaCalibration
from livefan.runtimes.base import Runtime

_EXPONENTS = np.linspace(0.2, 3.0, 57)
_BINS = 10


@dataclass(frozen=True)
class LandmarkErrors:
    """Errors and widths of heatmaps of labelled faces, as shares of the side of the crop.

    Attributes:
        photographs: the photograph of each face.
        kinds: the kind of each face, such as ``"plain"`` or ``"covered"``.
        error, width: ``(faces, n)`` float64.
        expected: ``(faces, n)`` float64 errors that the reliability head expects; None without a head.
    """

    photographs: list[str]
    kinds: list[str]
    error: np.ndarray
    width: np.ndarray
    expected: np.ndarray | None = None

    def at(self, chosen: np.ndarray) -> LandmarkErrors:
        """Return some of the faces, by a ``(faces,)`` bool mask."""
        indices = np.flatnonzero(chosen)
        return LandmarkErrors(
            [self.photographs[index] for index in indices],
            [self.kinds[index] for index in indices],
            self.error[indices],
            self.width[indices],
            None if self.expected is None else self.expected[indices],
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
    expected: list[np.ndarray] = []
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
        rows.append((photograph, kind, apart / size, found[:, 3] / size))
        if runtime.expected_error_crop is not None:
            expected.append(runtime.expected_error_crop[0].astype(np.float64) / size)
    if not rows:
        raise faces.unusable(skipped)
    names, of_kind, errors, widths = zip(*rows, strict=True)
    return LandmarkErrors(
        list(names),
        list(of_kind),
        np.array(errors),
        np.array(widths),
        np.array(expected) if expected else None,
    )


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
    exponent is that with the least quantile loss of the logarithms of the errors.
    """
    measured = errors.width if errors.expected is None else errors.expected
    log_error = np.log(errors.error.clip(1e-6))
    log_measured = np.log(measured.clip(1e-6))
    best = (np.inf, 1.0, np.zeros(errors.error.shape[1]))
    for exponent in _EXPONENTS:
        residual = log_error - exponent * log_measured
        scale = np.quantile(residual, COVERAGE, axis=0)
        over = residual - scale
        loss = float(np.maximum(COVERAGE * over, (COVERAGE - 1) * over).mean())
        if loss < best[0]:
            best = (loss, float(exponent), scale)
    _, exponent, log_scale = best
    of = WIDTH if errors.expected is None else EXPECTED_ERROR
    return SigmaCalibration(exponent, np.exp(log_scale), of)


def stated_sigma(errors: LandmarkErrors, calibration: SigmaCalibration | None) -> np.ndarray:
    """Return ``(faces, n)`` stated errors as shares of the crop; widths of heatmaps without calibration."""
    if calibration is None:
        return errors.width
    if calibration.of == WIDTH or errors.expected is None:
        return calibration.sigma(errors.width, 1.0)
    return calibration.sigma(errors.expected, 1.0)


def coverage(errors: LandmarkErrors, sigma: np.ndarray) -> float:
    """Return the share of landmarks whose error is at most their sigma."""
    return float((errors.error <= sigma).mean())


def reliability(errors: LandmarkErrors, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ten equal bins of landmarks: median stated sigma, radius of 68 % of the errors, coverage."""
    order = np.argsort(sigma, axis=None)
    stated, error = sigma.ravel()[order], errors.error.ravel()[order]
    bins = [
        (np.median(s), np.quantile(e, COVERAGE), (e <= s).mean())
        for s, e in zip(np.array_split(stated, _BINS), np.array_split(error, _BINS), strict=True)
    ]
    median, radius, covered = np.array(bins).T
    return median, radius, covered


def calibration_error(errors: LandmarkErrors, sigma: np.ndarray) -> float:
    """Return the expected calibration error: the mean distance of the bins' coverage from 68 %."""
    _, _, covered = reliability(errors, sigma)
    return float(np.abs(covered - COVERAGE).mean())


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

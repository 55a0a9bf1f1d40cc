"""Metrics of face alignment: NME, failure rate, and area under the cumulative error curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from livefan.core.landmarks import LandmarkScheme

FAILURE_THRESHOLD = {"300w-68": 8.0, "wflw-98": 10.0, "cofw-29": 10.0}
"""NME in percent above which a face counts as failed, by scheme (the protocols of the data sets)."""


def failure_threshold(scheme: LandmarkScheme) -> float:
    """Return the NME in percent above which a face counts as failed; of users' schemes that of 300W."""
    return FAILURE_THRESHOLD.get(scheme.name, FAILURE_THRESHOLD["300w-68"])


@dataclass(frozen=True)
class Accuracy:
    """Errors of a set of faces; NMEs, threshold and failure rate are in percent, ``auc`` in [0, 1]."""

    n_faces: int
    nme_inter_ocular: float
    nme_inter_pupil: float
    failure_rate: float
    auc: float


def nme(predicted_px: np.ndarray, truth_px: np.ndarray, normaliser_px: np.ndarray) -> np.ndarray:
    """Return the normalised mean error of each face, in percent.

    Args:
        predicted_px, truth_px: ``(faces, n, 2)`` landmarks in the same pixels.
        normaliser_px: ``(faces,)`` distances that divide the mean point-to-point error.
    """
    distances = np.linalg.norm(predicted_px - truth_px, axis=-1)
    return 100.0 * distances.mean(axis=-1) / normaliser_px


def inter_ocular(truth_px: np.ndarray, scheme: LandmarkScheme) -> np.ndarray:
    """Return the ``(faces,)`` distances between the outer eye corners of ``(faces, n, 2)`` landmarks."""
    right, left = scheme.normaliser
    return np.linalg.norm(truth_px[:, right] - truth_px[:, left], axis=-1)


def inter_pupil(truth_px: np.ndarray, scheme: LandmarkScheme) -> np.ndarray:
    """Return the ``(faces,)`` distances between the mean points of the eyes, which stand for the pupils."""
    eyes = scheme.centring[:2] @ truth_px
    return np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=-1)


def failure_rate(errors: np.ndarray, threshold: float) -> float:
    """Return the share of errors above ``threshold`` in percent; the error of a missed face is infinite."""
    return 100.0 * float(np.mean(errors > threshold))


def auc(errors: np.ndarray, threshold: float) -> float:
    """Return the area under the cumulative error curve from 0 to ``threshold``, divided by ``threshold``.

    The curve is a step function: its area is the mean over faces of ``threshold`` minus the error.
    """
    return float(np.mean(np.clip(threshold - errors, 0.0, None)) / threshold)


def measure(
    predicted_px: np.ndarray, truth_px: np.ndarray, scheme: LandmarkScheme, n_missed: int = 0
) -> Accuracy:
    """Return the accuracy of ``(faces, n, 2)`` predictions against the truth in the same pixels.

    Args:
        n_missed: number of faces without a prediction. They count in the failure rate and the area under the
            curve, but not in the NME.
    """
    ocular = nme(predicted_px, truth_px, inter_ocular(truth_px, scheme))
    pupil = nme(predicted_px, truth_px, inter_pupil(truth_px, scheme))
    threshold = failure_threshold(scheme)
    everyone = np.concatenate([ocular, np.full(n_missed, np.inf)])
    return Accuracy(
        n_faces=len(everyone),
        nme_inter_ocular=float(ocular.mean()) if len(ocular) else float("nan"),
        nme_inter_pupil=float(pupil.mean()) if len(pupil) else float("nan"),
        failure_rate=failure_rate(everyone, threshold),
        auc=auc(everyone, threshold),
    )

"""The measures of face alignment: NME, failure rate and the area under the cumulative error curve."""

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
    """Normalised mean error of each face, in percent.

    Args:
        predicted_px, truth_px: ``(faces, n, 2)`` landmarks in the same pixels.
        normaliser_px: ``(faces,)`` distances that divide the mean point-to-point error.
    """
    distances = np.linalg.norm(predicted_px - truth_px, axis=-1)
    return 100.0 * distances.mean(axis=-1) / normaliser_px


def inter_ocular(truth_px: np.ndarray, scheme: LandmarkScheme) -> np.ndarray:
    """Distance between the outer eye corners of ``(faces, n, 2)`` landmarks, ``(faces,)`` pixels."""
    right, left = scheme.normaliser
    return np.linalg.norm(truth_px[:, right] - truth_px[:, left], axis=-1)


def inter_pupil(truth_px: np.ndarray, scheme: LandmarkScheme) -> np.ndarray:
    """Distance between the means of the eyes' points, the usual stand-in for the pupils of 300W."""
    eyes = scheme.centring[:2] @ truth_px
    return np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=-1)


def failure_rate(errors: np.ndarray, threshold: float) -> float:
    """Share of faces with an error above ``threshold``, in percent; a missed face's error is infinite."""
    return 100.0 * float(np.mean(errors > threshold))


def auc(errors: np.ndarray, threshold: float) -> float:
    """Area under the cumulative error curve from 0 to ``threshold``, divided by ``threshold``.

    The curve is a step function, so its area is the mean over faces of what lies to the right of
    each face's error.
    """
    return float(np.mean(np.clip(threshold - errors, 0.0, None)) / threshold)


def measure(
    predicted_px: np.ndarray, truth_px: np.ndarray, scheme: LandmarkScheme, n_missed: int = 0
) -> Accuracy:
    """Measure ``(faces, n, 2)`` predictions against the truth in the same pixels.

    Args:
        n_missed: faces that got no prediction: they count as failures and in the area under the
            curve, but have no NME.
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

"""Calibrated errors of landmarks: the radius that holds 68 % of the errors, from what a network measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

COVERAGE = 0.68
"""Share of landmarks whose error is at most their sigma."""
WIDTH, EXPECTED_ERROR = "width", "expected_error"
"""Values that sigma is computed from."""
_LEAST = 1e-6
"""Least measured value, as a share of the side of the crop."""


@dataclass(frozen=True)
class SigmaCalibration:
    """The map to sigma from the widths of heatmaps, or from the errors that the reliability head expects.

    All are shares of the side of the crop. The map is ``sigma = scale * measured ** exponent * face **
    face_exponent * exp(covered * occluded)``, with one scale for each landmark. ``face`` is the geometric
    mean of the measured values of a face, ``occluded`` the head's probability that a landmark is covered.

    Attributes:
        exponent: common to all landmarks.
        scale: ``(n,)`` float64.
        of: :data:`WIDTH` or :data:`EXPECTED_ERROR`, the measured value.
        face_exponent: common to all landmarks.
        covered: growth of covered landmarks; 0 for :data:`WIDTH`.
    """

    exponent: float
    scale: np.ndarray
    of: str = WIDTH
    face_exponent: float = 0.0
    covered: float = 0.0

    @staticmethod
    def read(values: Mapping[str, Any] | None, n_points: int) -> SigmaCalibration | None:
        """Return the calibration in the metadata of a weight file; None if there is none.

        Raises:
            ValueError: if the values are no calibration of so many landmarks.
        """
        if values is None:
            return None
        try:
            exponent, scale = float(values["exponent"]), np.array(values["scale"], np.float64)
            of = str(values.get("of", WIDTH))
            face_exponent, covered = (float(values.get(name, 0.0)) for name in ("face_exponent", "covered"))
        except (KeyError, TypeError) as error:
            raise ValueError(f"sigma calibration without {error}") from error
        if scale.shape != (n_points,) or not (np.isfinite(scale).all() and (scale > 0).all()):
            raise ValueError(f"sigma calibration of shape {scale.shape}, expected {n_points} numbers above 0")
        if of not in (WIDTH, EXPECTED_ERROR):
            raise ValueError(f"sigma calibration of {of!r}, expected {WIDTH} or {EXPECTED_ERROR}")
        return SigmaCalibration(exponent, scale, of, face_exponent, covered)

    def described(self) -> dict[str, Any]:
        """Return the values that :meth:`read` takes."""
        described: dict[str, Any] = {
            "exponent": round(self.exponent, 4),
            "face_exponent": round(self.face_exponent, 4),
            "scale": [float(f"{each:.5g}") for each in self.scale],
        }
        return (
            described if self.of == WIDTH else described | {"of": self.of, "covered": round(self.covered, 4)}
        )

    def sigma(self, measured: np.ndarray, side: float, occluded: np.ndarray | float = 0.0) -> np.ndarray:
        """Return the sigma of landmarks, in the unit of the crop's side.

        Args:
            measured: ``(..., n)`` values of :attr:`of`.
            side: side of the crop.
            occluded: ``(..., n)`` probabilities that the landmarks are covered.
        """
        log_measured = np.log(np.maximum(measured, _LEAST * side) / side)
        log_face = log_measured.mean(axis=-1, keepdims=True)
        grown = self.exponent * log_measured + self.face_exponent * log_face + self.covered * occluded
        return np.asarray(side * self.scale * np.exp(grown))

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


@dataclass(frozen=True)
class SigmaCalibration:
    """The map to sigma from the width of a heatmap, or from the error that the reliability head expects.

    All are shares of the side of the crop. The map is ``sigma = scale * measured ** exponent``, with one
    scale for each landmark.

    Attributes:
        exponent: common to all landmarks.
        scale: ``(n,)`` float64.
        of: :data:`WIDTH` or :data:`EXPECTED_ERROR`, the measured value.
    """

    exponent: float
    scale: np.ndarray
    of: str = WIDTH

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
        except (KeyError, TypeError) as error:
            raise ValueError(f"sigma calibration without {error}") from error
        if scale.shape != (n_points,) or not (np.isfinite(scale).all() and (scale > 0).all()):
            raise ValueError(f"sigma calibration of shape {scale.shape}, expected {n_points} numbers above 0")
        if of not in (WIDTH, EXPECTED_ERROR):
            raise ValueError(f"sigma calibration of {of!r}, expected {WIDTH} or {EXPECTED_ERROR}")
        return SigmaCalibration(exponent, scale, of)

    def described(self) -> dict[str, Any]:
        """Return the values that :meth:`read` takes."""
        described: dict[str, Any] = {
            "exponent": round(self.exponent, 4),
            "scale": [float(f"{each:.5g}") for each in self.scale],
        }
        return described if self.of == WIDTH else described | {"of": self.of}

    def sigma(self, measured: np.ndarray, side: float) -> np.ndarray:
        """Return the sigma of ``(..., n)`` values of :attr:`of`, in the unit of the crop's side ``side``."""
        return np.asarray(side * self.scale * (measured / side) ** self.exponent)

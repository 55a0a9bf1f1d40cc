"""Calibrated errors of landmarks: from the width of a heatmap to the radius that holds 68 % of the errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

COVERAGE = 0.68
"""Share of landmarks whose error is at most their sigma."""


@dataclass(frozen=True)
class SigmaCalibration:
    """The map from widths of heatmaps to sigma, both as shares of the side of the crop.

    The map is ``sigma = scale * width ** exponent``, with one scale for each landmark.

    Attributes:
        exponent: common to all landmarks.
        scale: ``(n,)`` float64.
    """

    exponent: float
    scale: np.ndarray

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
        except (KeyError, TypeError) as error:
            raise ValueError(f"sigma calibration without {error}") from error
        if scale.shape != (n_points,) or not (np.isfinite(scale).all() and (scale > 0).all()):
            raise ValueError(f"sigma calibration of shape {scale.shape}, expected {n_points} numbers above 0")
        return SigmaCalibration(exponent, scale)

    def described(self) -> dict[str, Any]:
        """Return the values that :meth:`read` takes."""
        return {"exponent": round(self.exponent, 4), "scale": [float(f"{each:.5g}") for each in self.scale]}

    def sigma(self, widths: np.ndarray, side: float) -> np.ndarray:
        """Return the sigma of ``(..., n)`` widths, both in the unit in which ``side`` is the crop's side."""
        return np.asarray(side * self.scale * (widths / side) ** self.exponent)

"""Calibrated confidence of landmarks: the probability that a landmark is in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

TOLERANCE = 0.05
"""A landmark is in its place if its error is at most this share of the longer side of the face's box."""
_LEAST = 1e-4
"""Confidences of heatmaps are limited to this distance from 0 and 1."""


@dataclass(frozen=True)
class ConfidenceCalibration:
    """The map from the confidence of a heatmap to the probability that its landmark is in its place.

    A crop without a face has no landmark in its place. The logit of the probability is ``offset + slope``
    times that of the heatmap's confidence, so the order of confidences stays the same.

    Attributes:
        offset: logit of the probability at a confidence of 0.5.
        slope: above 0.
    """

    offset: float
    slope: float

    @staticmethod
    def read(values: Mapping[str, Any] | None) -> ConfidenceCalibration | None:
        """Return the calibration in the metadata of a weight file; None if there is none.

        Raises:
            ValueError: if the values are no calibration.
        """
        if values is None:
            return None
        try:
            offset, slope = float(values["offset"]), float(values["slope"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"confidence calibration without {error}") from error
        if not (np.isfinite(offset) and 0 < slope < np.inf):
            raise ValueError(
                f"confidence calibration {offset}, {slope}; expected numbers, the second above 0"
            )
        return ConfidenceCalibration(offset, slope)

    def described(self) -> dict[str, float]:
        """Return the values that :meth:`read` takes."""
        return {"offset": round(self.offset, 4), "slope": round(self.slope, 4)}

    def confidence(self, heatmap_confidence: np.ndarray) -> np.ndarray:
        """Return the calibrated values, in [0, 1], of confidences of heatmaps."""
        return np.asarray(1 / (1 + np.exp(-self.offset - self.slope * logit(heatmap_confidence))))


def logit(confidence: np.ndarray) -> np.ndarray:
    """Return the logits of confidences in [0, 1], which are kept away from both ends."""
    # The function clip takes twice as long.
    limited = np.minimum(np.maximum(confidence, _LEAST), 1 - _LEAST)
    return np.asarray(np.log(limited / (1 - limited)))

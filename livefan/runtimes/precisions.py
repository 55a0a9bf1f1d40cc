"""Files beside a weight file: its int8 network, and the measured accuracy of its precisions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from livefan.networks.checkpoint_info import WeightFile

NME_TOLERANCE = 1.01
"""A precision is chosen automatically only if its validation NME is at most this times that of float32."""


@dataclass(frozen=True)
class Precisions:
    """Validation accuracy of a weight file by precision.

    Attributes:
        nme: validation NME in percent by precision.
        faces: number of faces it was measured on.
    """

    nme: dict[str, float]
    faces: int

    def is_accurate(self, precision: str) -> bool:
        """Return whether a precision was measured as accurate as float32, within :data:`NME_TOLERANCE`."""
        if precision == "float32":
            return True
        if not {"float32", precision} <= self.nme.keys():
            return False
        return self.nme[precision] <= NME_TOLERANCE * self.nme["float32"]


def precisions_path(weights: WeightFile) -> Path:
    """Return the path of the file with a weight file's measured precisions."""
    return weights.path.with_suffix(".precisions.json")


def int8_path(weights: WeightFile) -> Path:
    """Return the path of a weight file's int8 model; its numbers lie beside it as ``.bin``."""
    return weights.path.with_suffix(".int8.xml")


def read_precisions(weights: WeightFile) -> Precisions:
    """Read a weight file's measured precisions; none if the file is missing, damaged or of other weights."""
    try:
        kept = json.loads(precisions_path(weights).read_text(encoding="utf-8"))
        if kept["weights_sha256"] == weights.sha256:
            return Precisions({str(k): float(v) for k, v in kept["nme"].items()}, int(kept["faces"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return Precisions({}, 0)

"""ARKit coefficients of a face for the outputs; without an expression head, a few of them from landmarks."""

from __future__ import annotations

import math

import numpy as np

from livefan.measures.expressions import NAMES
from livefan.outputs.frame_result import MeasuredFace

_EYE_CLOSED, _EYE_OPEN = 0.14, 0.26
"""Aspect ratios at which an eye counts as closed and as open. They depend on the person."""
_JAW_OPEN = 0.7
"""Aspect ratio of the mouth at which the jaw counts as fully open."""


def coefficients(measured: MeasuredFace) -> dict[str, float]:
    """Return the known ARKit coefficients by name, each in [0, 1].

    Weights with an expression head give all of :data:`livefan.measures.expressions.NAMES`.

    Weights without an expression head give ``eyeBlinkLeft``, ``eyeBlinkRight`` and ``jawOpen`` alone, from
    the aspect ratios of eyes and mouth.
    """
    expressions = measured.face.expressions
    if expressions is None:
        return _from_ratios(measured)
    return dict(zip(NAMES, np.clip(expressions, 0.0, 1.0).tolist(), strict=True))


def _from_ratios(measured: MeasuredFace) -> dict[str, float]:
    ratios = measured.ratios
    if math.isnan(ratios.mouth):
        return {}
    return {
        "eyeBlinkLeft": _share(ratios.left_eye, _EYE_OPEN, _EYE_CLOSED),
        "eyeBlinkRight": _share(ratios.right_eye, _EYE_OPEN, _EYE_CLOSED),
        "jawOpen": _share(ratios.mouth, 0.0, _JAW_OPEN),
    }


def _share(value: float, zero: float, one: float) -> float:
    """Return the position of a value between two others, limited to [0, 1]."""
    return min(1.0, max(0.0, (value - zero) / (one - zero)))

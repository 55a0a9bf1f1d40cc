"""Expression coefficients of a face, named as in ARKit."""

from __future__ import annotations

from livefan.core.face_measures import EXPRESSION_NAMES

NAMES = EXPRESSION_NAMES
"""Names of :attr:`livefan.core.frame.Face.expressions`, in order: ARKit's names without ``cheekPuff`` and
``tongueOut``, which the expression head cannot measure."""

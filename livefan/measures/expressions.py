"""Expression coefficients of a face, named as in ARKit, and their calibration to a neutral face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from livefan.core.face_measures import EXPRESSION_NAMES
from livefan.core.frame import Face

NAMES = EXPRESSION_NAMES
"""Names of :attr:`livefan.core.frame.Face.expressions`, in order: ARKit's names without ``cheekPuff`` and
``tongueOut``, which the expression head cannot measure."""

_NEUTRAL_S = 1.0
"""Time in seconds for which a face is observed to know its neutral expression."""
_LARGEST = 0.8
"""Largest neutral coefficient. A face that was observed with shut eyes must still be able to blink."""


class NeutralFaces:
    """The neutral expression of each face, by its id. Coefficients are measured from it.

    A coefficient between its neutral value and 1 becomes a share of this range; a lower one becomes 0. The
    neutral expression is the median over a second.

    Args:
        automatic: take the first second of each face for its neutral expression.
    """

    def __init__(self, *, automatic: bool = False) -> None:
        self.automatic = automatic
        self._neutral: dict[int, np.ndarray] = {}
        self._observed: dict[int, list[tuple[float, np.ndarray]]] = {}
        self._requested = False

    @property
    def in_use(self) -> bool:
        """Whether the expressions of any face are measured from its neutral one."""
        return bool(self._neutral)

    def request(self) -> None:
        """Take the expressions of the faces on the next second for neutral; callable from any thread."""
        self._requested = True

    def forget(self) -> None:
        """Forget all faces, as for a new source."""
        self._neutral.clear()
        self._observed.clear()

    def calibrated(self, faces: Sequence[Face], time: float) -> list[Face]:
        """Return the faces of a frame with coefficients measured from their neutral expressions.

        Args:
            faces: the faces as measured; those without expressions stay as they are.
            time: time of the frame in seconds.
        """
        requested, self._requested = self._requested, False
        if requested:
            self._observed |= {face.track_id: [] for face in faces}
        return [
            face
            if face.expressions is None
            else replace(face, expressions=self.from_neutral(face.track_id, face.expressions, time))
            for face in faces
        ]

    def from_neutral(self, track_id: int, expressions: np.ndarray, time: float) -> np.ndarray:
        """Return the ``(k,)`` coefficients of a face measured from its neutral expression.

        Args:
            track_id: id of the face.
            expressions: ``(k,)`` coefficients as measured.
            time: time of the frame in seconds.
        """
        known = track_id in self._neutral
        if self.automatic and not known and track_id not in self._observed:
            self._observed[track_id] = []
        self._observe(track_id, expressions, time)
        neutral = self._neutral.get(track_id)
        if neutral is None:
            return expressions
        above: np.ndarray = np.clip((expressions - neutral) / (1 - neutral), 0, 1)
        return above.astype(np.float32)

    def _observe(self, track_id: int, expressions: np.ndarray, time: float) -> None:
        """Add an observation of a face whose neutral expression is being measured."""
        observed = self._observed.get(track_id)
        if observed is None:
            return
        observed.append((time, expressions))
        median = np.median([each for _, each in observed], axis=0)
        self._neutral[track_id] = np.minimum(median, _LARGEST)
        if not 0 <= time - observed[0][0] < _NEUTRAL_S:
            del self._observed[track_id]

"""Split tracks at cuts: a tracker may continue a face on another face in the same place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from livefan.annotation.appearance import SAME_PERSON, describe, distance
from livefan.core.frame import Face
from livefan.core.landmarks import LandmarkScheme

_THUMBNAIL = (24, 24)
_SAME_SCENE = 0.8
"""Correlation of the thumbnails of two frames, above which no cut can lie between them."""
_CONTINUED = SAME_PERSON / 2
"""Largest difference in appearance of a face from one frame to the next, across what may be a cut. A track of
one person that is split costs nothing: the identity joins its parts."""
_FIRST_NUMBER = 1_000_000
"""First number of the tracks that begin at a cut, above those of the tracker."""


class TrackSplitter:
    """Gives a track a new number where a cut puts another person in the place of its face."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._n_splits = 0
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def split(
        self,
        image: np.ndarray,
        found: Sequence[Face],
        last_image: np.ndarray | None,
        last_faces: dict[int, np.ndarray],
        scheme: LandmarkScheme,
    ) -> list[Face]:
        """Return the faces of a frame with the numbers of their tracks.

        Args:
            image: ``(height, width, 3)`` uint8 BGR of the frame.
            found: its faces, with the numbers of the tracker.
            last_image: of the frame before; None for the first frame.
            last_faces: landmarks on the frame before, by the numbers that this method returned.
        """
        is_cut = self._is_cut(image, last_image)
        faces = []
        for face in found:
            number = self._numbers.get(face.track_id, face.track_id)
            if is_cut and last_image is not None:
                before = last_faces.get(number)
                if before is None or _differs(last_image, before, image, face.points_px, scheme):
                    number = _FIRST_NUMBER + self._n_splits
                    self._n_splits += 1
                    self._numbers[face.track_id] = number
            faces.append(replace(face, track_id=number))
        return faces

    def _is_cut(self, image: np.ndarray, last_image: np.ndarray | None) -> bool:
        """Return whether a cut may lie between two frames; keep the thumbnail of the later one."""
        last, self._last = self._last, (image, _thumbnail(image))
        if last_image is None:
            return False
        # After a restart the thumbnail of the frame before is not kept.
        before = last[1] if last is not None and last[0] is last_image else _thumbnail(last_image)
        return not _is_same_scene(self._last[1], before)

    def state(self) -> dict[str, object]:
        """Return the state as values for JSON."""
        return {"numbers": list(self._numbers.items()), "n_splits": self._n_splits}

    def restore(self, state: dict[str, object]) -> None:
        """Restore a state that :meth:`state` returned."""
        self._numbers = dict(state["numbers"])  # type: ignore[call-overload]
        self._n_splits = int(str(state["n_splits"]))


def _differs(
    image: np.ndarray, points_px: np.ndarray, other: np.ndarray, other_px: np.ndarray, scheme: LandmarkScheme
) -> bool:
    """Return whether the faces on two frames that follow each other look different."""
    return distance(describe(image, points_px, scheme), describe(other, other_px, scheme)) > _CONTINUED


def begins_at_cut(number: int) -> bool:
    """Return whether a track begins at a cut."""
    return number >= _FIRST_NUMBER


def _thumbnail(image: np.ndarray) -> np.ndarray:
    """Return ``(576,)`` float32 grey levels of mean zero."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    return small - small.mean()


def _is_same_scene(one: np.ndarray, two: np.ndarray) -> bool:
    """Return whether the thumbnails of two frames correlate."""
    norm = float(np.linalg.norm(one) * np.linalg.norm(two))
    return norm == 0 or float(one @ two) / norm > _SAME_SCENE

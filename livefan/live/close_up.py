"""Close-up view: follow a face and show it large, however small it is in the frame."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from livefan.core.frame import Face
from livefan.live.result import Result
from livefan.live.view_state import LARGEST_ZOOM, View

_FILLS = 0.72
"""Size of the face as a share of the shorter side of the pane."""
_MOVES_S, _GROWS_S = 0.25, 0.6
"""Time constants of position and size in seconds; without them the view would shake like the landmarks."""


class CloseUp:
    """Position of the followed face: the largest one, for as long as it is tracked."""

    def __init__(self) -> None:
        self._at: np.ndarray | None = None  # x and y of the middle, and the longer side, in image pixels
        self._face = -1
        self._last = (-1, -1)
        self._time_s = 0.0

    def follow(self, result: Result) -> None:
        """Update the position from the faces of a frame; the same frame again changes nothing."""
        key = (result.epoch, result.frame.index)
        if key == self._last or not result.faces:
            return
        face = next((face for face in result.faces if face.track_id == self._face), None)
        same = face is not None and key[0] == self._last[0]
        face = face or max(result.faces, key=_side)
        now = np.array([*(face.box_px[:2] + face.box_px[2:]) / 2, _side(face)])
        passed = result.frame.source_time - self._time_s
        if self._at is None or not same or passed < 0:
            self._at = now
        else:
            share = 1 - np.exp(-passed / np.array([_MOVES_S, _MOVES_S, _GROWS_S]))
            self._at = self._at + share * (now - self._at)
        self._face, self._last, self._time_s = face.track_id, key, result.frame.source_time

    def choose(self, track_id: int) -> None:
        """Follow another face."""
        self._face, self._last = track_id, (-1, -1)

    def forget(self) -> None:
        """Forget the face, as for another source."""
        self._at = None
        self._face, self._last = -1, (-1, -1)

    def applied(self, view: View, shape: tuple[int, ...], pane: tuple[int, int]) -> View:
        """Return the view, moved and magnified onto the face if it is a close-up.

        Args:
            view: the view.
            shape: ``(height, width, ...)`` of the frame.
            pane: width and height of the pane.
        """
        if not view.close_up or self._at is None:
            return view
        height, width = shape[:2]
        fits = min(pane[0] / width, pane[1] / height)
        zoom = _FILLS * min(pane) / max(self._at[2], 1.0) / fits
        centre = np.clip((self._at[:2] + 0.5) / (width, height), 0.0, 1.0)
        if not math.isfinite(zoom) or not np.isfinite(centre).all():
            return view
        zoom = float(np.clip(zoom, 1.0, LARGEST_ZOOM))
        return replace(view, zoom=zoom, centre=(float(centre[0]), float(centre[1])))


def _side(face: Face) -> float:
    return float((face.box_px[2:] - face.box_px[:2]).max())

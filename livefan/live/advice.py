"""Advice to the user while no face is found."""

from __future__ import annotations

import numpy as np

from livefan.core.frame import Frame
from livefan.live.result import Result

_PATIENCE_S = 1.0
"""Seconds without a face before advice is given."""
_DARK = 28.0
"""Mean of the brighter half of an image, from 0 to 255, below which few faces are found."""
_STRIDE = 8


def is_dark(frame: Frame) -> bool:
    """Return whether the image of a frame is too dark to find faces."""
    luminance = frame.image[::_STRIDE, ::_STRIDE].mean(axis=2)
    return float(luminance[luminance >= np.median(luminance)].mean()) < _DARK


class Advice:
    """Turns the results of a session into a message that says what is wrong and what to do."""

    def __init__(self) -> None:
        self._found_at: float | None = None

    def add(self, result: Result) -> str:
        """Return the message after one more result; empty while nothing is wrong."""
        now = result.finished_at
        if result.faces or self._found_at is None:
            self._found_at = now
        if result.photographs:
            return "" if result.faces else "No face was found on this photograph."
        if now - self._found_at < _PATIENCE_S:
            return ""
        if is_dark(result.frame):
            return "The picture is very dark: turn on a light, or uncover the camera."
        return "No face in sight: face the camera, come closer, or hold the head upright."

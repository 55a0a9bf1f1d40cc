"""What a user should do when livefan sees no face."""

from __future__ import annotations

import numpy as np

from livefan.core.frame import Frame
from livefan.live.result import Result

_PATIENCE_S = 1.0
_DARK = 28.0
"""Mean of a picture's brighter half below which faces are hardly found; a pixel has 0 to 255."""
_STRIDE = 8


def is_dark(frame: Frame) -> bool:
    """Whether a picture is too dark to find faces in."""
    luminance = frame.image[::_STRIDE, ::_STRIDE].mean(axis=2)
    return float(luminance[luminance >= np.median(luminance)].mean()) < _DARK


class Advice:
    """Watches results, and says in words what is wrong and what to do; empty while all is well."""

    def __init__(self) -> None:
        self._seen_at: float | None = None

    def add(self, result: Result) -> str:
        """What to say after one more result."""
        now = result.finished_at
        if result.faces or self._seen_at is None:
            self._seen_at = now
        if result.photographs:
            return "" if result.faces else "No face was found on this photograph."
        if now - self._seen_at < _PATIENCE_S:
            return ""
        if is_dark(result.frame):
            return "The picture is very dark: turn on a light, or uncover the camera."
        return "No face in sight: face the camera, come closer, or hold the head upright."

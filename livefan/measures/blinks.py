"""Blinks: short closures of one eye or both, from the coefficients of the lids over time."""

from __future__ import annotations

import numpy as np

from livefan.core.face_measures import EXPRESSION_NAMES, Blink

LONGEST_BLINK_S = 1.0
"""A longer closure is no blink; most blinks take 0.1 to 0.4 s."""
RIGHT, LEFT = (EXPRESSION_NAMES.index(f"eyeBlink{side}") for side in ("Right", "Left"))
"""Places of the coefficients of the lids among the expressions."""
_CLOSED = 0.25
"""Rise of the coefficient above that of open eyes that at least one eye reaches in a blink."""
_SHUTTING = 0.12
"""Rise of the coefficient at which a blink begins and ends."""


def find_blinks(times: np.ndarray, right: np.ndarray, left: np.ndarray) -> list[Blink]:
    """Return the blinks of one face, in order.

    The median of the series stands for open eyes. A blink whose beginning or end lies outside the series is
    left out.

    Args:
        times: ``(k,)`` seconds, increasing.
        right: ``(k,)`` coefficient ``eyeBlinkRight`` at these times.
        left: ``(k,)`` coefficient ``eyeBlinkLeft``.
    """
    if not len(times):
        return []
    shut = np.maximum(right, left)
    shut = shut - np.median(shut)
    changes = np.flatnonzero(np.diff(shut >= _SHUTTING))
    if len(changes) and shut[0] >= _SHUTTING:
        changes = changes[1:]
    found = []
    for opened, closed in zip(changes[::2].tolist(), changes[1::2].tolist(), strict=False):
        inside = slice(opened + 1, closed + 1)
        start, end = (_crossing(times, shut, place) for place in (opened, closed))
        if shut[inside].max() >= _CLOSED and end - start <= LONGEST_BLINK_S:
            depths = float(right[inside].max()), float(left[inside].max())
            found.append(Blink(start, end - start, *depths))
    return found


def _crossing(times: np.ndarray, values: np.ndarray, place: int) -> float:
    """Return the time after ``times[place]`` at which interpolated values cross the threshold."""
    share = (_SHUTTING - values[place]) / (values[place + 1] - values[place])
    return float(times[place] + share * (times[place + 1] - times[place]))

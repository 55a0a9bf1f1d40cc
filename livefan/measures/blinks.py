"""Blinks: short closures of one or both eyes, from coefficients of the lids or aspect ratios of the eyes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from livefan.core.face_measures import EXPRESSION_NAMES, Blink

LONGEST_BLINK_S = 1.0
"""A longer closure is no blink; most blinks take 0.1 to 0.4 s."""
RIGHT, LEFT = (EXPRESSION_NAMES.index(f"eyeBlink{side}") for side in ("Right", "Left"))
"""Places of the coefficients of the lids among the expressions."""


class _Thresholds(NamedTuple):
    """Closures of the eye that is shut further, measured from that of open eyes.

    Attributes:
        shutting: at which a blink begins and ends.
        closed: reached in a blink.
        long_closed: reached in a blink of more than :data:`_BRIEF_S`; below it the eyes are narrowed.
    """

    shutting: float
    closed: float
    long_closed: float


_OF_COEFFICIENTS = _Thresholds(0.12, 0.25, 0.25)
_OF_RATIOS = _Thresholds(0.2, 0.35, 0.5)
_BRIEF_S = 0.25
_SMALLEST_RATIO = 1e-3


def find_blinks(times: np.ndarray, right: np.ndarray, left: np.ndarray) -> list[Blink]:
    """Return the blinks of one face, in order.

    The median of the series stands for open eyes. A blink whose beginning or end lies outside the series is
    left out.

    Args:
        times: ``(k,)`` seconds, increasing.
        right: ``(k,)`` coefficient ``eyeBlinkRight`` at these times.
        left: ``(k,)`` coefficient ``eyeBlinkLeft``.
    """
    return _blinks(times, right, left, _OF_COEFFICIENTS)


def find_blinks_by_ratio(times: np.ndarray, right: np.ndarray, left: np.ndarray) -> list[Blink]:
    """Return the blinks of one face as :func:`find_blinks`, from aspect ratios of the eyes, ``(k,)`` each.

    The depth of a blink is the share by which the aspect ratio falls below its median.
    """
    return _blinks(times, right, left, _OF_RATIOS)


def _blinks(times: np.ndarray, right: np.ndarray, left: np.ndarray, thresholds: _Thresholds) -> list[Blink]:
    """Return the blinks in coefficients or aspect ratios of both eyes."""
    if not len(times):
        return []
    if thresholds is _OF_RATIOS:
        right, left = (1 - each / max(float(np.median(each)), _SMALLEST_RATIO) for each in (right, left))
    shut = np.maximum(right, left)
    shut = shut - np.median(shut)
    changes = np.flatnonzero(np.diff(shut >= thresholds.shutting))
    if len(changes) and shut[0] >= thresholds.shutting:
        changes = changes[1:]
    found = []
    for opened, closed in zip(changes[::2].tolist(), changes[1::2].tolist(), strict=False):
        inside = slice(opened + 1, closed + 1)
        start, end = (_crossing(times, shut, place, thresholds.shutting) for place in (opened, closed))
        least = thresholds.closed if end - start <= _BRIEF_S else thresholds.long_closed
        if shut[inside].max() >= least and end - start <= LONGEST_BLINK_S:
            depths = float(right[inside].max()), float(left[inside].max())
            found.append(Blink(start, end - start, *depths))
    return found


def _crossing(times: np.ndarray, values: np.ndarray, place: int, threshold: float) -> float:
    """Return the time after ``times[place]`` at which interpolated values cross a threshold."""
    share = (threshold - values[place]) / (values[place + 1] - values[place])
    return float(times[place] + share * (times[place + 1] - times[place]))

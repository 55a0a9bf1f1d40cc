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

    The median from a second before to a second after the beginning of a blink stands for open eyes. So a
    blink does not depend on the length of the series. A blink whose beginning or end lies outside the series
    is left out.

    Args:
        times: ``(k,)`` seconds, increasing.
        right: ``(k,)`` coefficient ``eyeBlinkRight`` at these times.
        left: ``(k,)`` coefficient ``eyeBlinkLeft``.
    """
    shut = np.maximum(right, left)
    spans = zip(
        np.searchsorted(times, times - LONGEST_BLINK_S),
        np.searchsorted(times, times + LONGEST_BLINK_S, "right"),
        strict=True,
    )
    of_open_eyes = np.array([np.median(shut[first:end]) for first, end in spans])
    return _blinks(times, right, left, of_open_eyes, _OF_COEFFICIENTS)


def find_blinks_by_ratio(times: np.ndarray, right: np.ndarray, left: np.ndarray) -> list[Blink]:
    """Return the blinks of one face as :func:`find_blinks`, from aspect ratios of the eyes, ``(k,)`` each.

    The median of the series stands for open eyes. The depth of a blink is the share by which the aspect ratio
    falls below it.
    """
    if not len(times):
        return []
    right, left = (1 - each / max(float(np.median(each)), _SMALLEST_RATIO) for each in (right, left))
    of_open_eyes = np.full(len(times), np.median(np.maximum(right, left)))
    return _blinks(times, right, left, of_open_eyes, _OF_RATIOS)


def _blinks(
    times: np.ndarray,
    right: np.ndarray,
    left: np.ndarray,
    of_open_eyes: np.ndarray,
    thresholds: _Thresholds,
) -> list[Blink]:
    """Return the blinks in the closures of both eyes.

    Args:
        of_open_eyes: ``(k,)`` closure of open eyes, for a blink that begins at each time.
    """
    shut = np.maximum(right, left)
    limits = of_open_eyes + thresholds.shutting
    found: list[Blink] = []
    last_open = -1
    for opened in np.flatnonzero((shut[:-1] < limits[:-1]) & (shut[1:] >= limits[:-1])).tolist():
        again_open = np.flatnonzero(shut[opened + 1 :] < limits[opened])
        if opened < last_open or not len(again_open):
            continue
        closed = opened + int(again_open[0])
        inside = slice(opened + 1, closed + 1)
        start, end = (_crossing(times, shut, place, limits[opened]) for place in (opened, closed))
        least = thresholds.closed if end - start <= _BRIEF_S else thresholds.long_closed
        if shut[inside].max() - of_open_eyes[opened] >= least and end - start <= LONGEST_BLINK_S:
            depths = float(right[inside].max()), float(left[inside].max())
            found.append(Blink(start, end - start, *depths))
            last_open = closed + 1
    return found


def _crossing(times: np.ndarray, values: np.ndarray, place: int, threshold: float) -> float:
    """Return the time after ``times[place]`` at which interpolated values cross a threshold."""
    share = (threshold - values[place]) / (values[place + 1] - values[place])
    return float(times[place] + share * (times[place + 1] - times[place]))

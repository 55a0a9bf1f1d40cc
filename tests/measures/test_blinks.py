"""Blinks from the coefficients of the lids, and from aspect ratios of the eyes."""

import numpy as np
import pytest

from livefan.measures.blinks import find_blinks, find_blinks_by_ratio


def lids(*closures: tuple[float, float, float], seconds: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Return times, and a coefficient that rises to a depth between two times."""
    times = np.arange(0, seconds, 1 / 60)
    values = np.full(len(times), 0.1)
    for start, end, depth in closures:
        values[(times >= start) & (times < end)] = depth
    return times, values


def test_blinks_have_start_duration_and_depth():
    times, right = lids((1.0, 1.2, 0.9), (2.0, 2.15, 0.7))
    _, left = lids((1.0, 1.2, 0.8))
    first, wink = find_blinks(times, right, left)
    assert (first.start_s, first.duration_s) == pytest.approx((1.0, 0.2), abs=0.02)
    assert (first.right_depth, first.left_depth) == pytest.approx((0.9, 0.8))
    assert (wink.right_depth, wink.left_depth) == pytest.approx((0.7, 0.1))


def test_shallow_long_and_cut_closures_are_no_blinks():
    times, shut = lids((0.0, 0.2, 0.9), (0.5, 0.7, 0.3), (1.0, 2.5, 0.9), (3.9, 4.0, 0.9))
    assert find_blinks(times, shut, shut) == []
    assert find_blinks(times[:0], shut[:0], shut[:0]) == []


def test_blink_does_not_depend_on_the_length_of_the_series():
    """The eyes are narrowed for six seconds after the blink."""
    times, shut = lids((2.0, 2.2, 0.9), (4.0, 10.0, 0.6), seconds=10.0)
    (blink,) = find_blinks(times, shut, shut)
    part = times < 4
    assert find_blinks(times[part], shut[part], shut[part]) == [blink]


def test_aspect_ratio_that_falls_by_half_is_a_blink_and_narrowed_eyes_are_none():
    times, shut = lids((1.0, 1.15, 0.5), (1.5, 1.9, 0.5), (2.5, 2.9, 0.7))
    ratios = 0.3 * (1.1 - shut)
    first, last = find_blinks_by_ratio(times, ratios, ratios)
    assert (first.start_s, first.duration_s, first.right_depth) == pytest.approx((1.0, 0.15, 0.4), abs=0.02)
    assert (last.start_s, last.duration_s, last.left_depth) == pytest.approx((2.5, 0.4, 0.6), abs=0.02)
    assert find_blinks_by_ratio(times[:0], ratios[:0], ratios[:0]) == []

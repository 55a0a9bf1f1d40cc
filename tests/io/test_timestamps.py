"""Presentation timestamps that always increase."""

from collections.abc import Sequence
from fractions import Fraction

import av
import pytest

from livefan.io.timestamps import TimestampClock

MILLISECOND = Fraction(1, 1000)


def ticks(clock: TimestampClock, timestamps: Sequence[int | None], time_base: Fraction) -> list[int]:
    """Return the ticks that a clock gives to pictures with these timestamps."""
    given = []
    for pts in timestamps:
        picture = av.VideoFrame(16, 16, "yuv420p")
        picture.pts, picture.time_base = pts, time_base
        given.append(clock.tick(picture))
    return given


def test_increasing_timestamps_are_kept():
    assert ticks(TimestampClock(MILLISECOND, 0.04, 0), [0, 10, 50, 300], MILLISECOND) == [0, 10, 50, 300]


def test_timestamps_are_counted_from_the_start_of_the_clock():
    assert ticks(TimestampClock(MILLISECOND, 0.04, 5000), [5000, 5040], MILLISECOND) == [0, 40]


def test_timestamps_of_another_time_base_are_converted():
    assert ticks(TimestampClock(MILLISECOND, 0.04, 0), [0, 1, 2], Fraction(1, 25)) == [0, 40, 80]


def test_missing_timestamps_follow_at_the_frame_rate():
    assert ticks(TimestampClock(MILLISECOND, 0.04, 0), [None, None, None], MILLISECOND) == [0, 40, 80]


@pytest.mark.parametrize("repeated", [100, 99, 30])
def test_timestamp_that_does_not_increase_becomes_the_next_tick(repeated: int):
    clock = TimestampClock(MILLISECOND, 0.04, 0)
    assert ticks(clock, [0, 100, repeated, 140], MILLISECOND) == [0, 100, 101, 140]
    assert clock.jumps == 0


def test_clock_that_starts_anew_continues_after_the_last_picture():
    clock = TimestampClock(MILLISECOND, 0.04, 0)
    assert ticks(clock, [0, 2000, 0, 40, 80], MILLISECOND) == [0, 2000, 2040, 2080, 2120]
    assert clock.jumps == 1

"""When frames of a recording are due."""

import pytest

from livefan.io.playback_clock import LATE_S, PlaybackClock


def test_first_frame_is_due_at_once_and_others_at_their_distance():
    clock = PlaybackClock()
    assert clock.due(4.0, 0, now=100.0) == pytest.approx(100.0)
    assert clock.due(4.5, 0, now=100.0) == pytest.approx(100.5)


def test_short_delay_is_caught_up_and_long_delay_sets_the_clock_back():
    clock = PlaybackClock()
    clock.due(0.0, 0, now=100.0)
    assert clock.due(1.0, 0, now=101.0 + 0.9 * LATE_S) == pytest.approx(101.0)
    assert clock.due(2.0, 0, now=103.0) == pytest.approx(103.0)
    assert clock.due(2.5, 0, now=103.0) == pytest.approx(103.5)


def test_frame_of_a_new_epoch_is_due_at_once():
    clock = PlaybackClock()
    clock.due(0.0, 0, now=100.0)
    assert clock.due(30.0, 1, now=100.1) == pytest.approx(100.1)


def test_frame_after_a_reset_is_due_at_once():
    clock = PlaybackClock()
    clock.due(0.0, 0, now=100.0)
    clock.reset()
    assert clock.due(5.0, 0, now=100.1) == pytest.approx(100.1)


def test_half_speed_doubles_the_distance_of_frames():
    clock = PlaybackClock()
    clock.speed = 0.5
    assert clock.due(4.0, 0, now=100.0) == pytest.approx(100.0)
    assert clock.due(4.5, 0, now=100.0) == pytest.approx(101.0)
    clock.speed = 2.0
    clock.reset()
    assert clock.due(5.0, 0, now=200.0) == pytest.approx(200.0)
    assert clock.due(6.0, 0, now=200.0) == pytest.approx(200.5)

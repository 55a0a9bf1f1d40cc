"""Tests of the distance along the recording."""

from dataclasses import replace

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from livefan.core.agreement import Disagreement
from livefan.gui.timeline import N_MARKED, Timeline
from livefan.gui.transport import Scrubber


@pytest.fixture
def timeline(qtbot: QtBot) -> Timeline:
    """Ten seconds on 220 pixels, the ends 10 pixels from the edges."""
    timeline = Timeline(10)
    qtbot.addWidget(timeline)
    timeline.resize(220, 44)
    worst = [Disagreement(round(25 * at), at, 1, np.full(68, 3.0)) for at in (5.0, 1.0, 2.0, 3.0, 4.0, 6.0)]
    timeline.show_distances(np.array([0.0, 2.5, 5.0, 10.0]), np.array([1.0, 0.5, 3.0, 0.2]), worst, 10.0)
    return timeline


def test_times_and_pixels_correspond(timeline: Timeline):
    assert timeline.x_of(0.0) == 10
    assert timeline.x_of(10.0) == 210
    assert timeline.time_at(160.0) == pytest.approx(7.5)
    assert timeline.time_at(0.0) == 0.0
    assert timeline.time_at(219.0) == 10.0


def test_same_distances_again_change_nothing(timeline: Timeline):
    worst = timeline.worst
    again = [replace(each, points=each.points.copy()) for each in worst]
    timeline.show_distances(np.array([0.0, 2.5, 5.0, 10.0]), np.array([1.0, 0.5, 3.0, 0.2]), again, 10.0)
    assert timeline.worst is worst


def test_click_near_a_mark_goes_to_the_worst_moment(timeline: Timeline):
    assert len(timeline.worst) == N_MARKED
    assert timeline.time_at(timeline.x_of(5.0) + 4) == 5.0
    assert timeline.time_at(timeline.x_of(6.0) + 4) == pytest.approx(6.2)  # the sixth worst is not marked


def test_curve_has_the_largest_distance_of_each_column(timeline: Timeline):
    columns = timeline.columns()
    assert {index: value for index, value in enumerate(columns) if np.isfinite(value)} == {
        10: 1.0,
        60: 0.5,
        110: 3.0,
        210: 0.2,
    }
    assert timeline.top == 5.0


def test_text_names_time_and_distance(timeline: Timeline):
    assert timeline.text_at(61.0) == "0:02.5   0.50 % apart"


def test_drawing_changes_with_the_distances(timeline: Timeline):
    before = timeline.grab().toImage()
    timeline.show_distances(np.array([0.0, 10.0]), np.array([1.0, 4.0]), [], 10.0)
    assert timeline.grab().toImage() != before
    timeline.show_distances(np.empty(0), np.empty(0), [], 0.0)
    assert not timeline.grab().toImage().isNull()


def test_scrubber_marks_blinks(qtbot: QtBot):
    scrubber = Scrubber()
    qtbot.addWidget(scrubber)
    scrubber.resize(220, 24)
    scrubber.setMaximum(10_000)
    before = scrubber.grab().toImage()
    scrubber.show_blinks([2.0, 9.0])
    marked = scrubber.grab().toImage()
    for seconds in (2, 9):
        x = scrubber.inset + round((220 - 2 * scrubber.inset) * seconds / 10)
        assert marked.pixelColor(x, 21) != before.pixelColor(x, 21)
    scrubber.show_blinks([])
    assert scrubber.grab().toImage() == before

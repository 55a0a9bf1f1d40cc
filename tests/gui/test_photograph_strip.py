"""Tests of the strip of photographs: thumbnails, badges, order and choice."""

from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from livefan.core.frame import Frame
from livefan.core.landmarks import IBUG_68
from livefan.gui.photograph_strip import PhotographStrip
from livefan.live.photographs import Photographs
from livefan.live.result import Result

NAMES = ("anna.png", "bert.png", "broken.png", "wall.png")


def result_of(index: int, names: tuple[str, ...] = NAMES) -> Result:
    frame = Frame(np.zeros((2, 2, 3), np.uint8), index, 0.0, 2.0 * index)
    return Result(frame, [], IBUG_68, "a", "openvino", 0.0, 0.0, 0.01, 0.0, photographs=names)


@pytest.fixture
def strip(qtbot: QtBot) -> PhotographStrip:
    photographs = Photographs()
    photographs.add(result_of(3))
    strip = PhotographStrip(photographs)
    qtbot.addWidget(strip)
    strip.resize(700, strip.sizeHint().height())
    return strip


def test_strip_shows_thumbnails_badges_and_names(qtbot: QtBot, strip: PhotographStrip, photographs: Path):
    strip.show_state(result_of(3), str(photographs), measuring=False)
    assert strip.isVisible()
    model = strip.model
    assert [model.data(model.index(row)) for row in range(4)] == list(NAMES)
    qtbot.waitUntil(lambda: len(model.thumbnails) == 4, timeout=60_000)
    assert model.thumbnails[photographs / "anna.png"].width() == 108
    assert [model.badges(row) for row in range(4)] == [(), (), ("unreadable",), ("no face",)]
    pixels = strip.grab().toImage()
    assert len({pixels.pixel(x, 40) for x in range(0, 700, 3)}) > 20  # the thumbnails are painted


def test_click_goes_to_a_photograph_and_measure_all_can_be_stopped(
    qtbot: QtBot, strip: PhotographStrip, photographs: Path
):
    strip.show_state(result_of(0), str(photographs), measuring=False)
    place = strip.view.visualRect(strip.model.index(1)).center()
    with qtbot.waitSignal(strip.sought) as sought:
        qtbot.mouseClick(strip.view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert sought.args == [2.0]
    with qtbot.waitSignal(strip.measure_all) as measured:
        strip.measure.click()
    assert measured.args == [True]
    strip.show_state(result_of(0), str(photographs), measuring=True)
    assert strip.measure.text() == "Stop measuring"
    with qtbot.waitSignal(strip.measure_all) as measured:
        strip.measure.click()
    assert measured.args == [False]
    strip.sort.setChecked(True)
    assert strip.model.photographs[0].name == "wall.png"  # the only one with a result
    assert strip.model.row_of(0) == 1


def test_present_thumbnail_stays_in_view_while_the_strip_is_resized(
    strip: PhotographStrip, photographs: Path
):
    def in_view() -> bool:
        viewport = strip.view.viewport()
        assert viewport is not None
        place = strip.view.visualRect(strip.model.index(3))
        return viewport.rect().contains(place.adjusted(1, 0, -1, 0))  # Qt leaves the last column out

    strip.show_state(result_of(3), str(photographs), measuring=False)
    assert in_view()
    strip.resize(420, strip.height())
    assert in_view()


def test_strip_hides_for_other_sources(strip: PhotographStrip, photographs: Path):
    strip.show_state(result_of(0), str(photographs), measuring=False)
    for result, source in (
        (None, str(photographs)),
        (result_of(0, ()), "clip.mp4"),
        (result_of(0, ("one.png",)), "one.png"),
        (result_of(0), 0),
    ):
        strip.show_state(result, source, measuring=False)
        assert not strip.isVisible()

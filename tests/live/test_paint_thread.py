"""The painter's thread: a failure reaches the user, and later pictures are still painted."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from waiting import wait_for

from livefan.core.crop import Crop
from livefan.core.frame import Frame
from livefan.core.landmarks import IBUG_68
from livefan.live.heatmaps import FaceHeatmaps
from livefan.live.paint_thread import Painted, Painter
from livefan.live.pairing import pair
from livefan.live.result import Result
from livefan.live.view_state import View


@pytest.fixture
def start() -> Iterator[Callable[..., Painter]]:
    """Starts painters; stops them at the end of the test."""
    painters: list[Painter] = []

    def start(*callbacks: Callable) -> Painter:
        painters.append(Painter(*callbacks))
        return painters[-1]

    yield start
    for painter in painters:
        painter.stop()


def result() -> Result:
    frame = Frame(np.full((24, 32, 3), 200, np.uint8), 0, captured_at=1.0, source_time=0.0)
    return Result(frame, [], IBUG_68, "a", "openvino", 0.5, 0.0, 0.01, 0.0)


def test_failed_rendering_is_reported_and_the_next_picture_is_painted(
    start: Callable[..., Painter], monkeypatch: pytest.MonkeyPatch
):
    painted: list[Painted] = []
    errors: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr("livefan.live.paint_thread.render", lambda *how: 1 / 0)
        painter = start(painted.append, errors.append)
        painter.see_first(result())
        wait_for(lambda: errors != [])
    assert errors == ["internal error: ZeroDivisionError: division by zero"]
    painter.see_first(result())
    wait_for(lambda: painted != [])
    assert len(painted[-1].picture.panes) == 1


def test_failed_callback_is_reported(start: Callable[..., Painter]):
    errors: list[str] = []

    def fail(painted: Painted) -> None:
        raise ValueError("no room")

    painter = start(fail, errors.append)
    painter.look(View(mirror=True))
    wait_for(lambda: errors != [])
    assert errors[0] == "internal error: ValueError: no room"


def test_recalled_landmarks_are_shown_in_every_layout_and_keep_their_place_with_heatmaps(
    start: Callable[..., Painter],
):
    painter = start(lambda painted: None)
    measured = result()
    recalled = replace(measured, faces=[])
    painter.see_first(measured)
    painter.see_pair(pair(recalled, recalled))
    assert painter.shown.first is recalled  # the layout of one model
    maps = (FaceHeatmaps(1, Crop((16.0, 12.0), 20.0), np.ones((68, 4, 4), np.float32)),)
    painter.see_first(replace(measured, heatmaps=maps))
    assert painter.shown.first is not None
    assert painter.shown.first.faces is recalled.faces
    assert painter.shown.first.heatmaps is maps


@pytest.mark.parametrize("order", ["first model first", "second model first"])
def test_heatmaps_of_a_paused_pair_are_kept_in_any_order(start: Callable[..., Painter], order: str):
    painter = start(lambda painted: None)
    plain = result()
    maps = (FaceHeatmaps(1, Crop((16.0, 12.0), 20.0), np.ones((68, 4, 4), np.float32)),)
    with_maps = replace(plain, heatmaps=maps)
    painter.see_first(plain)
    painter.see_pair(pair(plain, plain))
    if order == "first model first":
        painter.see_first(with_maps)
    painter.see_second(with_maps)
    painter.see_pair(pair(plain, with_maps))  # the pairing has stored the first result without heatmaps
    if order == "second model first":
        painter.see_first(with_maps)
    shown = painter.shown.pair
    assert shown is not None
    assert shown.first.heatmaps is maps
    assert shown.second.heatmaps is maps

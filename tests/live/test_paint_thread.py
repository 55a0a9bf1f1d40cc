"""The painter's thread: a failure reaches the user, and later pictures are still painted."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from waiting import wait_for

from livefan.core.frame import Frame
from livefan.core.landmarks import IBUG_68
from livefan.live.paint_thread import Painted, Painter
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

"""The player's signals, without a window."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from livefan.core.frame import Frame
from livefan.core.landmarks import IBUG_68
from livefan.gui.player import Player
from livefan.gui.session_config import SessionConfig
from livefan.live.result import Result
from livefan.live.session import LiveSession
from livefan.live.view_state import View


@pytest.fixture
def player(clip: Path) -> Iterator[Player]:
    player = Player(SessionConfig(source=str(clip), loop=True), View())
    yield player
    player.close(timeout=10)


def test_failed_paint_thread_ends_the_session_with_a_message(
    player: Player, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
):
    messages: list[str] = []
    player.messages.error.connect(messages.append)
    player.start()
    qtbot.waitUntil(lambda: player.pictures.take() is not None, timeout=60_000)
    monkeypatch.setattr("livefan.live.paint_thread.render", lambda *how: 1 / 0)
    qtbot.waitUntil(lambda: not player.running, timeout=60_000)
    assert messages[-1] == "internal error: ZeroDivisionError: division by zero"


def test_late_result_of_a_closed_source_shows_no_picture(player: Player, monkeypatch: pytest.MonkeyPatch):
    sessions = []

    class Session(LiveSession):
        """A session that gives no result by itself."""

        def __init__(self, *arguments, on_result: Callable[[Result], None], **more):
            super().__init__(*arguments, on_result=on_result, **more)
            self.give = on_result
            sessions.append(self)

        def start(self) -> None:
            pass

        def stop(self, timeout: float = 1.0) -> bool:
            return True

    monkeypatch.setattr("livefan.gui.session_runner.LiveSession", Session)
    frame = Frame(np.zeros((24, 32, 3), np.uint8), 0, captured_at=1.0, source_time=0.0)
    result = Result(frame, [], IBUG_68, "a", "openvino", 0.5, 0.0, 0.01, 0.0)
    player.start()
    sessions[0].give(result)
    assert player.pictures.has_frame
    player.close_source()
    sessions[0].give(result)
    assert not player.pictures.has_frame

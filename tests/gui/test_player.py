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
from livefan.live.result import Pair, Result
from livefan.live.session import LiveSession
from livefan.live.view_state import View
from livefan.tracking.model_spec import ModelChoice


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


class Session(LiveSession):
    """A session that gives no result by itself."""

    def __init__(
        self, *arguments, on_result: Callable[[Result], None], on_pair: Callable[[Pair], None], **more
    ):
        super().__init__(*arguments, on_result=on_result, on_pair=on_pair, **more)
        self.give, self.give_pair = on_result, on_pair

    def start(self) -> None:
        pass

    def stop(self, timeout: float = 1.0) -> bool:
        return True


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    """The sessions that the player makes."""
    made: list[Session] = []

    def make(*arguments, **more) -> Session:
        made.append(Session(*arguments, **more))
        return made[-1]

    monkeypatch.setattr("livefan.gui.session_runner.LiveSession", make)
    return made


def result_of(choice: ModelChoice) -> Result:
    frame = Frame(np.zeros((24, 32, 3), np.uint8), 0, captured_at=1.0, source_time=0.0)
    return Result(frame, [], IBUG_68, choice.label, "openvino", 0.5, 0.0, 0.01, 0.0, spec=choice.spec)


def test_late_result_of_a_closed_source_shows_no_picture(player: Player, sessions: list[Session]):
    result = result_of(player.config.first)
    player.start()
    sessions[0].give(result)
    assert player.pictures.has_frame
    player.close_source()
    sessions[0].give(result)
    assert not player.pictures.has_frame


def test_late_pair_of_a_former_second_model_is_not_shown(
    player: Player, sessions: list[Session], qtbot: QtBot
):
    first, second, another = (
        player.config.first,
        ModelChoice("teacher-300w"),
        ModelChoice("mobilefan-fast-300w"),
    )
    player.change(second=second)
    player.start()
    (session,) = sessions
    session.give(result_of(first))
    late = Pair(result_of(first), result_of(second), ())
    session.give_pair(late)
    assert player.gauges.newest is late
    player.choose_second(another)
    session.give_pair(late)
    qtbot.waitUntil(lambda: session.second == another)
    assert player.gauges.newest is None
    session.give_pair(late)
    assert player.gauges.newest is None
    newer = Pair(result_of(first), result_of(another), ())
    session.give_pair(newer)
    assert player.gauges.newest is newer
    player.choose_second(None)
    session.give_pair(newer)
    assert player.gauges.newest is None
    assert player.pictures.painter.shown.pair is None

"""The player's signals, without a window."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from livefan.gui.player import Player
from livefan.gui.session_config import SessionConfig
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
    qtbot.waitUntil(lambda: not player.running, timeout=10_000)
    assert messages[-1] == "internal error: ZeroDivisionError: division by zero"

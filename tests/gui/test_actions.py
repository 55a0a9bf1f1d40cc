"""Tests of user actions without a window."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PyQt6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from livefan.gui.action_context import Action, ActionContext, Part
from livefan.gui.actions import application, models, playback, saving, sources, view
from livefan.gui.player import Player
from livefan.gui.preferences import Preferences
from livefan.gui.recordings import RecordingKind
from livefan.gui.session_config import SessionConfig
from livefan.live.view_state import Layout, View


class _Window:
    """Stands in for window, picture and dialogs; keeps the calls, and answers every question alike."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.calls: list[str] = []
        self.redrawn = Part.NOTHING

    def redraw(self, parts: Part) -> None:
        self.redrawn |= parts

    def close(self) -> bool:
        self.calls.append("close")
        return True

    def __getattr__(self, name: str):
        def call(*arguments: object) -> str:
            self.calls.append(name)
            return self.answer

        return call


@pytest.fixture
def context(qtbot: QtBot, images: Path, tmp_path: Path) -> Iterator[ActionContext]:
    """A context whose dialogs answer with the path of a folder of images."""
    player = Player(SessionConfig(source=str(images), sequence=True), View())
    stand_in = _Window(str(images))
    yield ActionContext(
        player=player,
        preferences=Preferences(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)),
        pictures=tmp_path / "pictures",
        videos=tmp_path / "videos",
        theme="system",
        window=stand_in,
        picture=stand_in,
        dialogs=stand_in,
    )
    player.close(timeout=10)


ALL_ACTIONS: tuple[Action, ...] = (
    *(sources.OpenFile(), sources.OpenFolder(), sources.OpenStream(), sources.Watch("a.mp4")),
    *(sources.WatchFiles(("a.mp4", "b.mp4")), sources.Start(), sources.Stop(), sources.CloseSource()),
    *(playback.PlayOrPause(), playback.Seek(0.1), playback.SeekEnd(), playback.Step(1)),
    *(
        playback.SetLoop(True),
        playback.SetSpeed(0.5),
        playback.MeasureAll(True),
        playback.SetSequence(True),
        playback.SetMaxFaces(2),
    ),
    *(saving.Snapshot(), saving.CopyPicture(), saving.ShowSavedFiles()),
    *(saving.Record(RecordingKind.SHOWN), saving.Record(RecordingKind.CLEAN, on=False)),
    *(models.UseWeights("mobilefan-half-300w"), models.Compare(True), models.SetLayout(Layout.WIPE)),
    models.CompareWith("mobilefan-half-300w"),
    *(models.SetEveryFrame(False), models.ExportReport(), models.CancelReport()),
    *(models.Compare(False), view.ShowOverlay(False), view.ShowPart("points", True)),
    *(view.ShowHeatmaps(True), view.Mirror(True), view.ShowCloseUp(True), view.FitToWindow(), view.Zoom(2.0)),
    *(application.ShowFullScreen(True), application.SetTheme("dark"), application.DismissError()),
    *(application.Quit(), application.ShowShortcuts(), application.ShowAbout()),
)


def test_every_action_runs_without_a_window(context: ActionContext):
    tested = {type(action) for action in ALL_ACTIONS}
    modules = (application, models, playback, saving, sources, view)
    defined = {
        each
        for module in modules
        for name, each in vars(module).items()
        if isinstance(each, type) and issubclass(each, Action) and each.__module__ == module.__name__
        if not name.startswith("_")
    }
    assert defined == tested
    for action in ALL_ACTIONS:
        context.run(action)
    player = context.player
    assert (player.config.loop, player.config.sequence, player.config.max_faces) == (True, True, 2)
    assert player.config.requested_speed == 0.5
    assert player.config.second is None
    assert player.view.style.points
    assert (context.full_screen, context.theme) == (True, "dark")
    calls = context.window.calls
    assert {"choose_file", "choose_folder", "enter_address", "close", "show_shortcuts", "magnify"} <= {*calls}
    assert context.window.redrawn == Part.CONTROLS | Part.THEME | Part.FRAME


def test_cancelled_dialog_cancels_the_action(context: ActionContext):
    context.dialogs.answer = ""
    before = context.player.config
    for action in (sources.OpenFile(), sources.OpenFolder(), sources.OpenStream()):
        context.run(action)
    assert context.player.config == before
    assert not context.player.running


def test_failed_action_gives_a_message(context: ActionContext):
    context.run(saving.Snapshot())
    assert context.player.messages.shown.text == "Nothing to save: no picture is shown."


@pytest.mark.slow
def test_view_state_and_actions_load_no_widgets():
    program = (
        "import sys, livefan.live.view_state, livefan.live.render, livefan.live.session\n"
        "assert not any(name.startswith('PyQt6') for name in sys.modules)\n"
        "from livefan.gui.actions import application, models, playback, saving, sources, view\n"
        "assert 'PyQt6.QtWidgets' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)

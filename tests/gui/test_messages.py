"""Tests of messages: a status and an error are two things."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from livefan.gui.messages import Kind, Message, Messages


@pytest.fixture
def messages(qtbot: QtBot) -> Messages:
    return Messages()


def test_status_does_not_overwrite_an_error(messages: Messages):
    messages.error.emit("a.mp4: not a video")
    messages.status.emit("opening b.mp4")
    messages.status.emit("")
    assert messages.shown == Message("a.mp4: not a video", Kind.ERROR)
    messages.dismiss_error()
    assert messages.shown.text == ""


def test_status_returns_once_the_error_is_dismissed(messages: Messages):
    messages.status.emit("opening b.mp4")
    messages.error.emit("a.mp4: not a video")
    messages.dismiss_error()
    assert messages.shown == Message("opening b.mp4", Kind.STATUS)


def test_successful_start_ends_an_error_from_before_it_only(messages: Messages):
    messages.error.emit("a.mp4: not a video")
    messages.session_starting()
    assert messages.shown.kind is Kind.ERROR
    messages.session_opened()
    assert messages.shown.text == ""
    messages.session_starting()
    messages.error.emit("b.mp4: not a video")  # of another source, while the session starts
    messages.session_opened()
    assert messages.shown.text == "b.mp4: not a video"


def test_saved_file_stays_until_an_error_or_an_action(messages: Messages):
    messages.error.emit("the disk is full")
    messages.saved.emit(Path("a.png"), "Saved a.png")
    assert messages.shown == Message("Saved a.png", Kind.SAVED)
    assert messages.saved_file == Path("a.png")
    messages.error.emit("the disk is full")
    assert messages.shown.kind is Kind.ERROR
    messages.saved.emit(Path("b.png"), "Saved b.png")
    messages.status.emit("Playback has ended.")
    messages.status.emit("")
    assert messages.shown == Message("Saved b.png", Kind.SAVED)
    messages.status.emit("Playback has ended.")
    messages.forget_saved()
    assert messages.shown.text == "Playback has ended."


def test_notice_is_shown_while_there_is_no_other_message(messages: Messages):
    messages.show_notice("No webcam found")
    messages.status.emit("opening a.mp4")
    assert messages.shown.text == "opening a.mp4"
    messages.status.emit("")
    assert messages.shown == Message("No webcam found", Kind.NOTICE)

"""Progress: a bar on a terminal, lines elsewhere, nothing if quiet."""

import io
import sys
import time

import pytest

from livefan.cli import progress
from livefan.cli.progress import Progress, counted


def test_lines_are_printed_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(progress, "INTERVAL_S", 0.05)
    with Progress("annotating", "frame") as bar:
        bar.update(50, 200, "3.1 x real time")
        time.sleep(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "livefan: annotating: 50 of 200 frames (25 %) after 0 s, 3.1 x real time"
    assert 2 <= len(lines) <= 4


def test_short_work_and_quiet_work_print_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    with Progress("annotating", "frame", total=2) as bar:
        bar.update(2)
    monkeypatch.setattr(progress, "INTERVAL_S", 0.01)
    with Progress("annotating", "frame", quiet=True) as bar:
        bar.update(2)
        time.sleep(0.05)
    assert capsys.readouterr().err == ""
    assert progress.INTERVAL_S == 0.01


def test_closed_standard_error_is_no_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress, "INTERVAL_S", 0.01)
    monkeypatch.setattr(sys, "stderr", None)  # as Python sets it for 2>&-
    with Progress("annotating", "frame") as bar:
        bar.update(1)
    closed = io.StringIO()
    monkeypatch.setattr(sys, "stderr", closed)
    with Progress("annotating", "frame") as bar:
        closed.close()
        bar.update(1)
        time.sleep(0.05)


def test_terminal_shows_a_bar(monkeypatch: pytest.MonkeyPatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("annotating", "frame") as bar:
        bar.update(10, 20, "2.0 x real time")
        time.sleep(0.15)
        bar.update(20, 20, "2.0 x real time")
    assert "annotating: 100%" in terminal.getvalue()
    assert "2.0 x real time" in terminal.getvalue()


@pytest.mark.parametrize(("number", "text"), [(0, "0 frames"), (1, "1 frame"), (2, "2 frames")])
def test_number_with_its_unit(number: int, text: str):
    assert counted(number, "frame") == text

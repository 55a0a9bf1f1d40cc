"""Sources are closed from any thread, and released exactly when no call is in progress."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from numbered import Numbered
from waiting import PATIENCE_S, wait_for

from livefan.core.errors import LivefanError
from livefan.core.frame import Frame
from livefan.io.open import open_source


def test_closing_ends_the_frames_and_may_be_repeated(numbered_clip: Path) -> None:
    source = open_source(numbered_clip)
    frames = iter(source)
    next(frames)
    source.close()
    source.close()
    assert list(frames) == []


def test_close_during_a_read_releases_after_the_read() -> None:
    source = Numbered(5, live=True)
    read: list[Frame | None] = []
    reader = threading.Thread(target=lambda: read.append(source.read()))
    reader.start()
    wait_for(source._in_use.locked)  # private: nothing else shows that the read has started
    source.close()
    assert source.released == 0
    source.turns.release()
    reader.join(PATIENCE_S)
    assert read == [None]
    assert source.released == 1


class SlowSeek(Numbered):
    """Numbered frames of a source whose seek fails as soon as the test lets it end."""

    def __init__(self) -> None:
        super().__init__(5)
        self.seekable = True
        self.started, self.may_end = threading.Event(), threading.Event()

    def _seek(self, seconds: float, *, before: bool) -> None:
        self.started.set()
        self.may_end.wait(PATIENCE_S)
        raise LivefanError("numbers: cannot be sought; read them in order")


@pytest.mark.parametrize("method", ["seek", "seek_before"])
def test_close_during_a_seek_releases_after_the_seek(method: str) -> None:
    source = SlowSeek()
    errors: list[LivefanError] = []

    def seek() -> None:
        try:
            getattr(source, method)(1.0)
        except LivefanError as error:
            errors.append(error)

    seeker = threading.Thread(target=seek)
    seeker.start()
    assert source.started.wait(PATIENCE_S)
    source.close()
    assert source.released == 0
    source.may_end.set()
    seeker.join(PATIENCE_S)
    assert source.released == 1
    assert len(errors) == 1
    assert source.read() is None


def test_closing_from_another_thread_while_reading(numbered_clip: Path) -> None:
    for _ in range(10):
        source = open_source(numbered_clip)
        closer = threading.Timer(0.005, source.close)
        closer.start()
        for _ in source:
            pass
        closer.join()
        assert source.read() is None

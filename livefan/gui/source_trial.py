"""Test whether sources open, while another one runs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress

from PyQt6.QtCore import QObject, pyqtSignal

from livefan.core.errors import LivefanError
from livefan.io.open import open_source


class SourceTrial(QObject):
    """Opens and closes sources in a thread, and reports the result of the newest trial."""

    succeeded = pyqtSignal(list)
    """Emitted with the sources that open, if any."""
    failed = pyqtSignal(str)
    """Emitted with the error of the first source that does not open."""
    _done = pyqtSignal(object, list, str)

    def __init__(self) -> None:
        super().__init__()
        self._newest: object = None
        self._done.connect(self._on_done)

    def start(self, sources: Sequence[str], *, photographs: bool) -> None:
        """Try sources; a trial that still runs is cancelled."""
        trial = self._newest = object()
        threading.Thread(
            target=self._try, args=(trial, sources, photographs), name="livefan-open", daemon=True
        ).start()

    def cancel(self) -> None:
        """Report no result of a trial that still runs."""
        self._newest = None

    def _try(self, trial: object, sources: Sequence[str], photographs: bool) -> None:
        errors = {source: _error_of(source, photographs) for source in sources}
        good = [source for source, error in errors.items() if not error]
        with suppress(RuntimeError):  # the window is closed
            self._done.emit(trial, good, next(filter(None, errors.values()), ""))

    def _on_done(self, trial: object, good: list[str], error: str) -> None:
        if trial is not self._newest:
            return
        if good:
            self.succeeded.emit(good)
        if error:
            self.failed.emit(error)


def _error_of(source: str, photographs: bool) -> str:
    """Return why a source does not open; empty if it does."""
    try:
        open_source(source, photographs=photographs).close()
    except LivefanError as failure:
        return str(failure)
    except Exception as failure:  # any other is an error of livefan; the user gets a message
        return f"internal error: {type(failure).__name__}: {failure}"
    return ""

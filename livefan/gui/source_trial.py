"""Test whether a source opens, while another one runs."""

from __future__ import annotations

import threading
from contextlib import suppress

from PyQt6.QtCore import QObject, pyqtSignal

from livefan.core.errors import LivefanError
from livefan.io.open import open_source


class SourceTrial(QObject):
    """Opens and closes sources in a thread, and reports the result of the newest one."""

    succeeded = pyqtSignal(str)
    """Emitted with a source that opens."""
    failed = pyqtSignal(str)
    """Emitted with the error of a source that does not open."""
    _done = pyqtSignal(object, str, str)

    def __init__(self) -> None:
        super().__init__()
        self._newest: object = None
        self._done.connect(self._on_done)

    def start(self, source: str, *, photographs: bool) -> None:
        """Try a source; a trial that still runs is cancelled."""
        trial = self._newest = object()
        threading.Thread(
            target=self._try, args=(trial, source, photographs), name="livefan-open", daemon=True
        ).start()

    def cancel(self) -> None:
        """Report no result of a trial that still runs."""
        self._newest = None

    def _try(self, trial: object, source: str, photographs: bool) -> None:
        error = ""
        try:
            open_source(source, photographs=photographs).close()
        except LivefanError as failure:
            error = str(failure)
        except Exception as failure:  # any other is an error of livefan; the user gets a message
            error = f"internal error: {type(failure).__name__}: {failure}"
        with suppress(RuntimeError):  # the window is closed
            self._done.emit(trial, source, error)

    def _on_done(self, trial: object, source: str, error: str) -> None:
        if trial is not self._newest:
            return
        if error:
            self.failed.emit(error)
        else:
            self.succeeded.emit(source)

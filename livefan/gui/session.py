"""Between a live session's threads and the window: everything crosses as a Qt signal."""

from __future__ import annotations

import threading
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from livefan.live import LiveSession, Result
from livefan.pipeline import Pipeline
from livefan.runtimes.base import RuntimeChoice
from livefan.smooth import DEFAULT_STRENGTH


class QtSession(QObject):
    """A live session that speaks in signals.

    Results do not queue up before a slow window: the newest waits, and :attr:`result_ready` is
    emitted once for all that came since the last :meth:`take`.

    Args:
        weights: name or path of the weight file.
        max_faces: follow at most this many faces.
        runtime: what runs the network; by default the fastest.
    """

    result_ready = pyqtSignal()
    status = pyqtSignal(str)
    ended = pyqtSignal(object, str)
    """Emitted once, last, with this session and the error in words, or empty."""

    def __init__(
        self,
        source: str | int | Path,
        weights: str | Path,
        *,
        smoothing: float = DEFAULT_STRENGTH,
        max_faces: int = 5,
        runtime: RuntimeChoice | None = None,
    ) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._newest: Result | None = None

        self.session = LiveSession(
            source,
            lambda: Pipeline(
                weights, max_faces=max_faces, background=True, runtime=runtime, say=self.status.emit
            ),
            on_result=self._keep,
            on_status=self.status.emit,
            on_end=lambda error: self.ended.emit(self, error or ""),
        )
        self.session.smoothing = smoothing

    def take(self) -> Result | None:
        """The newest result not yet taken."""
        with self._lock:
            newest, self._newest = self._newest, None
        return newest

    def _keep(self, result: Result) -> None:
        with self._lock:
            waiting, self._newest = self._newest is not None, result
        if not waiting:
            self.result_ready.emit()

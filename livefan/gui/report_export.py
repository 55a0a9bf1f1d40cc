"""Write the report of a comparison in a thread."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from livefan.core.errors import LivefanError, message_of
from livefan.gui.session_config import SessionConfig
from livefan.live.priority import SECOND_NICENESS, lower_priority
from livefan.live.view_state import Layout

_LOG = logging.getLogger(__name__)
REPORT_NAME = "report.html"


class _CancelledError(Exception):
    """The user has cancelled the report."""


class ReportExport(QObject):
    """Writes one report at a time, as the command ``compare`` does."""

    changed = pyqtSignal()
    """Emitted when a report starts or ends."""
    error = pyqtSignal(str)
    """Emitted with a message when a report cannot be written."""
    saved = pyqtSignal(object, str)
    """Emitted with the path of a new report, and a message that names it."""
    _ended = pyqtSignal(object, str)

    def __init__(self) -> None:
        super().__init__()
        self._thread: threading.Thread | None = None
        self._cancelled = threading.Event()
        self._progress: tuple[int, int] | None = None
        self._ended.connect(self._on_ended)

    @property
    def progress(self) -> tuple[int, int] | None:
        """Number of processed frames and of all, 0 if unknown; None while no report is written."""
        return self._progress

    def start(self, config: SessionConfig, folder: Path, layout: Layout) -> None:
        """Compare the models of a session on its recording, and write the report into a new folder.

        Args:
            config: names the models and the recording.
            folder: the folder; created if absent.
            layout: layout of the video; side by side for a single model.

        Raises:
            LivefanError: if a report is being written.
        """
        if self._progress is not None:
            raise LivefanError(self.tr("A report is being written; wait for it or cancel it first."))
        self._cancelled.clear()
        self._progress = (0, 0)
        self._thread = threading.Thread(
            target=self._run, args=(config, folder, layout), name="livefan-report", daemon=True
        )
        self._thread.start()
        self.changed.emit()

    def cancel(self) -> None:
        """End the report; no file of it stays."""
        self._cancelled.set()

    def close(self) -> None:
        """Cancel, and wait for the end of the thread."""
        self.cancel()
        if self._thread is not None:
            self._thread.join()

    # The thread.

    def _run(self, config: SessionConfig, folder: Path, layout: Layout) -> None:
        error = ""
        try:
            lower_priority(SECOND_NICENESS)
            self._write(config, folder, layout)
        except _CancelledError:
            error = self.tr("Report cancelled.")
        except (LivefanError, OSError) as failure:
            error = message_of(failure)
        except Exception as failure:
            _LOG.exception("the report failed")
            error = f"internal error: {type(failure).__name__}: {failure}"
        with suppress(RuntimeError):  # the window is closed
            self._ended.emit(folder, error)

    def _write(self, config: SessionConfig, folder: Path, layout: Layout) -> None:
        # Loaded here: the window starts without the modules of the report.
        from livefan.live.compare import compare

        assert config.second is not None
        assert config.source is not None
        compare(
            config.first,
            config.second,
            str(config.source),
            folder,
            layout=Layout.SIDE_BY_SIDE if layout is Layout.SINGLE else layout,
            sequence=config.sequence,
            max_faces=config.max_faces,
            smoothing=config.smoothing,
            quiet=True,
            on_frame=self._report_frame,
        )

    def _report_frame(self, done: int, total: int | None) -> None:
        if self._cancelled.is_set():
            raise _CancelledError
        self._progress = (done, total or 0)

    # Called by a signal, in the window's thread.

    def _on_ended(self, folder: Path, error: str) -> None:
        self._progress = None
        self.changed.emit()
        if error:
            self.error.emit(error)
        else:
            path = folder / REPORT_NAME
            self.saved.emit(path, self.tr("Wrote {}").format(path))

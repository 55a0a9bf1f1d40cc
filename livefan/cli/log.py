"""The log of the command line: a file of bounded size, and standard error with ``--verbose``.

Messages for the user are printed and do not pass through :mod:`logging`. The log explains them:
version and command, the choices (detector, runtime, precision, threads, camera), and the tracebacks of
errors.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livefan.runtimes.cache import cache_folder

LOG_NAME = "livefan.log"
_LARGEST_BYTES = 1_000_000
_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
_log = logging.getLogger(__name__)


class LogFile(logging.FileHandler):
    """Append records to a file; at one megabyte the file becomes ``livefan.log.1`` and a new one begins.

    A file that cannot be written raises nothing and prints nothing; :attr:`written` is False then.

    Attributes:
        path: the file.
        written: whether the last record is in the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", delay=True, errors="backslashreplace")
        self.setFormatter(logging.Formatter(_FORMAT))
        self.path = path
        self.written = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            self._make_room()
        except OSError:
            self.written = False
            return
        self.written = True
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Note that a record is not in the file."""
        self.written = False

    def _make_room(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_file() and self.path.stat().st_size > _LARGEST_BYTES:
            self.close()  # the next record opens it again
            os.replace(self.path, self.path.with_name(f"{LOG_NAME}.1"))


def log_path() -> Path:
    """Return the path of the log file, in the user's cache folder."""
    return cache_folder() / LOG_NAME


@contextmanager
def open_log(*, verbose: bool) -> Iterator[LogFile]:
    """Write livefan's log to the log file, and to standard error if ``verbose``, while the context lasts."""
    logger = logging.getLogger("livefan")
    file = LogFile(log_path())
    handlers: list[logging.Handler] = [file]
    if verbose and sys.stderr is not None:
        handlers.append(_console())
    level, hook = logger.level, threading.excepthook
    for handler in handlers:
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    threading.excepthook = _log_thread_error
    try:
        yield file
    finally:
        threading.excepthook = hook
        logger.setLevel(level)
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()


def _console() -> logging.Handler:
    console = logging.StreamHandler()
    console.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    return console


def _log_thread_error(error: threading.ExceptHookArgs) -> None:
    """Log the exception that ended a thread, and print its traceback as Python does."""
    if error.exc_value is not None:
        name = error.thread.name if error.thread else "a thread"
        trace = (error.exc_type, error.exc_value, error.exc_traceback)
        _log.error("the thread %s ended with an error", name, exc_info=trace)
    threading.__excepthook__(error)

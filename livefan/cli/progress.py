"""Progress on standard error: a bar on a terminal, else a line every 30 seconds."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import AbstractContextManager
from typing import Any, Self

INTERVAL_S = 30.0
"""Seconds from one line to the next where standard error is not a terminal."""


def counted(number: int, unit: str) -> str:
    """Return a number with its unit in words: ``1 frame``, ``2 frames``."""
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


class Progress(AbstractContextManager[Any]):
    """Reports how many units of work are done, while its context lasts.

    Args:
        task: name of the work, such as ``annotating``.
        unit: singular name of a unit, such as ``frame``.
        total: number of units, if known.
        quiet: report nothing.
    """

    def __init__(self, task: str, unit: str, *, total: int | None = None, quiet: bool = False) -> None:
        self._task, self._unit, self._total = task, unit, total
        self._quiet = quiet or sys.stderr is None
        self._done = 0
        self._note = ""
        self._bar: Any = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._begun = time.monotonic()

    def __enter__(self) -> Self:
        if self._quiet:
            return self
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(desc=self._task, unit=self._unit, total=self._total, leave=False)
        else:
            self._thread = threading.Thread(target=self._print_lines, name="livefan-progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self._bar is not None:
            self._bar.close()

    def update(self, done: int, total: int | None = None, note: str = "") -> None:
        """Set the number of units that are done, the total if it is known now, and a short note."""
        self._done, self._note = done, note
        self._total = total or self._total
        if self._bar is not None:
            self._bar.total = self._total
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(done - self._bar.n)

    def _print_lines(self) -> None:
        while not self._ended.wait(INTERVAL_S):
            try:
                print(f"livefan: {self.line()}", file=sys.stderr, flush=True)
            except (OSError, ValueError):  # standard error was closed
                return

    def line(self) -> str:
        """Return the progress as one line."""
        of_total = f" of {self._total}" if self._total else ""
        share = f" ({100 * self._done // self._total} %)" if self._total else ""
        note = f", {self._note}" if self._note else ""
        seconds = round(time.monotonic() - self._begun)
        return f"{self._task}: {self._done}{of_total} {self._unit}s{share} after {seconds} s{note}"

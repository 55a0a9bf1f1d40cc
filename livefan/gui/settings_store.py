"""Settings that are written in a thread: the system may take tens of milliseconds for a file."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from PyQt6.QtCore import QSettings


class SettingsStore:
    """Reads settings from memory, and writes new ones to their file in a thread.

    Args:
        settings: the storage; its values are read now.
    """

    def __init__(self, settings: QSettings) -> None:
        self._settings = settings
        self._values: dict[str, Any] = {name: settings.value(name) for name in settings.allKeys()}
        self._lock = threading.Lock()
        self._unwritten: dict[str, Any] = {}
        self._writer: threading.Thread | None = None

    def get(self, name: str) -> Any:
        """Return a value, as text or as a type of Qt; None if there is none."""
        return self._values.get(name)

    def put(self, values: Mapping[str, Any]) -> None:
        """Change values; they are written soon."""
        self._values.update(values)
        with self._lock:
            self._unwritten.update(values)
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="livefan-settings")
                self._writer.start()

    def join(self) -> None:
        """Wait until all values are written."""
        writer = self._writer
        if writer is not None:
            writer.join()

    def _write(self) -> None:
        while values := self._take():
            settings = _same_file(self._settings)  # an object of Qt belongs to one thread
            for name, value in values.items():
                settings.setValue(name, value)
            settings.sync()

    def _take(self) -> dict[str, Any]:
        """Return the values that are not written; end the thread if there are none."""
        with self._lock:
            values, self._unwritten = self._unwritten, {}
            if not values:
                self._writer = None
            return values


def _same_file(settings: QSettings) -> QSettings:
    if settings.organizationName():
        return QSettings(
            settings.format(), settings.scope(), settings.organizationName(), settings.applicationName()
        )
    return QSettings(settings.fileName(), settings.format())

"""Settings in memory, which a thread writes: the system may take tens of milliseconds for a file."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from functools import cache
from typing import Any

from PyQt6.QtCore import QObject, QSettings, QThread, pyqtSignal, pyqtSlot


class SettingsStore:
    """Reads settings from memory, and writes new ones to their file in a thread.

    Args:
        settings: the storage; its values are read now.
    """

    def __init__(self, settings: QSettings) -> None:
        self._settings = settings
        self._values: dict[str, Any] = {name: settings.value(name) for name in settings.allKeys()}
        self._changed: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """Return a value, as text or as a type of Qt; None if there is none."""
        return self._values.get(name)

    def put(self, values: Mapping[str, Any]) -> None:
        """Change values; they are written soon."""
        self._values.update(values)
        self._changed.update(values)
        _writer().requested.emit(self._settings, dict(values))

    def finish(self) -> None:
        """Write all changed values now."""
        for name, value in self._changed.items():
            self._settings.setValue(name, value)
        self._settings.sync()


class _Writer(QObject):
    """Writes settings in a thread with an event loop.

    Qt writes the file in the event loop, which does not hold Python's lock. :meth:`QSettings.sync` would hold
    the lock meanwhile, and thus delay the window.
    """

    requested = pyqtSignal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self._files: dict[str, QSettings] = {}

    @pyqtSlot(object, object)
    def write(self, settings: QSettings, values: dict[str, Any]) -> None:
        """Change values of the file of other settings."""
        path = settings.fileName()
        if path not in self._files:
            self._files[path] = _same_file(settings)  # an object of Qt belongs to one thread
        for name, value in values.items():
            self._files[path].setValue(name, value)


@cache
def _writer() -> _Writer:
    writer, thread = _Writer(), QThread()
    writer.moveToThread(thread)
    writer.requested.connect(writer.write)
    thread.start()

    def end() -> None:
        thread.quit()
        thread.wait()

    atexit.register(end)
    return writer


def _same_file(settings: QSettings) -> QSettings:
    if settings.organizationName():
        scope, organization, name = settings.scope(), settings.organizationName(), settings.applicationName()
        return QSettings(settings.format(), scope, organization, name)
    return QSettings(settings.fileName(), settings.format())

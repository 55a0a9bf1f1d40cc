"""Settings in memory, which Qt writes soon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PyQt6.QtCore import QSettings


class SettingsStore:
    """Reads settings from memory, and passes new ones to their storage.

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
        for name, value in values.items():
            self._settings.setValue(name, value)

    def finish(self) -> None:
        """Write all changed values now."""
        for name, value in self._changed.items():
            self._settings.setValue(name, value)
        self._settings.sync()

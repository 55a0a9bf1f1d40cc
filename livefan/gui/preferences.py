"""Settings of the window that persist between sessions."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QByteArray, QCoreApplication, QEvent, QMetaObject, QSettings, Qt, QThread, QTimer

from livefan.core.errors import LivefanError
from livefan.core.resources import find_weights
from livefan.drawing.faces import STYLE_PARTS
from livefan.gui.session_config import THEMES, CliOverrides, SessionConfig
from livefan.io.stream import is_address, public_name
from livefan.live.view_state import Layout, View
from livefan.tracking.model_spec import ModelChoice, rival

_MAX_RECENT = 10


@cache
def _disk_thread() -> QThread:
    """Return the thread that waits for the disk: tens of milliseconds, while the window must answer."""
    thread = QThread()
    thread.start()

    def end() -> None:
        thread.quit()
        thread.wait()

    atexit.register(end)
    return thread


@cache
def _last_in_line() -> QTimer:
    """Return an object of the thread that waits for the disk, to wait until it has handled its events."""
    timer = QTimer()
    timer.moveToThread(_disk_thread())
    return timer


class Preferences:
    """Reads and writes the settings of the window.

    Qt writes changed settings to the disk in a thread of its own: there it handles the events of the settings
    object, without Python's lock. Reading and changing values lock them, from any thread.

    Args:
        settings: the storage; unreadable values count as absent.
    """

    def __init__(self, settings: QSettings) -> None:
        self._settings = settings
        if settings.thread() is not _disk_thread():
            settings.moveToThread(_disk_thread())

    def session_config(self, overrides: CliOverrides) -> SessionConfig:
        """Return the configuration of the session: options of the command line, else remembered values."""
        default = SessionConfig()
        first = overrides.first or self._remembered_model(overrides)
        comparing = overrides.layout not in (None, Layout.SINGLE)
        return SessionConfig(
            source=_absolute(overrides.source),
            first=first,
            second=rival(first) if overrides.second is None and comparing else overrides.second,
            smoothing=_or(overrides.smoothing, self._value("smoothing", _share, default.smoothing)),
            max_faces=_or(overrides.max_faces, self._value("max_faces", _count, default.max_faces)),
            size=_or(overrides.size, self._value("size", _size, default.size)),
            start_at=overrides.start_at,
            loop=_or(overrides.loop, self._value("loop", _flag, default.loop)),
            sequence=overrides.sequence,
            neutral=overrides.neutral,
            hold=overrides.hold,
        )

    def _remembered_model(self, overrides: CliOverrides) -> ModelChoice:
        """Return the model of the last session, with the runtime options of the command line."""
        last = self._value("first", _model, ModelChoice())
        return replace(
            last,
            runtime=_or(overrides.runtime, last.runtime),
            precision=_or(overrides.precision, last.precision),
            device=_or(overrides.device, last.device),
            raw=overrides.raw or last.raw,
            threads=overrides.threads,
        )

    def view(self, overrides: CliOverrides, *, comparing: bool) -> View:
        """Return the view: options of the command line, else remembered values.

        Args:
            overrides: options of the command line.
            comparing: whether there are two models.
        """
        default = View()
        style = default.style.having(
            **{
                part: self._value(f"style/{part}", _flag, getattr(default.style, part))
                for part in STYLE_PARTS
            }
        )
        style = style.having(**(dict.fromkeys(overrides.hide, False) | dict.fromkeys(overrides.show, True)))
        layout = overrides.layout or self.layout
        return View(
            layout=layout if comparing else Layout.SINGLE,
            style=style,
            mirror=_or(overrides.mirror, self._value("mirror", _flag, default.mirror)),
            wipe=_or(overrides.wipe, self._value("wipe", _share, default.wipe)),
            zoom=overrides.zoom,
            centre=overrides.centre,
            close_up=_or(overrides.close_up, overrides.zoom == 1 and comparing and self.close_up),
            heatmaps=_or(overrides.heatmaps, False),
        )

    def theme(self, overrides: CliOverrides) -> str:
        """Return one of :data:`~livefan.gui.session_config.THEMES`."""
        return overrides.theme or self._value("theme", _theme, THEMES[0])

    @property
    def second_model(self) -> ModelChoice | None:
        """The second model of the last comparison."""
        return self._value("second", _present_model, None)

    @property
    def layout(self) -> Layout:
        """The layout of the last comparison."""
        return self._value("layout", Layout, Layout.SIDE_BY_SIDE)

    @property
    def close_up(self) -> bool:
        """Whether the last comparison was a close-up of the face."""
        return self._value("close_up", _flag, True)

    @property
    def geometry(self) -> QByteArray | None:
        """Position and size of the window."""
        return self._value("geometry", QByteArray, None)

    @property
    def docks(self) -> QByteArray | None:
        """Positions of the panels."""
        return self._value("docks", QByteArray, None)

    @property
    def recent_sources(self) -> list[str]:
        """Paths and addresses of recent sources, the newest first."""
        return self._value("recent", _paths, [])

    def add_recent(self, source: str | int) -> None:
        """Remember a source; cameras and addresses with secrets are not remembered."""
        if isinstance(source, int) or (is_address(source) and source != public_name(source)):
            return
        others = [each for each in self.recent_sources if each != source]
        self._set("recent", [source, *others][:_MAX_RECENT])

    @property
    def tour_seen(self) -> bool:
        """Whether the tour of the first start was shown."""
        return self._value("tour_seen", _flag, False)

    def save_tour_seen(self) -> None:
        """Remember that the tour was shown."""
        self._set("tour_seen", True)

    def last_folder(self, purpose: str) -> str:
        """Return the folder that a dialog opened last; empty for none."""
        return self._value(f"folder/{purpose}", str, "")

    def save_folder(self, purpose: str, folder: str) -> None:
        """Remember the folder of a dialog."""
        self._set(f"folder/{purpose}", folder)

    def save_session(self, config: SessionConfig, view: View, theme: str) -> None:
        """Remember models, view and theme."""
        values: dict[str, Any] = {
            "first": config.first.spec,
            "smoothing": config.smoothing,
            "loop": config.loop,
            "max_faces": config.max_faces,
            "mirror": view.mirror,
            "wipe": view.wipe,
            "theme": theme,
        }
        values |= {f"style/{part}": getattr(view.style, part) for part in STYLE_PARTS}
        if isinstance(config.source, int):
            values["size"] = "x".join(map(str, config.size or ()))
        if config.second is not None:
            values |= {
                "second": config.second.spec,
                "layout": str(view.layout),
                "close_up": view.close_up,
            }
        for name, value in values.items():
            self._set(name, value)

    def save_window(self, geometry: QByteArray, docks: QByteArray) -> None:
        """Remember the positions of the window and its panels."""
        self._set("geometry", geometry)
        self._set("docks", docks)

    def _set(self, name: str, value: object) -> None:
        """Change a setting and ask for it to be written.

        Qt asks by itself, except when the change comes while an earlier one is being written: this one would
        stay unwritten. A request without a change costs little.
        """
        self._settings.setValue(name, value)
        QCoreApplication.postEvent(self._settings, QEvent(QEvent.Type.UpdateRequest))

    def finish(self) -> None:
        """Write all settings now; afterwards no thread uses them."""
        self._settings.sync()
        # Handled after all earlier events, also those of the settings.
        QMetaObject.invokeMethod(_last_in_line(), "stop", Qt.ConnectionType.BlockingQueuedConnection)

    def _value(self, name: str, parse: Callable[[Any], Any], default: Any) -> Any:
        stored = self._settings.value(name)
        if stored is not None:
            with suppress(ValueError, TypeError, LivefanError):
                return parse(stored)
        return default


def _absolute(source: str | int | None) -> str | int | None:
    """Return a path of the file system as an absolute one: it is remembered for other folders too."""
    if isinstance(source, str) and Path(source).exists():
        return str(Path(source).absolute())
    return source


def _or(override: Any, remembered: Any) -> Any:
    return remembered if override is None else override


# Parsers of stored values; each raises ValueError, TypeError or LivefanError for an unreadable one.


def _flag(stored: object) -> bool:
    if str(stored).lower() not in ("true", "false"):
        raise ValueError(stored)
    return str(stored).lower() == "true"


def _share(stored: Any) -> float:
    share = float(stored)
    if not 0.0 <= share <= 1.0:
        raise ValueError(stored)
    return share


def _count(stored: Any) -> int:
    count = int(stored)
    if count < 1:
        raise ValueError(stored)
    return count


def _theme(stored: str) -> str:
    if stored not in THEMES:
        raise ValueError(stored)
    return stored


def _paths(stored: Any) -> list[str]:
    # QSettings returns a list of one text as a text.
    return [stored] if isinstance(stored, str) else [str(each) for each in stored]


def _size(stored: str) -> tuple[int, int] | None:
    if not stored:
        return None
    width, height = map(int, stored.split("x"))
    return width, height


def _model(stored: str) -> ModelChoice:
    choice = _present_model(stored)
    if not choice.is_external:
        choice.file  # noqa: B018  # raises for a file that is not valid
    return choice


def _present_model(stored: str) -> ModelChoice:
    choice = ModelChoice.parse(stored)
    if choice.is_described:  # reading the network takes longer than the window may
        if not Path(choice.weights).is_file():
            raise ValueError(stored)
    elif choice.is_external:
        choice.check()
    else:
        find_weights(choice.weights)
    return choice

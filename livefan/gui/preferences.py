"""What is asked of the window when it opens, and what it remembers from the last time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QByteArray, QSettings

from livefan.core.errors import LivefanError
from livefan.drawing.faces import STYLE_PARTS
from livefan.gui.theme import THEMES
from livefan.live.view_state import Layout, View
from livefan.tracking.kalman import DEFAULT_STRENGTH
from livefan.tracking.model_spec import ModelChoice, rival


@dataclass(frozen=True)
class SessionConfig:
    """What is to be watched, and how.

    Attributes:
        source: what :func:`livefan.io.open.open_source` takes; None for nothing yet.
        first, second: the model that is watched, and the one that it is compared with.
        smoothing: strength of the filter, from 0 to 1.
        max_faces: follow at most this many.
        size: width and height in pixels to ask of a camera.
        start_at: seconds into a recording.
        loop: begin a recording anew at its end.
        sequence: the images of a folder are the frames of one recording, rather than photographs.
        hold: begin a recording held.
    """

    source: str | int | None = None
    first: ModelChoice = field(default_factory=ModelChoice)
    second: ModelChoice | None = None
    smoothing: float = DEFAULT_STRENGTH
    max_faces: int = 5
    size: tuple[int, int] | None = None
    start_at: float = 0.0
    loop: bool = False
    sequence: bool = False
    hold: bool = False


@dataclass(frozen=True)
class CliOverrides:
    """What the command line asks of the window; None leaves a thing as it is remembered.

    Attributes:
        source, first, second, max_faces, size, start_at: see :class:`SessionConfig`.
        smoothing, loop, sequence, hold: likewise.
        runtime, precision, raw, threads: of a remembered model; see
            :class:`~livefan.tracking.model_spec.ModelChoice`. Not raw leaves it as it is remembered.
        layout, wipe, mirror, zoom, centre, close_up, heatmaps: see :class:`~livefan.live.view_state.View`.
        hide, show: parts of the overlay style to leave out, and to draw.
        theme: one of :data:`~livefan.gui.theme.THEMES`.
        full_screen: begin without frame and controls.
        panels: names of those that are shown.
        record, record_clean: write what is seen, or the clean frames and their landmarks, from the start.
        snapshot, copy: save the first picture that is shown, and put it on the clipboard.
        notice: what to tell the user first.
    """

    source: str | int | None = None
    first: ModelChoice | None = None
    second: ModelChoice | None = None
    runtime: str | None = None
    precision: str | None = None
    raw: bool = False
    threads: int = 1
    max_faces: int = 5
    size: tuple[int, int] | None = None
    start_at: float = 0.0
    smoothing: float | None = None
    loop: bool | None = None
    sequence: bool = False
    hold: bool = False
    layout: Layout | None = None
    wipe: float | None = None
    mirror: bool | None = None
    zoom: float = 1.0
    centre: tuple[float, float] = (0.5, 0.5)
    close_up: bool | None = None
    heatmaps: bool | None = None
    hide: tuple[str, ...] = ()
    show: tuple[str, ...] = ()
    theme: str | None = None
    full_screen: bool = False
    panels: tuple[str, ...] | None = None
    record: Path | None = None
    record_clean: Path | None = None
    snapshot: Path | None = None
    copy: bool = False
    notice: str = ""


class Preferences:
    """The window's settings from one time to the next.

    Args:
        settings: where they are kept; unreadable values count as absent.
    """

    def __init__(self, settings: QSettings) -> None:
        self._settings = settings

    def session_config(self, asked: CliOverrides) -> SessionConfig:
        """What to watch: as asked, else as remembered."""
        remembered = SessionConfig()
        first = asked.first or self._remembered_model(asked)
        comparing = asked.layout not in (None, Layout.SINGLE)
        return SessionConfig(
            source=asked.source,
            first=first,
            second=rival(first) if asked.second is None and comparing else asked.second,
            smoothing=_or(asked.smoothing, self._value("smoothing", _share, remembered.smoothing)),
            max_faces=asked.max_faces,
            size=_or(asked.size, self._value("size", _size, remembered.size)),
            start_at=asked.start_at,
            loop=_or(asked.loop, self._value("loop", _flag, remembered.loop)),
            sequence=asked.sequence,
            hold=asked.hold,
        )

    def _remembered_model(self, asked: CliOverrides) -> ModelChoice:
        """The model that was watched last, run as asked."""
        left = self._value("first", _model, ModelChoice())
        return replace(
            left,
            runtime=_or(asked.runtime, left.runtime),
            precision=_or(asked.precision, left.precision),
            raw=asked.raw or left.raw,
            threads=asked.threads,
        )

    def view(self, asked: CliOverrides, *, comparing: bool) -> View:
        """How to look at it: as asked, else as remembered.

        Args:
            comparing: whether there are two models.
        """
        default = View()
        style = default.style.having(
            **{
                part: self._value(f"style/{part}", _flag, getattr(default.style, part))
                for part in STYLE_PARTS
            }
        )
        style = style.having(**(dict.fromkeys(asked.hide, False) | dict.fromkeys(asked.show, True)))
        layout = asked.layout or self._value("layout", Layout, Layout.SIDE_BY_SIDE)
        return View(
            layout=layout if comparing else Layout.SINGLE,
            style=style,
            mirror=_or(asked.mirror, self._value("mirror", _flag, default.mirror)),
            wipe=_or(asked.wipe, self._value("wipe", _share, default.wipe)),
            zoom=asked.zoom,
            centre=asked.centre,
            close_up=_or(asked.close_up, asked.zoom == 1 and comparing and self.close_up),
            heatmaps=_or(asked.heatmaps, False),
        )

    def theme(self, asked: CliOverrides) -> str:
        """One of :data:`~livefan.gui.theme.THEMES`."""
        return asked.theme or self._value("theme", _theme, THEMES[0])

    @property
    def second_model(self) -> ModelChoice | None:
        """The model that another was compared with last."""
        return self._value("second", _model, None)

    @property
    def layout(self) -> Layout:
        """How two models were shown last."""
        return self._value("layout", Layout, Layout.SIDE_BY_SIDE)

    @property
    def close_up(self) -> bool:
        """Whether the face was shown large while two models were compared last."""
        return self._value("close_up", _flag, True)

    @property
    def geometry(self) -> QByteArray | None:
        """Where the window was."""
        return self._value("geometry", QByteArray, None)

    @property
    def docks(self) -> QByteArray | None:
        """Where its panels were."""
        return self._value("docks", QByteArray, None)

    def save_session(self, config: SessionConfig, view: View, theme: str) -> None:
        """Remember how things are."""
        values: dict[str, Any] = {
            "first": config.first.spec,
            "smoothing": config.smoothing,
            "loop": config.loop,
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
            self._settings.setValue(name, value)

    def save_window(self, geometry: QByteArray, docks: QByteArray) -> None:
        """Remember where the window and its panels are."""
        self._settings.setValue("geometry", geometry)
        self._settings.setValue("docks", docks)
        self._settings.sync()

    def _value(self, name: str, read: Callable[[Any], Any], default: Any) -> Any:
        kept = self._settings.value(name)
        if kept is not None:
            with suppress(ValueError, TypeError, LivefanError):
                return read(kept)
        return default


def _or(asked: Any, remembered: Any) -> Any:
    return remembered if asked is None else asked


def _flag(kept: object) -> bool:
    if str(kept).lower() not in ("true", "false"):
        raise ValueError(kept)
    return str(kept).lower() == "true"


def _share(kept: Any) -> float:
    share = float(kept)
    if not 0.0 <= share <= 1.0:
        raise ValueError(kept)
    return share


def _theme(kept: str) -> str:
    if kept not in THEMES:
        raise ValueError(kept)
    return kept


def _size(kept: str) -> tuple[int, int] | None:
    if not kept:
        return None
    width, height = map(int, kept.split("x"))
    return width, height


def _model(kept: str) -> ModelChoice:
    choice = ModelChoice.parse(kept)
    choice.file  # noqa: B018  # raises where the file is gone
    return choice

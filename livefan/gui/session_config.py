"""Configuration of a live session, and the options of the command line that change it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from livefan.io.stream import is_address
from livefan.live.view_state import Layout
from livefan.outputs.output_group import OutputGroup
from livefan.tracking.kalman import DEFAULT_STRENGTH
from livefan.tracking.model_spec import ModelChoice

THEMES = ("system", "light", "dark")


@dataclass(frozen=True)
class SessionConfig:
    """Source, models and playback of a session.

    Attributes:
        source: a source of :func:`livefan.io.open.open_source`; None if none is chosen.
        first: the model of the session.
        second: the model to compare with the first.
        smoothing: strength of the filter on landmarks, from 0 to 1.
        max_faces: largest number of faces to track.
        size: width and height in pixels to request from a camera.
        start_at: start position in a recording, in seconds.
        loop: restart a recording at its end.
        requested_speed: speed of a recording, 1.0 for real time.
        sequence: play the images of a folder as the frames of one video; else each is a photograph.
        neutral: take the first second of each face for its neutral expression.
        hold: start a recording paused.
        every_frame: whether both models process every frame; None for the default of the source.
    """

    source: str | int | None = None
    first: ModelChoice = field(default_factory=ModelChoice)
    second: ModelChoice | None = None
    smoothing: float = DEFAULT_STRENGTH
    max_faces: int = 5
    size: tuple[int, int] | None = None
    start_at: float = 0.0
    loop: bool = False
    requested_speed: float = 1.0
    sequence: bool = False
    neutral: bool = False
    hold: bool = False
    every_frame: bool | None = None

    @property
    def is_folder(self) -> bool:
        """Whether the source is a folder, whose images are photographs or the frames of one video."""
        return (
            isinstance(self.source, str)
            and not is_address(self.source)
            and os.path.isdir(os.path.expanduser(self.source))  # accepts any text; Path methods raise
        )


@dataclass(frozen=True)
class CliOverrides:
    """Options of the command line; None keeps the remembered value.

    Attributes:
        source, first, second, max_faces, size, start_at: see :class:`SessionConfig`.
        smoothing, loop, sequence, neutral, hold: see :class:`SessionConfig`.
        runtime, precision, device, raw, threads: changes to the remembered model, see
            :class:`~livefan.tracking.model_spec.ModelChoice`. False for ``raw`` keeps the remembered value.
        layout, wipe, mirror, zoom, centre, close_up, heatmaps: see :class:`~livefan.live.view_state.View`.
        hide, show: parts of the overlay style to switch off and on.
        theme: one of :data:`THEMES`.
        full_screen: start in full screen.
        panels: names of the panels to show.
        record: video of the picture as shown, written from the start.
        record_clean: video of the clean frames, with their landmarks, written from the start.
        snapshot: file for a snapshot of the first picture.
        copy: copy the first picture to the clipboard.
        outputs: opened outputs to other programs.
        notice: message shown at the start.
    """

    source: str | int | None = None
    first: ModelChoice | None = None
    second: ModelChoice | None = None
    runtime: str | None = None
    precision: str | None = None
    device: str | None = None
    raw: bool = False
    threads: int = 1
    max_faces: int | None = None
    size: tuple[int, int] | None = None
    start_at: float = 0.0
    smoothing: float | None = None
    loop: bool | None = None
    sequence: bool = False
    neutral: bool = False
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
    outputs: OutputGroup | None = None
    notice: str = ""

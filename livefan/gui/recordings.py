"""Recordings of a session: at most one at a time."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from livefan.core.errors import LivefanError
from livefan.live.paint_thread import Painted
from livefan.live.recorder import Recorded, Recorder
from livefan.live.result import Result
from livefan.tracking.model_spec import ModelChoice


class RecordingKind(StrEnum):
    """Content of a recording."""

    CLEAN = "clean"
    """The frames as captured, with their landmarks as data files."""
    SHOWN = "shown"
    """The picture as shown."""


class Recordings(QObject):
    """Writes recordings, one after another."""

    changed = pyqtSignal()
    """Emitted when a recording starts or stops."""
    error = pyqtSignal(str)
    """Emitted with a message for the user when a file cannot be written."""
    saved = pyqtSignal(object, str)
    """Emitted with the file of a complete recording, and a message that names it."""
    _ended = pyqtSignal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self._recorder: Recorder | None = None
        self._writing: list[Recorder] = []  # with those that were stopped and still write
        self._kind = RecordingKind.SHOWN
        self._recorded_until = -math.inf  # capture time of the last frame of a clean recording
        self._ended.connect(self._on_ended)

    @property
    def kind(self) -> RecordingKind | None:
        """Content of the present recording; None while nothing is recorded."""
        return self._kind if self._recorder is not None else None

    @property
    def seconds(self) -> float | None:
        """Length of the present recording so far; None while nothing is recorded."""
        return self._recorder.seconds if self._recorder is not None else None

    def start(self, path: Path, kind: RecordingKind, model: ModelChoice) -> None:
        """Start a recording; it replaces the present one.

        Args:
            path: the video.
            kind: its content.
            model: the model that measures the landmarks.

        Raises:
            LivefanError: if the file exists or cannot be written.
        """
        self.stop()
        self._kind, self._recorded_until = kind, -math.inf
        recorder = Recorder(
            path,
            model=model if kind is RecordingKind.CLEAN else None,
            on_end=lambda end: self._ended.emit(recorder, end),
        )
        self._recorder = recorder
        self._writing.append(recorder)
        recorder.start()
        self.changed.emit()

    def stop(self) -> None:
        """Finish the recording; :attr:`saved` is emitted once the file is complete."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.stop()
            self.changed.emit()

    def join(self) -> None:
        """Wait until all files are complete."""
        for recorder in self._writing:
            recorder.join()

    # Called from the threads of session and painter.

    def add_result(self, result: Result) -> None:
        """Add the frame and the faces of a result to a clean recording."""
        recorder, captured_at = self._recorder, result.frame.captured_at
        is_new = captured_at > self._recorded_until  # else a paused frame, processed again
        if recorder is not None and self._kind is RecordingKind.CLEAN and is_new:
            self._recorded_until = captured_at
            recorder.add(result, result.frame.image)

    def add_painted(self, painted: Painted) -> None:
        """Add a picture to a recording of the picture as shown."""
        recorder, picture = self._recorder, painted.picture
        if recorder is not None and self._kind is RecordingKind.SHOWN and painted.is_new and picture.panes:
            recorder.add(picture.panes[0].result, picture.image)

    # Called by a signal, in the window's thread.

    def _on_ended(self, recorder: Recorder, end: Recorded | LivefanError) -> None:
        self._writing.remove(recorder)
        if recorder is self._recorder:
            self.stop()
        if isinstance(end, LivefanError):
            self.error.emit(self.tr("Recording failed: {}").format(end))
            return
        frames = self._count(end.n_frames)
        dropped = self.tr(", {} dropped").format(self._count(end.left_out)) if end.left_out else ""
        text = self.tr("Recorded {} ({}, {:.1f} s{})")
        self.saved.emit(end.path, text.format(end.path, frames, end.seconds, dropped))

    def _count(self, n_frames: int) -> str:
        return self.tr("1 frame") if n_frames == 1 else self.tr("{} frames").format(n_frames)

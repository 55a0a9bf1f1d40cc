"""Play one source: the session, its recorder and the painter of its pictures, as Qt signals.

Sessions and painters work in their own threads. Signals carry their results to the window's thread.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from livefan.gui.recordings import RecordingKind, Recordings
from livefan.gui.session_config import SessionConfig
from livefan.gui.source_trial import SourceTrial
from livefan.io.camera import camera_index
from livefan.io.stream import is_address
from livefan.live.paint_thread import Painted, Painter
from livefan.live.result import Pair, Result
from livefan.live.session import LiveSession
from livefan.live.statistics import Gauges
from livefan.live.view_state import Layout, View
from livefan.tracking.model_spec import ModelChoice

_LET_DRAW_MS = 80
"""Delay before a second model loads: the window shows the new controls first."""


class Player(QObject):
    """Plays one source at a time.

    Pictures do not queue up before a slow window: only the newest waits, and :attr:`painted` is emitted
    once for all pictures since the last :meth:`take`.

    Args:
        config: source and models of the session.
        view: how pictures are drawn.
    """

    painted = pyqtSignal()
    status = pyqtSignal(str)
    """Emitted with a message for the user; empty to clear it. May be emitted from any thread."""
    file_saved = pyqtSignal(str)
    """Emitted with a message that names the file in :attr:`saved`. May be emitted from any thread."""
    changed = pyqtSignal()
    """Emitted when the state of the session, the recorder or the view has changed."""
    opened = pyqtSignal()
    """Emitted with the first result of a session."""
    _ended = pyqtSignal(object, str)
    _reported = pyqtSignal(object, str)
    _painter_failed = pyqtSignal(str)

    def __init__(self, config: SessionConfig, view: View) -> None:
        super().__init__()
        self.config = config
        self.gauges = Gauges()
        self._lock = threading.Lock()
        self._newest: Painted | None = None
        self._session: LiveSession | None = None
        self._ending: LiveSession | None = None
        self._trial = SourceTrial()
        self._trial.succeeded.connect(self._watch)
        self._trial.failed.connect(self._on_trial_failed)
        self._trial_error = ""  # shown again once the session that is starting has nothing to report
        self._has_result = False
        self._start_next = False
        self._compare_later = QTimer(self)
        self._compare_later.setSingleShot(True)
        self._compare_later.setInterval(_LET_DRAW_MS)
        self._compare_later.timeout.connect(self._pass_second)
        self._drawing: threading.Thread | None = None
        self._recordings = Recordings()
        self._recordings.changed.connect(self.changed)
        self._recordings.status.connect(self.status)
        self._recordings.saved.connect(self.report_saved)
        self.saved: Path | None = None
        self._painter_failed.connect(self._on_painter_failed)
        self._painter = Painter(self._on_painted, self._painter_failed.emit)  # last: it calls back at once
        self._painter.look(view)
        self._ended.connect(self._on_session_ended)
        self._reported.connect(self._on_session_status)

    # The session.

    @property
    def session(self) -> LiveSession | None:
        """The running session, or None."""
        return self._session

    @property
    def is_folder(self) -> bool:
        """Whether the source is a folder, whose images are photographs or the frames of one video."""
        source = self.config.source
        return (
            isinstance(source, str)
            and not is_address(source)
            and os.path.isdir(os.path.expanduser(source))  # accepts any text; Path methods raise
        )

    @property
    def running(self) -> bool:
        """Whether a session runs or is about to start."""
        return self._session is not None or self._start_next

    def start(self) -> None:
        """Play the source from its beginning."""
        self._end_session()
        if self.config.source is None:
            self.status.emit(self.tr("No source: choose a camera or a file first."))
            return
        if self._ending is not None:
            # The old session may still hold the camera that the new one needs.
            self._start_next = True
            self.changed.emit()
            return
        self.gauges.clear()
        self._painter.forget(all_of_it=True)
        self._has_result = False
        self._session = self._new_session(self.config.source)
        self._session.start()
        self.changed.emit()

    def _new_session(self, source: str | int) -> LiveSession:
        config = self.config
        session = LiveSession(
            source,
            config.first,
            config.second,
            max_faces=config.max_faces,
            size=config.size,
            start_at=config.start_at,
            sequence=config.sequence,
            hold=config.hold,
            on_result=self._on_result,
            on_second=self._on_second_result,
            on_pair=self._on_pair,
            on_status=lambda text: self._reported.emit(session, text),
            on_end=lambda error: self._report_end(session, error or ""),
        )
        session.smoothing = config.smoothing
        session.loop = config.loop
        session.heatmaps = self.view.heatmaps
        return session

    def stop(self) -> None:
        """Stop the session; the last picture stays."""
        self._trial.cancel()
        self._end_session()

    def _end_session(self) -> None:
        session, self._session = self._session, None
        self._start_next = False
        self.stop_recording()
        if session is not None:
            self._ending = session
            session.stop(timeout=0.0)
            self.status.emit("")
        self.changed.emit()

    def close_source(self) -> None:
        """Stop the session and clear the picture."""
        self.stop()
        self.config = replace(self.config, source=None, start_at=0.0)
        self._painter.forget(all_of_it=True)
        self.changed.emit()

    def watch(self, source: str | int, size: tuple[int, int] | None = None) -> None:
        """Play another source: a camera's index, a path or an address.

        A running session goes on until the new source has proved to open.
        """
        if not self.running or isinstance(source, int) or camera_index(source) is not None:
            self._watch(source, size)  # a camera cannot be open twice
        else:
            self._trial.start(source, photographs=not self.config.sequence)

    def _watch(self, source: str | int, size: tuple[int, int] | None = None) -> None:
        self._trial.cancel()
        self._trial_error = ""
        self.config = replace(self.config, source=source, size=size, start_at=0.0, hold=False)
        self.start()

    def choose_first(self, choice: ModelChoice) -> None:
        """Run another model from the next frame on; a clean recording ends with the old model."""
        if self.recording is RecordingKind.CLEAN:
            self.stop_recording()
        self.config = replace(self.config, first=choice)
        self._clear_comparison()
        self.gauges.models[0].clear()
        if self._session is not None:
            self._session.first = choice
            self._session.second = self.config.second
        self.changed.emit()

    def choose_second(self, choice: ModelChoice | None) -> None:
        """Compare with another model, or with none."""
        self.config = replace(self.config, second=choice)
        self._clear_comparison()
        if choice is None:
            self._pass_second()
        else:
            self._compare_later.start()
        self.changed.emit()

    def _pass_second(self) -> None:
        """Give the session its second model."""
        if self._session is not None and self._session.second != self.config.second:
            self._session.second = self.config.second

    def set_smoothing(self, strength: float) -> None:
        """Set the strength of the filter on landmarks, from 0 to 1."""
        self.config = replace(self.config, smoothing=strength)
        if self._session is not None:
            self._session.smoothing = strength

    def set_max_faces(self, max_faces: int) -> None:
        """Set the largest number of faces to track."""
        self.config = replace(self.config, max_faces=max_faces)
        if self._session is not None:
            self._session.max_faces = max_faces

    def set_sequence(self, on: bool) -> None:
        """Play the images of a folder as the frames of one video, or as photographs."""
        self.config = replace(self.config, sequence=on)
        if self._session is not None and self.is_folder:
            self.start()

    def set_loop(self, on: bool) -> None:
        """Restart a recording at its end, or stop there."""
        self.config = replace(self.config, loop=on)
        if self._session is not None:
            self._session.loop = on

    # Position.

    @property
    def paused(self) -> bool:
        """Whether the session is paused, or at the end of a recording."""
        return self._session is not None and (self._session.paused or self._session.at_end)

    def pause(self, paused: bool) -> None:
        """Pause or resume; at the end of a recording, resume from its start."""
        if self._session is not None:
            self._session.paused = paused
            self._session.heatmaps = self.view.heatmaps
            if not paused:
                self.change_view(spot=None)
            self.changed.emit()

    def seek(self, seconds: float) -> None:
        """Go to a time of a recording."""
        if self._session is not None:
            self._session.seek(seconds)

    def seek_end(self) -> None:
        """Go to the last frame of a recording, and pause."""
        session = self._session
        if session is not None and session.seekable and session.duration is not None:
            self.pause(True)
            session.seek(session.duration)

    def step(self, frames: int) -> None:
        """Go one frame forward (1) or back (-1), and pause."""
        if self._session is not None and self._session.seekable:
            self._session.step(frames)
            self.changed.emit()

    # View.

    @property
    def has_picture(self) -> bool:
        """Whether there is a frame to show."""
        return self._painter.shown.first is not None

    @property
    def view(self) -> View:
        """How pictures are drawn."""
        return self._painter.view

    def change_view(self, **changes: Any) -> None:
        """Change some attributes of the :class:`~livefan.live.view_state.View`; the picture is repainted."""
        before = self.view
        view = replace(before, **changes)
        if view == before:
            return
        self._painter.look(view)
        if self._session is not None:
            self._session.heatmaps = view.heatmaps or (view.spot is not None and self.paused)
        if (view.close_up, view.layout) != (before.close_up, before.layout):
            self.changed.emit()

    def follow_face(self, track_id: int) -> None:
        """Follow this face in the close-up."""
        self._painter.follow_face(track_id)

    def resize(self, width: int, height: int) -> None:
        """Paint pictures of this size in pixels."""
        self._painter.resize(width, height)

    def take(self) -> Painted | None:
        """Return the newest picture once; None if there is none since the last call."""
        with self._lock:
            newest, self._newest = self._newest, None
        return newest

    def draw_full_size(self, then: Callable[[np.ndarray], object]) -> bool:
        """Draw the picture as shown, at the frame's own size, in a thread.

        Args:
            then: gets the picture, ``(height, width, 3)`` uint8 BGR, in that thread.

        Returns:
            Whether there is a picture to draw.
        """
        if self._painter.shown.first is None:
            return False
        self._drawing = threading.Thread(target=self._draw, args=(then,), name="livefan-snapshot")
        self._drawing.start()
        return True

    def _draw(self, then: Callable[[np.ndarray], object]) -> None:
        drawn = self._painter.draw_full_size()
        if drawn is not None:
            then(drawn)

    # Recording.

    @property
    def recording(self) -> RecordingKind | None:
        """Content of the present recording; None while nothing is recorded."""
        return self._recordings.kind

    @property
    def recorded_seconds(self) -> float | None:
        """Time since the start of the present recording; None while nothing is recorded."""
        return self._recordings.seconds

    def record(self, path: Path, kind: RecordingKind) -> None:
        """Start a recording; it replaces the present one.

        Args:
            path: the video.
            kind: its content.

        Raises:
            LivefanError: if the file exists or cannot be written.
        """
        self._recordings.start(path, kind, self.config.first)

    def stop_recording(self) -> None:
        """Finish the recording; a message names the file once it is complete."""
        self._recordings.stop()

    def report_saved(self, path: Path, message: str) -> None:
        """Remember a new file for "Show in folder", and report it; callable from any thread."""
        self.saved = path
        self.file_saved.emit(message)

    def close(self, timeout: float = 1.0) -> None:
        """End all threads."""
        session = self._session or self._ending
        self.stop()
        if session is not None:
            session.stop(timeout)
        self._painter.stop()
        self._recordings.join()
        if self._drawing is not None:
            self._drawing.join()

    # Called from the threads of session and painter.

    def _on_result(self, result: Result) -> None:
        if not self._has_result:
            self._has_result = True
            self.opened.emit()
        self.gauges.see(0, result)
        self._painter.see_first(result)
        self._recordings.add_result(result)

    def _on_second_result(self, result: Result) -> None:
        self.gauges.see(1, result)

    def _on_pair(self, pair: Pair) -> None:
        self.gauges.see_pair(pair)
        self._painter.see_pair(pair)

    def _on_painted(self, painted: Painted) -> None:
        self._recordings.add_painted(painted)
        with self._lock:
            waiting, self._newest = self._newest is not None, painted
        if not waiting:
            self.painted.emit()

    def _report_end(self, session: LiveSession, error: str) -> None:
        with suppress(RuntimeError):  # the window is closed
            self._ended.emit(session, error)

    # Called by signals, in the window's thread.

    def _on_trial_failed(self, error: str) -> None:
        starting = self._start_next or not self._has_result
        self._trial_error = error if starting else ""
        self.status.emit(error)

    def _on_session_status(self, session: LiveSession, text: str) -> None:
        if session is self._session:
            self._adopt_models(session)
            if not text:
                text, self._trial_error = self._trial_error, ""
            self.status.emit(text)
            self.changed.emit()

    def _adopt_models(self, session: LiveSession) -> None:
        """Drop models from the configuration that the session could not load."""
        self.config = replace(self.config, first=session.first)
        lost = self.config.second is not None and session.second is None
        if lost and not self._compare_later.isActive():
            self.config = replace(self.config, second=None)
            self._clear_comparison()
            self.change_view(layout=Layout.SINGLE, close_up=False)

    def _on_painter_failed(self, message: str) -> None:
        """End the session, so that no picture stays without a reason shown."""
        self.stop()
        self.status.emit(message)

    def _on_session_ended(self, session: LiveSession, error: str) -> None:
        """Take note that a session has released its source: a stopped one, or the present one."""
        if session is self._ending:
            self._ending = None
            if self._start_next:
                self.start()
            return
        if session is not self._session:
            return
        self.stop_recording()
        self._session = None
        self.changed.emit()
        if error:
            self.status.emit(error)

    def _clear_comparison(self) -> None:
        self.gauges.forget_comparison()
        self._painter.forget()

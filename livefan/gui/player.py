"""What the window plays: a session, the painter of its pictures and its gauges, in Qt's signals.

Sessions and painter work in threads of their own; everything crosses to the window's thread here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from livefan.core.errors import LivefanError
from livefan.gui.preferences import SessionConfig
from livefan.io.stream import is_address
from livefan.live.painter import Painted, Painter
from livefan.live.recorder import Recorded, Recorder
from livefan.live.result import Pair, Result
from livefan.live.session import LiveSession
from livefan.live.statistics import Gauges
from livefan.live.view_state import Layout, View
from livefan.tracking.model_spec import ModelChoice

_LET_DRAW_MS = 80
"""A model is loaded once the window has shown that it is to be, so that neither waits for the other."""
CLEAN, SEEN = "clean", "seen"
"""What is recorded: the frames as they came, with their landmarks as data; or the picture as it is shown."""


class Player(QObject):
    """Plays one source at a time.

    Results do not queue up before a slow window: the newest picture waits, and :attr:`painted` is emitted
    once for all that came since the last :meth:`take`.
    """

    painted = pyqtSignal()
    status = pyqtSignal(str)
    """What the user should know, in words; empty when all is well."""
    changed = pyqtSignal()
    """Emitted when something is begun, held or ended, by itself or not."""
    _ended = pyqtSignal(object, str)
    _said = pyqtSignal(object, str)
    _recorded = pyqtSignal(object, object)

    def __init__(self, wanted: SessionConfig, view: View) -> None:
        super().__init__()
        self.wanted = wanted
        self.gauges = Gauges()
        self._lock = threading.Lock()
        self._newest: Painted | None = None
        self._session: LiveSession | None = None
        self._ending: LiveSession | None = None
        self._start_next = False
        self._second_later = QTimer(self)
        self._second_later.setSingleShot(True)
        self._second_later.setInterval(_LET_DRAW_MS)
        self._second_later.timeout.connect(self._compare)
        self._drawing: threading.Thread | None = None
        self._recorder: Recorder | None = None
        self._encoder: Recorder | None = None  # that of the last recording, which may be finishing
        self._kind = SEEN
        self._painter = Painter(self._keep)  # last: it begins to give pictures at once
        self._painter.look(view)
        self._ended.connect(self._session_ended)
        self._said.connect(self._session_said)
        self._recorded.connect(self._recorder_ended)

    # What is played.

    @property
    def session(self) -> LiveSession | None:
        """The session that runs now."""
        return self._session

    @property
    def folder(self) -> bool:
        """Whether what is wanted is a folder, whose images may be photographs or one recording."""
        source = self.wanted.source
        return (
            isinstance(source, str)
            and not is_address(source)
            and os.path.isdir(os.path.expanduser(source))  # of any text; those of Path raise
        )

    @property
    def running(self) -> bool:
        """Whether a source is being watched, or about to be."""
        return self._session is not None or self._start_next

    def start(self) -> None:
        """Watch the wanted source from its beginning."""
        self.stop()
        if self.wanted.source is None:
            self.status.emit(self.tr("Nothing to watch: choose a camera or a file first."))
            return
        if self._ending is not None:
            # It may still hold the camera that is wanted now.
            self._start_next = True
            self.changed.emit()
            return
        self.gauges.clear()
        self._painter.forget(all_of_it=True)
        wanted = self.wanted
        session = LiveSession(
            wanted.source if wanted.source is not None else "",
            wanted.first,
            wanted.second,
            max_faces=wanted.max_faces,
            size=wanted.size,
            start_at=wanted.start_at,
            sequence=wanted.sequence,
            hold=wanted.hold,
            on_result=self._see_first,
            on_second=self._see_second,
            on_pair=self._see_pair,
            on_status=lambda text: self._said.emit(session, text),
            on_end=lambda error: self._ended.emit(session, error or ""),
        )
        session.smoothing = wanted.smoothing
        session.loop = wanted.loop
        session.heatmaps = self.view.heatmaps
        self._session = session
        session.start()
        self.changed.emit()

    def stop(self) -> None:
        """Stop watching; the last picture stays."""
        session, self._session = self._session, None
        self._start_next = False
        self.stop_recording()
        if session is not None:
            self._ending = session
            session.stop(timeout=0.0)
            self.status.emit("")
        self.changed.emit()

    def watch(self, source: str | int, size: tuple[int, int] | None = None) -> None:
        """Watch another source: a camera's index, a path or an address."""
        self.wanted = replace(self.wanted, source=source, size=size, start_at=0.0, hold=False)
        self.start()

    def choose_first(self, choice: ModelChoice) -> None:
        """Watch another model from the next frame on; landmarks that are recorded end with the old one."""
        if self.recording == CLEAN:
            self.stop_recording()
        self.wanted = replace(self.wanted, first=choice)
        self._forget_comparison()
        self.gauges.models[0].clear()
        if self._session is not None:
            self._session.first = choice
            self._session.second = self.wanted.second

    def choose_second(self, choice: ModelChoice | None) -> None:
        """Compare with another model, or with none."""
        self.wanted = replace(self.wanted, second=choice)
        self._forget_comparison()
        if choice is None:
            self._compare()
        else:
            self._second_later.start()
        self.changed.emit()

    def _compare(self) -> None:
        if self._session is not None and self._session.second != self.wanted.second:
            self._session.second = self.wanted.second

    def smooth(self, strength: float) -> None:
        """Filter landmarks more or less, from 0 to 1."""
        self.wanted = replace(self.wanted, smoothing=strength)
        if self._session is not None:
            self._session.smoothing = strength

    # Where it is.

    @property
    def paused(self) -> bool:
        """Whether frames are held."""
        return self._session is not None and (self._session.paused or self._session.at_end)

    def pause(self, held: bool) -> None:
        """Hold frames, or let them go on; at the end of a recording, from its start."""
        if self._session is not None:
            self._session.paused = held
            self._session.heatmaps = self.view.heatmaps
            if not held:
                self.look(spot=None)
            self.changed.emit()

    def seek(self, seconds: float) -> None:
        """Go to a place in a recording."""
        if self._session is not None:
            self._session.seek(seconds)

    def step(self, frames: int) -> None:
        """Go one frame on or back, and hold it."""
        if self._session is not None and self._session.seekable:
            self._session.step(frames)
            self.changed.emit()

    def sequence(self, wanted: bool) -> None:
        """Take the images of a folder for the frames of one recording, or for photographs."""
        self.wanted = replace(self.wanted, sequence=wanted)
        if self._session is not None and self.folder:
            self.start()

    def loop(self, wanted: bool) -> None:
        """Begin a recording anew at its end, or not."""
        self.wanted = replace(self.wanted, loop=wanted)
        if self._session is not None:
            self._session.loop = wanted

    # How it is looked at.

    @property
    def view(self) -> View:
        """How it is looked at."""
        return self._painter.view

    def look(self, **changes: Any) -> None:
        """Change some of the attributes of the :class:`~livefan.live.view_state.View`."""
        view = replace(self.view, **changes)
        if view == self.view:
            return
        before = self.view
        self._painter.look(view)
        if self._session is not None:
            self._session.heatmaps = view.heatmaps or (view.spot is not None and self.paused)
        if (view.close_up, view.layout) != (before.close_up, before.layout):
            self.changed.emit()

    def resize(self, width: int, height: int) -> None:
        """Have pictures of this size in pixels."""
        self._painter.resize(width, height)

    def take(self) -> Painted | None:
        """The newest picture not yet taken."""
        with self._lock:
            newest, self._newest = self._newest, None
        return newest

    def draw_full_size(self, then: Callable[[np.ndarray], object]) -> bool:
        """Draw what is shown, at the frame's own size, in a thread.

        Args:
            then: gets the picture, ``(height, width, 3)`` uint8 BGR, in that thread.

        Returns:
            Whether there is anything to draw.
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

    # What is kept of it.

    @property
    def recording(self) -> str:
        """What is being recorded: :data:`CLEAN`, :data:`SEEN`, or nothing, which is empty."""
        return self._kind if self._recorder is not None else ""

    def record(self, path: Path, what: str, *, overwrite: bool = False) -> None:
        """Begin to write what is seen, or the clean frames and their landmarks.

        Args:
            path: the video.
            what: :data:`SEEN` or :data:`CLEAN`.
            overwrite: whether files that exist may be replaced.

        Raises:
            LivefanError: if the file cannot be written.
        """
        self.stop_recording()
        self._kind = what
        recorder = Recorder(
            path,
            model=self.wanted.first if what == CLEAN else None,
            overwrite=overwrite,
            on_end=lambda end: self._recorded.emit(recorder, end),
        )
        self._recorder = self._encoder = recorder
        self.changed.emit()

    def stop_recording(self) -> None:
        """Finish what is being written; where it is will be said."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.stop()
            self.changed.emit()

    def close(self, timeout: float = 1.0) -> None:
        """End every thread."""
        session = self._session or self._ending
        self.stop()
        if session is not None:
            session.stop(timeout)
        self._painter.stop()
        if self._encoder is not None:
            self._encoder.join()
        if self._drawing is not None:
            self._drawing.join()

    # From the threads.

    def _see_first(self, result: Result) -> None:
        self.gauges.see(0, result)
        self._painter.see_first(result)
        recorder = self._recorder
        if recorder is not None and self._kind == CLEAN:
            recorder.add(result, result.frame.image)

    def _see_second(self, result: Result) -> None:
        self.gauges.see(1, result)

    def _see_pair(self, pair: Pair) -> None:
        self.gauges.see_pair(pair)
        self._painter.see_pair(pair)

    def _keep(self, painted: Painted) -> None:
        recorder = self._recorder
        if recorder is not None and self._kind == SEEN and painted.is_new and painted.picture.panes:
            recorder.add(painted.picture.panes[0].result, painted.picture.image)
        with self._lock:
            waiting, self._newest = self._newest is not None, painted
        if not waiting:
            self.painted.emit()

    def _forget_comparison(self) -> None:
        self.gauges.forget_comparison()
        self._painter.forget()

    def _recorder_ended(self, recorder: Recorder, end: Recorded | LivefanError) -> None:
        """A recording is there, or cannot be."""
        if recorder is self._recorder:
            self.stop_recording()
        if isinstance(end, LivefanError):
            self.status.emit(self.tr("Not recorded: {}").format(end))
            return
        lost = self.tr(", {} frames left out").format(end.left_out) if end.left_out else ""
        text = self.tr("Recorded {} ({} frames, {:.1f} s{})")
        self.status.emit(text.format(end.path, end.n_frames, end.seconds, lost))

    def _session_said(self, session: LiveSession, text: str) -> None:
        if session is self._session:
            self._keep_to(session)
            self.status.emit(text)
            self.changed.emit()

    def _keep_to(self, session: LiveSession) -> None:
        """Want no model that the session could not load."""
        self.wanted = replace(self.wanted, first=session.first)
        if self.wanted.second is not None and session.second is None and not self._second_later.isActive():
            self.wanted = replace(self.wanted, second=None)
            self._forget_comparison()
            self.look(layout=Layout.SINGLE, close_up=False)

    def _session_ended(self, session: LiveSession, error: str) -> None:
        """A session has let go of its source: one that was stopped, or the current one by itself."""
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

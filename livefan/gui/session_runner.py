"""Run sessions one after another, and pass on their messages to the window's thread."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from PyQt6.QtCore import QObject, pyqtBoundSignal, pyqtSignal

from livefan.gui.result_sink import ResultSink
from livefan.gui.session_config import SessionConfig
from livefan.live.result import Pair
from livefan.live.session import LiveSession

_Value = TypeVar("_Value")
_LIVE_SETTINGS = {"smoothing", "max_faces", "loop", "requested_speed", "every_frame"}
"""Fields of the configuration that a running session changes too."""


class SessionRunner(QObject):
    """Runs at most one session, and changes its configuration.

    A stopped session may still hold its camera. The next one starts once the stopped one has ended.

    Args:
        config: the configuration of the first session.
        results: receives the results of all sessions.
        on_new: receives every new session before it starts.

    Attributes:
        config: the configuration of the running session and of the next.
    """

    changed = pyqtSignal()
    """Emitted when a session starts or ends."""
    status = pyqtSignal(str)
    """Emitted with a status of the running session; empty to clear it."""
    error = pyqtSignal(str)
    """Emitted with an error of the running session, which goes on."""
    ended = pyqtSignal(str)
    """Emitted when the running session ends by itself, with its error or an empty text."""
    _status = pyqtSignal(object, str)
    _error = pyqtSignal(object, str)
    _end = pyqtSignal(object, str)

    def __init__(
        self, config: SessionConfig, results: ResultSink, on_new: Callable[[LiveSession], None]
    ) -> None:
        super().__init__()
        self.config = config
        self._results = results
        self._on_new = on_new
        self._session: LiveSession | None = None
        self._ending: LiveSession | None = None
        self._start_next = False
        self._status.connect(self._on_status)
        self._error.connect(self._on_error)
        self._end.connect(self._on_end)

    @property
    def session(self) -> LiveSession | None:
        """The running session, or None."""
        return self._session

    @property
    def running(self) -> bool:
        """Whether a session runs or is about to start."""
        return self._session is not None or self._start_next

    @property
    def releasing(self) -> bool:
        """Whether a stopped session still holds its source."""
        return self._ending is not None

    def change(self, **changes: Any) -> None:
        """Change some fields of the configuration."""
        self.config = replace(self.config, **changes)
        if self._session is not None:
            for name in _LIVE_SETTINGS & changes.keys():
                setattr(self._session, name, changes[name])

    def start(self) -> None:
        """Start a session, as soon as the stopped one has released its source."""
        self.stop()
        self._start_next = self._ending is not None
        if not self._start_next:
            self._start()
        self.changed.emit()

    def stop(self) -> bool:
        """Stop the session without waiting for its end; return whether there was one."""
        session, self._session = self._session, None
        self._start_next = False
        if session is not None:
            self._ending = session
            session.stop(timeout=0.0)
        self.changed.emit()
        return session is not None

    def close(self, timeout: float) -> None:
        """Stop the session and wait for its end at most ``timeout`` seconds."""
        self.stop()
        if self._ending is not None:
            self._ending.stop(timeout)

    def _start(self) -> None:
        config = self.config
        assert config.source is not None
        session = self._session = LiveSession(
            config.source,
            config.first,
            config.second,
            max_faces=config.max_faces,
            size=config.size,
            start_at=config.start_at,
            sequence=config.sequence,
            hold=config.hold,
            every_frame=config.every_frame,
            on_result=lambda result: self._pass_result(self._results.add_first, session, result),
            on_second=lambda result: self._pass_result(self._results.add_second, session, result),
            on_pair=lambda pair: self._pass_pair(session, pair),
            on_status=lambda text: self._pass(self._status, session, text),
            on_error=lambda text: self._pass(self._error, session, text),
            on_end=lambda error: self._pass(self._end, session, error or ""),
        )
        session.smoothing = config.smoothing
        session.loop = config.loop
        session.requested_speed = config.requested_speed
        session.neutral.automatic = config.neutral
        self._on_new(session)
        session.start()

    def _pass_result(self, receive: Callable[[_Value], None], session: LiveSession, value: _Value) -> None:
        """Pass on a result, unless the session was stopped while it processed the frame."""
        if session is self._session:
            receive(value)

    def _pass_pair(self, session: LiveSession, pair: Pair) -> None:
        """Pass on the results of both models, unless one was replaced while it processed the frame."""
        first, second = session.first, session.second
        if second is not None and (pair.first.spec, pair.second.spec) == (first.spec, second.spec):
            self._pass_result(self._results.add_pair, session, pair)

    @staticmethod
    def _pass(signal: pyqtBoundSignal, session: LiveSession, text: str) -> None:
        """Pass a message of a session on to the window's thread."""
        with suppress(RuntimeError):  # the window is closed
            signal.emit(session, text)

    # Called by signals, in the window's thread.

    def _on_status(self, session: LiveSession, text: str) -> None:
        if session is self._session:
            self.status.emit(text)

    def _on_error(self, session: LiveSession, text: str) -> None:
        if session is self._session:
            self.error.emit(text)

    def _on_end(self, session: LiveSession, error: str) -> None:
        if session is self._ending:
            self._ending = None
            if self._start_next:
                self._start_next = False
                self._start()
                self.changed.emit()
        elif session is self._session:
            self._session = None
            self.changed.emit()
            self.ended.emit(error)

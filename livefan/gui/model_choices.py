"""The models of a session: the first, and one to compare it with."""

from __future__ import annotations

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from livefan.gui.session_runner import SessionRunner
from livefan.live.paint_thread import Painter
from livefan.live.session import LiveSession
from livefan.live.statistics import Gauges
from livefan.tracking.model_spec import ModelChoice

_LET_DRAW_MS = 160
"""Delay before a second model loads: the window shows the new controls first."""


class ModelChoices(QObject):
    """Changes the models of a session, and forgets the results of the former ones."""

    changed = pyqtSignal()
    """Emitted when a model was chosen."""
    lost = pyqtSignal()
    """Emitted when the second model could not be loaded, and there was none before."""

    def __init__(self, runner: SessionRunner, gauges: Gauges, painter: Painter) -> None:
        super().__init__()
        self._runner, self._gauges, self._painter = runner, gauges, painter
        self._compare_later = QTimer(self)
        self._compare_later.setSingleShot(True)
        self._compare_later.setInterval(_LET_DRAW_MS)
        self._compare_later.timeout.connect(self._pass_second)

    def choose_first(self, choice: ModelChoice) -> None:
        """Run another model from the next frame on."""
        self._runner.change(first=choice)
        if (session := self._runner.session) is not None:
            session.first = choice
            session.second = self._runner.config.second
        self._clear_comparison()
        self._gauges.models[0].clear()
        self.changed.emit()

    def choose_second(self, choice: ModelChoice | None) -> None:
        """Compare with another model, or with none."""
        self._runner.change(second=choice)
        self._clear_comparison()
        if choice is None:
            self._pass_second()
        else:
            self._compare_later.start()
        self.changed.emit()

    def adopt(self, session: LiveSession) -> None:
        """Replace models of the configuration that the session could not load by those that it runs."""
        self._runner.change(first=session.first)
        if self._compare_later.isActive() or self._runner.config.second == session.second:
            return
        self._runner.change(second=session.second)
        self._clear_comparison()
        if session.second is None:
            self.lost.emit()

    def _pass_second(self) -> None:
        """Give the session its second model, and forget the results of the former one until now."""
        session, second = self._runner.session, self._runner.config.second
        if session is not None and session.second != second:
            session.second = second
            self._clear_comparison()

    def _clear_comparison(self) -> None:
        self._gauges.forget_comparison()
        self._painter.forget()

"""Regular updates of the figures, the plots and the position in the recording."""

from __future__ import annotations

import itertools

from PyQt6.QtCore import QObject, QTimer

from livefan.gui.controls import Controls
from livefan.gui.expression_panel import ExpressionPanel
from livefan.gui.model_panel import ModelPanel
from livefan.gui.photograph_strip import PhotographStrip
from livefan.gui.picture_state import picture_state
from livefan.gui.player import Player
from livefan.gui.plots import PlotsPanel
from livefan.gui.status_bar import StatusBar
from livefan.gui.transport import Transport
from livefan.gui.view import FrameView

_STEP_MS = 20
"""Time between two updates of any kind."""


class Updates(QObject):
    """Shows the state of a session in the parts of the window, by a timer.

    Each step updates one part: two updates never run in a row, and no event handler waits for both.
    """

    def __init__(
        self,
        window: QObject,
        player: Player,
        view: FrameView,
        *,
        controls: Controls,
        transport: Transport,
        strip: PhotographStrip,
        models: ModelPanel,
        plots: PlotsPanel,
        expressions: ExpressionPanel,
        status_bar: StatusBar,
    ) -> None:
        super().__init__(window)  # the timers end with the window
        self._player, self._view = player, view
        self._controls, self._transport, self._status_bar = controls, transport, status_bar
        self._strip, self._models, self._plots = strip, models, plots
        self._expressions = expressions
        rare = (self.show_figures, self.show_distances, self.show_along_recording)
        often = (self.show_position, self._show_plots, self.show_position)
        self._steps = itertools.cycle([step for each in rare for step in (*often, each)])
        timer = QTimer(self)
        timer.setInterval(_STEP_MS)
        timer.timeout.connect(self._show_next)
        timer.start()

    def _show_next(self) -> None:
        next(self._steps)()

    def show_figures(self) -> None:
        """Show the figures of the models and the session."""
        self._controls.enable_saving(self._view.result is not None)
        if self._models.isVisible():
            self._models.show_figures()
        self._status_bar.show_figures(self._player, self._view)
        self._transport.recording.show_seconds(self._player.recordings.seconds)
        self._show_strip()

    def _show_strip(self) -> None:
        session = self._player.session
        measuring = session is not None and session.measuring_all
        ended = self._strip.measure.isChecked() and not measuring
        self._strip.show_state(self._view.result, self._player.config.source, measuring=measuring)
        if ended:
            self._player.changed.emit()  # the session is paused again

    def show_distances(self) -> None:
        """Show the distances between two models in the panel."""
        if self._models.isVisible():
            self._models.show_distances()

    def show_along_recording(self) -> None:
        """Show blinks and distances along the recording, and the recent distances in the panel."""
        comparing = self._player.config.second is not None
        self._transport.show_distances(self._player.gauges, comparing=comparing)
        self._transport.show_blinks(self._player.gauges)
        if self._models.over_time.isVisible() and comparing:
            self._models.show_plot()

    def _show_plots(self) -> None:
        if self._plots.isVisible():
            self._plots.show_figures()
        self._player.shows_expressions = self._expressions.isVisible()
        self._player.choose_heads()
        if self._expressions.isVisible():
            self._expressions.show_result(self._view.result)

    def show_position(self) -> None:
        """Show the position in the recording, and the state of the session on the picture."""
        session, result = self._player.session, self._view.result
        seekable = session is not None and session.seekable
        self._transport.show_seekable(seekable, live=session is not None and bool(session.live))
        self._view.show_state(picture_state(session, result))
        if session is None or not seekable:
            return
        if result is None:
            self._transport.show_nothing()
        elif result.photographs:
            self._transport.show_photograph(result.frame.index, len(result.photographs))
        else:
            self._transport.show_time(result.frame.source_time, session.duration)

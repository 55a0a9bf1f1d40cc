"""Play one source: the session, its recordings and its pictures, as Qt signals.

Sessions and painters work in their own threads. Signals carry their results to the window's thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PyQt6.QtCore import QObject, pyqtSignal

from livefan.gui.live_outputs import LiveOutputs
from livefan.gui.messages import Messages
from livefan.gui.model_choices import ModelChoices
from livefan.gui.picture_feed import PictureFeed
from livefan.gui.recordings import RecordingKind, Recordings
from livefan.gui.report_export import ReportExport
from livefan.gui.result_sink import ResultSink
from livefan.gui.session_config import SessionConfig
from livefan.gui.session_runner import SessionRunner
from livefan.gui.source_trial import SourceTrial
from livefan.io.camera import camera_index
from livefan.io.source import PHOTOGRAPH_SECONDS
from livefan.io.stream import is_address
from livefan.live.heads import heads_in_use
from livefan.live.photographs import Photographs
from livefan.live.session import LiveSession
from livefan.live.statistics import Gauges
from livefan.live.view_state import Layout, View
from livefan.tracking.model_spec import ModelChoice


class Player(QObject):
    """Plays one source at a time.

    Args:
        config: source and models of the session.
        view: how pictures are drawn.

    Attributes:
        gauges: statistics of the session.
        photographs: names and results of the photographs of the session.
        pictures: the pictures of the session.
        recordings: the recordings of the session.
        outputs: the outputs to other programs.
        reports: the reports of comparisons.
        shows_expressions: whether the panel of expressions is visible; see :meth:`choose_heads`.
        messages: messages for the user.
    """

    changed = pyqtSignal()
    """Emitted when the state of the session, the recorder or the view has changed."""
    opened = pyqtSignal()
    """Emitted with the first result of a session."""
    found = pyqtSignal(list)
    """Emitted with the sources of a list that open, before the first of them is played."""

    def __init__(self, config: SessionConfig, view: View) -> None:
        super().__init__()
        self.messages = Messages()
        self.gauges = Gauges()
        self.photographs = Photographs()
        self.recordings = Recordings()
        self.outputs = LiveOutputs()
        self.pictures = PictureFeed(view, self.recordings.add_painted)
        painter = self.pictures.painter
        self._results = ResultSink(
            self.gauges, self.photographs, painter, self.recordings, self.outputs, self.opened.emit
        )
        self._runner = SessionRunner(config, self._results, self._prepare)
        self._models = ModelChoices(self._runner, self.gauges, painter)
        self._trial = SourceTrial()
        self.reports = ReportExport()
        self.shows_expressions = False
        self.outputs.style = view.style
        self._connect()

    def _connect(self) -> None:
        self._runner.changed.connect(self.changed)
        self._runner.status.connect(self._on_session_status)
        self._runner.error.connect(self._on_session_error)
        self._runner.ended.connect(self._on_session_ended)
        self._models.changed.connect(self.changed)
        self._models.lost.connect(lambda: self.change_view(layout=Layout.SINGLE, close_up=False))
        self._trial.succeeded.connect(self._on_found)
        self._trial.failed.connect(self.messages.error)
        self.recordings.changed.connect(self.choose_heads)
        self.recordings.changed.connect(self.changed)
        self.recordings.error.connect(self.messages.error)
        self.recordings.saved.connect(self.messages.saved)
        self.opened.connect(self.messages.session_opened)
        self.outputs.failed.connect(self.messages.error)
        self.reports.changed.connect(self.changed)
        self.reports.error.connect(self.messages.error)
        self.reports.saved.connect(self.messages.saved)
        self.pictures.failed.connect(self._on_painter_failed)

    # The session.

    @property
    def config(self) -> SessionConfig:
        """Source, models and playback."""
        return self._runner.config

    @property
    def session(self) -> LiveSession | None:
        """The running session, or None."""
        return self._runner.session

    @property
    def running(self) -> bool:
        """Whether a session runs or is about to start."""
        return self._runner.running

    @property
    def releasing(self) -> bool:
        """Whether a stopped session still holds its source."""
        return self._runner.releasing

    def start(self) -> None:
        """Play the source from its beginning."""
        self._end_session()
        if self.config.source is None:
            self.messages.error.emit(self.tr("No source: choose a camera or a file first."))
            return
        self.messages.session_starting()
        self._runner.start()

    def _prepare(self, session: LiveSession) -> None:
        """Forget the results of the last session before a new one starts."""
        self._results.forget()
        session.heatmaps = self.view.heatmaps
        self.choose_heads()

    def choose_heads(self) -> None:
        """Run those heads of the network whose outputs are shown, recorded or sent."""
        if (session := self.session) is not None:
            session.heads = heads_in_use(
                self.view,
                panel=self.shows_expressions,
                recorded=self.recordings.kind is RecordingKind.CLEAN,
                sent=self.outputs.reads,
            )

    def stop(self) -> None:
        """Stop the session; the last picture stays."""
        self._trial.cancel()
        self._end_session()

    def _end_session(self) -> None:
        self.recordings.stop()
        if self._runner.stop():
            self.messages.status.emit("")

    def close_source(self) -> None:
        """Stop the session and clear the picture."""
        self.stop()
        self._runner.change(source=None, start_at=0.0)
        self._results.forget()
        self.messages.show_notice("")  # it may name the source
        self.changed.emit()

    def watch(self, source: str | int, size: tuple[int, int] | None = None) -> None:
        """Play another source: a camera's index, a path or an address.

        A running session goes on until the new source has proved to open. A camera cannot be open twice, and
        a stream that is not there yet is waited for if nothing runs: both are played at once.
        """
        camera = isinstance(source, int) or camera_index(source) is not None
        if camera or (is_address(str(source)) and not self.running):
            self._watch(source, size)
        else:
            self.watch_list([str(source)])

    def watch_list(self, sources: Sequence[str]) -> None:
        """Play the first of several paths and addresses that opens; a running session goes on until then."""
        self._trial.start(sources, photographs=not self.config.sequence)

    def _watch(self, source: str | int, size: tuple[int, int] | None = None) -> None:
        self._trial.cancel()
        self._runner.change(source=source, size=size, start_at=0.0, hold=False, every_frame=None)
        self.start()

    def change(self, **settings: Any) -> None:
        """Change settings of a running session too, such as ``loop``, see :class:`SessionConfig`."""
        self._runner.change(**settings)

    def set_sequence(self, on: bool) -> None:
        """Play the images of a folder as the frames of one video, or as photographs."""
        self._runner.change(sequence=on)
        if self.session is not None and self.config.is_folder:
            self.start()

    def choose_first(self, choice: ModelChoice) -> None:
        """Run another model from the next frame on; a clean recording ends with the old model."""
        if self.recordings.kind is RecordingKind.CLEAN:
            self.recordings.stop()
        self.change_view(spot=None)
        self._models.choose_first(choice)
        self.photographs.forget_results()

    def choose_second(self, choice: ModelChoice | None) -> None:
        """Compare with another model, or with none."""
        self.change_view(spot=None)
        self._models.choose_second(choice)
        self.photographs.forget_results()

    # Position.

    @property
    def paused(self) -> bool:
        """Whether the session is paused, or at the end of a recording."""
        return self.session is not None and (self.session.paused or self.session.at_end)

    def pause(self, paused: bool) -> None:
        """Pause or resume; at the end of a recording, resume from its start."""
        if self.session is not None:
            self.session.paused = paused
            self.session.heatmaps = self.view.heatmaps
            if not paused:
                self.change_view(spot=None)
            self.changed.emit()

    def seek(self, seconds: float) -> None:
        """Go to a time of a recording."""
        if self.session is not None:
            self.session.seek(seconds)

    def seek_end(self) -> None:
        """Go to the last frame of a recording, and pause."""
        session = self.session
        if session is not None and session.seekable and session.duration is not None:
            self.pause(True)
            session.seek(session.duration)

    def step(self, frames: int) -> None:
        """Go one frame forward (1) or back (-1), and pause; sorted photographs follow in their order."""
        session, shown = self.session, self.pictures.painter.shown.first
        if session is None or not session.seekable:
            return
        if self.photographs.by_disagreement and shown is not None and shown.photographs:
            session.paused = True
            neighbour = self.photographs.neighbour(shown.frame.index, frames)
            if neighbour is not None:
                session.seek(neighbour * PHOTOGRAPH_SECONDS)
        else:
            session.step(frames)
        self.changed.emit()

    # View.

    @property
    def view(self) -> View:
        """How pictures are drawn."""
        return self.pictures.view

    def change_view(self, **changes: Any) -> None:
        """Change some attributes of the :class:`~livefan.live.view_state.View`; the picture is repainted."""
        before = self.view
        view = replace(before, **changes)
        if view == before:
            return
        self.pictures.painter.look(view)
        self.outputs.style = view.style
        if self.session is not None:
            self.session.heatmaps = view.heatmaps or (view.spot is not None and self.paused)
        if (view.close_up, view.layout) != (before.close_up, before.layout):
            self.changed.emit()

    def close(self, timeout: float = 1.0) -> None:
        """End all threads."""
        self.stop()
        self.reports.close()
        self._runner.close(timeout)
        self.pictures.close()
        self.recordings.join()
        self.outputs.close()

    # Called by signals, in the window's thread.

    def _on_found(self, sources: list[str]) -> None:
        self.found.emit(sources)
        self._watch(sources[0])

    def _on_session_status(self, text: str) -> None:
        if self.session is not None:
            self._models.adopt(self.session)
        self.messages.status.emit(text)
        self.changed.emit()

    def _on_session_error(self, text: str) -> None:
        if self.session is not None:
            self._models.adopt(self.session)
        self.messages.error.emit(text)
        self.changed.emit()

    def _on_painter_failed(self, message: str) -> None:
        """End the session, so that no picture stays without a reason shown."""
        self.stop()
        self.messages.error.emit(message)

    def _on_session_ended(self, error: str) -> None:
        """Take note that the session has ended by itself."""
        self.recordings.stop()
        if error:
            self.messages.status.emit("")
            self.messages.error.emit(error)

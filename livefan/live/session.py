"""A live session: a capture thread and one or two models, see :mod:`livefan.live.session_models`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from pathlib import Path

from livefan.core.errors import LivefanError
from livefan.core.frame import Frame
from livefan.io.capture_thread import CaptureThread
from livefan.io.images import ImageSource
from livefan.io.open import display_name, open_source
from livefan.io.source import Source
from livefan.live.advice import Advice
from livefan.live.crowd import Crowd
from livefan.live.playback import Playback
from livefan.live.priority import WORKER_NICENESS, lower_priority
from livefan.live.result import Pair, Result
from livefan.live.session_models import ResultCallbacks, SessionModels
from livefan.live.session_status import SessionStatus
from livefan.measures.expressions import NeutralFaces
from livefan.networks.checkpoint_info import Head
from livefan.tracking.model_spec import ModelChoice

_LOG = logging.getLogger(__name__)

_WAIT_S = 0.05
"""Longest time in seconds after which a change takes effect while no frame comes."""


class LiveSession(Playback):
    """Reads one source and runs one or two models on it until it is stopped.

    A recording pauses at its end. The session's threads open the source and load the models, so that
    :meth:`start` returns at once. All methods may be called from any thread.

    Args:
        source: a source of :func:`livefan.io.open.open_source`.
        first: the model of the session.
        second: the model to compare with the first.
        max_faces: largest number of tracked faces.
        size: width and height in pixels to request from a camera.
        start_at: start position in a recording, in seconds.
        sequence: whether the images of a folder are the frames of one recording; else each is a photograph,
            shown until the next is requested and processed independently.
        hold: whether a recording starts paused at its first frame.
        every_frame: whether both models process every frame; None for the default of the source.
        more_faces: what the user can do to track more faces, for a message.
        on_result: receives every result of the first model.
        on_second: receives every result of the second model.
        on_pair: receives the results of both models on one frame, from the thread of either.
        on_status: receives a message for the user, e.g. that a camera is lost; empty to clear it.
        on_error: receives an error that does not end the session, e.g. that a model cannot be loaded.
        on_end: called once, last, with the error that ended the session, or None.

    Attributes:
        photographs: names of the photographs by frame index; empty for other sources.
    """

    def __init__(
        self,
        source: str | int | Path,
        first: ModelChoice,
        second: ModelChoice | None = None,
        *,
        max_faces: int = 5,
        size: tuple[int, int] | None = None,
        start_at: float = 0.0,
        sequence: bool = False,
        hold: bool = False,
        every_frame: bool | None = None,
        more_faces: str = "choose a larger number under Play > Largest number of faces",
        on_result: Callable[[Result], None],
        on_second: Callable[[Result], None] = lambda result: None,
        on_pair: Callable[[Pair], None] = lambda pair: None,
        on_status: Callable[[str], None] = lambda text: None,
        on_error: Callable[[str], None] = lambda text: None,
        on_end: Callable[[str | None], None] = lambda error: None,
    ) -> None:
        super().__init__(SessionStatus(on_status))
        self.photographs: tuple[str, ...] = ()
        self._source = source
        self._size = size
        self._start_at = start_at
        self._sequence = sequence
        self._hold = hold
        self._on_status = on_status
        self._on_end = on_end
        self._stopping = threading.Event()
        self._models = SessionModels(
            first,
            second,
            max_faces=max_faces,
            every_frame=every_frame,
            callbacks=ResultCallbacks(on_result, on_second, on_pair, on_error),
            log=self._status.report,
            stopping=self._stopping,
        )
        self._advice, self._crowd = Advice(), Crowd(self._models.count_further_faces, more_faces)
        self._latest: Result | None = None
        self._thread = threading.Thread(target=self._run, name="livefan-worker", daemon=True)

    def start(self) -> None:
        """Start the threads; return at once."""
        self._thread.start()

    def stop(self, timeout: float = 1.0) -> bool:
        """Ask all threads to end; return whether they did within ``timeout`` seconds."""
        self._stopping.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # Settings.

    @property
    def smoothing(self) -> float:
        """Strength of the filter of the landmarks, from 0 to 1; takes effect from the next frame on."""
        return self._models.smoothing

    @smoothing.setter
    def smoothing(self, strength: float) -> None:
        self._models.smoothing = strength

    @property
    def neutral(self) -> NeutralFaces:
        """The neutral expressions of the faces of the first model, by id."""
        return self._models.neutral

    def lacks(self, head: Head) -> bool:
        """Return whether the first model has no such head; False while it is being loaded."""
        return self._models.lacks(head)

    @property
    def max_faces(self) -> int:
        """Largest number of faces to track; a paused frame is processed again with a new value."""
        return self._models.max_faces

    @max_faces.setter
    def max_faces(self, max_faces: int) -> None:
        self._models.max_faces = max_faces

    @property
    def heatmaps(self) -> bool:
        """Whether results carry heatmaps, also the result of a paused frame."""
        return self._models.heatmaps

    @heatmaps.setter
    def heatmaps(self, on: bool) -> None:
        self._models.heatmaps = on

    @property
    def heads(self) -> Collection[Head]:
        """The heads of the networks that run; the default is all.

        Others run once a thread has loaded them; a paused frame is then processed again.
        """
        return self._models.heads

    @heads.setter
    def heads(self, heads: Collection[Head]) -> None:
        self._models.heads = heads

    @property
    def first(self) -> ModelChoice:
        """The first model; another one loads before the next frame."""
        return self._models.first

    @first.setter
    def first(self, choice: ModelChoice) -> None:
        self._models.first = choice

    @property
    def second(self) -> ModelChoice | None:
        """The second model, or None; another one loads before the next frame."""
        return self._models.second

    @second.setter
    def second(self, choice: ModelChoice | None) -> None:
        self._models.second = choice

    @property
    def every_frame(self) -> bool:
        """Whether both models process every frame; otherwise the second keeps up with real time."""
        return self._models.every_frame

    @every_frame.setter
    def every_frame(self, on: bool) -> None:
        self._models.every_frame = on

    @property
    def preparing(self) -> tuple[int, int] | None:
        """Number of the model that is being loaded, from 1, and of all; None while none is."""
        return self._models.preparing

    @property
    def worker_fps(self) -> float:
        """Frames a second that the first model finished."""
        return self._models.fps[0]

    @property
    def second_fps(self) -> float:
        """Frames a second that the second model finished."""
        return self._models.fps[1]

    # The session's thread.

    def _run(self) -> None:
        error: str | None = None
        try:
            lower_priority(WORKER_NICENESS)
            self._work()
            error = self._models.defect
        except LivefanError as failure:
            error = str(failure)
        except Exception as failure:
            _LOG.exception("the session failed")
            error = f"internal error: {type(failure).__name__}: {failure}"
        self._on_end(error)

    def _work(self) -> None:
        """Open the source, load the models, and process frames until the end."""
        self._on_status(f"opening {display_name(self._source)}")
        source = open_source(self._source, size=self._size, photographs=not self._sequence, patient=True)
        if self._stopping.is_set():
            source.close()
            return
        capture = self._new_capture(source)
        try:
            self._models.update()
            self._models.wait_until_prepared()
            if self._start_at and capture.seekable:
                capture.seek(self._start_at)
            elif self._paused and capture.seekable:
                capture.step(1)  # a recording that was paused while the models loaded shows its first frame
            capture.start()
            self._status.report(capture.status)
            while not self._stopping.is_set() and not capture.finished:
                self._advance(capture)
            if capture.error is not None and not self._stopping.is_set():
                raise capture.error
        finally:
            self._models.close()
            capture.stop()
            source.close()

    def _new_capture(self, source: Source) -> CaptureThread:
        """Return the capture thread, not started; a paused one returns the first frame."""
        capture = CaptureThread(source, hold_at_end=True, on_status=self._status.report)
        if isinstance(source, ImageSource) and source.photographs:
            self.photographs = tuple(path.name for path in source.paths)
        self._models.expect(live=source.live, photographs=self.photographs)
        self._attach(capture, hold=self._hold or source.photographs)
        return capture

    def _advance(self, capture: CaptureThread) -> None:
        """Process the next frame, or apply changed settings to the last one."""
        frame = self._next(capture)
        if frame is not None:
            self._process(frame, capture)
        elif self._latest is not None:
            self._process_again(self._latest, capture)
        self._finish_measuring(capture)
        self._status.report_state(capture)

    def _next(self, capture: CaptureThread) -> Frame | None:
        if self._paused and capture.source.live:
            self._stopping.wait(_WAIT_S)
            return None
        return capture.get(timeout=_WAIT_S)

    def _process(self, frame: Frame, capture: CaptureThread) -> None:
        self._latest = self._models.process(frame, capture.epoch)
        advice, crowd = self._advice.add(self._latest), self._crowd.add(self._latest, self.max_faces)
        self._status.advice = advice or crowd
        if not (capture.source.live or capture.source.photographs or self._paused):
            self._measured_speed.add(frame.source_time, self._latest.epoch)

    def _process_again(self, latest: Result, capture: CaptureThread) -> None:
        """Process the last frame again for another model, other faces, or heatmaps."""
        if self._models.update() or self._models.has_new_settings():
            self._process(latest.frame, capture)
        elif self.heatmaps and not latest.heatmaps and latest.faces:
            self._latest = self._models.add_heatmaps(latest)

"""A live session: a capture thread, a model, and a second model in a thread of its own.

Two modes decide which frames the second model processes:

- Every frame: the session waits for both models before it takes the next frame. This is the default for
  recordings and photographs. Playback is slower than real time if a model is slow.
- Real time: the second model takes the newest frame whenever it is free, so that it never slows the first.
  This is the default for live sources. The same model twice still processes every frame twice, since its
  results must not differ.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from livefan.core.errors import LivefanError
from livefan.core.frame import Frame
from livefan.io.capture_thread import CaptureThread
from livefan.io.images import ImageSource
from livefan.io.open import display_name, open_source
from livefan.io.source import Source
from livefan.live.advice import Advice
from livefan.live.pairing import Pairing
from livefan.live.playback_speed import PlaybackSpeed
from livefan.live.priority import WORKER_NICENESS, lower_priority
from livefan.live.result import Pair, Result
from livefan.live.worker import BackgroundWorker, Model
from livefan.tracking.kalman import DEFAULT_STRENGTH
from livefan.tracking.model_spec import ModelChoice

_LOG = logging.getLogger(__name__)

_WAIT_S = 0.05
"""Longest time in seconds after which a change takes effect while no frame comes."""


class LiveSession:
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
        on_result: receives every result of the first model.
        on_second: receives every result of the second model.
        on_pair: receives the results of both models on one frame, from the thread of either.
        on_status: receives a message for the user, e.g. that a camera is lost; empty to clear it.
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
        on_result: Callable[[Result], None],
        on_second: Callable[[Result], None] = lambda result: None,
        on_pair: Callable[[Pair], None] = lambda pair: None,
        on_status: Callable[[str], None] = lambda text: None,
        on_end: Callable[[str | None], None] = lambda error: None,
    ) -> None:
        self._source = source
        self._size = size
        self._start_at = start_at
        self._sequence = sequence
        self._hold = hold
        self._max_faces = max_faces
        self._every_frame = every_frame
        self._on_result = on_result
        self._on_second = on_second
        self._on_pair = on_pair
        self._on_status = on_status
        self._on_end = on_end
        self.photographs: tuple[str, ...] = ()
        self._stopping = threading.Event()
        self._defect: str | None = None  # of the second model, which ends the session
        self._capture: CaptureThread | None = None
        self._first = Model(first, max_faces, self._report)
        self._worker: BackgroundWorker | None = None
        self._second_choice = second
        self._second_changed = second is not None
        self._second_lock = threading.Lock()
        self._restarts = 0  # of the comparison; raises the epoch
        self._pairing = Pairing()
        self._advice = Advice()
        self._advised = self._reported = ""
        self._end_reported = False
        self._latest: Result | None = None
        self._speed = PlaybackSpeed()
        self._smoothing = DEFAULT_STRENGTH
        self._heatmaps = False
        self._paused = False
        self._loop = False
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
        return self._smoothing

    @smoothing.setter
    def smoothing(self, strength: float) -> None:
        self._smoothing = strength

    @property
    def max_faces(self) -> int:
        """Largest number of faces to track; a new value takes effect from the next frame on."""
        return self._max_faces

    @max_faces.setter
    def max_faces(self, max_faces: int) -> None:
        self._max_faces = max_faces

    @property
    def heatmaps(self) -> bool:
        """Whether results of the first model carry heatmaps, also the result of a paused frame."""
        return self._heatmaps

    @heatmaps.setter
    def heatmaps(self, on: bool) -> None:
        self._heatmaps = self._first.heatmaps = on

    @property
    def first(self) -> ModelChoice:
        """The first model; another one loads before the next frame."""
        return self._first.choice

    @first.setter
    def first(self, choice: ModelChoice) -> None:
        self._first.choice = choice

    @property
    def second(self) -> ModelChoice | None:
        """The second model, or None; another one loads before the next frame."""
        return self._second_choice

    @second.setter
    def second(self, choice: ModelChoice | None) -> None:
        with self._second_lock:
            self._second_choice = choice
            self._second_changed = True
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop(timeout=0.0)
        self._pairing.clear()

    @property
    def every_frame(self) -> bool:
        """Whether both models process every frame; otherwise the second keeps up with real time."""
        if self._every_frame is not None:
            return self._every_frame
        return self._capture is None or not self._capture.source.live

    @every_frame.setter
    def every_frame(self, on: bool) -> None:
        self._every_frame = on

    # Position.

    @property
    def paused(self) -> bool:
        """Whether playback is paused; frames of a live source then pass unprocessed."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        self._paused = paused
        self._speed.clear()
        if capture := self._capture:
            capture.paused = paused

    def seek(self, seconds: float) -> None:
        """Go to a time of a recording."""
        if capture := self._capture:
            capture.seek(seconds)

    def step(self, frames: int) -> None:
        """Go one frame forward (1) or back (-1), and pause."""
        self._paused = True
        self._speed.clear()
        if capture := self._capture:
            capture.step(frames)

    @property
    def loop(self) -> bool:
        """Whether a recording restarts at its end."""
        return self._loop

    @loop.setter
    def loop(self, on: bool) -> None:
        self._loop = on
        if capture := self._capture:
            capture.loop = on

    @property
    def at_end(self) -> bool:
        """Whether the last frame of a recording has been processed."""
        return self._end_reported and self._capture is not None and self._capture.at_end

    @property
    def duration(self) -> float | None:
        """Duration of a recording in seconds; None if unknown."""
        return self._capture.duration if self._capture else None

    @property
    def n_frames(self) -> int | None:
        """Number of frames of a recording; None if unknown."""
        return self._capture.source.n_frames if self._capture else None

    @property
    def connection_lost(self) -> bool:
        """Whether a live source is lost and waits to be connected again."""
        return self._capture is not None and self._capture.source.live and bool(self._capture.status)

    @property
    def seekable(self) -> bool:
        """Whether :meth:`seek` and :meth:`step` have an effect."""
        return self._capture is not None and self._capture.seekable

    # Rates.

    @property
    def speed(self) -> float | None:
        """Speed of a playing recording, 1.0 for real time; None for live sources, pauses and photographs."""
        return self._speed.value()

    @property
    def capture_fps(self) -> float:
        """Captured frames a second."""
        return self._capture.fps if self._capture else 0.0

    @property
    def worker_fps(self) -> float:
        """Frames a second that the first model finished."""
        return self._first.rate.rate()

    @property
    def second_fps(self) -> float:
        """Frames a second that the second model finished."""
        return worker.model.rate.rate() if (worker := self._worker) else 0.0

    @property
    def dropped(self) -> int:
        """Number of frames of a live source that were replaced by newer ones before they were processed."""
        return self._capture.dropped if self._capture else 0

    # The session's thread.

    def _run(self) -> None:
        error: str | None = None
        try:
            lower_priority(WORKER_NICENESS)
            self._work()
            error = self._defect
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
        capture = self._capture = self._new_capture(source)
        try:
            self._update_models()
            if self._start_at and capture.seekable:
                capture.seek(self._start_at)
            capture.start()
            self._on_status(capture.status)
            while not self._stopping.is_set() and not capture.finished:
                self._advance(capture)
            if capture.error is not None and not self._stopping.is_set():
                raise capture.error
        finally:
            self._end_second()
            capture.stop()
            source.close()
            self._first.close()

    def _new_capture(self, source: Source) -> CaptureThread:
        """Return the capture thread, not started; a paused one returns the first frame."""
        capture = CaptureThread(source, hold_at_end=True, on_status=self._on_status)
        capture.loop, capture.paused = self._loop, self._paused
        if isinstance(source, ImageSource) and source.photographs:
            self.photographs = self._first.photographs = tuple(path.name for path in source.paths)
        if capture.seekable and (self._hold or source.photographs):
            self._paused = True
            capture.step(1)
        return capture

    def _advance(self, capture: CaptureThread) -> None:
        """Process the next frame, or apply changed settings to the last one."""
        frame = self._next(capture)
        if frame is not None:
            self._process(frame, capture)
        elif self._latest is not None:
            self._process_again(self._latest, capture)
        self._report_state(capture)

    def _next(self, capture: CaptureThread) -> Frame | None:
        if self._paused and capture.source.live:
            self._stopping.wait(_WAIT_S)
            return None
        return capture.get(timeout=_WAIT_S)

    def _report(self, text: str) -> None:
        """Pass on a message of a model; the state is reported anew once the message is cleared."""
        self._on_status(text)
        self._reported = text

    def _report_state(self, capture: CaptureThread) -> None:
        """Report the end of the recording or advice to the user, if changed."""
        text = self._advised
        if capture.at_end:
            ended = self._advised if self.photographs else "The recording has ended."
            text = "; ".join(capture.source.warnings) or ended
        before = self._reported, self._end_reported
        self._reported, self._end_reported = text, capture.at_end
        if before != (text, self._end_reported):
            self._on_status(text)

    def _process(self, frame: Frame, capture: CaptureThread) -> None:
        """Run the first model on a frame, and offer the frame to the second."""
        self._update_models()
        epoch = capture.epoch + self._restarts
        self._first.smoothing, self._first.max_faces = self._smoothing, self._max_faces
        worker = self._worker
        if worker is not None:
            worker.model.smoothing, worker.model.max_faces = self._smoothing, self._max_faces
            worker.offer(frame, epoch)
        self._show(self._first.process(frame, epoch))
        if self._in_step:
            self._wait_for_second()
        if not (capture.source.live or capture.source.photographs or self._paused):
            self._speed.add(frame.source_time, epoch)

    def _process_again(self, latest: Result, capture: CaptureThread) -> None:
        """Process the last frame again if a model was changed, or heatmaps were switched on."""
        if self._update_models():
            self._process(latest.frame, capture)
        elif self._heatmaps and not latest.heatmaps and latest.faces:
            self._latest = self._first.with_heatmaps(latest)
            self._on_result(self._latest)

    def _show(self, result: Result) -> None:
        self._latest = result
        self._on_result(result)
        if self._second_choice is not None and (pair := self._pairing.add(0, result)):
            self._on_pair(pair)
        self._advised = self._advice.add(result)

    # The second model.

    @property
    def _in_step(self) -> bool:
        """Whether the session waits for the second model on every frame."""
        second = self._second_choice
        return second is not None and (self.every_frame or second == self._first.choice)

    def _update_models(self) -> bool:
        """Load the requested models; return whether one changed.

        Models in step start anew on the same frame, with the detector in their own thread, so that the same
        model twice gives the same faces. Recordings need no detector thread: their frames can wait.
        """
        in_step = self._in_step
        background = self._capture is not None and self._capture.source.live and not in_step
        self._first.background = background
        self._first.place = "(1 of 2)" if self._second_choice else ""
        changed = self._first.prepare()
        with self._second_lock:
            changed = changed or self._second_changed
            self._second_changed = False
            self._start_second(background=background)
        if in_step:
            self._wait_for_second()
        if changed:
            self._pairing.clear()
            self._restarts += in_step
        return changed

    def _start_second(self, *, background: bool) -> None:
        """Start the thread of the second model if there is none; the caller holds the lock."""
        if self._second_choice is None or self._stopping.is_set():
            return
        if self._worker is not None:
            self._worker.model.background = background
            return
        model = Model(self._second_choice, self._max_faces, self._report, background=background)
        model.place = "(2 of 2)"
        model.smoothing = self._smoothing
        model.photographs = self._first.photographs
        worker = BackgroundWorker(
            model,
            lambda result: self._add_second(worker, result),
            lambda error, defect: self._lose_second(worker, error, defect),
        )
        self._worker = worker
        worker.start()

    def _wait_for_second(self) -> None:
        """Wait until the second model is free, has changed, or the session is stopped."""
        worker = self._worker
        while worker is not None and worker is self._worker and not self._stopping.is_set():
            if worker.wait_until_free(_WAIT_S):
                return

    def _add_second(self, worker: BackgroundWorker, result: Result) -> None:
        if self._worker is not worker:
            return
        self._on_second(result)
        if pair := self._pairing.add(1, result):
            self._on_pair(pair)

    def _lose_second(self, worker: BackgroundWorker, error: str, defect: bool) -> None:
        with self._second_lock:
            if self._worker is not worker:
                return  # replaced by another
            self._second_choice = self._worker = None
        if defect:
            self._defect = error
            self._stopping.set()
        else:
            self._on_status(error)

    def _end_second(self) -> None:
        with self._second_lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop(timeout=1.0)

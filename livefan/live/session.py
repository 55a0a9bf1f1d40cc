"""A live session: capture in one thread, a model in another, a second model beside them.

The first model takes every frame that it can. The second gets the newest whenever it is free, so that it
slows nobody down, and what both made of one frame is brought together.
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
from livefan.live.advice import Advice
from livefan.live.pairing import Pairing
from livefan.live.priority import WORKER_NICENESS, lower_priority
from livefan.live.result import Pair, Result
from livefan.live.worker import BackgroundWorker, Model
from livefan.tracking.kalman import DEFAULT_STRENGTH
from livefan.tracking.model_spec import ModelChoice

_LOG = logging.getLogger(__name__)

_WAIT_S = 0.05
"""How long a change waits at most while no frame comes."""


class LiveSession:
    """Reads one source and runs a model on it, or two, until it is stopped.

    A recording is held at its end. Opening the source and loading weights happen in the session's threads
    too, so :meth:`start` returns at once. Everything may be called from any thread.

    Args:
        source: what :func:`livefan.io.open.open_source` takes.
        first: the model that is watched.
        second: the model that it is compared with, if any.
        max_faces: each follows at most this many.
        size: width and height in pixels to ask of a camera.
        start_at: seconds into a recording.
        sequence: whether the images of a folder are the frames of one recording, rather than photographs, of
            which each is held and looked at by itself.
        hold: begin a recording held at its first frame.
        on_result: gets every result of the first model.
        on_second: gets every result of the second.
        on_pair: gets what both made of a frame, from either's thread.
        on_status: gets what the user should know in words, e.g. that a camera is away; empty when
            all is well.
        on_end: called once, last, with the error that ended the session, or None.

    Attributes:
        photographs: names of the photographs, by the index of their frames; of anything else none.
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
        self._on_result = on_result
        self._on_second = on_second
        self._on_pair = on_pair
        self._on_status = on_status
        self._on_end = on_end
        self.photographs: tuple[str, ...] = ()
        self._stopping = threading.Event()
        self._defect: str | None = None  # of the second model, which ends the session
        self._capture: CaptureThread | None = None
        self._first = Model(first, max_faces, on_status)
        self._beside: BackgroundWorker | None = None
        self._second_wanted = second
        self._second_lock = threading.Lock()
        self._pairing = Pairing()
        self._advice = Advice()
        self._advised = self._told = ""
        self._end_seen = False
        self._latest: Result | None = None
        self._smoothing = DEFAULT_STRENGTH
        self._heatmaps = False
        self._paused = False
        self._loop = False
        self._thread = threading.Thread(target=self._run, name="livefan-worker", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self, timeout: float = 1.0) -> bool:
        """Ask all threads to end and wait for them; returns whether they did in ``timeout`` seconds."""
        self._stopping.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def smoothing(self) -> float:
        """How strongly landmarks are filtered, from 0 to 1; takes effect from the next frame on."""
        return self._smoothing

    @smoothing.setter
    def smoothing(self, wanted: float) -> None:
        self._smoothing = self._first.smoothing = wanted
        if beside := self._beside:
            beside.model.smoothing = wanted

    @property
    def max_faces(self) -> int:
        """Largest number of faces to track; a new value takes effect from the next frame on."""
        return self._max_faces

    @max_faces.setter
    def max_faces(self, max_faces: int) -> None:
        self._max_faces = self._first.max_faces = max_faces
        if beside := self._beside:
            beside.model.max_faces = max_faces

    @property
    def heatmaps(self) -> bool:
        """Whether results of the first model carry heatmaps, also that of a frame that is held."""
        return self._heatmaps

    @heatmaps.setter
    def heatmaps(self, wanted: bool) -> None:
        self._heatmaps = self._first.heatmaps = wanted

    @property
    def first(self) -> ModelChoice:
        """The model that is watched; another may be set, and is loaded before the next frame."""
        return self._first.choice

    @first.setter
    def first(self, wanted: ModelChoice) -> None:
        self._first.choice = wanted

    @property
    def second(self) -> ModelChoice | None:
        """The model that it is compared with; set another, or None for none."""
        return self._second_wanted

    @second.setter
    def second(self, wanted: ModelChoice | None) -> None:
        with self._second_lock:
            self._second_wanted = wanted
            beside, self._beside = self._beside, None
        if beside is not None:
            beside.stop(timeout=0.0)
        self._pairing.clear()
        if (latest := self._latest) is not None and wanted is not None:
            self._pairing.add(0, latest)
            self._offer(latest.frame, latest.epoch)

    @property
    def paused(self) -> bool:
        """Whether frames are held: those of a recording wait, those of a live source pass unseen."""
        return self._paused

    @paused.setter
    def paused(self, wanted: bool) -> None:
        self._paused = wanted
        if capture := self._capture:
            capture.paused = wanted

    def seek(self, seconds: float) -> None:
        """Go to a place in a recording."""
        if capture := self._capture:
            capture.seek(seconds)

    def step(self, frames: int) -> None:
        """Go one frame of a recording on (1) or back (-1), and hold it."""
        self._paused = True
        if capture := self._capture:
            capture.step(frames)

    @property
    def loop(self) -> bool:
        """Whether a recording begins anew at its end."""
        return self._loop

    @loop.setter
    def loop(self, wanted: bool) -> None:
        self._loop = wanted
        if capture := self._capture:
            capture.loop = wanted

    @property
    def at_end(self) -> bool:
        """Whether the last frame of a recording has been seen."""
        return self._end_seen and self._capture is not None and self._capture.at_end

    @property
    def duration(self) -> float | None:
        """Length of a recording in seconds, where known."""
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
        """Whether :meth:`seek` and :meth:`step` do anything."""
        return self._capture is not None and self._capture.seekable

    @property
    def capture_fps(self) -> float:
        """Frames captured a second."""
        return self._capture.fps if self._capture else 0.0

    @property
    def worker_fps(self) -> float:
        """Frames that the first model finished a second."""
        return self._first.rate.rate()

    @property
    def second_fps(self) -> float:
        """Frames that the second model finished a second."""
        return beside.model.rate.rate() if (beside := self._beside) else 0.0

    @property
    def dropped(self) -> int:
        """Frames of a live source that were replaced by newer ones before the worker took them."""
        return self._capture.dropped if self._capture else 0

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
        self._on_status(f"opening {display_name(self._source)}")
        source = open_source(self._source, size=self._size, photographs=not self._sequence, patient=True)
        if self._stopping.is_set():
            source.close()
            return
        capture = self._capture = CaptureThread(source, hold_at_end=True, on_status=self._on_status)
        capture.loop, capture.paused = self._loop, self._paused
        if isinstance(source, ImageSource) and source.photographs:
            self.photographs = self._first.photographs = tuple(path.name for path in source.paths)
        if capture.seekable and (self._hold or source.photographs):
            self.step(1)  # the first frame is shown, and held
        try:
            self._on_status("loading the network")
            self._first.prepare()
            if self._start_at and capture.seekable:
                capture.seek(self._start_at)
            capture.start()
            self._on_status(capture.status)
            while not self._stopping.is_set() and not capture.finished:
                frame = self._next(capture)
                if frame is not None:
                    self._process(frame, capture.epoch)
                elif self._latest is not None:
                    self._look_again(self._latest)
                self._tell(capture)
            if capture.error is not None and not self._stopping.is_set():
                raise capture.error
        finally:
            self._end_second()
            capture.stop()
            source.close()
            self._first.close()

    def _next(self, capture: CaptureThread) -> Frame | None:
        if self._paused and capture.source.live:
            self._stopping.wait(_WAIT_S)
            return None
        return capture.get(timeout=_WAIT_S)

    def _tell(self, capture: CaptureThread) -> None:
        """Say what is to be known of where the source is and of what was seen, when that has changed."""
        told = self._advised
        if capture.at_end:
            ended = self._advised if self.photographs else "The recording has ended."
            told = "; ".join(capture.source.warnings) or ended
        before = self._told, self._end_seen
        self._told, self._end_seen = told, capture.at_end
        if before != (told, self._end_seen):
            self._on_status(told)

    def _process(self, frame: Frame, epoch: int) -> None:
        self._offer(frame, epoch)
        self._show(self._first.process(frame, epoch))

    def _look_again(self, latest: Result) -> None:
        """While no frame comes, do with the last what has been asked for since."""
        if self._first.prepare():
            self._pairing.clear()
            self._process(latest.frame, latest.epoch)
        elif self._heatmaps and not latest.heatmaps and latest.faces:
            self._latest = self._first.explain(latest)
            self._on_result(self._latest)

    def _show(self, result: Result) -> None:
        self._latest = result
        self._on_result(result)
        if self._second_wanted is not None and (pair := self._pairing.add(0, result)):
            self._on_pair(pair)
        self._advised = self._advice.add(result)

    def _offer(self, frame: Frame, epoch: int) -> None:
        """Give the second model a frame, and begin it when it is not there yet."""
        with self._second_lock:
            if self._second_wanted is None or self._stopping.is_set():
                return
            if self._beside is None:
                model = Model(self._second_wanted, self._max_faces, self._on_status)
                model.smoothing = self._smoothing
                model.photographs = self._first.photographs
                beside = BackgroundWorker(
                    model, self._see_second, lambda error, defect: self._lose_second(beside, error, defect)
                )
                self._beside = beside
            self._beside.offer(frame, epoch)

    def _see_second(self, result: Result) -> None:
        if self._second_wanted is None:
            return
        self._on_second(result)
        if pair := self._pairing.add(1, result):
            self._on_pair(pair)

    def _lose_second(self, beside: BackgroundWorker, error: str, defect: bool) -> None:
        with self._second_lock:
            if self._beside is not beside:
                return  # another is wanted by now
            self._second_wanted = self._beside = None
        if defect:
            self._defect = error
            self._stopping.set()
        else:
            self._on_status(error)

    def _end_second(self) -> None:
        with self._second_lock:
            beside, self._beside = self._beside, None
        if beside is not None:
            beside.stop(timeout=1.0)

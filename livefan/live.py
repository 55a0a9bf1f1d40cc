"""A live session: capture in one thread, the pipeline in another, results handed to whoever shows them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from livefan.capture import CaptureThread, display_name, open_source
from livefan.errors import LivefanError
from livefan.frame import Face, Frame
from livefan.pipeline import Pipeline
from livefan.scheme import LandmarkScheme
from livefan.smooth import DEFAULT_STRENGTH


@dataclass(frozen=True)
class Result:
    """A processed frame.

    Attributes:
        frame: its image is the captured one, without any drawing.
        faces: the faces found on it, with landmarks of ``scheme``.
        seconds: how long the pipeline took.
    """

    frame: Frame
    faces: list[Face]
    scheme: LandmarkScheme
    seconds: float


class RateMeter:
    """Events a second over the last while; may be read from any thread.

    Args:
        window: how far back to count, in seconds.
    """

    def __init__(self, window: float = 1.5) -> None:
        self._window = window
        self._times: deque[float] = deque(maxlen=1000)

    def tick(self) -> None:
        """Count one event, now."""
        self._times.append(time.perf_counter())

    def rate(self) -> float:
        """Events a second, 0.0 while fewer than two are recent."""
        now = time.perf_counter()
        recent = [moment for moment in tuple(self._times) if now - moment <= self._window]
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) / max(recent[-1] - recent[0], 1e-6)


class LiveSession:
    """Reads one source and runs the pipeline on it until it ends or is stopped.

    Opening the source and loading the weights happen in the session's thread too, so
    :meth:`start` returns at once. All callbacks come from that thread.

    Args:
        source: what :func:`livefan.capture.open_source` takes.
        make_pipeline: builds the pipeline.
        on_result: gets every processed frame.
        on_status: gets what the user should know in words, e.g. that a camera is away.
        on_end: called once, last, with the error that ended the session, or None.
    """

    def __init__(
        self,
        source: str | int | Path,
        make_pipeline: Callable[[], Pipeline],
        *,
        on_result: Callable[[Result], None],
        on_status: Callable[[str], None] = lambda text: None,
        on_end: Callable[[str | None], None] = lambda error: None,
    ) -> None:
        self._source = source
        self._make_pipeline = make_pipeline
        self._on_result = on_result
        self._on_status = on_status
        self._on_end = on_end
        self._stopping = threading.Event()
        self._capture: CaptureThread | None = None
        self._worked = RateMeter()
        self._smoothing = DEFAULT_STRENGTH
        self._thread = threading.Thread(target=self._run, name="livefan-worker", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self, timeout: float = 1.0) -> bool:
        """Ask both threads to end and wait for them; returns whether they did in ``timeout`` seconds."""
        self._stopping.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def smoothing(self) -> float:
        """How strongly landmarks are filtered, from 0 to 1; takes effect from the next frame on."""
        return self._smoothing

    @smoothing.setter
    def smoothing(self, wanted: float) -> None:
        self._smoothing = wanted

    @property
    def capture_fps(self) -> float:
        """Frames captured a second."""
        return self._capture.fps if self._capture else 0.0

    @property
    def worker_fps(self) -> float:
        """Frames processed a second."""
        return self._worked.rate()

    @property
    def dropped(self) -> int:
        """Frames of a live source that were replaced by newer ones before the worker took them."""
        return self._capture.dropped if self._capture else 0

    def _run(self) -> None:
        error: str | None = None
        try:
            self._work()
        except LivefanError as failure:
            error = str(failure)
        except Exception as failure:
            # A defect of ours must reach the user too, rather than end a thread in silence.
            error = f"internal error: {type(failure).__name__}: {failure}"
        self._on_end(error)

    def _work(self) -> None:
        self._on_status(f"opening {display_name(self._source)}")
        source = open_source(self._source)
        if self._stopping.is_set():
            source.close()
            return
        capture = self._capture = CaptureThread(source, on_status=self._on_status)
        pipeline: Pipeline | None = None
        try:
            self._on_status("loading the network")
            pipeline = self._make_pipeline()
            capture.start()
            self._on_status("")
            while not self._stopping.is_set():
                frame = capture.get(timeout=0.1)
                if frame is not None:
                    self._process(pipeline, frame)
                elif capture.finished:
                    break
        finally:
            capture.stop()
            source.close()
            if pipeline is not None:
                pipeline.close()
        if source.warnings and not self._stopping.is_set():
            raise LivefanError("; ".join(source.warnings))

    def _process(self, pipeline: Pipeline, frame: Frame) -> None:
        pipeline.smoothing = self._smoothing
        begun = time.perf_counter()
        faces = pipeline.process(frame)
        self._worked.tick()
        self._on_result(Result(frame, faces, pipeline.scheme, time.perf_counter() - begun))

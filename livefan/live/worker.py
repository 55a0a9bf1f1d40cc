"""A model in a live session, and the thread of the second model."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace

from livefan.core.errors import LivefanError
from livefan.core.frame import Face, Frame
from livefan.core.rates import RateMeter
from livefan.live.crowd import FaceCounter
from livefan.live.heatmaps import HeatmapProbe
from livefan.live.priority import SECOND_NICENESS, lower_priority
from livefan.live.result import Result
from livefan.measures.expressions import NeutralFaces
from livefan.networks.checkpoint_info import HEADS, Head
from livefan.tracking.kalman import DEFAULT_STRENGTH
from livefan.tracking.landmark_model import LandmarkModel
from livefan.tracking.model_spec import ModelChoice
from livefan.tracking.pipeline import Pipeline

_LOG = logging.getLogger(__name__)


class Model:
    """A model that can be replaced while it runs; its settings may be changed from any thread.

    Args:
        choice: the model.
        max_faces: largest number of tracked faces.
        log: receives a message while the model loads; empty afterwards.
        background: run the detector in a thread, see :class:`livefan.tracking.pipeline.Pipeline`.
        on_error: receives a message if another model cannot be loaded, and the present one stays.

    Attributes:
        choice: the requested model; it runs from the next frame on.
        background: a change takes effect from the next frame on; faces are then found anew.
        max_faces: largest number of tracked faces; a smaller one ends the least certain tracks.
        smoothing: strength of the filter; a raw model is never filtered.
        heatmaps: whether results carry heatmaps; they cost another inference for each frame.
        heads: heads of the network that run; see :class:`livefan.tracking.pipeline.Pipeline`. Others run once
            a thread has loaded them.
        photographs: names of the photographs by frame index; empty for other sources. Each photograph is
            processed independently: faces are neither tracked nor smoothed.
        place: appended to the message while the model loads, e.g. ``(2 of 2)``.
        preparing: whether a model is being loaded.
        rate: rate of finished frames.
        neutral: neutral expressions of the faces by id. They stay after a jump, where ids start again;
            photographs have none in common.
    """

    def __init__(
        self,
        choice: ModelChoice,
        max_faces: int,
        log: Callable[[str], None],
        *,
        background: bool = True,
        on_error: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.background = background
        self.smoothing = DEFAULT_STRENGTH
        self.heatmaps = False
        self.heads: Collection[Head] = HEADS
        self.photographs: tuple[str, ...] = ()
        self.place = ""
        self.preparing = False
        self.rate = RateMeter()
        self.neutral = NeutralFaces()
        self.max_faces = max_faces
        self._log = log
        self._on_error = on_error
        self.choice = choice
        self._loaded = choice
        self._in_background = background  # of the loaded pipeline
        self._pipeline: LandmarkModel | None = None
        self._probe: HeatmapProbe | None = None
        self._counter: FaceCounter | None = None
        self._epoch = 0
        self._heads_before: frozenset[Head] = frozenset()  # of the last frame

    def prepare(self) -> bool:
        """Load and warm up the requested model if it is not loaded; return whether it was loaded now.

        Raises:
            LivefanError: if it cannot be loaded and no model was loaded before; otherwise that one stays.
        """
        requested, background = self.choice, self.background
        if self._pipeline is not None and (requested, background) == (self._loaded, self._in_background):
            return False
        self._report_preparing(requested, "")
        self.preparing = True
        try:
            return self._load(requested, background)
        finally:
            self.preparing = False

    def _load(self, requested: ModelChoice, background: bool) -> bool:
        """Load and warm up a model; return False if it cannot be loaded and the present one stays."""
        try:
            pipeline = requested.pipeline(
                max_faces=self.max_faces,
                background=background,
                heads=self.heads,
                log=lambda text: self._report_preparing(requested, text),
            )
        except LivefanError as error:
            if self._pipeline is None:
                raise
            if self.choice is requested:
                self.choice = self._loaded
            self.background = self._in_background
            self._log("")
            self._on_error(str(error))
            return False
        pipeline.warm_up()
        self._log("")
        self.close()
        self._pipeline, self._loaded, self._in_background = pipeline, requested, background
        return True

    def _report_preparing(self, requested: ModelChoice, text: str) -> None:
        """Report which model is being loaded, and the step of it; a step that names it needs no more."""
        name = requested.label.partition("@")[0]
        message = f"Preparing {requested.label} {self.place}".rstrip()
        step = text.removeprefix(f"preparing {name}")
        self._log(f"{message}{step}" if step != text else f"{message}: {text}" if text else message)

    def process(self, frame: Frame, epoch: int) -> Result:
        """Return the result of a frame; faces are found anew if the epoch differs from that before.

        Raises:
            LivefanError: if the model cannot be loaded, or the image is unusable.
        """
        self.prepare()
        assert self._pipeline is not None
        if epoch != self._epoch:
            self._pipeline.reset()
            if self.photographs:
                self.neutral.forget()
            self._epoch = epoch
        self._pipeline.max_faces = self.max_faces
        self._pipeline.want_heads(self.heads)
        self._heads_before = self._pipeline.heads
        self._pipeline.smoothing = 0.0 if self._loaded.raw or self.photographs else self.smoothing
        started = time.perf_counter()
        faces = self.neutral.calibrated(self._faces(self._pipeline, frame), frame.source_time)
        finished = time.perf_counter()
        self.rate.tick()
        result = Result(
            frame=frame,
            faces=faces,
            scheme=self._pipeline.scheme,
            label=self._loaded.label,
            runtime=self._pipeline.ran_by,
            smoothing=self._pipeline.smoothing,
            waited=started - frame.captured_at,
            seconds=finished - started,
            finished_at=finished,
            epoch=epoch,
            photographs=self.photographs,
            neutral=self.neutral.in_use,
            spec=self._loaded.spec,
        )
        return self.with_heatmaps(result) if self.heatmaps else result

    def has_new_heads(self) -> bool:
        """Return whether wanted heads have become ready since the last frame."""
        if self._pipeline is None:
            return False
        self._pipeline.want_heads(self.heads)
        return not self._pipeline.heads <= self._heads_before

    def lacks(self, head: Head) -> bool:
        """Return whether the loaded model has no such head; one that it has may still be loading."""
        pipeline = self._pipeline
        if pipeline is None:
            return False
        return not isinstance(pipeline, Pipeline) or head not in pipeline.runtime.known_heads

    def _faces(self, pipeline: LandmarkModel, frame: Frame) -> list[Face]:
        if not self.photographs:
            return pipeline.process(frame)
        faces = pipeline.process_image(frame.image)
        return [replace(face, track_id=number) for number, face in enumerate(faces, start=1)]

    def with_heatmaps(self, result: Result) -> Result:
        """Return a result of this model with the heatmaps of its faces; an external model has none."""
        if self._loaded.is_external:
            return result
        if self._probe is None:
            self._log("loading the network for heatmaps")
            self._probe = HeatmapProbe(self._loaded.file, self._loaded.threads)
            self._log("")
        return replace(result, heatmaps=self._probe.heatmaps(result.frame.image, result.faces))

    def count_further_faces(self, result: Result) -> int:
        """Return the number of faces on the frame of a result that are not tracked.

        Models of other projects find faces in their own way, and give 0.
        """
        if not isinstance(self._pipeline, Pipeline):
            return 0
        if self._counter is None:
            self._counter = FaceCounter()
        return self._counter.count(result.frame.image, result.faces, self._pipeline.runtime)

    def close(self) -> None:
        """Release everything; the next frame loads it again."""
        if self._pipeline is not None:
            self._pipeline.close()
        self._pipeline, self._probe = None, None


class BackgroundWorker:
    """Runs a model in a thread; the thread takes the newest offered frame whenever it is free.

    A frame that is offered while the model runs replaces the waiting one, so that offering never waits.

    Args:
        model: the model; this object owns it.
        on_result: receives every result, from the thread.
        on_error: called once, from the thread, if the worker ends by itself: with a message, and with
            whether the cause is a defect of livefan rather than an error of the user.
        yields: whether the thread has a lower priority than that of the first model. Models that wait for
            each other have the same priority, so that their times can be compared on a busy machine.
    """

    def __init__(
        self,
        model: Model,
        on_result: Callable[[Result], None],
        on_error: Callable[[str, bool], None],
        *,
        yields: bool = True,
    ) -> None:
        self.model = model
        self._on_result = on_result
        self._on_error = on_error
        self._yields = yields
        self._offered: tuple[Frame, int] | Result | None = None
        self._changed = threading.Condition()
        self._busy = True  # until the model is loaded
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="livefan-second", daemon=True)

    def start(self) -> None:
        """Start the thread, which loads the model at once."""
        self._thread.start()

    def offer(self, frame: Frame, epoch: int) -> None:
        """Offer a frame; it replaces a waiting one."""
        with self._changed:
            self._offered = (frame, epoch)
            self._changed.notify_all()

    def offer_heatmaps(self, result: Result) -> None:
        """Offer a result of this model, which is passed on with heatmaps unless a frame waits."""
        with self._changed:
            if self._offered is None:
                self._offered = result
                self._changed.notify_all()

    def wait_until_free(self, timeout: float) -> bool:
        """Wait until the model is loaded and no frame waits or runs; return whether this is so.

        A worker that has ended is free.
        """
        with self._changed:
            return self._changed.wait_for(
                lambda: self._stopping or (self._offered is None and not self._busy), timeout
            )

    def stop(self, timeout: float | None = None) -> None:
        """End after the present frame; wait for it at most ``timeout`` seconds."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _take(self) -> tuple[Frame, int] | Result | None:
        """Wait for an offered frame or result; return None once the worker is stopped."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            while self._offered is None and not self._stopping:
                self._changed.wait(0.5)
            taken, self._offered = self._offered, None
            self._busy = True
            return None if self._stopping else taken

    def _run(self) -> None:
        try:
            if self._yields:
                lower_priority(SECOND_NICENESS)
            self.model.prepare()
            while (taken := self._take()) is not None:
                if isinstance(taken, Result):
                    result = self.model.with_heatmaps(taken)
                else:
                    result = self.model.process(*taken)
                if not self._stopping:
                    self._on_result(result)
        except LivefanError as failure:
            self._on_error(str(failure), False)
        except Exception as failure:
            _LOG.exception("the second model failed")
            self._on_error(f"internal error: {type(failure).__name__}: {failure}", True)
        finally:
            self.model.close()
            with self._changed:
                self._stopping = True
                self._changed.notify_all()

"""A model at work in a live session: on the session's own thread, or beside it on one of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from livefan.core.errors import LivefanError
from livefan.core.frame import Face, Frame
from livefan.core.rates import RateMeter
from livefan.live.heatmaps import HeatmapProbe
from livefan.live.priority import SECOND_NICENESS, lower_priority
from livefan.live.result import Result
from livefan.tracking.kalman import DEFAULT_STRENGTH
from livefan.tracking.model_spec import ModelChoice
from livefan.tracking.pipeline import Pipeline

_LOG = logging.getLogger(__name__)


class Model:
    """A model that may be exchanged while it works; its settings may be changed from any thread.

    Args:
        choice: which model.
        max_faces: follow at most this many.
        say: told in words what takes long, or why a model could not be taken; nothing once it is there.
        background: look for further faces in a thread, see :class:`livefan.tracking.pipeline.Pipeline`.

    Attributes:
        max_faces: largest number of faces to track; a smaller one restarts the tracking.
        smoothing: strength of the filter; a model chosen as raw is not filtered whatever it is.
        heatmaps: whether results carry heatmaps. They cost another inference for each frame.
        photographs: their names, where the frames are photographs, by index. Each is looked at by itself: no
            face is followed, and none smoothed.
        rate: frames it finished.
    """

    def __init__(
        self, choice: ModelChoice, max_faces: int, log: Callable[[str], None], *, background: bool = True
    ) -> None:
        self.smoothing = DEFAULT_STRENGTH
        self.heatmaps = False
        self.photographs: tuple[str, ...] = ()
        self.rate = RateMeter()
        self.max_faces = max_faces
        self._say = log
        self._background = background
        self._wanted = choice
        self._choice = choice
        self._pipeline: Pipeline | None = None
        self._probe: HeatmapProbe | None = None
        self._epoch = 0

    @property
    def choice(self) -> ModelChoice:
        """The model that is wanted; it works from the next frame on."""
        return self._wanted

    @choice.setter
    def choice(self, wanted: ModelChoice) -> None:
        self._wanted = wanted

    def prepare(self) -> bool:
        """Load what is wanted, if that has changed; whether it has.

        Raises:
            LivefanError: if it cannot be loaded and there was no model before; else that one goes on.
        """
        wanted = self._wanted
        if self._pipeline is not None and wanted == self._choice:
            return False
        try:
            pipeline = wanted.pipeline(max_faces=self.max_faces, background=self._background, log=self._say)
        except LivefanError as error:
            if self._pipeline is None:
                raise
            if self._wanted is wanted:
                self._wanted = self._choice
            self._say(str(error))
            return False
        self._say("")  # whatever took long is done
        self.close()
        self._pipeline, self._choice = pipeline, wanted
        return True

    def process(self, frame: Frame, epoch: int) -> Result:
        """What the model makes of a frame; of a new epoch it knows nothing from before.

        Raises:
            LivefanError: if the model cannot be loaded, or the image is unusable.
        """
        self.prepare()
        assert self._pipeline is not None
        if epoch != self._epoch:
            self._pipeline.reset()
            self._epoch = epoch
        if self.max_faces < self._pipeline.max_faces:
            self._pipeline.reset()
        self._pipeline.max_faces = self.max_faces
        self._pipeline.smoothing = 0.0 if self._choice.raw or self.photographs else self.smoothing
        begun = time.perf_counter()
        faces = self._faces(self._pipeline, frame)
        finished = time.perf_counter()
        self.rate.tick()
        result = Result(
            frame=frame,
            faces=faces,
            scheme=self._pipeline.scheme,
            label=self._choice.label,
            runtime=self._pipeline.ran_by,
            smoothing=self._pipeline.smoothing,
            waited=begun - frame.captured_at,
            seconds=finished - begun,
            finished_at=finished,
            epoch=epoch,
            photographs=self.photographs,
        )
        return self.explain(result) if self.heatmaps else result

    def _faces(self, pipeline: Pipeline, frame: Frame) -> list[Face]:
        if not self.photographs:
            return pipeline.process(frame)
        faces = pipeline.process_image(frame.image)
        return [replace(face, track_id=number) for number, face in enumerate(faces, start=1)]

    def explain(self, result: Result) -> Result:
        """A result of this model with the heatmaps of its faces."""
        if self._probe is None:
            self._say("loading the network for heatmaps")
            self._probe = HeatmapProbe(self._choice.file, self._choice.threads)
            self._say("")
        return replace(result, heatmaps=self._probe.heatmaps(result.frame.image, result.faces))

    def close(self) -> None:
        """Let go of everything; a later frame loads it again."""
        if self._pipeline is not None:
            self._pipeline.close()
        self._pipeline, self._probe = None, None


class BackgroundWorker:
    """A model on a thread of its own, which takes the newest frame offered whenever it is free.

    So it slows nobody down, however slow it is; frames that come while it works are not for it.

    Args:
        model: the model, which is this object's from now on.
        on_result: gets every result, from the thread.
        on_error: called once, from the thread, when the worker ends by itself: with a message, and with
            whether the cause is a defect of livefan, rather than an error of the user's.
    """

    def __init__(
        self, model: Model, on_result: Callable[[Result], None], on_error: Callable[[str, bool], None]
    ) -> None:
        self.model = model
        self._on_result = on_result
        self._on_error = on_error
        self._offered: tuple[Frame, int] | None = None
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="livefan-second", daemon=True)
        self._thread.start()

    def offer(self, frame: Frame, epoch: int) -> None:
        """Leave a frame in place of one that was not taken."""
        with self._changed:
            self._offered = (frame, epoch)
            self._changed.notify_all()

    def stop(self, timeout: float | None = None) -> None:
        """End after the frame at work; wait for that at most ``timeout`` seconds."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _take(self) -> tuple[Frame, int] | None:
        with self._changed:
            while self._offered is None and not self._stopping:
                self._changed.wait(0.5)
            taken, self._offered = self._offered, None
            return None if self._stopping else taken

    def _run(self) -> None:
        try:
            lower_priority(SECOND_NICENESS)
            while (taken := self._take()) is not None:
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

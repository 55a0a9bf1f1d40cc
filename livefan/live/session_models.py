"""The models of a session: the first, and a second in a thread of its own.

Two modes decide which frames the second model processes:

- Every frame: the session waits for both models before it takes the next frame. This is the default for
  recordings and photographs. Playback is slower than real time if a model is slow.
- Real time: the second model takes the newest frame whenever it is free, so that it never slows the first.
  This is the default for live sources. The same model twice still processes every frame twice, since its
  results must not differ.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

from livefan.core.frame import Frame
from livefan.live.pairing import Pairing
from livefan.live.result import Pair, Result
from livefan.live.worker import BackgroundWorker, Model
from livefan.measures.expressions import NeutralFaces
from livefan.networks.checkpoint_info import Head
from livefan.tracking.kalman import DEFAULT_STRENGTH
from livefan.tracking.model_spec import ModelChoice

_WAIT_S = 0.05
"""Longest time in seconds after which a changed second model ends a wait for the old one."""


@dataclass(frozen=True)
class ResultCallbacks:
    """Receivers of results.

    Attributes:
        first: receives every result of the first model.
        second: receives every result of the second model, from its thread.
        pair: receives the results of both models on one frame, from the thread of either.
        error: receives the reason why a model cannot be loaded or has ended, from the thread of either.
    """

    first: Callable[[Result], None]
    second: Callable[[Result], None]
    pair: Callable[[Pair], None]
    error: Callable[[str], None]


class SessionModels:
    """Runs one or two models on the frames of a source; settings may be changed from any thread.

    Args:
        first: the first model.
        second: the model to compare with the first.
        max_faces: largest number of tracked faces.
        every_frame: whether both models process every frame; None for the default of the source.
        callbacks: receive the results.
        log: receives messages while models load; empty to clear them.
        stopping: ends all waits; set here if the second model fails by a defect.

    Attributes:
        max_faces: a new value takes effect from the next frame on; a paused frame is processed again.
        smoothing: strength of the filter of the landmarks, from 0 to 1; takes effect from the next frame on.
        defect: the failure of the second model that ended the session, or None.
    """

    def __init__(
        self,
        first: ModelChoice,
        second: ModelChoice | None,
        *,
        max_faces: int,
        every_frame: bool | None,
        callbacks: ResultCallbacks,
        log: Callable[[str], None],
        stopping: threading.Event,
    ) -> None:
        self.max_faces = max_faces
        self.smoothing = DEFAULT_STRENGTH
        self.defect: str | None = None
        self._every_frame = every_frame
        self._callbacks = callbacks
        self._log = log
        self._stopping = stopping
        self._live = False
        self._first = Model(first, max_faces, log, on_error=callbacks.error)
        self._worker: BackgroundWorker | None = None
        self._second_choice = second
        self._proven_second: ModelChoice | None = None
        self._second_changed = second is not None
        self._second_lock = threading.Lock()
        self._restarts = 0  # of the comparison; raises the epoch
        self._pairing = Pairing()
        self._latest_second: Result | None = None

    def expect(self, *, live: bool, photographs: tuple[str, ...]) -> None:
        """Prepare for a source: whether it is live, and the names of its photographs."""
        self._live = live
        self._first.photographs = photographs

    # Settings.

    @property
    def neutral(self) -> NeutralFaces:
        """The neutral expressions of the faces of the first model."""
        return self._first.neutral

    @property
    def first(self) -> ModelChoice:
        """The first model; another one loads before the next frame."""
        return self._first.choice

    @first.setter
    def first(self, choice: ModelChoice) -> None:
        self._first.choice = choice

    @property
    def second(self) -> ModelChoice | None:
        """The second model, or None; another one loads before the next frame.

        If it cannot be loaded, the one before continues.
        """
        return self._second_choice

    @second.setter
    def second(self, choice: ModelChoice | None) -> None:
        with self._second_lock:
            self._second_choice = choice
            if choice is None:
                self._proven_second = None
            self._second_changed = True
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop(timeout=0.0)
        self._pairing.clear()

    @property
    def every_frame(self) -> bool:
        """Whether both models process every frame; otherwise the second keeps up with real time."""
        return not self._live if self._every_frame is None else self._every_frame

    @every_frame.setter
    def every_frame(self, on: bool) -> None:
        self._every_frame = on

    @property
    def heatmaps(self) -> bool:
        """Whether results carry heatmaps; those of an external model never do."""
        return self._first.heatmaps and not self._first.choice.is_external

    @heatmaps.setter
    def heatmaps(self, on: bool) -> None:
        self._first.heatmaps = on
        if (worker := self._worker) is not None:
            worker.model.heatmaps = on

    @property
    def heads(self) -> Collection[Head]:
        """The heads of the networks that run; see :class:`livefan.live.worker.Model`."""
        return self._first.heads

    @heads.setter
    def heads(self, heads: Collection[Head]) -> None:
        self._first.heads = heads
        if (worker := self._worker) is not None:
            worker.model.heads = heads

    def lacks(self, head: Head) -> bool:
        """Return whether the first model has no such head; False while it is being loaded."""
        return self._first.lacks(head)

    def has_new_settings(self) -> bool:
        """Return whether the last frame ran with another number of faces, or without heads that are ready."""
        return self.max_faces != self._first.max_faces or self._first.has_new_heads()

    @property
    def fps(self) -> tuple[float, float]:
        """Frames a second that the first and the second model finished."""
        worker = self._worker
        return self._first.rate.rate(), worker.model.rate.rate() if worker else 0.0

    @property
    def preparing(self) -> tuple[int, int] | None:
        """Number of the model that is being loaded, from 1, and of all; None while none is."""
        worker, n_models = self._worker, 1 if self._second_choice is None else 2
        if self._first.preparing:
            return 1, n_models
        return (2, 2) if worker is not None and worker.model.preparing else None

    def wait_until_prepared(self) -> None:
        """Wait until the second model is loaded, or the session is stopped."""
        self._wait_for_second()

    # Frames; called from the session's thread.

    def process(self, frame: Frame, epoch: int) -> Result:
        """Run the first model on a frame, and offer the frame to the second.

        Args:
            frame: the frame.
            epoch: rises if frames do not follow each other.
        """
        self.update()
        epoch += self._restarts
        self._first.smoothing, self._first.max_faces = self.smoothing, self.max_faces
        worker = self._worker
        if worker is not None:
            worker.model.smoothing, worker.model.max_faces = self.smoothing, self.max_faces
            worker.offer(frame, epoch)
        result = self._first.process(frame, epoch)
        self._callbacks.first(result)
        if self._second_choice is not None and (pair := self._pairing.add(0, result)):
            self._callbacks.pair(pair)
        if self._in_step:
            self._wait_for_second()
        return result

    def add_heatmaps(self, result: Result) -> Result:
        """Return the result of a paused frame with heatmaps, and pass it on; the second model does alike."""
        worker, second = self._worker, self._latest_second
        if worker is not None and second is not None and not second.heatmaps:
            worker.offer_heatmaps(second)
        result = self._first.with_heatmaps(result)
        self._callbacks.first(result)
        return result

    def count_further_faces(self, result: Result) -> int:
        """Return the number of faces on the frame of the first model's result that are not tracked."""
        return self._first.count_further_faces(result)

    def update(self) -> bool:
        """Load the requested models; return whether one changed.

        Models in step start anew on the same frame, with the detector in their own thread, so that the same
        model twice gives the same faces. Recordings need no detector thread: their frames can wait.
        """
        in_step = self._in_step
        background = self._live and not in_step
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

    def close(self) -> None:
        """End the thread of the second model and release both models."""
        with self._second_lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop(timeout=1.0)
        self._first.close()

    # The second model.

    @property
    def _in_step(self) -> bool:
        """Whether the session waits for the second model on every frame."""
        second = self._second_choice
        return second is not None and (self.every_frame or second == self._first.choice)

    def _start_second(self, *, background: bool) -> None:
        """Start the thread of the second model if there is none; the caller holds the lock."""
        if self._second_choice is None or self._stopping.is_set():
            return
        if self._worker is not None:
            self._worker.model.background = background
            return
        model = Model(
            self._second_choice,
            self.max_faces,
            self._log,
            background=background,
            on_error=self._callbacks.error,
        )
        model.place = "(2 of 2)"
        model.smoothing = self.smoothing
        model.photographs = self._first.photographs
        model.heatmaps, model.heads = self._first.heatmaps, self._first.heads
        worker = BackgroundWorker(
            model,
            lambda result: self._add_second(worker, result),
            lambda error, defect: self._lose_second(worker, error, defect),
            yields=self._live and not self._in_step,
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
        with self._second_lock:
            if self._worker is not worker:
                return
            self._proven_second = worker.model.choice
        self._latest_second = result
        self._callbacks.second(result)
        if pair := self._pairing.add(1, result):
            self._callbacks.pair(pair)

    def _lose_second(self, worker: BackgroundWorker, error: str, defect: bool) -> None:
        with self._second_lock:
            if self._worker is not worker:
                return  # replaced by another
            self._worker = None
            before = self._proven_second
            self._second_choice = None if before == self._second_choice else before
            self._second_changed = self._second_choice is not None
        if defect:
            self.defect = error
            self._stopping.set()
        else:
            self._log("")
            self._callbacks.error(error)

"""Statistics of a session: latency by stage, jitter, and distances between two models."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np

from livefan.core.agreement import Disagreement, Jitter
from livefan.core.landmarks import LandmarkScheme
from livefan.live.blink_history import BlinkHistory
from livefan.live.comparison_results import ComparisonResults, Coverage
from livefan.live.paint_thread import Painted
from livefan.live.result import Pair, Result

KEPT_S = 30.0
_MAX_VALUES = 2000
_LATENCY_FRAMES = 60
STAGES = ("waited", "model", "drawn", "painted")
"""Stages of a frame: waiting for the model, in the model, being drawn, and until it is on the screen."""


@dataclass(frozen=True)
class Journey:
    """Durations of :data:`STAGES` of one frame, in seconds; ``at`` is the time when it was painted."""

    at: float
    stages: tuple[float, float, float, float]

    @property
    def total(self) -> float:
        """Seconds from capture to paint."""
        return sum(self.stages)


class Series:
    """Values of the 30 seconds until the newest one; for use from any thread."""

    def __init__(self) -> None:
        self._values: deque[tuple[float, float]] = deque(maxlen=_MAX_VALUES)

    def add(self, value: float) -> None:
        """Add a value, with the present time."""
        self._values.append((time.perf_counter(), value))

    def recent(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the values of the 30 seconds until the newest.

        Returns:
            Times in seconds of :func:`time.perf_counter`, ascending, and values; both ``(n,)``.
        """
        values = tuple(self._values)
        newest = values[-1][0] if values else 0.0
        kept = [(at, value) for at, value in values if newest - at <= KEPT_S]
        times, kept_values = np.array(kept).reshape(-1, 2).T
        return times, kept_values

    def median(self) -> float:
        """Return the median of the recent values; NaN without any."""
        values = self.recent()[1]
        return float(np.median(values)) if len(values) else float("nan")

    def clear(self) -> None:
        """Forget all values."""
        self._values.clear()


class ModelGauges:
    """Time of one model for a frame, in seconds, and its jitter, in percent; for use from any thread.

    Attributes:
        runtime: runtime and precision of the last result; empty before the first.
    """

    def __init__(self) -> None:
        self.seconds = Series()
        self.jitter = Series()
        self.runtime = ""
        self._finished_at = -1.0  # of the last result
        self._lock = threading.Lock()
        self._measured: Jitter | None = None
        self._scheme: LandmarkScheme | None = None
        self._last = (-1, -1)  # epoch and index of the last frame

    def add_time(self, result: Result) -> None:
        """Add the time and the runtime of a result; a paused frame that is passed on again counts once."""
        self.runtime = result.runtime
        if result.finished_at != self._finished_at:
            self._finished_at = result.finished_at
            self.seconds.add(result.seconds)

    def add_jitter(
        self, result: Result, scheme: LandmarkScheme | None = None, indices: np.ndarray | None = None
    ) -> None:
        """Add the landmarks of a result; only consecutive frames give jitter, and photographs give none.

        Args:
            result: the result.
            scheme: scheme of the landmarks whose jitter counts; None for all landmarks of the result.
            indices: ``(n,)`` their indices in the landmarks of the result.
        """
        scheme = scheme or result.scheme
        with self._lock:
            if result.photographs:
                return
            key = (result.epoch, result.frame.index)
            if key == self._last:
                return  # a paused frame, processed again
            consecutive = key == (self._last[0], self._last[1] + 1)
            if self._measured is None or scheme != self._scheme or not consecutive:
                self._measured, self._scheme = Jitter(scheme, indices), scheme
            self._last = key
            self._measured.add(result.faces)
            for value in self._measured.values:
                self.jitter.add(value)
            self._measured.values.clear()

    def clear_jitter(self) -> None:
        """Forget the jitter."""
        with self._lock:
            self.jitter.clear()
            self._measured = None
            self._last = (-1, -1)

    def clear(self) -> None:
        """Forget all values, as for another model."""
        self.seconds.clear()
        self.runtime = ""
        self.clear_jitter()


class Gauges:
    """All statistics of a session; for use from any thread.

    While two models are compared, jitter and distances come from frames that both models processed. Results
    of a comparison are kept until another source is opened: they return with the same models and smoothing.

    Attributes:
        models: time and jitter of the first and of the second model.
        apart: recent distances between the models, in percent of the inter-ocular distance.
        blinks: blinks of the faces of the first model, kept until another source is opened.
    """

    def __init__(self) -> None:
        self.models = (ModelGauges(), ModelGauges())
        self.apart = Series()
        self.blinks = BlinkHistory()
        self._lock = threading.Lock()
        self._newest: Pair | None = None
        self._results: dict[tuple[object, ...], ComparisonResults] = {}
        self._current = ComparisonResults()
        self._journeys: deque[Journey] = deque(maxlen=_MAX_VALUES)

    def see(self, side: int, result: Result) -> None:
        """Add a result of the first (0) or second (1) model."""
        self.models[side].add_time(result)
        if side == 0:
            self.blinks.add(result)
        with self._lock:
            comparing = self._newest is not None
            if side == 0 and comparing:
                self._current.add_first(result.frame.index)
        if side == 0 and not comparing:
            self.models[0].add_jitter(result)

    def see_pair(self, pair: Pair) -> Pair:
        """Add a pair of results; return the pair to show, see :meth:`ComparisonResults.add`."""
        with self._lock:
            started = self._newest is None
            self._current = self._results.setdefault(_key(pair), ComparisonResults())
            self._newest = shown = self._current.add(pair)
            if (mean := pair.apart) is not None:
                self.apart.add(mean.overall)
        common = pair.common
        for model, result, indices in zip(
            self.models, (pair.first, pair.second), (common.ours, common.theirs), strict=True
        ):
            if started:
                model.clear_jitter()
            model.add_jitter(result, common.scheme, indices)
        return shown

    def see_painted(self, painted: Painted, now: float) -> None:
        """Add a picture that appeared on the screen at a time of :func:`time.perf_counter`."""
        if not painted.is_new or not painted.picture.panes:
            return
        result = painted.picture.panes[0].result
        drawn = now - result.finished_at
        shown = max(0.0, drawn - painted.seconds)
        stages = (max(0.0, result.waited), result.seconds, painted.seconds, shown)
        self._journeys.append(Journey(now, stages))

    @property
    def journeys(self) -> list[Journey]:
        """Journeys of the frames painted in the 30 seconds until the newest, oldest first."""
        journeys = tuple(self._journeys)
        return [journey for journey in journeys if journeys[-1].at - journey.at <= KEPT_S]

    @property
    def latency(self) -> float:
        """Median seconds from capture to paint over the last frames; 0.0 before the first."""
        recent = [journey.total for journey in tuple(self._journeys)[-_LATENCY_FRAMES:]]
        return float(np.median(recent)) if recent else 0.0

    @property
    def newest(self) -> Pair | None:
        """The last pair; None while nothing is compared."""
        return self._newest

    @property
    def worst(self) -> list[Disagreement]:
        """The greatest disagreements of the models on this source, half a second apart, greatest first."""
        with self._lock:
            return self._current.worst

    def usually_apart(self, scheme: LandmarkScheme) -> tuple[float, dict[str, float]]:
        """Return the median distance of the latest faces, and that of each region; else NaN and empty."""
        with self._lock:
            return self._current.median(scheme)

    def distances(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the distance over the source: times in seconds, ascending, and percent; both ``(n,)``."""
        with self._lock:
            return self._current.distances()

    def coverage(self, n_frames: int | None) -> Coverage:
        """Return how many frames both models processed.

        Args:
            n_frames: number of frames of the source; None if unknown.
        """
        with self._lock:
            return self._current.coverage(n_frames)

    def forget_comparison(self) -> None:
        """End the comparison; its results return with the next pair of the same models and smoothing."""
        with self._lock:
            self._newest = None
            self._current = ComparisonResults()
            self.apart.clear()
        for model in self.models:
            model.clear_jitter()
        self.models[1].clear()

    def clear(self) -> None:
        """Forget all statistics, as for another source."""
        self.forget_comparison()
        with self._lock:
            self._results.clear()
        self.models[0].clear()
        self.blinks.clear()
        self._journeys.clear()


def _key(pair: Pair) -> tuple[object, ...]:
    """Return the settings of a comparison."""
    return tuple((each.spec, each.runtime, each.smoothing) for each in (pair.first, pair.second))

"""What is measured of a session: rates, latency by stage, jitter, and how far two models are apart."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np

from livefan.core.agreement import Disagreement, Jitter, regions
from livefan.core.landmarks import LandmarkScheme
from livefan.live.painter import Painted
from livefan.live.result import Pair, Result

KEPT_S = 30.0
_KEPT = 2000
_KEPT_FACES = 900
_WORST = 20
_WORST_APART_S = 0.5
STAGES = ("waited", "model", "drawn", "painted")
"""The way of a frame: until the model took it, in the model, while drawn, until it was on the screen."""


@dataclass(frozen=True)
class Journey:
    """How long each of :data:`STAGES` took for one frame, in seconds, when it was painted at ``at``."""

    at: float
    stages: tuple[float, float, float, float]

    @property
    def total(self) -> float:
        """Seconds from capture to paint."""
        return sum(self.stages)


class Series:
    """Values over the last half minute; may be added to and read from any threads."""

    def __init__(self) -> None:
        self._values: deque[tuple[float, float]] = deque(maxlen=_KEPT)

    def add(self, value: float) -> None:
        """Take in a value, now."""
        self._values.append((time.perf_counter(), value))

    def recent(self) -> tuple[np.ndarray, np.ndarray]:
        """Ages in seconds, below zero, and the values; both ``(n,)``."""
        now = time.perf_counter()
        kept = [(at - now, value) for at, value in tuple(self._values) if now - at <= KEPT_S]
        ages, values = np.array(kept).reshape(-1, 2).T
        return ages, values

    def median(self) -> float:
        """Median of the recent values; NaN without any."""
        values = self.recent()[1]
        return float(np.median(values)) if len(values) else float("nan")

    def clear(self) -> None:
        """Forget all."""
        self._values.clear()


class ModelGauges:
    """The time of one model for a frame, in seconds, and its jitter, in percent; for use from any thread."""

    def __init__(self) -> None:
        self.seconds = Series()
        self.jitter = Series()
        self._lock = threading.Lock()
        self._shaking: Jitter | None = None
        self._scheme: LandmarkScheme | None = None

    def add(self, result: Result) -> None:
        """Take in a result."""
        with self._lock:
            self.seconds.add(result.seconds)
            if result.photographs:
                return
            if self._shaking is None or result.scheme != self._scheme:
                self._shaking, self._scheme = Jitter(result.scheme), result.scheme
            self._shaking.add(result.faces)
            for value in self._shaking.values:
                self.jitter.add(value)
            self._shaking.values.clear()

    def clear(self) -> None:
        """Forget all, as for another model."""
        with self._lock:
            self.seconds.clear()
            self.jitter.clear()
            self._shaking = None


class Gauges:
    """All that is measured of a session."""

    def __init__(self) -> None:
        self.models = (ModelGauges(), ModelGauges())
        self.apart = Series()
        self._points: deque[np.ndarray] = deque(maxlen=_KEPT_FACES)
        self._lock = threading.Lock()
        self._newest: Pair | None = None
        self._worst: list[Disagreement] = []
        self._journeys: deque[Journey] = deque(maxlen=_KEPT)

    def see(self, side: int, result: Result) -> None:
        """Take in a result of the first (0) or second (1) model."""
        self.models[side].add(result)

    def see_pair(self, pair: Pair) -> None:
        """Take in what both made of one frame."""
        with self._lock:
            self._newest = pair
            if (mean := pair.apart) is not None:
                self.apart.add(mean.overall)
            for apart in pair.disagreements:
                self._points.append(apart.points)
                self._keep_worst(apart)

    def see_painted(self, painted: Painted, now: float) -> None:
        """Take in that a picture is on the screen at a time of :func:`time.perf_counter`."""
        if not painted.is_new or not painted.picture.panes:
            return
        result = painted.picture.panes[0].result
        drawn = now - result.finished_at
        shown = max(0.0, drawn - painted.seconds)
        stages = (max(0.0, result.waited), result.seconds, painted.seconds, shown)
        self._journeys.append(Journey(now, stages))

    @property
    def journeys(self) -> list[Journey]:
        """Of frames painted in the last half minute, oldest first."""
        now = time.perf_counter()
        return [journey for journey in tuple(self._journeys) if now - journey.at <= KEPT_S]

    @property
    def latency(self) -> float:
        """Median seconds from capture to paint over the last frames; 0.0 before the first."""
        recent = [journey.total for journey in tuple(self._journeys)[-60:]]
        return float(np.median(recent)) if recent else 0.0

    @property
    def newest(self) -> Pair | None:
        """The last pair."""
        return self._newest

    @property
    def worst(self) -> list[Disagreement]:
        """The greatest disagreements since the comparison began, half a second apart, greatest first."""
        with self._lock:
            return sorted(self._worst, key=lambda each: -each.overall)

    def usually_apart(self, scheme: LandmarkScheme) -> tuple[float, dict[str, float]]:
        """Median NME of the faces compared last, and that of each region; NaN and empty without any."""
        with self._lock:
            points = np.array(self._points)
        if not len(points) or points.shape[1] != scheme.n_points:
            return float("nan"), {}
        by_region = {
            name: float(np.median(points[:, indices].mean(axis=1)))
            for name, indices in regions(scheme).items()
        }
        return float(np.median(points.mean(axis=1))), by_region

    def forget_comparison(self) -> None:
        """Forget what was measured of the two models together, and of the second."""
        with self._lock:
            self._newest, self._worst = None, []
            self._points.clear()
            self.apart.clear()
        self.models[1].clear()

    def clear(self) -> None:
        """Forget all, as for another source."""
        self.forget_comparison()
        self.models[0].clear()
        self._journeys.clear()

    def _keep_worst(self, apart: Disagreement) -> None:
        near = [each for each in self._worst if abs(each.time_s - apart.time_s) < _WORST_APART_S]
        if any(each.overall >= apart.overall for each in near):
            return
        for each in near:
            self._worst.remove(each)
        self._worst.append(apart)
        if len(self._worst) > _WORST:
            self._worst.remove(min(self._worst, key=lambda each: each.overall))

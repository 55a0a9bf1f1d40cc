"""Results of a live comparison, kept by frame over the whole source."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any

import numpy as np

from livefan.core.agreement import Disagreement, pair_faces, regions
from livefan.core.landmarks import LandmarkScheme
from livefan.live import pairing
from livefan.live.result import Pair, Result

_MAX_FRAMES = 100_000
"""Largest number of frames whose distances are kept; the oldest are dropped."""
_N_LATEST = 900
"""Number of frames, the latest ones, whose median distance is returned."""
_N_WORST = 20
_SETTLED = 10
"""Consecutive frames after which the smoothing no longer depends on its start."""
_WORST_GAP_S = 0.5
"""Shortest time in seconds between two of the worst disagreements."""
_NEW_MEASURES = ("track_id", "expressions", "gaze", "pupils_px")
"""Attributes that a face with kept landmarks takes from the same face of a new result."""


@dataclass(frozen=True)
class Coverage:
    """Number of frames that both models processed, and of all frames."""

    n_compared: int
    n_frames: int

    def __str__(self) -> str:
        """Return the coverage for display, e.g. ``183 of 183 frames``."""
        return f"{self.n_compared} of {self.n_frames} frames"


class _FrameBytes:
    """A number up to 255 for each frame of a source; one byte each, since a camera may run for days.

    Attributes:
        n_frames: number of frames whose number was set.
    """

    def __init__(self) -> None:
        self.n_frames = 0
        self._values = bytearray()

    def __getitem__(self, index: int) -> int:
        return self._values[index] if index < len(self._values) else 0

    def __setitem__(self, index: int, value: int) -> None:
        self.n_frames += self[index] == 0
        self._values.extend(bytes(max(0, index + 1 - len(self._values))))
        self._values[index] = value


class ComparisonResults:
    """Distances between two models on the frames of one source.

    A frame that is processed again replaces its earlier result, unless it follows a seek, where the smoothing
    has just started anew. The landmarks of the worst disagreements are kept, for display after a seek. The
    caller guards against simultaneous use from several threads.
    """

    def __init__(self) -> None:
        self._distances: OrderedDict[int, tuple[float, float]] = OrderedDict()  # by frame: time, percent
        self._processed = _FrameBytes()  # 1 for a frame that the first model processed
        self._points: OrderedDict[int, list[np.ndarray]] = OrderedDict()  # by frame: one for each face
        self._worst: list[Disagreement] = []
        self._worst_pairs: dict[int, Pair] = {}  # by frame, without images
        self._last = (-1, -1)  # epoch and index of the last frame
        self._finished_at = -1.0  # of the first model's first result on that frame
        self._run = 0  # consecutive frames until the last, at most _SETTLED
        self._runs = _FrameBytes()  # consecutive frames until each compared frame

    def add_first(self, index: int) -> None:
        """Add a frame that the first model processed."""
        self._processed[index] = 1

    def add(self, pair: Pair) -> Pair:
        """Add a frame that both models processed; return the results to show.

        After a seek to one of the worst disagreements these have its landmarks; else they are those given. A
        paused frame that is processed again, for other settings, shows its new landmarks.
        """
        index = pair.frame.index
        self._processed[index] = 1
        self._count_run(pair.first, index)
        if self._run < self._runs[index]:
            kept = self._worst_pairs.get(index)
            again = pair.first.finished_at != self._finished_at
            return pair if kept is None or again else _recalled_pair(kept, pair)
        self._runs[index] = self._run
        self._worst = [each for each in self._worst if each.frame != index]
        self._points.pop(index, None)
        mean = pair.apart
        if mean is None:
            self._distances.pop(index, None)
            return pair
        self._distances[index] = (pair.frame.source_time, mean.overall)
        if len(self._distances) > _MAX_FRAMES:
            self._distances.popitem(last=False)
        self._points[index] = [each.points for each in pair.disagreements]
        if len(self._points) > _N_LATEST:
            self._points.popitem(last=False)
        for disagreement in pair.disagreements:
            self._keep_worst(disagreement)
        self._keep_worst_pairs(pair)
        return pair

    def coverage(self, n_frames: int | None) -> Coverage:
        """Return how many frames were compared.

        Args:
            n_frames: number of frames of the source; None if unknown: the frames of the first model count.
        """
        n_compared = self._runs.n_frames
        return Coverage(n_compared, max(n_frames or self._processed.n_frames, n_compared))

    def distances(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the distance over time.

        Returns:
            Times in the source in seconds, ascending, and distances in percent of the inter-ocular distance,
            mean over landmarks and faces; both ``(n,)``. Frames without a common face are left out.
        """
        values = chain.from_iterable(self._distances.values())  # faster than an array of tuples
        times_s, distances = np.fromiter(values, float, 2 * len(self._distances)).reshape(-1, 2).T
        order = np.argsort(times_s, kind="stable")
        return times_s[order], distances[order]

    @property
    def worst(self) -> list[Disagreement]:
        """The greatest disagreements, at least half a second apart, greatest first."""
        return sorted(self._worst, key=lambda each: -each.overall)

    def median(self, scheme: LandmarkScheme) -> tuple[float, dict[str, float]]:
        """Return the median distance on the latest frames, and that of each region; NaN and empty if none.

        Distances are in percent of the inter-ocular distance.
        """
        points = np.array(list(chain.from_iterable(self._points.values())))
        if not len(points) or points.shape[1] != scheme.n_points:
            return float("nan"), {}
        by_region = {
            name: float(np.median(points[:, indices].mean(axis=1)))
            for name, indices in regions(scheme).items()
        }
        return float(np.median(points.mean(axis=1))), by_region

    def _count_run(self, result: Result, index: int) -> None:
        epoch = result.epoch
        if (epoch, index) == self._last:
            return  # a paused frame, processed again
        self._run = min(self._run + 1, _SETTLED) if (epoch, index - 1) == self._last else 1
        self._last, self._finished_at = (epoch, index), result.finished_at

    def _keep_worst(self, disagreement: Disagreement) -> None:
        near = [each for each in self._worst if abs(each.time_s - disagreement.time_s) < _WORST_GAP_S]
        if not disagreement.overall or any(each.overall >= disagreement.overall for each in near):
            return
        for each in near:
            self._worst.remove(each)
        self._worst.append(disagreement)
        if len(self._worst) > _N_WORST:
            self._worst.remove(min(self._worst, key=lambda each: each.overall))

    def _keep_worst_pairs(self, pair: Pair) -> None:
        frames = {each.frame for each in self._worst}
        self._worst_pairs = {frame: kept for frame, kept in self._worst_pairs.items() if frame in frames}
        if pair.frame.index in frames:
            first, second = (pairing.without_images(each) for each in (pair.first, pair.second))
            self._worst_pairs[pair.frame.index] = replace(pair, first=first, second=second)


def _recalled_pair(kept: Pair, now: Pair) -> Pair:
    return pairing.pair(_recalled(kept.first, now.first), _recalled(kept.second, now.second))


def _recalled(kept: Result, now: Result) -> Result:
    """Return a new result of a frame with the landmarks of an earlier one."""
    new_faces = {id(old): new for new, old in pair_faces(now.faces, kept.faces)}
    free_ids = count(1 + max((face.track_id for face in now.faces), default=0))
    faces = []
    for old in kept.faces:
        if (new := new_faces.get(id(old))) is None:
            faces.append(replace(old, track_id=next(free_ids)))
        else:
            changes: dict[str, Any] = {name: getattr(new, name) for name in _NEW_MEASURES}
            faces.append(replace(old, **changes))
    return replace(now, faces=faces)

"""Tracking of a recording on several cores: networks run on the next frames ahead of time."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import numpy as np

from livefan.core.crop import Crop
from livefan.core.frame import Face, Frame
from livefan.runtimes.base import Runtime
from livefan.tracking.landmarker import Located, locate
from livefan.tracking.pipeline import Pipeline

_SHIFT, _SCALE, _TURN = 0.03, 0.05, math.radians(3)
"""Differences of crops, in sides, in the logarithm of the side and in radians, below which their landmarks
are equally good. On nine clips these landmarks differ by 0.35 % of the distance of the outer eye corners, and
on moving photographs with human landmarks their error is the same."""

_Crops = dict[int, Crop]
"""Expected crops of a frame, by track id."""


@dataclass(frozen=True)
class _Started:
    """A frame on which the network is running."""

    frame: Frame
    crops: _Crops
    located: Future[list[Located]]


class LookingAhead(Pipeline):
    """A pipeline that uses several cores for a single face.

    The place of a face is predicted some frames ahead, so networks run on the next frames before the present
    frame is finished: also while the detector runs, and while an uncertain face is located again. If a
    prediction turns out wrong, the face is located again. The result depends on the frames alone, not on the
    speed of the threads.

    Args:
        runtime: the network.
        ahead: copies of the network, one for each frame processed at a time.
        settings: arguments of :class:`livefan.tracking.pipeline.Pipeline`.
    """

    def __init__(self, runtime: Runtime, ahead: Sequence[Runtime], **settings: Any) -> None:
        self._at_a_time = len(ahead)
        self._idle: SimpleQueue[Runtime] = SimpleQueue()
        for each in ahead:
            self._idle.put(each)
        self._threads = ThreadPoolExecutor(len(ahead), "livefan-ahead")
        self._rest: Iterator[Frame] = iter(())
        self._started: deque[_Started] = deque()
        self._planned: deque[_Crops] = deque()
        self._located_ahead: dict[int, tuple[Crop, Located]] = {}
        super().__init__(runtime, **settings)

    def close(self) -> None:
        """End the threads, and release the detector."""
        self._threads.shutdown(cancel_futures=True)
        super().close()

    def process_all(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, list[Face]]]:
        """Yield all further frames, each with the faces that :meth:`process` returns."""
        self._rest = iter(frames)
        while True:
            self._start_further()
            if not self._started:
                return
            started = self._started.popleft()
            located = zip(started.crops.items(), started.located.result(), strict=True)
            self._located_ahead = {track_id: (crop, seen) for (track_id, crop), seen in located}
            yield started.frame, self.process(started.frame)

    def state(self) -> str:
        """See :meth:`livefan.tracking.pipeline.Pipeline.state`."""
        values = json.loads(super().state())
        crops = [started.crops for started in self._started]
        values["ahead"] = [{key: _plain(crop) for key, crop in each.items()} for each in crops]
        return json.dumps(values)

    def restore(self, state: str) -> None:
        """See :meth:`livefan.tracking.pipeline.Pipeline.restore`."""
        super().restore(state)
        self._planned = deque(
            {int(key): Crop((x, y), side, angle, size) for key, (x, y, side, angle, size) in crops.items()}
            for crops in json.loads(state)["ahead"]
        )

    def _start_further(self) -> None:
        """Start the next frames, as many as there are networks."""
        while len(self._started) < self._at_a_time and (frame := next(self._rest, None)) is not None:
            self._start(frame)

    def _start(self, frame: Frame) -> None:
        """Start to locate the tracked faces of a frame in their expected crops."""
        if self._planned:
            crops = self._planned.popleft()
        else:
            time, scheme = frame.source_time, self.scheme
            crops = {track.track_id: track.expected_crop(time, scheme) for track in self._tracks}
        located = self._threads.submit(self._locate, frame.image, list(crops.values()))
        self._started.append(_Started(frame, crops, located))

    def _locate(self, image: np.ndarray, crops: list[Crop]) -> list[Located]:
        runtime = self._idle.get()
        try:
            return locate(runtime, image, crops)
        finally:
            self._idle.put(runtime)

    def _locate_tracks(self, image: np.ndarray) -> list[Located]:
        crops = [track.expected_crop(self._time, self.scheme) for track in self._tracks]
        known = [self._known(track.track_id, crop) for track, crop in zip(self._tracks, crops, strict=True)]
        missing = [crop for crop, located in zip(crops, known, strict=True) if located is None]
        anew = iter(locate(self.runtime, image, missing))
        return [located or next(anew) for located in known]

    def _detect_faces(self, image: np.ndarray) -> None:
        if self._tracks:  # otherwise the places of the faces are known after the detection
            self._start_further()
        super()._detect_faces(image)

    def _known(self, track_id: int, crop: Crop) -> Located | None:
        """Return the landmarks that were located ahead of time, if their crop was right; else None."""
        crop_ahead, located = self._located_ahead.get(track_id, (None, None))
        return located if crop_ahead is not None and _alike(crop_ahead, crop) else None


def _plain(crop: Crop) -> tuple[float, ...]:
    """Return a crop as JSON values, exactly."""
    return (*crop.centre_px, crop.side_px, crop.angle, crop.size)


def _alike(one: Crop, other: Crop) -> bool:
    """Return whether two crops give equally good landmarks."""
    turn = math.remainder(one.angle - other.angle, math.tau)
    return (
        math.dist(one.centre_px, other.centre_px) < _SHIFT * other.side_px
        and abs(math.log(one.side_px / other.side_px)) < _SCALE
        and abs(turn) < _TURN
    )

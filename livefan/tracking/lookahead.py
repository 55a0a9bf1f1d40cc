"""Looks at the next frame of a recording beside this one, although faces are followed from frame to frame."""

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

_SHIFT, _SCALE, _TURN = 0.02, 0.03, math.radians(2)
"""Crops that differ by less, in sides, in the logarithm of the side and in radians, show a face equally well:
on nine clips the landmarks found in them differ by 0.3 % of the distance between the outer eye corners."""

_Places = dict[int, Crop]
"""Where tracks, by their ids, are expected on a frame."""


@dataclass(frozen=True)
class _Begun:
    """A frame that is being looked at."""

    frame: Frame
    places: _Places
    located: Future[list[Located]]


class LookingAhead(Pipeline):
    """A pipeline that keeps several cores at work on a single face.

    Where a face is on a frame follows from where it was some frames before, and how it moved. So networks are
    at work on the next frames before this one is done with. Where this one shows that a face went elsewhere,
    it is looked for again on the next. What is found depends on the frames alone, not on what is ready first.

    Args:
        runtime: the network.
        ahead: the same network, as often as there are frames to be looked at at a time.
        settings: of :class:`livefan.tracking.pipeline.Pipeline`.
    """

    def __init__(self, runtime: Runtime, ahead: Sequence[Runtime], **settings: Any) -> None:
        self._at_a_time = len(ahead)
        self._idle: SimpleQueue[Runtime] = SimpleQueue()
        for each in ahead:
            self._idle.put(each)
        self._threads = ThreadPoolExecutor(len(ahead), "livefan-ahead")
        self._begun: deque[_Begun] = deque()
        self._planned: deque[_Places] = deque()
        self._foreseen: dict[int, tuple[Crop, Located]] = {}
        super().__init__(runtime, **settings)

    def close(self) -> None:
        """End the threads, and release the detector."""
        self._threads.shutdown(cancel_futures=True)
        super().close()

    def process_all(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, list[Face]]]:
        """All frames from here on, each with its faces as :meth:`process` gives them."""
        rest = iter(frames)
        while True:
            while len(self._begun) < self._at_a_time and (frame := next(rest, None)) is not None:
                self._begin(frame)
            if not self._begun:
                return
            begun = self._begun.popleft()
            located = zip(begun.places.items(), begun.located.result(), strict=True)
            self._foreseen = {track_id: (crop, seen) for (track_id, crop), seen in located}
            yield begun.frame, self.process(begun.frame)

    def state(self) -> str:
        """See :meth:`livefan.tracking.pipeline.Pipeline.state`."""
        values = json.loads(super().state())
        places = [begun.places for begun in self._begun]
        values["ahead"] = [{key: _plain(crop) for key, crop in each.items()} for each in places]
        return json.dumps(values)

    def restore(self, state: str) -> None:
        """See :meth:`livefan.tracking.pipeline.Pipeline.restore`."""
        super().restore(state)
        self._planned = deque(
            {int(key): Crop((x, y), side, angle, size) for key, (x, y, side, angle, size) in places.items()}
            for places in json.loads(state)["ahead"]
        )

    def _begin(self, frame: Frame) -> None:
        """Look at a frame where the faces that are followed are expected on it."""
        if self._planned:
            places = self._planned.popleft()
        else:
            time, scheme = frame.source_time, self.scheme
            places = {track.track_id: track.expected_crop(time, scheme) for track in self._tracks}
        located = self._threads.submit(self._locate, frame.image, list(places.values()))
        self._begun.append(_Begun(frame, places, located))

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

    def _known(self, track_id: int, crop: Crop) -> Located | None:
        """What was found of a face ahead of time, if that was in the right place."""
        place, located = self._foreseen.get(track_id, (None, None))
        return located if place is not None and _alike(place, crop) else None


def _plain(crop: Crop) -> tuple[float, ...]:
    """A crop as JSON can hold it, exact."""
    return (*crop.centre_px, crop.side_px, crop.angle, crop.size)


def _alike(one: Crop, other: Crop) -> bool:
    turn = math.remainder(one.angle - other.angle, math.tau)
    return (
        math.dist(one.centre_px, other.centre_px) < _SHIFT * other.side_px
        and abs(math.log(one.side_px / other.side_px)) < _SCALE
        and abs(turn) < _TURN
    )

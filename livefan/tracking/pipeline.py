"""A frame's way from image to faces: follow, detect, crop, infer, decode, smooth."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from livefan.core.boxes import bounding_box, iou
from livefan.core.crop import Crop, upright_crop
from livefan.core.frame import Face, Frame, as_bgr
from livefan.core.landmarks import LandmarkScheme
from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.detection.detection_to_crop import load_framing
from livefan.detection.detector import Detection, FaceDetector
from livefan.detection.rotated import detect_turned
from livefan.runtimes.base import Runtime, RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.tracking.kalman import DEFAULT_STRENGTH, KalmanSmoother
from livefan.tracking.landmarker import Located, locate
from livefan.tracking.noise_model import SmootherSettings
from livefan.tracking.track import MIN_FACE_SCORE, SURE_FACE_SCORE, Track, look

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from livefan.networks.checkpoint import Weights

_SAME_FACE_IOU = 0.4
_REMEMBERED_SECONDS = 2.0

_MAX_ASSOCIATION_COST = 1.2
"""From this strangeness on a face found is not one that was lost."""

_BESIDE = 0.05
"""A face further beside where it was expected than this share of its size is looked at again; beyond it
landmarks at the edge of the crop suffer."""

_CRAMPED, _WIDER = 0.02, 1.1
"""Where landmarks come nearer to their crop's edge than this share of its side, as brows that are raised at
once do, part of the face may lie beyond: it is looked at again in a crop wider by this factor."""

_TURN_EVERY = 0.2
"""Seconds between looks at the image turned by a quarter, while no face is found on it upright."""


class Pipeline:
    """Finds faces and follows them from frame to frame.

    A face is followed by its own landmarks: those of one frame frame the crop of the next. The
    detector runs while no face is followed, after one was lost, and once in a while for new ones.
    Use one pipeline a source and from one thread.

    With ``background``, looks for further faces while some are followed run in a thread of their own, and
    what they find is taken up when it is there, some frames later. Without, the same frames always give the
    same faces.

    Args:
        weights: the name or path of a weight file; or a network, as torch or another runtime runs it.
        smoothing: strength of the Kalman filtering of the landmarks, from 0, none, to 1; may be changed
            at any time.
        max_faces: follow at most this many.
        detect_every: seconds between looks for further faces while some are followed.
        smoother: the noise model of the filter.
        background: look for further faces in a thread of its own.
        runtime: what runs a weight file; by default the fastest that agrees with torch.
        say: told in words when choosing that takes seconds, the first time.

    Raises:
        LivefanError: if the weights cannot be loaded.
    """

    def __init__(
        self,
        weights: Weights | Runtime | str | Path = DEFAULT_WEIGHTS,
        *,
        smoothing: float = DEFAULT_STRENGTH,
        max_faces: int = 5,
        detect_every: float = 1.0,
        smoother: SmootherSettings | None = None,
        background: bool = False,
        runtime: RuntimeChoice | None = None,
        log: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.runtime = weights if isinstance(weights, Runtime) else open_runtime(weights, runtime, log=log)
        self.smoothing = smoothing
        self.max_faces = max_faces
        self.detect_every = detect_every
        self._smoother = smoother
        self._framing = load_framing()
        self._detector = FaceDetector()
        self._background = _thread() if background else None
        self._next_id = 1
        self.reset()

    @property
    def scheme(self) -> LandmarkScheme:
        """The landmark scheme of the faces that :meth:`process` returns."""
        return self.runtime.scheme

    @property
    def ran_by(self) -> str:
        """What runs the network, e.g. ``openvino int8``."""
        return f"{self.runtime.name} {self.runtime.precision}"

    def reset(self) -> None:
        """Forget all faces, as for a new source; ids go on."""
        self._tracks: list[Track] = []
        self._lost: list[Track] = []
        self._time = float("-inf")
        self._detected_at = float("-inf")
        self._turned_at = float("-inf")
        self._quarters = 0
        self._rejected = False
        self._look: Future[list[Detection]] | None = None

    def state(self) -> str:
        """All that decides what is found next, exact, as JSON; but not the filters, which begin anew."""
        return json.dumps(
            {
                "time": self._time,
                "detected_at": self._detected_at,
                "turned_at": self._turned_at,
                "quarters": self._quarters,
                "refused": self._rejected,
                "next_id": self._next_id,
                "tracks": [track.plain() for track in self._tracks],
                "lost": [track.plain() for track in self._lost],
            }
        )

    def restore(self, state: str) -> None:
        """Go on as the pipeline did whose :meth:`state` this is, if weights and settings are the same."""
        values = json.loads(state)
        self._time, self._detected_at = values["time"], values["detected_at"]
        self._next_id = values["next_id"]
        self._turned_at, self._quarters = values["turned_at"], values["quarters"]
        self._rejected = values.get("refused", False)
        self._tracks = [Track.restored(track, KalmanSmoother(self._smoother)) for track in values["tracks"]]
        self._lost = [Track.restored(track, KalmanSmoother(self._smoother)) for track in values["lost"]]

    def close(self) -> None:
        """Release the detector."""
        if self._background is not None:
            self._background.shutdown()
        self._detector.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def process(self, frame: Frame) -> list[Face]:
        """The faces of the next frame of a source, in the order of their ids.

        Raises:
            LivefanError: if the frame's image is empty or of an unusable type.
        """
        image = as_bgr(frame.image, f"frame {frame.index}")
        if frame.source_time < self._time:
            self.reset()
        self._time = frame.source_time
        self._follow(image)
        if self._look is not None or self._search_due():
            self._search(image)
        return [self._face(track) for track in sorted(self._tracks, key=lambda track: track.track_id)]

    def process_image(self, image: np.ndarray) -> list[Face]:
        """The faces of a single ``(height, width, 3)`` uint8 BGR image, unsmoothed."""
        self.reset()
        faces = self.process(Frame(image, 0, 0.0, 0.0))
        for again in range(1, 3):
            # The image is looked at turned by one quarter at a time.
            faces = faces or self.process(Frame(image, again, 0.0, again * _TURN_EVERY))
        self.reset()
        return faces

    def _follow(self, image: np.ndarray) -> None:
        """Move every track to this frame; those that no longer hold a face of their own are lost."""
        located = self._looked_again(image, self._locate_tracks(image))
        lost = self._lost_to_others(image, located)
        followed: list[Track] = []
        for track, seen in zip(self._tracks, located, strict=True):
            if track not in lost:
                track.see(seen, self._time)
            if track in lost or track.gone:
                track.smoother.reset()
                self._lost.append(track)
            else:
                followed.append(track)
                track.look_at(image, self.scheme)
        self._tracks = followed
        self._lost = [track for track in self._lost if self._time - track.seen_at < _REMEMBERED_SECONDS]

    def _locate_tracks(self, image: np.ndarray) -> list[Located]:
        """What every track shows where it is expected on this frame."""
        crops = [track.expected_crop(self._time, self.scheme) for track in self._tracks]
        return locate(self.runtime, image, crops)

    def _looked_again(self, image: np.ndarray, located: list[Located]) -> list[Located]:
        """What was located, better where a face turned up at the edge of its crop or hardly fits into it."""
        crops: dict[int, Crop] = {}
        for number, (track, seen) in enumerate(zip(self._tracks, located, strict=True)):
            moved = track.beside_px(seen, self._time) > _BESIDE * track.size_px
            if seen.face_score >= MIN_FACE_SCORE and (moved or seen.margin < _CRAMPED):
                crop = upright_crop(seen.points_px, self.scheme)
                crops[number] = crop if moved else replace(crop, side_px=crop.side_px * _WIDER)
        closer = dict(zip(crops, locate(self.runtime, image, list(crops.values())), strict=True))
        return [closer.get(number, seen) for number, seen in enumerate(located)]

    def _lost_to_others(self, image: np.ndarray, located: list[Located]) -> list[Track]:
        """Tracks that were led to the face of another: of two on one face, the one that it fits less."""
        if len(located) < 2:
            return []
        boxes = [bounding_box(seen.points_px) for seen in located]
        lost: list[Track] = []
        for one, other in combinations(range(len(boxes)), 2):
            if iou(boxes[one], boxes[other]) > _SAME_FACE_IOU:
                pair = [(self._tracks[index], located[index]) for index in (one, other)]
                lost.append(max(pair, key=lambda each: self._association_cost(image, *each))[0])
        return lost

    def _association_cost(self, image: np.ndarray, track: Track, located: Located) -> float:
        return track.association_cost(located, self._time, look(image, located.points_px, self.scheme))

    def _search_due(self) -> bool:
        if len(self._tracks) >= self.max_faces:
            return False
        waited = self._time - self._detected_at
        return not self._tracks or bool(self._lost) or waited >= self.detect_every

    def _search(self, image: np.ndarray) -> None:
        """Look for faces, in the background where that is wanted and some face is followed meanwhile."""
        # What was no face the last time must not stand for one that only the other model sees.
        enough = None if self._rejected else self.max_faces
        if self._background is None:
            self._detected_at = self._time
            self._start_found(image, self._detector.detect(image, enough))
            return
        if self._look is None:
            self._detected_at = self._time
            self._look = self._background.submit(self._detector.detect, image, enough)
        if self._look.done() or not self._tracks:
            found, self._look = self._look.result(), None
            self._start_found(image, found)

    def _start_found(self, image: np.ndarray, found: list[Detection]) -> None:
        """Follow what was found on the image, or look at it turned where that is nothing."""
        self._rejected = self._start_tracks(image, found)
        self._search_turned(image)

    def _search_turned(self, image: np.ndarray) -> None:
        """Look at the image turned by a further quarter, while no face is found upright.

        Where the detector takes a face that lies or stands on its head for an upright one, the network sees
        none there.
        """
        if not self._tracks and self._time - self._turned_at >= _TURN_EVERY:
            self._turned_at = self._time
            self._quarters = self._quarters % 3 + 1
            self._start_tracks(image, detect_turned(self._detector, image, self._quarters))

    def _start_tracks(self, image: np.ndarray, detections: list[Detection]) -> bool:
        """Look at what is new, the surest first, and follow it from here on, as long as there is room.

        Returns:
            Whether any of it was no face, or one that is followed already.
        """
        rejected, rest = False, detections
        while (free := self.max_faces - len(self._tracks)) > 0:
            rest = [found for found in rest if self._is_new(found)]
            if not rest:
                break
            crops, rest = [self._framing.crop(found) for found in rest[:free]], rest[free:]
            for crop, as_found in zip(crops, self._look_twice(image, crops), strict=True):
                began = self._start_track(image, self._righted(image, crop, as_found))
                rejected = rejected or not began
        return rejected

    def _start_track(self, image: np.ndarray, located: Located) -> bool:
        """Follow a face from here on, if it is one that is not followed yet."""
        box = bounding_box(located.points_px)
        taken = any(iou(box, track.box_px) > _SAME_FACE_IOU for track in self._tracks)
        if located.face_score < MIN_FACE_SCORE or taken:
            return False
        track = self._recall(image, located) or self._new_track(located)
        track.see(located, self._time)
        track.look_at(image, self.scheme)
        self._tracks.append(track)
        return True

    def _look_twice(self, image: np.ndarray, crops: list[Crop]) -> list[Located]:
        """Landmarks from detector crops, then from the crops that those landmarks give."""
        first = locate(self.runtime, image, crops)
        closer = [upright_crop(located.points_px, self.scheme) for located in first]
        return locate(self.runtime, image, closer)

    def _righted(self, image: np.ndarray, crop: Crop, located: Located) -> Located:
        """What is seen best of a new face, turned by quarters too where it is there but not surely.

        The detector finds a face that lies on its side or stands on its head, too, but takes it for an
        upright one, and the network may then half believe in what it sees.
        """
        if not MIN_FACE_SCORE <= located.face_score < SURE_FACE_SCORE:
            return located
        turned = [replace(crop, angle=crop.angle + quarters * math.pi / 2) for quarters in (1, 2, 3)]
        return max([located, *self._look_twice(image, turned)], key=lambda each: each.face_score)

    def _is_new(self, found: Detection) -> bool:
        """Whether a detection is of a face that is not followed yet."""
        centre = (found.box_px[:2] + found.box_px[2:]) / 2
        return not any(
            (track.box_px[:2] < centre).all() and (centre < track.box_px[2:]).all() for track in self._tracks
        )

    def _recall(self, image: np.ndarray, located: Located) -> Track | None:
        """The face lost a moment ago that this one is, if any."""
        likeness = [(self._association_cost(image, track, located), track) for track in self._lost]
        association_cost, nearest = min(likeness, key=lambda each: each[0], default=(math.inf, None))
        if nearest is None or association_cost > _MAX_ASSOCIATION_COST:
            return None
        self._lost.remove(nearest)
        return nearest

    def _new_track(self, located: Located) -> Track:
        track = Track(self._next_id, located, KalmanSmoother(self._smoother), self._time)
        self._next_id += 1
        return track

    def _face(self, track: Track) -> Face:
        """What is shown of a track: its landmarks, filtered where smoothing is on."""
        located = track.located
        if self.smoothing > 0:
            track.smoother.strength = self.smoothing
            points_px = track.smoother.update(located.points_px, located.sigma_px, self._time)
        else:
            track.smoother.reset()
            points_px = located.points_px
        return Face(
            track.track_id,
            bounding_box(points_px),
            points_px,
            located.confidence,
            located.sigma_px,
            located.points_px,
        )


def _thread() -> Executor:
    # Imported here: who follows faces in one thread does without.
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(1, "livefan-detect")

"""The way of a frame from image to faces: track, detect, crop, infer, smooth."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from livefan.core.arguments import checked_integer, checked_number, checked_type
from livefan.core.boxes import bounding_box
from livefan.core.crop import Crop, upright_crop
from livefan.core.errors import LivefanError
from livefan.core.face_measures import Gaze
from livefan.core.frame import Face, Frame, as_bgr
from livefan.core.landmarks import LandmarkScheme
from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.detection.detection_to_crop import load_detection_to_crop
from livefan.detection.detector import Detection
from livefan.measures.gaze import gaze
from livefan.measures.head_pose import head_pose
from livefan.networks.checkpoint_info import HEADS, Head
from livefan.runtimes.base import Runtime, RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.tracking.association import (
    TrackAssigner,
    changed_appearance,
    duplicates,
    is_tracked,
    nearest_detection,
    overlaps_track,
)
from livefan.tracking.coefficient_smoother import as_coefficients, from_coefficients
from livefan.tracking.cut_detector import OTHER_SCENE, PERHAPS_OTHER_SCENE, CutDetector
from livefan.tracking.detection_schedule import N_SEARCHES, SEARCH_EVERY, DetectionSchedule
from livefan.tracking.kalman import DEFAULT_STRENGTH, KalmanSmoother
from livefan.tracking.landmarker import (
    GOOD_FACE_SCORE,
    MIN_FACE_SCORE,
    Located,
    locate,
    locate_detected,
    locate_varied,
)
from livefan.tracking.noise_model import SmootherSettings
from livefan.tracking.track import Track

if TYPE_CHECKING:
    from livefan.networks.checkpoint import Weights

_LOST_SECONDS = 2.0
"""Time in seconds for which a lost track keeps its id."""

_MAX_AGE = 0.3
"""Time in seconds without a frame after which a face may be anywhere, and is detected anew."""

_MAX_OFFSET = 0.05
"""Offset of a face from the middle of its crop, in face sizes, above which it is located again in a centred
crop. Landmarks at the edge of a crop are less accurate."""

_MIN_MARGIN, _WIDER = 0.02, 1.1
"""Distance of a landmark from the edge of its crop, as a share of the side, below which the face may extend
beyond the crop, as with raised brows. The face is then located again in a crop wider by the given factor."""

_WARM_UP_SIZE = (240, 320, 3)


class Pipeline:
    """Finds faces and tracks them from frame to frame.

    The landmarks of a face on one frame determine its crop on the next. The detector runs while no face is
    tracked, after a face was lost, and at an interval to find further faces. Use one pipeline for each
    source, from one thread.

    With ``background``, the detector runs in a thread while a face is tracked, and further faces appear some
    frames later. Without ``background``, the same frames always give the same faces.

    Args:
        weights: name or path of a checkpoint, or a network that a runtime has loaded.
        smoothing: strength of the Kalman filter of the landmarks, from 0 (none) to 1.
        max_faces: largest number of tracked faces, at least 1.
        detect_every: seconds between two detections while some faces are tracked, at least 0.
        smoother: noise model of the filter.
        background: run the detector in a thread.
        runtime: runtime of a checkpoint. The default is the fastest one that agrees with torch.
        heads: heads of the network that run beside the landmarks. ``"expressions"`` gives expressions, pupils
            and gaze. ``"reliability"`` gives occlusion, presence, and sigma of weights whose sigma rests on
            it. What another head would give is None. The default is all; ``()`` is the fastest.
        log: receives a message if the choice of the runtime takes seconds, as on first use.

    Raises:
        LivefanError: if the weights cannot be loaded, or an argument has a wrong type or is out of range.

    Examples:
        >>> import livefan
        >>> with livefan.Pipeline(max_faces=1) as pipeline, livefan.open_source("clip.mp4") as source:
        ...     for frame in source:
        ...         faces = pipeline.process(frame)
        >>> faces[0].points_px.shape
        (68, 2)
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
        heads: Collection[Head] | None = None,
        log: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.smoothing = smoothing
        self.max_faces = checked_integer("max_faces", max_faces, 1)
        self.detect_every = checked_number("detect_every", detect_every, 0.0)
        _check_types(weights, smoother, background, runtime)
        wanted = checked_heads(heads)
        if isinstance(weights, Runtime):
            self.runtime = weights
            if heads is not None:
                weights.want_heads(wanted)
        else:
            self.runtime = open_runtime(weights, runtime, heads=wanted, log=log)
        self._smoother = smoother
        self._detection_to_crop = load_detection_to_crop()
        self._schedule = DetectionSchedule(background=background)
        self._cuts = CutDetector()
        self.reset()

    @property
    def smoothing(self) -> float:
        """Strength of the Kalman filter of the landmarks, from 0 (none) to 1; may be changed at any time."""
        return self._smoothing

    @smoothing.setter
    def smoothing(self, strength: float) -> None:
        self._smoothing = checked_number("smoothing", strength, 0.0, 1.0)

    @property
    def scheme(self) -> LandmarkScheme:
        """The landmark scheme of the faces that :meth:`process` returns."""
        return self.runtime.scheme

    @property
    def ran_by(self) -> str:
        """Runtime and precision of the network, e.g. ``openvino int8``."""
        return self.runtime.label

    @property
    def heads(self) -> frozenset[Head]:
        """The heads that run beside the landmarks."""
        return self.runtime.heads

    def want_heads(self, heads: Collection[Head]) -> None:
        """Choose the heads that run; OpenVINO loads them in a thread, and they run from a later frame on."""
        self.runtime.want_heads(heads)

    @property
    def cut(self) -> bool:
        """Whether a cut lies right before the last frame: it shows another scene than the frame before."""
        return self._cut

    @property
    def unsure(self) -> list[Face]:
        """Faces of the last frame that are tracked but may be in a wrong place, unsmoothed, by id.

        :meth:`process` does not return them. Their face score was high before and is low now.
        """
        tracks = [track for track in self._tracks if track.confirmed and not track.is_sure]
        return [
            _face(track, track.located.points_px, track.box_px, self.runtime)
            for track in sorted(tracks, key=lambda track: track.track_id)
        ]

    def reset(self) -> None:
        """Forget all faces, as for a new source; ids start at 1 again."""
        self._assigner = TrackAssigner(self._smoother)
        self._tracks: list[Track] = []
        self._lost: list[Track] = []
        self._time = float("-inf")
        self._size_px: tuple[int, int] | None = None
        self._schedule.reset()
        self._cuts.reset()
        self._cut = self._compare_appearance = False

    def state(self) -> str:
        """Return the exact state of the tracking as JSON, without the filters."""
        return json.dumps(
            {
                "time": self._time,
                "size_px": self._size_px,
                "next_id": self._assigner.next_id,
                "schedule": self._schedule.as_json(),
                "cuts": self._cuts.as_json(),
                "tracks": [track.as_json() for track in self._tracks],
                "lost": [track.as_json() for track in self._lost],
            }
        )

    def restore(self, state: str) -> None:
        """Continue from the result of :meth:`state` of a pipeline with the same weights and settings."""
        values = json.loads(state)
        self._time, self._assigner.next_id = values["time"], values["next_id"]
        self._size_px = values["size_px"] and tuple(values["size_px"])
        self._schedule.restore(values["schedule"])
        self._cuts.restore(values["cuts"])
        self._tracks, self._lost = (
            [Track.from_json(track, KalmanSmoother(self._smoother)) for track in values[name]]
            for name in ("tracks", "lost")
        )

    def warm_up(self) -> None:
        """Run detector and network once, so that the time of the first frames is that of any other."""
        self.process_image(np.zeros(_WARM_UP_SIZE, np.uint8))
        crop = self.runtime.buffer(1)
        crop[:] = 0
        self.runtime.run(crop)
        self.runtime.expect_several()

    def close(self) -> None:
        """Release the detector and its thread."""
        self._schedule.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def process(self, frame: Frame) -> list[Face]:
        """Return the faces of the next frame of a source, in the order of their ids.

        Raises:
            LivefanError: if the image of the frame is empty or of an unusable type.
        """
        if not isinstance(frame, Frame):
            raise LivefanError(
                f"process: a {type(frame).__name__} is not a Frame; pass livefan.Frame(image), or call "
                "process_image(image) for a single image"
            )
        image = as_bgr(frame.image, f"frame {frame.index}")
        if frame.source_time < self._time:
            self.reset()
        if frame.source_time - self._time > _MAX_AGE:
            self._lose(self._tracks)
        self._time = frame.source_time
        self._follow_size((image.shape[1], image.shape[0]))
        self._limit_tracks()
        self._track_faces(image)
        self._detect_faces(image)
        for track in self._tracks:
            track.update_appearance(image, self.scheme)
        shown = [track for track in self._tracks if track.is_sure]
        height, width = image.shape[:2]
        return [self._face(track, width, height) for track in sorted(shown, key=lambda track: track.track_id)]

    def process_image(self, image: np.ndarray) -> list[Face]:
        """Return the faces of a single image, unsmoothed.

        Args:
            image: ``(height, width, 3)`` uint8 BGR, or another kind that :func:`livefan.core.frame.as_bgr`
                accepts.

        Raises:
            LivefanError: if the image is empty or of an unusable type.

        Examples:
            >>> import cv2, livefan
            >>> with livefan.Pipeline() as pipeline:
            ...     faces = pipeline.process_image(cv2.imread("photo.jpg"))
            >>> len(faces)
            1
        """
        image = as_bgr(image)
        self.reset()
        faces = self.process(Frame(image, 0, 0.0, 0.0))
        for attempt in range(1, N_SEARCHES):
            # Each attempt makes the next search.
            faces = faces or self.process(Frame(image, attempt, 0.0, attempt * SEARCH_EVERY))
        self.reset()
        return faces

    def _follow_size(self, size_px: tuple[int, int]) -> None:
        """Scale all tracks if width and height of the frame changed, and detect their faces anew."""
        if self._size_px is not None and size_px != self._size_px:
            for track in [*self._tracks, *self._lost]:
                track.scale(np.array(size_px) / self._size_px)
            self._lose(self._tracks)
        self._size_px = size_px

    def _limit_tracks(self) -> None:
        """End the least certain tracks if ``max_faces`` was lowered below their number."""
        ranked = sorted(self._tracks, key=lambda track: (track.confirmed, track.located.face_score))
        self._lose(ranked[: max(0, len(ranked) - self.max_faces)])

    def _track_faces(self, image: np.ndarray) -> None:
        """Locate every tracked face on this frame; end tracks without a face of their own."""
        similarity = self._cuts.update(image)
        self._cut = similarity < OTHER_SCENE
        self._compare_appearance = similarity < PERHAPS_OTHER_SCENE
        located = self._locate_again(image, self._locate_tracks(image))
        lost = duplicates(self._tracks, located, image, self._time, self.scheme)
        for track, found in zip(self._tracks, located, strict=True):
            if track not in lost:
                track.update(found, self._time)
                track.after_cut = self._cut and found.face_score < GOOD_FACE_SCORE
                if track.is_lost or track.after_cut:
                    lost.append(track)
        self._lose(lost)
        for track in list(self._tracks):
            self._split_at_cut(track, image)
        self._lost = [track for track in self._lost if self._time - track.seen_at < _LOST_SECONDS]

    def _split_at_cut(self, track: Track, image: np.ndarray) -> None:
        """End a track that shows another person after what may be a cut, and start one for this person.

        If the whole scene is another one, the detector finds this person.
        """
        if not self._compare_appearance or track.located.face_score < GOOD_FACE_SCORE:
            return
        if changed_appearance(track, image, self.scheme):
            other_scene = self._cut
            self._cut = track.after_cut = True
            self._lose([track])
            if not other_scene:
                crop = upright_crop(track.located.points_px, self.scheme)
                self._start_track(image, *locate(self.runtime, image, [crop]))

    def _lose(self, tracks: list[Track]) -> None:
        """End tracks; a similar face continues them if it is found soon."""
        for track in tracks:
            track.smoother.reset()
            track.coefficients.reset()
        self._lost += tracks
        self._tracks = [track for track in self._tracks if track not in tracks]

    def _locate_tracks(self, image: np.ndarray) -> list[Located]:
        """Return the landmarks in the expected crop of every track."""
        crops = [track.expected_crop(self._time, self.scheme) for track in self._tracks]
        return locate(self.runtime, image, crops)

    def _locate_again(self, image: np.ndarray, located: list[Located]) -> list[Located]:
        """Locate the faces again that are off-centre in their crop or hardly fit into it."""
        crops: dict[int, Crop] = {}
        for number, found in enumerate(located):
            moved = found.off_centre > _MAX_OFFSET
            if found.face_score >= MIN_FACE_SCORE and (moved or found.margin < _MIN_MARGIN):
                crop = upright_crop(found.points_px, self.scheme)
                crops[number] = crop if moved else replace(crop, side_px=crop.side_px * _WIDER)
        if not crops:
            return located
        again = dict(zip(crops, locate(self.runtime, image, list(crops.values())), strict=True))
        return [again.get(number, found) for number, found in enumerate(located)]

    def _detect_faces(self, image: np.ndarray) -> None:
        """Run the detector if it is due, check uncertain tracks, and start tracks of new faces."""
        uncertain = [track for track in self._tracks if track.check_is_due(self._time)]
        n_tracks, n_lost, max_faces = len(self._tracks), len(self._lost), self.max_faces
        if not uncertain and not self._schedule.is_due(
            self._time, self.detect_every, n_tracks=n_tracks, n_lost=n_lost, max_faces=max_faces
        ):
            return
        may_wait = n_tracks > 0 and not uncertain
        detections = self._schedule.detect(image, self._time, may_wait=may_wait, max_faces=max_faces)
        if detections is None:
            return
        for track in uncertain:
            self._check(track, image, detections)
        self._schedule.rejected = self._start_tracks(image, detections)
        if not self._tracks:
            self._start_tracks(image, self._schedule.search(image, self._time))

    def _check(self, track: Track, image: np.ndarray, detections: list[Detection]) -> None:
        """Locate an uncertain face again, around a detection near it or around its landmarks."""
        others = [each for each in self._tracks if each is not track]
        free = [detection for detection in detections if not is_tracked(detection, others)]
        detection = nearest_detection(track, free)
        if detection is None:
            crop = upright_crop(track.located.points_px, self.scheme)
        else:
            crop = self._detection_to_crop.crop(detection)
        found = locate_varied(self.runtime, image, crop)
        if not overlaps_track(found, others):
            track.check(found, self._time)
            self._split_at_cut(track, image)

    def _start_tracks(self, image: np.ndarray, detections: list[Detection]) -> bool:
        """Start a track for each detection of a new face, most confident first, up to the maximum.

        Returns:
            Whether a detection showed no face, or a tracked face.
        """
        rejected, rest = False, detections
        while (free := self.max_faces - len(self._tracks)) > 0:
            rest = [detection for detection in rest if not is_tracked(detection, self._tracks)]
            if not rest:
                break
            crops, rest = [self._detection_to_crop.crop(each) for each in rest[:free]], rest[free:]
            for located in locate_detected(self.runtime, image, crops):
                started = self._start_track(image, located)
                rejected = rejected or not started
        return rejected

    def _start_track(self, image: np.ndarray, located: Located) -> bool:
        """Start a track, or continue a lost one; return False for no face and for a tracked face."""
        if located.face_score < MIN_FACE_SCORE or overlaps_track(located, self._tracks):
            return False
        track = self._assigner.assign(located, self._lost, image, self._time, self.scheme)
        self._lost = [each for each in self._lost if each is not track]
        track.confirmed = track.after_cut = False
        track.update(located, self._time)
        self._tracks.append(track)
        return True

    def _face(self, track: Track, width: int, height: int) -> Face:
        """Return the face of a track on an image of a size, its measures smoothed if smoothing is on."""
        located = track.located
        if self.smoothing > 0:
            track.smoother.strength = self.smoothing
            points_px = track.smoother.update(located.points_px, located.width_px, self._time)
            box_px = bounding_box(points_px)
        else:
            track.smoother.reset()
            points_px, box_px = located.points_px, track.box_px
        if located.expressions is None or located.pupils_px is None:
            return _face(track, points_px, box_px, self.runtime)
        expressions, pupils_px = self._smooth_coefficients(
            track, located.expressions, located.pupils_px, points_px
        )
        find_gaze = partial(_gaze, pupils_px, points_px, self.scheme, width, height)
        return replace(
            _face(track, points_px, box_px, self.runtime),
            expressions=expressions,
            pupils_px=pupils_px,
            gaze=find_gaze,
        )

    def _smooth_coefficients(
        self, track: Track, expressions: np.ndarray, pupils_px: np.ndarray, points_px: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return expressions and pupils of a track, smoothed if smoothing is on."""
        if self.smoothing <= 0:
            track.coefficients.reset()
            return expressions, pupils_px
        track.coefficients.strength = self.smoothing
        measured = as_coefficients(expressions, pupils_px, track.located.points_px, self.scheme)
        smoothed = track.coefficients.update(measured, self._time)
        return from_coefficients(smoothed, points_px, self.scheme)


def _gaze(
    pupils_px: np.ndarray, points_px: np.ndarray, scheme: LandmarkScheme, width: int, height: int
) -> Gaze | None:
    """Return the direction of the eyes on an image of a size."""
    pose = head_pose(points_px, scheme, width, height)
    return gaze(pupils_px, points_px, pose, scheme, width, height)


def _face(track: Track, points_px: np.ndarray, box_px: np.ndarray, runtime: Runtime) -> Face:
    """Return the face of a track, with other landmarks than measured on the last frame."""
    located = track.located
    return Face(
        track.track_id,
        box_px,
        points_px,
        runtime.calibrated_confidence(located.heatmap_confidence),
        located.sigma_px,
        located.points_px,
        width_px=located.width_px,
        expressions=located.expressions,
        pupils_px=located.pupils_px,
        occluded=located.occluded,
        presence=located.presence,
        face_score=located.face_score,
    )


def checked_heads(heads: Collection[Head] | None) -> Collection[Head]:
    """Return the heads, all for None.

    Raises:
        LivefanError: if one is unknown.
    """
    if heads is None:
        return HEADS
    if isinstance(heads, str) or not set(heads) <= set(HEADS):
        raise LivefanError(f"heads={heads!r}: pass some of {HEADS}")
    return heads


def _check_types(
    weights: Weights | Runtime | str | Path,
    smoother: SmootherSettings | None,
    background: bool,
    runtime: RuntimeChoice | None,
) -> None:
    """Raise a LivefanError for an argument of :class:`Pipeline` of a wrong type."""
    if not hasattr(weights, "model"):  # Weights are not imported here: they need torch
        checked_type("weights", weights, str, Path, Runtime)
    checked_type("smoother", smoother, SmootherSettings, type(None))
    checked_type("background", background, bool)
    checked_type("runtime", runtime, RuntimeChoice, type(None))

"""Association: which track, and so which id, a detected or measured face gets."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from livefan.core.boxes import iou
from livefan.core.landmarks import LandmarkScheme
from livefan.detection.detector import Detection
from livefan.tracking.kalman import KalmanSmoother
from livefan.tracking.landmarker import SURE_FACE_SCORE, Located
from livefan.tracking.noise_model import SmootherSettings
from livefan.tracking.track import Track, appearance

_SAME_FACE_IOU = 0.4
"""Bounding boxes that overlap by more belong to one face."""

_MAX_ASSOCIATION_COST = 1.2
"""A face with a higher cost does not continue a lost track."""

_SAME_APPEARANCE = 0.15
"""Difference of appearance below which two faces are one person. The appearance of a person a moment later
differs by less, that of another person by more."""

_SAME_APPEARANCE_DISTANCE = 0.5
"""Largest cost of the distance, in face sizes, of a face with the appearance of the track."""

_NEAR = 1.0
"""Distance in face sizes up to which a detection may belong to an uncertain track."""


def is_tracked(detection: Detection, tracks: list[Track]) -> bool:
    """Return whether the centre of a detection lies in the bounding box of a track that is not uncertain."""
    centre = _centre_px(detection)
    return any(
        (track.box_px[:2] < centre).all() and (centre < track.box_px[2:]).all()
        for track in tracks
        if track.located.face_score >= SURE_FACE_SCORE
    )


def nearest_detection(track: Track, detections: list[Detection]) -> Detection | None:
    """Return the detection that an uncertain track may belong to, or None."""
    distances = [
        (float(np.linalg.norm(_centre_px(each) - track.centre_px)) / track.size_px, each)
        for each in detections
    ]
    distance, nearest = min(distances, key=lambda each: each[0], default=(math.inf, None))
    return nearest if distance < _NEAR else None


def _centre_px(detection: Detection) -> np.ndarray:
    return (detection.box_px[:2] + detection.box_px[2:]) / 2


def changed_appearance(track: Track, image: np.ndarray, scheme: LandmarkScheme) -> bool:
    """Return whether a track now shows a face of another appearance than before."""
    if track.appearance is None:
        return False
    seen = appearance(image, track.located.points_px, scheme)
    return 1.0 - float((track.appearance * seen).sum()) >= _SAME_APPEARANCE


def overlaps_track(located: Located, tracks: list[Track]) -> bool:
    """Return whether landmarks lie on the face of a track."""
    box = located.box_px
    return any(iou(box, track.box_px) > _SAME_FACE_IOU for track in tracks)


def duplicates(
    tracks: list[Track], located: list[Located], image: np.ndarray, time: float, scheme: LandmarkScheme
) -> list[Track]:
    """Return the tracks that moved onto the face of another track.

    Of two tracks on one face, the track with the higher association cost is the duplicate.

    Args:
        located: the new landmarks of each track.
        image: the frame that they were measured on.
        time: capture time of the frame in seconds.
        scheme: scheme of the landmarks.
    """
    boxes = [each.box_px for each in located]
    found: list[Track] = []
    for one, other in combinations(range(len(boxes)), 2):
        if iou(boxes[one], boxes[other]) > _SAME_FACE_IOU:
            costs = [
                association_cost(tracks[index], located[index], time, image, scheme) for index in (one, other)
            ]
            found.append(tracks[one] if costs[0] >= costs[1] else tracks[other])
    return found


class TrackAssigner:
    """Gives each new face its track, and with it its id.

    Args:
        settings: noise model of the smoothers of new tracks.

    Attributes:
        next_id: id of the next new track. Ids begin at 1.
    """

    def __init__(self, settings: SmootherSettings | None = None) -> None:
        self._settings = settings
        self.next_id = 1

    def assign(
        self, located: Located, lost: list[Track], image: np.ndarray, time: float, scheme: LandmarkScheme
    ) -> Track:
        """Return the lost track that a new face continues, or a new track with the next id."""
        costs = [(association_cost(track, located, time, image, scheme), track) for track in lost]
        cost, best = min(costs, key=lambda each: each[0], default=(math.inf, None))
        if best is not None and cost <= _MAX_ASSOCIATION_COST:
            return best
        track = Track(self.next_id, located, KalmanSmoother(self._settings), time)
        self.next_id += 1
        return track


def association_cost(
    track: Track, located: Located, time: float, image: np.ndarray, scheme: LandmarkScheme
) -> float:
    """Return the cost of assigning landmarks to a track: 0 for the same face, above 1 for another face.

    The cost is the sum of three parts:

    - the distance from the expected place, in face sizes; limited for a face of the same appearance,
    - the absolute logarithm of the ratio of the sizes,
    - one minus the correlation of the appearances.
    """
    box = located.box_px
    size = float((box[2:] - box[:2]).max())
    distance, difference = track.distance_px(located, time) / track.size_px, 0.0
    if track.appearance is not None:
        seen = appearance(image, located.points_px, scheme)
        difference = 1.0 - float((track.appearance * seen).sum())
        if difference < _SAME_APPEARANCE:
            distance = min(distance, _SAME_APPEARANCE_DISTANCE)
        elif track.after_cut:
            return math.inf
    return distance + abs(math.log(size / track.size_px)) + difference

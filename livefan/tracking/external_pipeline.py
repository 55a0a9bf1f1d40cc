"""An external model as a landmark model: ids and smoothing for the faces that it finds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from livefan.core.arguments import checked_integer, checked_number
from livefan.core.boxes import bounding_box, iou
from livefan.core.frame import Face, Frame, as_bgr
from livefan.core.landmarks import LandmarkScheme
from livefan.external_models.finder import FaceFinder, FoundFace
from livefan.networks.checkpoint_info import Head
from livefan.tracking.kalman import DEFAULT_STRENGTH, KalmanSmoother

_SAME_FACE_IOU = 0.3
_FORGET_S = 0.5
"""Time in seconds after which a face that is not found again loses its id."""
_WARM_UP_SIZE = (240, 320, 3)


@dataclass(eq=False)
class _Known:
    """A face that was found before: its id, filter, last box and last time."""

    track_id: int
    smoother: KalmanSmoother
    box_px: np.ndarray
    seen_at: float


class ExternalPipeline:
    """Gives the faces of an external model their ids, and filters their landmarks like those of livefan.

    A face has the id of the face whose box it overlaps most on the frames before.

    Args:
        finder: the external model; this object owns it.
        smoothing: strength of the Kalman filter of the landmarks, from 0 (none) to 1.
        max_faces: largest number of faces, at least 1.
    """

    def __init__(
        self, finder: FaceFinder, *, smoothing: float = DEFAULT_STRENGTH, max_faces: int = 5
    ) -> None:
        self._finder = finder
        self.smoothing = checked_number("smoothing", smoothing, 0.0, 1.0)
        self.max_faces = checked_integer("max_faces", max_faces, 1)
        self._known: list[_Known] = []
        self._time = float("-inf")
        self._next_id = 1

    @property
    def scheme(self) -> LandmarkScheme:
        """The landmark scheme of the faces."""
        return self._finder.scheme

    @property
    def ran_by(self) -> str:
        """Runtime and precision, or program and version."""
        return self._finder.name

    @property
    def heads(self) -> frozenset[Head]:
        """None: an external model gives landmarks only."""
        return frozenset()

    def want_heads(self, heads: Collection[Head]) -> None:
        """Do nothing: an external model has no heads."""

    def process(self, frame: Frame) -> list[Face]:
        """Return the faces of the next frame of a source, in the order of their ids.

        Raises:
            LivefanError: if the image of the frame is empty or of an unusable type.
        """
        image, time = as_bgr(frame.image, f"frame {frame.index}"), frame.source_time
        if time < self._time:
            self.reset()
        self._time = time
        self._known = [each for each in self._known if time - each.seen_at <= _FORGET_S]
        found = self._finder.find(image, time, self.max_faces)
        faces = [self._face(known, face, time) for known, face in self._identified(found, time)]
        return sorted(faces, key=lambda face: face.track_id)

    def process_image(self, image: np.ndarray) -> list[Face]:
        """Return the faces of a single image, unsmoothed.

        Raises:
            LivefanError: if the image is empty or of an unusable type.
        """
        found = self._finder.find_alone(as_bgr(image), self.max_faces)
        return [_as_face(number, face, face.points_px) for number, face in enumerate(found, start=1)]

    def warm_up(self) -> None:
        """Run the model once, for recordings; the time of the first frame is then that of any other."""
        self._finder.find(np.zeros(_WARM_UP_SIZE, np.uint8), 0.0, self.max_faces)
        self.reset()

    def reset(self) -> None:
        """Forget all faces; ids start at 1 again."""
        self._finder.reset()
        self._known, self._time, self._next_id = [], float("-inf"), 1

    def close(self) -> None:
        """Release the model."""
        self._finder.close()

    def _identified(self, found: list[FoundFace], time: float) -> list[tuple[_Known, FoundFace]]:
        """Return each face with what is known of it: the pairs with the largest overlap, then new faces."""
        boxes = [bounding_box(face.points_px) for face in found]
        overlaps = sorted(
            (
                (iou(box, known.box_px), i, j)
                for i, box in enumerate(boxes)
                for j, known in enumerate(self._known)
            ),
            reverse=True,
        )
        owners: dict[int, _Known] = {}
        for overlap, i, j in overlaps:
            if overlap >= _SAME_FACE_IOU and i not in owners and self._known[j] not in owners.values():
                owners[i] = self._known[j]
        for i, box in enumerate(boxes):
            if i not in owners:
                owners[i] = _Known(self._next_id, KalmanSmoother(), box, time)
                self._known.append(owners[i])
                self._next_id += 1
            owners[i].box_px, owners[i].seen_at = box, time
        return [(owners[i], face) for i, face in enumerate(found)]

    def _face(self, known: _Known, found: FoundFace, time: float) -> Face:
        """Return a found face with its id, its landmarks filtered if smoothing is on."""
        if self.smoothing <= 0:
            known.smoother.reset()
            return _as_face(known.track_id, found, found.points_px)
        smoother = known.smoother
        smoother.strength = self.smoothing
        # Without a heatmap, every landmark has the noise of a usual one.
        size = float((known.box_px[2:] - known.box_px[:2]).max())
        sigma_px = np.full(len(found.points_px), size * smoother.settings.usual_sigma)
        return _as_face(known.track_id, found, smoother.update(found.points_px, sigma_px, time))


def _as_face(track_id: int, found: FoundFace, points_px: np.ndarray) -> Face:
    unknown = np.full(len(points_px), np.nan)
    confidence = unknown if found.confidence is None else found.confidence
    return Face(track_id, bounding_box(points_px), points_px, confidence, None, found.points_px)

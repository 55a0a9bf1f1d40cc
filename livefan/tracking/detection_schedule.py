"""Detection schedule: on which frames the face detector runs, and in which thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from livefan.detection.detector import Detection, FaceDetector
from livefan.detection.rotated import detect_rotated

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

SEARCH_EVERY = 0.2
"""Seconds between two searches for faint or rotated faces while no face is tracked."""

N_SEARCHES = 4
"""Searches after which the next one repeats the first."""


class DetectionSchedule:
    """Runs the face detector on some frames of a source.

    The detector runs while no face is tracked, while a lost face may return, and otherwise at an interval.
    While no face is found, the image is also searched for faint faces, and rotated by a further quarter each
    time.

    Args:
        background: run the detector in a thread while a face is tracked; detections then arrive some frames
            later.

    Attributes:
        rejected: whether a detection of the last call showed no new face; set by the caller.
    """

    def __init__(self, *, background: bool = False) -> None:
        self._detector = FaceDetector()
        self._thread = _new_thread() if background else None
        self.reset()

    def reset(self) -> None:
        """Forget the source."""
        self._detected_at = self._searched_at = float("-inf")
        self._quarters = 3
        self.rejected = False
        self._pending: Future[list[Detection]] | None = None

    def close(self) -> None:
        """End the thread and release the detector."""
        if self._thread is not None:
            self._thread.shutdown()
        self._detector.close()

    def as_json(self) -> dict[str, Any]:
        """Return all values that decide when the detector runs next, as JSON values."""
        return {
            "detected_at": self._detected_at,
            "searched_at": self._searched_at,
            "quarters": self._quarters,
            "rejected": self.rejected,
        }

    def restore(self, values: dict[str, Any]) -> None:
        """Restore the values of :meth:`as_json`."""
        self._detected_at, self._searched_at = values["detected_at"], values["searched_at"]
        self._quarters, self.rejected = values["quarters"], values["rejected"]

    def is_due(self, time: float, interval: float, *, n_tracks: int, n_lost: int, max_faces: int) -> bool:
        """Return whether :meth:`detect` should be called for a frame.

        Args:
            time: capture time of the frame in seconds.
            interval: longest time without a detection, in seconds, while some faces are tracked.
            n_tracks, n_lost: number of tracked faces, and of faces that were lost recently.
            max_faces: largest number of tracked faces.
        """
        if self._pending is not None:
            return True
        if n_tracks >= max_faces:
            return False
        return not n_tracks or n_lost > 0 or time - self._detected_at >= interval

    def detect(
        self, image: np.ndarray, time: float, *, may_wait: bool, max_faces: int
    ) -> list[Detection] | None:
        """Return the detected faces, most confident first; None while a thread is still detecting.

        Args:
            may_wait: whether the detections of a thread may arrive on a later frame.
        """
        # A false detection of one model must not hide a face that only the other model finds.
        enough = None if self.rejected else max_faces
        if self._thread is None:
            self._detected_at = time
            return self._detector.detect(image, enough)
        if self._pending is None or not may_wait:
            self._detected_at = time
            self._pending = self._thread.submit(self._detector.detect, image, enough)
        if may_wait and not self._pending.done():
            return None
        detections, self._pending = self._pending.result(), None
        return detections

    def search(self, image: np.ndarray, time: float) -> list[Detection]:
        """Return the faint faces of the image, or on the next three calls those of the rotated image.

        If the last search was just now, return none. Where the detector takes a rotated face for an upright
        one, the network finds no face.
        """
        if time - self._searched_at < SEARCH_EVERY:
            return []
        self._searched_at = time
        self._quarters = (self._quarters + 1) % N_SEARCHES
        if self._quarters == 0:
            return self._detector.detect(image, faint=True)
        return detect_rotated(self._detector, image, self._quarters)


def _new_thread() -> Executor:
    # Imported here: a pipeline without a thread starts faster.
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(1, "livefan-detect")

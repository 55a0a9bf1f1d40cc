"""MediaPipe's FaceLandmarker as an external model."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import cv2
import numpy as np

from livefan.core.landmarks import IBUG_68
from livefan.core.quiet import quiet_mediapipe
from livefan.core.resources import bundled_asset
from livefan.external_models.finder import FoundFace
from livefan.external_models.mesh_map import load_mesh_map

MODEL_FILE = "face_landmarker.task"
"""MediaPipe's bundled model, in ``assets``."""


class MeshFinder:
    """MediaPipe's FaceLandmarker with the 478 points of its face mesh.

    It runs in MediaPipe's mode for videos: it tracks faces, and smooths a face if it tracks only one.

    Raises:
        LivefanError: if MediaPipe cannot be loaded, or the model file is missing.
    """

    def __init__(self) -> None:
        path = bundled_asset(MODEL_FILE)
        with quiet_mediapipe():
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision
        self.name = f"mediapipe {version('mediapipe')}"
        self._mediapipe: Any = mediapipe
        self._vision: Any = vision
        self._options = BaseOptions(model_asset_path=str(path))
        self._video: Any = None
        self._video_faces = 0
        self._photograph: Any = None
        self._photograph_faces = 0
        self._last_ms = 0

    def landmarks(self, image: np.ndarray, time: float, max_faces: int) -> list[list[Any]]:
        """Return MediaPipe's own landmarks of each face of the next frame: 478 objects with ``x`` and ``y``.

        Args:
            image: ``(height, width, 3)`` uint8 BGR.
            time: time of the frame in seconds; MediaPipe's clock rises by at least a millisecond.
            max_faces: largest number of faces; another one than before starts the tracking anew.

        Returns:
            For each face its landmarks, as shares of the width and height of the image.
        """
        if self._video is None or self._video_faces != max_faces:
            self._open_video(max_faces)
        self._last_ms = max(round(1000 * time), self._last_ms + 1)
        return self._video.detect_for_video(self._picture(image), self._last_ms).face_landmarks

    def find(self, image: np.ndarray, time: float, max_faces: int) -> list[np.ndarray]:
        """Return the ``(478, 2)`` landmarks of each face of the next frame, in image pixels."""
        return [_in_pixels(face, image) for face in self.landmarks(image, time, max_faces)]

    def find_alone(self, image: np.ndarray, max_faces: int) -> list[np.ndarray]:
        """Return the ``(478, 2)`` landmarks of each face of a photograph, in image pixels."""
        if self._photograph is None or self._photograph_faces != max_faces:
            if self._photograph is not None:
                self._photograph.close()
            self._photograph, self._photograph_faces = self._open("IMAGE", max_faces), max_faces
        found = self._photograph.detect(self._picture(image))
        return [_in_pixels(face, image) for face in found.face_landmarks]

    def reset(self) -> None:
        """Forget all faces. MediaPipe has no such call: its graph is opened again."""
        if self._video is not None:
            self._open_video(self._video_faces)

    def close(self) -> None:
        """Release the model."""
        for landmarker in (self._video, self._photograph):
            if landmarker is not None:
                landmarker.close()
        self._video = self._photograph = None

    def _open_video(self, max_faces: int) -> None:
        if self._video is not None:
            self._video.close()
        self._video, self._video_faces, self._last_ms = self._open("VIDEO", max_faces), max_faces, 0

    def _open(self, mode: str, max_faces: int) -> Any:
        """Return a landmarker that has run once; its first run writes to standard error."""
        options = self._vision.FaceLandmarkerOptions(
            self._options, running_mode=self._vision.RunningMode[mode], num_faces=max_faces
        )
        blank = self._picture(np.zeros((64, 64, 3), np.uint8))
        with quiet_mediapipe():
            landmarker = self._vision.FaceLandmarker.create_from_options(options)
            if mode == "VIDEO":
                landmarker.detect_for_video(blank, 0)
            else:
                landmarker.detect(blank)
        return landmarker

    def _picture(self, image: np.ndarray) -> Any:
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        return self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=rgb)


def _in_pixels(face: list, image: np.ndarray) -> np.ndarray:
    """Return ``(478, 2)`` image pixels of MediaPipe's normalised landmarks."""
    height, width = image.shape[:2]
    return np.array([(point.x * width, point.y * height) for point in face]) - 0.5


class MediaPipeFinder:
    """MediaPipe's FaceLandmarker with 300W's 68 landmarks, by the fixed map of :mod:`.mesh_map`."""

    scheme = IBUG_68

    def __init__(self) -> None:
        self._map = load_mesh_map()
        self._mesh = MeshFinder()
        self.name = self._mesh.name

    def find(self, image: np.ndarray, time: float, max_faces: int) -> list[FoundFace]:
        """See :meth:`livefan.external_models.finder.FaceFinder.find`."""
        return [FoundFace(self._map.apply(mesh)) for mesh in self._mesh.find(image, time, max_faces)]

    def find_alone(self, image: np.ndarray, max_faces: int) -> list[FoundFace]:
        """See :meth:`livefan.external_models.finder.FaceFinder.find_alone`."""
        return [FoundFace(self._map.apply(mesh)) for mesh in self._mesh.find_alone(image, max_faces)]

    def reset(self) -> None:
        """Forget all faces."""
        self._mesh.reset()

    def close(self) -> None:
        """Release the model."""
        self._mesh.close()

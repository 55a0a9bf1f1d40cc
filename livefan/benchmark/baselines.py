"""Other programs that find face landmarks on a CPU, to run on the same frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.quiet import quiet_mediapipe
from livefan.core.resources import bundled_folder

MEDIAPIPE, DLIB = "MediaPipe FaceLandmarker", "dlib 68"
_MODEL_FILE = "face_landmarker.task"
_FRAME_MS = 40
"""Step of the clock that MediaPipe's tracking sees; it must rise from frame to frame."""


@contextmanager
def mediapipe_face_landmarker(*, photographs: bool = False) -> Iterator[Callable[..., list]]:
    """Yield a function that tracks one face through ``(height, width, 3)`` uint8 BGR frames with MediaPipe.

    The function returns a list with the 478 normalised landmarks of each face. It converts the frame to RGB,
    as every user of MediaPipe has to. Its second argument, the time of the frame in seconds, must rise; by
    default the frame rate is 25 frames a second.

    Args:
        photographs: process each image independently instead of tracking.
    """
    with quiet_mediapipe():
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision

        mode = vision.RunningMode.IMAGE if photographs else vision.RunningMode.VIDEO
        options = vision.FaceLandmarkerOptions(
            BaseOptions(str(bundled_folder("assets") / _MODEL_FILE)), running_mode=mode, num_faces=1
        )
        landmarker = vision.FaceLandmarker.create_from_options(options)
    clock_ms = 0

    def track(image: np.ndarray, time: float | None = None) -> list:
        nonlocal clock_ms
        clock_ms = clock_ms + _FRAME_MS if time is None else max(round(1000 * time), clock_ms + 1)
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)
        found = landmarker.detect(picture) if photographs else landmarker.detect_for_video(picture, clock_ms)
        return found.face_landmarks

    with landmarker:
        with quiet_mediapipe():
            track(np.zeros((64, 64, 3), np.uint8))
        yield track


def installed_dlib_model() -> Path | None:
    """Return the path of dlib's 68-point model, or None where dlib or the model is not installed."""
    package = find_spec("face_recognition_models")
    if find_spec("dlib") is None or package is None or package.origin is None:
        return None
    path = Path(package.origin).parent / "models" / "shape_predictor_68_face_landmarks.dat"
    return path if path.is_file() else None


def dlib_landmarks(model: Path) -> Callable[[np.ndarray], list]:
    """Return a function that runs dlib's face detector and 68-point shape predictor on a BGR frame.

    Raises:
        LivefanError: if dlib is not installed or the model cannot be read.
    """
    if find_spec("dlib") is None:
        raise LivefanError("dlib is not installed; run: pip install dlib-bin, or leave --dlib out")
    import dlib

    if not model.is_file():
        raise LivefanError(f"{model}: no such file; name dlib's shape_predictor_68_face_landmarks.dat")
    detector = dlib.get_frontal_face_detector()
    try:
        predictor = dlib.shape_predictor(str(model))
    except RuntimeError as error:
        raise LivefanError(f"{model}: not a model of dlib's shape predictor ({error})") from error

    def find(image: np.ndarray) -> list:
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        return [predictor(rgb, box) for box in detector(rgb)]

    return find

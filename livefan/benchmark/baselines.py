"""What else finds face landmarks on a CPU, run on the same frames."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.quiet import quiet_mediapipe

MEDIAPIPE, DLIB = "MediaPipe face mesh", "dlib 68"


def mediapipe_face_mesh() -> Callable[[np.ndarray], object]:
    """MediaPipe's face mesh as it follows one face through a video, without its refined eyes."""
    with quiet_mediapipe():
        from mediapipe.python.solutions.face_mesh import FaceMesh

        mesh = FaceMesh(static_image_mode=False, max_num_faces=1, refine_landmarks=False)
        mesh.process(np.zeros((64, 64, 3), np.uint8))
    return lambda image: mesh.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def installed_dlib_model() -> Path | None:
    """dlib's 68 point model where dlib and a package that has it are installed."""
    package = find_spec("face_recognition_models")
    if find_spec("dlib") is None or package is None or package.origin is None:
        return None
    path = Path(package.origin).parent / "models" / "shape_predictor_68_face_landmarks.dat"
    return path if path.is_file() else None


def dlib_landmarks(model: Path) -> Callable[[np.ndarray], object]:
    """dlib's face detector and 68 point shape predictor.

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

    def find(image: np.ndarray) -> object:
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        return [predictor(rgb, box) for box in detector(rgb)]

    return find

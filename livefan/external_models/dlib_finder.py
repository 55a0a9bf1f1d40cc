"""dlib's face detector and 68-point shape predictor as an external model."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68
from livefan.external_models.finder import FoundFace


def installed_model() -> Path | None:
    """Return the path of dlib's 68-point model, or None where dlib or the model is not installed."""
    package = find_spec("face_recognition_models")
    if find_spec("dlib") is None or package is None or package.origin is None:
        return None
    path = Path(package.origin).parent / "models" / "shape_predictor_68_face_landmarks.dat"
    return path if path.is_file() else None


class DlibFinder:
    """dlib's frontal face detector and shape predictor; every frame is processed by itself.

    Args:
        model: dlib's ``shape_predictor_68_face_landmarks.dat``; None for the installed one.

    Raises:
        LivefanError: if dlib is not installed or the model cannot be read.
    """

    scheme = IBUG_68

    def __init__(self, model: Path | None = None) -> None:
        if find_spec("dlib") is None:
            raise LivefanError("dlib is not installed; run: pip install dlib-bin face_recognition_models")
        model = model or installed_model()
        if model is None:
            raise LivefanError("dlib's 68-point model is missing; run: pip install face_recognition_models")
        if not model.is_file():
            raise LivefanError(f"{model}: no such file; name dlib's shape_predictor_68_face_landmarks.dat")
        import dlib

        self.name = f"dlib {dlib.__version__}"
        self._detector: Any = dlib.get_frontal_face_detector()
        try:
            self._predictor: Any = dlib.shape_predictor(str(model))
        except RuntimeError as error:
            raise LivefanError(f"{model}: not a model of dlib's shape predictor ({error})") from error

    def find(self, image: np.ndarray, time: float, max_faces: int) -> list[FoundFace]:
        """See :meth:`livefan.external_models.finder.FaceFinder.find`."""
        return self.find_alone(image, max_faces)

    def find_alone(self, image: np.ndarray, max_faces: int) -> list[FoundFace]:
        """See :meth:`livefan.external_models.finder.FaceFinder.find_alone`."""
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        shapes = [self._predictor(rgb, box) for box in list(self._detector(rgb))[:max_faces]]
        return [
            FoundFace(np.array([(point.x, point.y) for point in shape.parts()], float)) for shape in shapes
        ]

    def reset(self) -> None:
        """Do nothing: no face is remembered."""

    def close(self) -> None:
        """Do nothing: nothing is held."""

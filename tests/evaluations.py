"""Labelled faces with predictions of known error, and a folder of labelled images."""

import math
from pathlib import Path

import cv2
import numpy as np

from livefan.datasets import LabelledFace
from livefan.evaluation.evaluate import EvaluatedFace
from livefan.io.pts_file import write_pts


def face_with_eyes_apart(name: str, subset: str, attributes: tuple[str, ...]) -> LabelledFace:
    points = np.zeros((68, 2))
    points[45] = (40.0, 30.0)  # the outer corners are 50 apart
    points[42:48, 0] += 10.0
    return LabelledFace(Path(name), points, subset, attributes)


def evaluated_face(face: LabelledFace, error_px: float | None) -> EvaluatedFace:
    """Return a face whose points are all predicted ``error_px`` to the right; None for a missed face."""
    if error_px is None:
        return EvaluatedFace(face, None, math.inf)
    eyes = float(np.linalg.norm(face.points_px[45] - face.points_px[36]))
    return EvaluatedFace(face, face.points_px + np.array([error_px, 0]), 100 * error_px / eyes)


def write_labelled_folder(folder: Path, image: np.ndarray, points_px: np.ndarray) -> Path:
    """Write ``good.png`` labelled to a pixel, ``bad.png`` labelled badly, and a damaged ``broken.png``."""
    folder.mkdir()
    for name, error_px in (("good", 1.0), ("bad", 12.0), ("broken", 0.0)):
        noise = np.random.default_rng(0).normal(0, error_px, points_px.shape)
        write_pts(folder / f"{name}.pts", points_px + noise)
        cv2.imwrite(str(folder / f"{name}.png"), image)
    (folder / "broken.png").write_bytes(b"not an image")
    return folder

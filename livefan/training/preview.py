"""Draw a sheet of augmented training faces with their landmarks."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from livefan.core.crop import crop_from_landmarks
from livefan.core.errors import LivefanError
from livefan.core.landmarks import LandmarkScheme
from livefan.datasets import FaceSet, LabelledFace, read_images
from livefan.training.augmentation.augment import TrainingFaces
from livefan.training.config import TrainConfig

SHEET_NAME = "augmented.png"
"""Name of the sheet in the folder of a run."""
_COLOURS = ((80, 80, 255), (255, 160, 60), (80, 220, 80), (40, 220, 255), (255, 120, 255))
"""BGR colours of the outlines in turn. Left and right differ, so that a wrong mirror order shows."""


def draw_preview(faces: FaceSet, config: TrainConfig, path: Path, *, rows: int = 6, samples: int = 5) -> None:
    """Write a PNG with one face a row: its plain crop, then augmented crops of its first epochs.

    Args:
        faces: faces to choose from; the seed of the settings decides.
        config: settings of the augmentation.
        path: the PNG file to write.
        rows: number of faces.
        samples: augmented crops of each face.

    Raises:
        LivefanError: if no image can be read.
    """
    order = np.random.default_rng(config.seed).permutation(len(faces.faces))
    readable = read_images((faces.faces[index] for index in order), [])
    chosen = [face for face, _ in islice(readable, rows)]
    if not chosen:
        raise LivefanError(f"{faces.title}: no image can be read; check --root")
    trained = TrainingFaces(chosen, faces.scheme, config)
    tiles = [
        np.hstack([_plain(face, faces.scheme, config.input_sizes[0]), *_augmented(trained, row, samples)])
        for row, face in enumerate(chosen)
    ]
    # Not by cv2.imwrite, which takes ASCII names on Windows, and UTF-8 elsewhere.
    path.write_bytes(cv2.imencode(".png", np.vstack(tiles))[1].tobytes())


def _plain(face: LabelledFace, scheme: LandmarkScheme, size: int) -> np.ndarray:
    crop = crop_from_landmarks(face.points_px).sized(size)
    return _with_points(crop.cut(face.read_image()), crop.to_crop(face.points_px), scheme)


def _augmented(trained: TrainingFaces, row: int, samples: int) -> list[np.ndarray]:
    crops = [trained[epoch * len(trained) + row] for epoch in range(samples)]
    return [_with_points(pixels.numpy(), points.numpy(), trained.scheme) for pixels, points in crops]


def _with_points(pixels: np.ndarray, points_crop: np.ndarray, scheme: LandmarkScheme) -> np.ndarray:
    tile = pixels.copy()
    if np.isnan(points_crop).any():  # no face
        return tile
    for outline, colour in zip(scheme.outlines, _COLOURS * len(scheme.outlines), strict=False):
        line = np.round(points_crop[list(outline.points)] * 16).astype(np.int32)
        cv2.polylines(tile, [line], outline.closed, colour, 1, cv2.LINE_AA, 4)
    for x, y in np.round(points_crop * 16).astype(int).tolist():
        cv2.circle(tile, (x, y), 20, (255, 255, 255), -1, cv2.LINE_AA, 4)
    return tile

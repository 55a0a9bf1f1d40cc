"""Small labelled images for tests of training."""

from pathlib import Path

import cv2
import numpy as np
import torch

from livefan.core.landmarks import IBUG_68
from livefan.datasets import FaceSet, LabelledFace
from livefan.io.pts_file import write_pts
from livefan.networks.heatmaps import crop_to_heatmap
from livefan.training.config import TrainConfig

SMALL = TrainConfig(width=0.5, init="", epochs=2, batch_size=4, warmup_steps=1, input_sizes=(96,))
"""Settings of a run that takes a second."""


def marked_faces(folder: Path, count: int) -> FaceSet:
    """Write images with a white dot at every landmark, and return them as labelled faces."""
    faces = []
    for index in range(count):
        rng = np.random.default_rng(index)
        xs, ys = np.meshgrid(np.linspace(110, 200, 9), np.linspace(100, 210, 8))
        points = np.column_stack([xs.ravel(), ys.ravel()])[:68] + rng.uniform(-2, 2, (68, 2))
        image = np.zeros((320, 320, 3), np.uint8)
        for x, y in points:
            cv2.circle(image, (round(x * 16), round(y * 16)), 48, (255, 255, 255), -1, cv2.LINE_AA, 4)
        path = folder / f"{index}.png"
        cv2.imwrite(str(path), image)
        faces.append(LabelledFace(path, points, "marked"))
    return FaceSet(IBUG_68, faces)


def new_folder(path: Path) -> Path:
    """Make a folder."""
    path.mkdir()
    return path


def write_faces(folder: Path, count: int) -> None:
    """Write marked faces with ``.pts`` files beside them."""
    folder.mkdir(parents=True)
    for face in marked_faces(folder, count).faces:
        write_pts(face.image_path.with_suffix(".pts"), face.points_px)


def perfect_logits(points_crop: torch.Tensor, sigma: float) -> torch.Tensor:
    """Return heatmap logits whose softmax is a Gaussian about each point; sigma in heatmap cells."""
    target = crop_to_heatmap(points_crop)
    cells = torch.arange(64.0)
    dx = (cells - target[..., :1]) ** 2
    dy = (cells - target[..., 1:]) ** 2
    return -(dy[..., :, None] + dx[..., None, :]) / (2 * sigma**2)

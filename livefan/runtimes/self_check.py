"""Compare the landmarks of a runtime with reference landmarks on three faces that ship with livefan."""

from __future__ import annotations

import cv2
import numpy as np

from livefan.core.crop import Crop
from livefan.core.errors import LivefanError
from livefan.core.resources import bundled_asset
from livefan.networks.checkpoint_info import INPUT_SIZE
from livefan.runtimes.base import Runtime

CHECK_CROPS = "self-check.png"
"""The image with the crops of the faces, stacked vertically."""

AGREEMENT_PX = {"float32": 0.02, "bfloat16": 1.5, "int8": 1.5}
"""Largest accepted :func:`disagreement` with torch in crop pixels, by precision.

A crop is 192 to 256 pixels wide. One of the crops shows a face half covered by a hand. Its heatmaps are flat,
and small numeric differences move their landmarks most.
"""


def check_crops(size: int) -> np.ndarray:
    """Return the crops of the self-check, ``(faces, size, size, 3)`` uint8 BGR.

    The crops are the same on every machine: the image is stored without loss, and resampled in integers.
    OpenCV's own resampling differs between releases by one grey level, which moves landmarks by 0.04 pixels.

    Args:
        size: input size of the network, in pixels.

    Raises:
        LivefanError: if the image is missing or damaged.
    """
    path = bundled_asset(CHECK_CROPS)
    # Through numpy: livefan may be installed in a folder that cv2.imread does not open.
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise LivefanError(f"{path}: cannot be read; install livefan again")
    faces = image.reshape(-1, INPUT_SIZE, INPUT_SIZE, 3)
    side = round(Crop(((INPUT_SIZE - 1) / 2, (INPUT_SIZE - 1) / 2), INPUT_SIZE).sized(size).side_px)
    margin = (INPUT_SIZE - side) // 2
    middle = faces[:, margin : margin + side, margin : margin + side].astype(np.int64)
    resampled = _resample(_resample(middle, size, axis=1), size, axis=2)
    whole = (2 * size) ** 2
    return ((resampled + whole // 2) // whole).astype(np.uint8)


def _resample(pixels: np.ndarray, size: int, axis: int) -> np.ndarray:
    """Resample an axis to ``size`` pixels by linear interpolation; the result is scaled by ``2 * size``."""
    side, unit = pixels.shape[axis], 2 * size
    # Positions of the new pixels' centres, in units of 1 / (2 * size) old pixels.
    positions = (2 * np.arange(size) + 1) * side - size
    before, weight = positions // unit, positions % unit
    after = np.minimum(before + 1, side - 1)
    shape = [1] * pixels.ndim
    shape[axis] = size
    weight = weight.reshape(shape)
    return np.take(pixels, before, axis) * (unit - weight) + np.take(pixels, after, axis) * weight


def disagreement(runtime: Runtime, reference: np.ndarray, crops: np.ndarray) -> float:
    """Return the distance of a runtime's landmarks from the reference: mean of the worst crop, in its pixels.

    Args:
        runtime: the runtime to check.
        reference: ``(faces, n, 2 or more)`` landmarks of torch, in crop pixels.
        crops: ``(faces, size, size, 3)`` uint8 BGR.
    """
    # One by one: several at once would make OpenVINO load further networks.
    landmarks = np.concatenate([runtime.run(crop[None]).copy() for crop in crops])
    offsets = landmarks[..., :2] - reference[..., :2]
    return float(np.linalg.norm(offsets, axis=-1).mean(axis=-1).max())

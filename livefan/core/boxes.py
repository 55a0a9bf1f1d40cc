"""Bounding boxes."""

from __future__ import annotations

import numpy as np


def bounding_box(points_px: np.ndarray) -> np.ndarray:
    """Return the ``(4,)`` left, top, right, bottom of ``(n, 2)`` points."""
    box = np.empty(4)
    # The methods min and max call these functions by a wrapper in Python, which takes longer.
    np.minimum.reduce(points_px, axis=0, out=box[:2])
    np.maximum.reduce(points_px, axis=0, out=box[2:])
    return box


def square_box(points_px: np.ndarray) -> np.ndarray:
    """Return the ``(4,)`` smallest square around the bounding box of points, which may lie on one line."""
    box = bounding_box(points_px)
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]).max() / 2
    return np.concatenate([centre - half, centre + half])


def iou(box: np.ndarray, other: np.ndarray) -> float:
    """Return the intersection over union of two boxes given as left, top, right, bottom."""
    overlap = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    if (overlap <= 0).any():
        return 0.0
    shared = float(overlap.prod())
    areas = float((box[2:] - box[:2]).prod() + (other[2:] - other[:2]).prod())
    return shared / (areas - shared)

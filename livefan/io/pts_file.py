"""Read and write iBUG's ``.pts`` files: the landmarks of one face as text, pixels counted from one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from livefan.core.errors import LivefanError


def read_pts(path: Path, n_points: int | None = None) -> np.ndarray:
    """Read the landmarks of a ``.pts`` file.

    Args:
        path: the file.
        n_points: the number of landmarks that the file must hold; None for any number.

    Returns:
        ``(n_points, 2)`` float64 image pixels, moved from 1-based to 0-based.

    Raises:
        LivefanError: if the file cannot be read, is damaged, or holds another number of points.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise LivefanError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    opening, closing = text.find("{"), text.rfind("}")
    try:
        if opening < 0 or closing < opening:
            raise ValueError("no { } block")
        points = np.array(text[opening + 1 : closing].split(), np.float64).reshape(-1, 2)
        if not np.isfinite(points).all():
            raise ValueError("a coordinate is not finite")
    except ValueError as error:
        raise LivefanError(f"{path}: not a .pts file ({error})") from error
    if n_points is not None and len(points) != n_points:
        raise LivefanError(f"{path}: holds {len(points)} points, expected {n_points}")
    return points - 1.0


def write_pts(path: Path, points_px: np.ndarray) -> None:
    """Write landmarks as a ``.pts`` file.

    Args:
        path: the file; an existing one is replaced.
        points_px: ``(n, 2)`` image pixels, counted from zero.
    """
    lines = "\n".join(f"{x + 1:.3f} {y + 1:.3f}" for x, y in points_px)
    path.write_text(f"version: 1\nn_points: {len(points_px)}\n{{\n{lines}\n}}\n", encoding="utf-8")

"""Draw faces on an image: outlines, mesh, points, numbers, boxes and ids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from scipy.spatial import Delaunay, QhullError

from livefan.core.errors import LivefanError
from livefan.core.frame import Face
from livefan.core.landmarks import LandmarkScheme
from livefan.drawing.text import write

Colour = tuple[int, int, int]

STYLE_PARTS = ("outlines", "mesh", "points", "numbers", "boxes", "ids", "confidence")
"""What of :class:`OverlayStyle` can be switched on and off."""

# OpenCV draws at sub-pixel places when coordinates are given in 1/16 pixels.
_SHIFT = 4


@dataclass(frozen=True)
class OverlayStyle:
    """What is drawn; colours are BGR.

    Attributes:
        outlines, points, boxes, ids: each can be left out.
        mesh: the Delaunay triangles between the landmarks.
        numbers: the index of each landmark beside it.
        confidence: colour each point by its confidence, else all are ``sure``.
        weight: how thick lines and points are, over what suits the size of the face.
        sure, unsure: colours of points with confidence one and zero; between them they are mixed.
    """

    outlines: bool = True
    points: bool = True
    boxes: bool = True
    ids: bool = True
    mesh: bool = False
    numbers: bool = False
    confidence: bool = True
    weight: float = 1.0
    outline_colour: Colour = (230, 200, 80)
    box_colour: Colour = (120, 120, 120)
    sure: Colour = (90, 255, 120)
    unsure: Colour = (40, 60, 255)

    def having(self, **parts: bool) -> OverlayStyle:
        """This style with some of :data:`STYLE_PARTS` drawn or left out."""
        changes: dict[str, Any] = dict(parts)
        return replace(self, **changes)


def draw_faces(
    image: np.ndarray, faces: list[Face], scheme: LandmarkScheme, style: OverlayStyle | None = None
) -> None:
    """Draw faces onto an image in place.

    Args:
        image: ``(height, width, 3)`` uint8 BGR, writable; or a part of one, some of its rows and columns.
        faces: with landmarks of ``scheme`` in this image's pixels.

    Raises:
        LivefanError: if the image is none that can be drawn on in place.
    """
    _check_canvas(image)
    style = style or OverlayStyle()
    for face in faces:
        size = min(float((face.box_px[2:] - face.box_px[:2]).max()), float(image.shape[0]))
        thickness = max(1, round(style.weight * size / 220))
        if style.boxes:
            corners = _fixed(face.box_px.reshape(2, 2))
            cv2.rectangle(image, corners[0], corners[1], style.box_colour, thickness, cv2.LINE_AA, _SHIFT)
        if style.mesh:
            _draw_mesh(image, face.points_px, style.box_colour)
        if style.outlines:
            for outline in scheme.outlines:
                line = _fixed(face.points_px[list(outline.points)])
                colour = style.outline_colour
                cv2.polylines(image, [line], outline.closed, colour, thickness, cv2.LINE_AA, _SHIFT)
        if style.points:
            certainty = face.confidence if style.confidence else np.ones(len(face.points_px))
            colours = mix(style.unsure, style.sure, certainty)
            draw_points(image, face.points_px, colours, style.weight * size)
        if style.numbers:
            _draw_numbers(image, face.points_px, size)
        if style.ids:
            left, top = np.clip(face.box_px[:2], -(2**15), 2**15)
            place = (round(left), round(top) - 2 * thickness)
            write(image, f"face {face.track_id}", place, style.sure, 8 + 5 * thickness)


def _check_canvas(image: np.ndarray) -> None:
    """Pass only what OpenCV draws on in place, without a copy of its own.

    Raises:
        LivefanError: if it is none.
    """
    if (
        isinstance(image, np.ndarray)
        and image.dtype == np.uint8
        and image.shape[2:] == (3,)
        and image.strides[1:] == (3, 1)
        and image.strides[0] >= image.shape[1] * 3
        and image.flags.writeable
    ):
        return
    found = type(image).__name__
    if isinstance(image, np.ndarray):
        found = f"shape {image.shape}, {image.dtype}, strides {image.strides}"
        found += "" if image.flags.writeable else ", read-only"
    raise LivefanError(
        "draw_faces needs a writable (height, width, 3) uint8 BGR image with contiguous rows in order, not "
        f"{found}; draw on livefan.core.frame.as_bgr(image).copy()"
    )


def draw_points(image: np.ndarray, points_px: np.ndarray, colours: list[Colour], size: float) -> None:
    """Draw ``(n, 2)`` points, each in its BGR colour, as large as suits a face of that size in pixels."""
    radius = max(0.9, size / 110) * (1 << _SHIFT)
    for point, colour in zip(_fixed(points_px), colours, strict=True):
        cv2.circle(image, point, round(radius), colour, -1, cv2.LINE_AA, _SHIFT)


def draw_arrows(
    image: np.ndarray, starts_px: np.ndarray, ends_px: np.ndarray, colours: list[Colour], thickness: int
) -> None:
    """Draw ``n`` arrows from and to ``(n, 2)`` points, each in its BGR colour."""
    for start, end, colour in zip(_fixed(starts_px), _fixed(ends_px), colours, strict=True):
        cv2.arrowedLine(image, start, end, colour, thickness, cv2.LINE_AA, _SHIFT, 0.2)


def _draw_mesh(image: np.ndarray, points_px: np.ndarray, colour: Colour) -> None:
    try:
        triangles = Delaunay(points_px).simplices
    except (QhullError, ValueError):  # all on one line, or beyond numbers
        return
    cv2.polylines(image, list(_fixed(points_px)[triangles]), True, colour, 1, cv2.LINE_AA, _SHIFT)


def _draw_numbers(image: np.ndarray, points_px: np.ndarray, size: float) -> None:
    height_px = round(float(np.clip(size / 30, 8, 18)))
    for index, (x, y) in enumerate(points_px):
        if 0 <= x < image.shape[1] and 0 <= y < image.shape[0]:
            write(image, str(index), (round(x + 2), round(y - 1)), (255, 255, 255), height_px)


def _fixed(points_px: np.ndarray) -> np.ndarray:
    """Image points as the int32 sixteenths of a pixel that OpenCV draws with."""
    return np.clip(np.round(points_px * (1 << _SHIFT)), -(2**27), 2**27).astype(np.int32)


def mix(low: Colour, high: Colour, share: np.ndarray) -> list[Colour]:
    """A colour between two for each share in [0, 1]."""
    mixed = np.outer(1 - share, low) + np.outer(share, high)
    return [(int(blue), int(green), int(red)) for blue, green, red in mixed]

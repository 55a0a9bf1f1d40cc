"""Draw faces on an image: outlines, points, boxes and ids."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from livefan.frame import Face
from livefan.scheme import LandmarkScheme

Colour = tuple[int, int, int]

# OpenCV draws at sub-pixel places when coordinates are given in 1/16 pixels.
_SHIFT = 4


@dataclass(frozen=True)
class OverlayStyle:
    """What is drawn; colours are BGR.

    Attributes:
        outlines, points, boxes, ids: each can be left out.
        sure, unsure: colours of points with confidence one and zero; between them they are mixed.
    """

    outlines: bool = True
    points: bool = True
    boxes: bool = True
    ids: bool = True
    outline_colour: Colour = (230, 200, 80)
    box_colour: Colour = (120, 120, 120)
    sure: Colour = (90, 255, 120)
    unsure: Colour = (40, 60, 255)


def draw_faces(
    image: np.ndarray, faces: list[Face], scheme: LandmarkScheme, style: OverlayStyle | None = None
) -> None:
    """Draw faces onto an image in place.

    Args:
        image: ``(height, width, 3)`` uint8 BGR, contiguous.
        faces: with landmarks of ``scheme`` in this image's pixels.
    """
    style = style or OverlayStyle()
    for face in faces:
        size = float((face.box_px[2:] - face.box_px[:2]).max())
        thickness = max(1, round(size / 220))
        if style.boxes:
            corners = _fixed(face.box_px.reshape(2, 2))
            cv2.rectangle(image, corners[0], corners[1], style.box_colour, thickness, cv2.LINE_AA, _SHIFT)
        if style.outlines:
            for outline in scheme.outlines:
                line = _fixed(face.points_px[list(outline.points)])
                colour = style.outline_colour
                cv2.polylines(image, [line], outline.closed, colour, thickness, cv2.LINE_AA, _SHIFT)
        if style.points:
            radius = max(1.2, size / 110) * (1 << _SHIFT)
            colours = _mix(style.unsure, style.sure, face.confidence)
            for point, colour in zip(_fixed(face.points_px), colours, strict=True):
                cv2.circle(image, point, round(radius), colour, -1, cv2.LINE_AA, _SHIFT)
        if style.ids:
            _label(image, f"face {face.track_id}", face.box_px, thickness, style.sure)


def _fixed(points_px: np.ndarray) -> np.ndarray:
    """Image points as the int32 sixteenths of a pixel that OpenCV draws with."""
    return np.clip(np.round(points_px * (1 << _SHIFT)), -(2**27), 2**27).astype(np.int32)


def _mix(low: Colour, high: Colour, share: np.ndarray) -> list[Colour]:
    """A colour between two for each share in [0, 1]."""
    mixed = np.outer(1 - share, low) + np.outer(share, high)
    return [(int(blue), int(green), int(red)) for blue, green, red in mixed]


def _label(image: np.ndarray, text: str, box_px: np.ndarray, thickness: int, colour: Colour) -> None:
    scale = max(0.4, thickness * 0.4)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    x = int(np.clip(box_px[0], 0, max(0, image.shape[1] - width)))
    y = int(np.clip(box_px[1] - 4 * thickness, height + 2, max(height + 2, image.shape[0] - 2)))
    for stroke, ink in ((thickness + 2, (0, 0, 0)), (thickness, colour)):
        cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, stroke, cv2.LINE_AA)

"""Draw faces on an image: outlines, mesh, landmarks, landmark numbers, bounding boxes and ids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from livefan.core.arguments import checked_type
from livefan.core.errors import LivefanError
from livefan.core.frame import Face
from livefan.core.landmarks import LandmarkScheme
from livefan.drawing.text import write

Colour = tuple[int, int, int]

STYLE_PARTS = ("outlines", "mesh", "points", "numbers", "boxes", "ids", "confidence", "gaze")
"""The fields of :class:`OverlayStyle` that can be switched on and off."""

OCCLUDED = 0.5
"""Probability of being covered above which a landmark is drawn as a ring."""
_RING_PX = 2.0
"""Smallest radius of a ring; a smaller one would look like a point."""
_DASHES = 8
_EYES_TO_SIZE = 1.5
"""Longer side of the landmarks of a neutral face, relative to the distance of its outer eye corners."""
_LEAST_SIZE = 0.75
"""Least size of a face relative to the longer side of its landmarks; the eyes of a profile are close."""
_GAZE_LENGTH = 0.5
"""Length of a gaze arrow at a right angle to the camera, in face sizes."""
_SHIFT = 4  # fractional bits of the coordinates given to OpenCV: sixteenths of a pixel


@dataclass(frozen=True)
class OverlayStyle:
    """The parts of a face to draw, and their colours in BGR.

    Attributes:
        outlines: draw the outlines of face, eyes, nose and mouth.
        points: draw the landmarks; those that are probably covered as rings.
        boxes: draw the bounding box of the landmarks.
        ids: write the track id above the box.
        mesh: draw the Delaunay triangles between the landmarks.
        numbers: write the index of each landmark beside it.
        gaze: draw an arrow from each pupil in the direction of the eye, if it is known.
        confidence: colour each landmark by its confidence; else every landmark has the colour ``sure``.
            A landmark without confidence, whose confidence is NaN, has the colour ``unknown``.
        weight: factor on the thickness of lines and points, which follows the size of the face.
        outline_colour: colour of the outlines.
        box_colour: colour of boxes and mesh.
        gaze_colour: colour of the arrows.
        sure, unsure: colours of landmarks with confidence one and zero; others get a mixture.
        unknown: colour of landmarks whose confidence is unknown.

    Examples:
        >>> import livefan
        >>> livefan.OverlayStyle(mesh=True).having(boxes=False, ids=False).boxes
        False
    """

    outlines: bool = True
    points: bool = True
    boxes: bool = True
    ids: bool = True
    mesh: bool = False
    numbers: bool = False
    confidence: bool = True
    gaze: bool = False
    weight: float = 1.0
    outline_colour: Colour = (230, 200, 80)
    box_colour: Colour = (120, 120, 120)
    sure: Colour = (90, 255, 120)
    unsure: Colour = (40, 60, 255)
    unknown: Colour = (230, 230, 230)
    gaze_colour: Colour = (255, 160, 60)

    def having(self, **parts: bool) -> OverlayStyle:
        """Return this style with the given :data:`STYLE_PARTS` switched on (True) or off (False)."""
        changes: dict[str, Any] = dict(parts)
        return replace(self, **changes)


def face_size(face: Face, scheme: LandmarkScheme) -> float:
    """Return the size of a face in pixels; an open mouth does not change it."""
    right, left = face.points_px[list(scheme.normaliser)]
    longer = float((face.box_px[2:] - face.box_px[:2]).max())
    return max(_EYES_TO_SIZE * float(np.linalg.norm(left - right)), _LEAST_SIZE * longer)


def draw_faces(
    image: np.ndarray, faces: list[Face], scheme: LandmarkScheme, style: OverlayStyle | None = None
) -> None:
    """Draw faces onto an image in place.

    Args:
        image: ``(height, width, 3)`` uint8 BGR, writable; a slice of rows and columns is accepted.
        faces: the faces, their landmarks in pixels of this image.
        scheme: the landmark scheme of the faces.
        style: the parts and colours; None for the default style.

    Raises:
        LivefanError: if OpenCV cannot draw on the image in place.

    Examples:
        >>> import cv2, livefan
        >>> image = cv2.imread("photo.jpg")
        >>> with livefan.Pipeline() as pipeline:
        ...     livefan.draw_faces(image, pipeline.process_image(image), pipeline.scheme)
        >>> cv2.imwrite("drawn.png", image)
        True
    """
    _check_canvas(image)
    checked_type("scheme", scheme, LandmarkScheme)
    style = style or OverlayStyle()
    for face in faces:
        size = min(face_size(face, scheme), float(image.shape[0]))
        thickness = max(1, round(style.weight * size / 220))
        if style.boxes:
            corners = _fixed(face.box_px.reshape(2, 2))
            cv2.rectangle(image, corners[0], corners[1], style.box_colour, thickness, cv2.LINE_AA, _SHIFT)
        if style.mesh:
            _draw_mesh(image, face.points_px, style.box_colour)
        if style.outlines:
            fixed = _fixed(face.points_px)
            for outline in scheme.outlines:
                line = fixed[list(outline.points)]
                colour = style.outline_colour
                cv2.polylines(image, [line], outline.closed, colour, thickness, cv2.LINE_AA, _SHIFT)
        if style.points:
            weights = face.confidence if style.confidence else np.ones(len(face.points_px))
            colours = _mix_colours(style.unsure, style.sure, np.nan_to_num(weights))
            for index in np.flatnonzero(np.isnan(weights)):
                colours[index] = style.unknown
            hollow = None if face.occluded is None else face.occluded > OCCLUDED
            draw_points(image, face.points_px, colours, style.weight * size, hollow)
        if style.gaze:
            _draw_gaze(image, face, face_size(face, scheme), style.gaze_colour, thickness)
        if style.numbers:
            _draw_numbers(image, face.points_px, size)
        if style.ids and _is_inside(face.box_px, image):
            left, top = np.clip(face.box_px[:2], -(2**15), 2**15)
            origin = (round(left), round(top) - 2 * thickness)
            write(image, f"face {face.track_id}", origin, style.sure, 8 + 5 * thickness)


def draw_unsure_faces(image: np.ndarray, faces: list[Face], style: OverlayStyle | None = None) -> None:
    """Draw faces that may be in a wrong place onto an image in place: a dashed box and the id, no landmarks.

    Args:
        image: ``(height, width, 3)`` uint8 BGR, writable.
        faces: the faces in pixels of this image.
        style: the colours; boxes and ids are drawn if it draws them. None for the default style.
    """
    style = style or OverlayStyle()
    for face in faces:
        size = float((face.box_px[2:] - face.box_px[:2]).max())
        thickness = max(1, round(style.weight * size / 220))
        if style.boxes:
            _draw_dashed_box(image, face.box_px, style.unsure, thickness)
        if style.ids and _is_inside(face.box_px, image):
            left, top = np.clip(face.box_px[:2], -(2**15), 2**15)
            origin = (round(left), round(top) - 2 * thickness)
            write(image, f"face {face.track_id}?", origin, style.unsure, 8 + 5 * thickness)


def _draw_dashed_box(image: np.ndarray, box_px: np.ndarray, colour: Colour, thickness: int) -> None:
    """Draw a bounding box of dashes, eight on each side."""
    left, top, right, bottom = box_px
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        shares = np.linspace(0, 1, 2 * _DASHES)[:, None]
        ends = _fixed(start + shares * (end - start)).reshape(_DASHES, 2, 2)
        cv2.polylines(image, list(ends), False, colour, thickness, cv2.LINE_AA, _SHIFT)


def _is_inside(box_px: np.ndarray, image: np.ndarray) -> bool:
    """Return whether a bounding box overlaps the image; the label of another would stick to an edge."""
    height, width = image.shape[:2]
    return bool(box_px[0] < width and box_px[1] < height and box_px[2] > 0 and box_px[3] > 0)


def _check_canvas(image: np.ndarray) -> None:
    """Raise LivefanError for an image on which OpenCV cannot draw in place, without a copy of its own."""
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


def draw_points(
    image: np.ndarray,
    points_px: np.ndarray,
    colours: list[Colour],
    size: float,
    hollow: np.ndarray | None = None,
) -> None:
    """Draw filled circles, and rings.

    Args:
        image: ``(height, width, 3)`` uint8 BGR, drawn on in place.
        points_px: ``(n, 2)`` centres in image pixels.
        colours: one BGR colour for each point.
        size: size of the face in pixels; the radius grows with it.
        hollow: ``(n,)`` bool, the points to draw as rings; None for none.
    """
    radius_px = max(0.9, size / 110)
    filled = round(radius_px * (1 << _SHIFT))
    ring, thickness = round(max(_RING_PX, 1.2 * radius_px) * (1 << _SHIFT)), max(1, round(radius_px / 3))
    is_ring = [False] * len(points_px) if hollow is None else hollow.tolist()
    for point, colour, empty in zip(_fixed(points_px).tolist(), colours, is_ring, strict=True):
        if empty:
            cv2.circle(image, point, ring, colour, thickness, cv2.LINE_AA, _SHIFT)
        else:
            cv2.circle(image, point, filled, colour, -1, cv2.LINE_AA, _SHIFT)


def draw_arrows(
    image: np.ndarray, starts_px: np.ndarray, ends_px: np.ndarray, colours: list[Colour], thickness: int
) -> None:
    """Draw arrows.

    Args:
        image: ``(height, width, 3)`` uint8 BGR, drawn on in place.
        starts_px, ends_px: ``(n, 2)`` image pixels.
        colours: one BGR colour for each arrow.
        thickness: of the lines, in pixels.
    """
    for start, end, colour in zip(_fixed(starts_px), _fixed(ends_px), colours, strict=True):
        cv2.arrowedLine(image, start, end, colour, thickness, cv2.LINE_AA, _SHIFT, 0.2)


def _draw_gaze(image: np.ndarray, face: Face, size: float, colour: Colour, thickness: int) -> None:
    """Draw an arrow from each pupil; its length is that of a rod seen from the camera."""
    if face.gaze is None or face.pupils_px is None:
        return
    angles = np.radians(
        [[face.gaze.right_yaw, face.gaze.right_pitch], [face.gaze.left_yaw, face.gaze.left_pitch]]
    )
    yaw, pitch = angles.T
    across = np.stack([np.sin(yaw) * np.cos(pitch), -np.sin(pitch)], axis=1)
    length = _GAZE_LENGTH * size
    draw_arrows(image, face.pupils_px, face.pupils_px + length * across, [colour] * 2, thickness)


def _draw_mesh(image: np.ndarray, points_px: np.ndarray, colour: Colour) -> None:
    # Imported here: scipy takes 0.2 s, and only the mesh needs it.
    from scipy.spatial import Delaunay, QhullError

    try:
        triangles = Delaunay(points_px).simplices
    except (QhullError, ValueError):  # points on one line, or not finite
        return
    cv2.polylines(image, list(_fixed(points_px)[triangles]), True, colour, 1, cv2.LINE_AA, _SHIFT)


def _draw_numbers(image: np.ndarray, points_px: np.ndarray, size: float) -> None:
    height_px = round(float(np.clip(size / 30, 8, 18)))
    for index, (x, y) in enumerate(points_px):
        if 0 <= x < image.shape[1] and 0 <= y < image.shape[0]:
            write(image, str(index), (round(x + 2), round(y - 1)), (255, 255, 255), height_px)


def _fixed(points_px: np.ndarray) -> np.ndarray:
    """Return points as the int32 sixteenths of a pixel that OpenCV draws with, clipped to its range."""
    return np.clip(np.round(points_px * (1 << _SHIFT)), -(2**27), 2**27).astype(np.int32)


def _mix_colours(low: Colour, high: Colour, weights: np.ndarray) -> list[Colour]:
    """Return a colour between two for each of the ``(n,)`` weights in [0, 1]; weight one gives ``high``."""
    mixed = np.outer(1 - weights, low) + np.outer(weights, high)
    return [(blue, green, red) for blue, green, red in mixed.astype(int).tolist()]

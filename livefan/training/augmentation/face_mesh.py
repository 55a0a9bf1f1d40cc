"""The surface of a labelled face: MediaPipe's mesh gives its depth; behind its edge the head bends away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import cKDTree

from livefan.core.crop import CROP_MARGIN, Crop, crop_from_landmarks
from livefan.core.quiet import quiet_mediapipe
from livefan.datasets import LabelledFace

CANVAS_MARGIN = 2.2
_LARGEST_BOX_PX = 200

# Vertices of MediaPipe's face mesh (canonical_face_model), right and left being the subject's.
_RIGHT_TEMPLE, _LEFT_TEMPLE, _FOREHEAD, CHIN = 234, 454, 10, 152
OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
_CHECKED = {36: 33, 39: 133, 42: 362, 45: 263, 30: 1, 48: 61, 54: 291, 8: 152}
"""Landmarks of 300W and the vertices on the same places, to see whether the mesh is on the face."""
_FARTHEST_MESH = 0.06
"""A mesh this far from the landmarks on the mean, as a share of their box, is not on the face."""
_SLOPE_SIDE, _SLOPE_TOP, _BACK = 3.0, 1.2, 0.45
"""How fast a head bends away behind the face's edge, in depth by distance, and how far, in face widths."""


@dataclass(frozen=True)
class Surface:
    """A face's mesh over its canvas, in pixels.

    Attributes:
        vertices_px: ``(468, 3)`` float64: x and y on the canvas, z away from the camera.
        person: ``(size, size)`` float32, how much each pixel belongs to a person.
    """

    vertices_px: np.ndarray
    person: np.ndarray

    @property
    def origin(self) -> np.ndarray:
        """Between the temples, near the axis that a head turns about."""
        return (self.vertices_px[_RIGHT_TEMPLE] + self.vertices_px[_LEFT_TEMPLE]) / 2

    @property
    def width_px(self) -> float:
        """From temple to temple."""
        return float(np.linalg.norm(self.vertices_px[_LEFT_TEMPLE] - self.vertices_px[_RIGHT_TEMPLE]))

    @property
    def axes(self) -> np.ndarray:
        """``(3, 3)``, a unit vector a row: across to the subject's left, down, and away from the camera."""
        across = self.vertices_px[_LEFT_TEMPLE] - self.vertices_px[_RIGHT_TEMPLE]
        across = across / np.linalg.norm(across)
        down = self.vertices_px[CHIN] - self.vertices_px[_FOREHEAD]
        down = down - (down @ across) * across
        down = down / np.linalg.norm(down)
        return np.stack([across, down, np.cross(across, down)])

    @property
    def yaw(self) -> float:
        """Radians by which the face is turned towards the image's right."""
        across = self.axes[0]
        return math.atan2(across[2], across[0])


@dataclass(frozen=True)
class Relief:
    """Depth of every canvas pixel, and where the face's edge is.

    Attributes:
        depth: ``(size, size)`` float32, pixels away from the camera.
        outside: ``(size, size)`` float32, distance from the face's oval in pixels, 0 within.
    """

    depth: np.ndarray
    outside: np.ndarray


@dataclass(frozen=True)
class Portrait:
    """A face on its canvas, with its surface: what can be turned.

    Attributes:
        pixels: ``(size, size, 3)`` uint8 BGR.
        points_px: ``(68, 2)`` landmarks on the canvas.
        surface: the mesh.
        relief: the depth of every pixel, from the mesh.
    """

    pixels: np.ndarray
    points_px: np.ndarray
    surface: Surface
    relief: Relief


class FaceMesh:
    """MediaPipe's face mesh and portrait segmentation, both from its wheel; not to share between threads."""

    def __init__(self) -> None:
        with quiet_mediapipe():
            from mediapipe.python.solutions import face_mesh, selfie_segmentation

            self._mesh: Any = face_mesh.FaceMesh(
                static_image_mode=True, max_num_faces=1, min_detection_confidence=0.3
            )
            self._segmentation: Any = selfie_segmentation.SelfieSegmentation(model_selection=0)
            blank = np.zeros((64, 64, 3), np.uint8)
            self._mesh.process(blank)
            self._segmentation.process(blank)

    def portrait(self, face: LabelledFace) -> Portrait | None:
        """Cut a face with its surroundings and find its surface; None where the mesh misses the face.

        Raises:
            LivefanError: if the image cannot be read.
        """
        crop = canvas(face.points_px)
        pixels, points = crop.cut(face.read_image()), crop.to_crop(face.points_px)
        rgb = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
        found = self._mesh.process(rgb).multi_face_landmarks
        if not found:
            return None
        relative = np.array([(point.x, point.y, point.z) for point in found[0].landmark], np.float64)
        vertices = relative * crop.size - (0.5, 0.5, 0.0)
        ours, theirs = list(_CHECKED), list(_CHECKED.values())
        apart = np.linalg.norm(vertices[theirs, :2] - points[ours], axis=1)
        if apart.mean() > _FARTHEST_MESH * np.ptp(points, axis=0).max():
            return None
        vertices = _edge_on_jaw(vertices, points)
        person = self._segmentation.process(rgb).segmentation_mask
        surface = Surface(vertices, np.asarray(person, np.float32))
        return Portrait(pixels, points, surface, _relief(surface, crop.size))

    def close(self) -> None:
        """Release MediaPipe's graphs."""
        self._mesh.close()
        self._segmentation.close()

    def __enter__(self) -> FaceMesh:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _edge_on_jaw(vertices_px: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """The mesh with its edge moved onto the labelled jaw, which tells more exactly where the face ends."""
    stops = np.linspace(0, 16, 321)
    jaw = np.column_stack([np.interp(stops, np.arange(17), points_px[:17, axis]) for axis in (0, 1)])
    moved = vertices_px.copy()
    for vertex in OVAL:
        distance = np.linalg.norm(jaw - vertices_px[vertex, :2], axis=1)
        nearest = int(distance.argmin())
        if 0 < nearest < len(jaw) - 1:
            moved[vertex, :2] = jaw[nearest]
    return moved


def canvas(points_px: np.ndarray) -> Crop:
    """The upright square that a face is turned in, its landmark box scaled to at most 200 pixels."""
    tight = crop_from_landmarks(points_px)
    box = tight.side_px / CROP_MARGIN
    return Crop(tight.centre_px, box * CANVAS_MARGIN, 0.0, round(min(box, _LARGEST_BOX_PX) * CANVAS_MARGIN))


def _relief(surface: Surface, size: int) -> Relief:
    vertices = surface.vertices_px
    within = np.zeros((size, size), np.uint8)
    oval = vertices[list(OVAL)]
    cv2.fillPoly(within, [np.round(oval[:, :2]).astype(np.int32)], (1,))
    ys, xs = np.mgrid[:size, :size].astype(np.float64)
    inner = within > 0
    depth = np.full((size, size), np.nan)
    depth[inner] = LinearNDInterpolator(vertices[:, :2], vertices[:, 2])(xs[inner], ys[inner])

    edge = np.ones((size, size), np.uint8)
    cv2.polylines(edge, [np.round(oval[:, :2]).astype(np.int32)], isClosed=True, color=(0,))
    distance, label = cv2.distanceTransformWithLabels(
        edge, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    at_edge = edge == 0
    depth_of = np.zeros(label.max() + 1)
    depth_of[label[at_edge]] = edge_depth_at(oval, np.column_stack([xs[at_edge], ys[at_edge]]))
    edge_depth = depth_of[label]
    # Behind the edge a head bends away: slowly over the forehead, fast at the cheeks and under the jaw.
    up = ((surface.origin[1] - ys) / np.hypot(xs - surface.origin[0], ys - surface.origin[1]).clip(1)).clip(0)
    slope = _SLOPE_SIDE + (_SLOPE_TOP - _SLOPE_SIDE) * up**2
    room = (surface.origin[2] + _BACK * surface.width_px - edge_depth).clip(1.0)
    bent = edge_depth + room * (1 - np.exp(-slope * distance / room))
    depth = np.where(np.isfinite(depth), depth, bent)
    depth = cv2.GaussianBlur(depth.astype(np.float32), (0, 0), 0.015 * surface.width_px)
    return Relief(depth, np.where(inner, 0.0, distance).astype(np.float32))


def edge_depth_at(oval: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """Depth of the oval's ``(m, 3)`` edge where it is nearest to each of ``(n, 2)`` points."""
    closed = np.vstack([oval, oval[:1]])
    steps = np.linspace(0, len(oval), 12 * len(oval), endpoint=False)
    edge = np.column_stack([np.interp(steps, np.arange(len(closed)), closed[:, k]) for k in range(3)])
    return edge[cKDTree(edge[:, :2]).query(points_px)[1], 2]

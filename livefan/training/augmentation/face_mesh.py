"""The 3D surface of a labelled face: MediaPipe's face mesh, and a modelled head behind its edge."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import cKDTree

from livefan.core.crop import CROP_MARGIN, Crop, crop_from_landmarks
from livefan.core.face_mesh import OVAL
from livefan.core.quiet import quiet_mediapipe
from livefan.core.resources import bundled_asset
from livefan.datasets import LabelledFace
from livefan.training.mesh_landmarks import EYES_NOSE_MOUTH, mesh_fits

CANVAS_MARGIN = 2.2
"""Side of the canvas as a multiple of the longer side of the landmark box."""
_LARGEST_BOX_PX = 200
_N_VERTICES = 468
"""Vertices of the canonical face mesh. MediaPipe's landmarker appends ten points of the irises."""
_LOWEST_DETECTION_SCORE = 0.3

# Vertices of MediaPipe's canonical_face_model. Right and left are the subject's.
_RIGHT_TEMPLE, _LEFT_TEMPLE, _FOREHEAD, CHIN = 234, 454, 10, 152
_CHECKED = EYES_NOSE_MOUTH | {8: CHIN}
"""Landmarks of 300W and the vertices at the same places, to check that the mesh fits the face."""
_SLOPE_SIDE, _SLOPE_TOP = 3.0, 1.2
"""Slope of the head behind the edge of the mesh: depth by distance, at the cheeks and above the forehead."""
_HEAD_DEPTH = 0.45
"""Depth of the back of the modelled head behind the temples, in face widths."""


@dataclass(frozen=True)
class Surface:
    """The mesh of a face on its canvas.

    Attributes:
        vertices_px: ``(468, 3)`` float64 canvas pixels: x, y, and z away from the camera.
        person: ``(size, size)`` float32, probability in [0, 1] that a pixel shows a person.
    """

    vertices_px: np.ndarray
    person: np.ndarray

    @property
    def origin(self) -> np.ndarray:
        """The ``(3,)`` point midway between the temples, near the axis about which a head turns."""
        return (self.vertices_px[_RIGHT_TEMPLE] + self.vertices_px[_LEFT_TEMPLE]) / 2

    @property
    def width_px(self) -> float:
        """The distance between the temples."""
        return float(np.linalg.norm(self.vertices_px[_LEFT_TEMPLE] - self.vertices_px[_RIGHT_TEMPLE]))

    @property
    def axes(self) -> np.ndarray:
        """The head's ``(3, 3)`` axes, one unit vector a row: to the subject's left, down, and backwards."""
        across = self.vertices_px[_LEFT_TEMPLE] - self.vertices_px[_RIGHT_TEMPLE]
        across = across / np.linalg.norm(across)
        down = self.vertices_px[CHIN] - self.vertices_px[_FOREHEAD]
        down = down - (down @ across) * across
        down = down / np.linalg.norm(down)
        return np.stack([across, down, np.cross(across, down)])

    @property
    def yaw(self) -> float:
        """The head's yaw in radians, positive towards the right of the image."""
        across = self.axes[0]
        return math.atan2(across[2], across[0])


@dataclass(frozen=True)
class Relief:
    """Depth map of a canvas, and the distance of each pixel from the face.

    Attributes:
        depth: ``(size, size)`` float32, pixels away from the camera.
        outside: ``(size, size)`` float32, distance from the oval of the mesh in pixels, 0 within it.
    """

    depth: np.ndarray
    outside: np.ndarray


@dataclass(frozen=True)
class Portrait:
    """A labelled face on its canvas with its 3D surface.

    Attributes:
        pixels: ``(size, size, 3)`` uint8 BGR.
        points_px: ``(68, 2)`` landmarks on the canvas.
        surface: the mesh.
        relief: the depth map made from the mesh.
    """

    pixels: np.ndarray
    points_px: np.ndarray
    surface: Surface
    relief: Relief


class FaceMesh:
    """MediaPipe's face landmarker and selfie segmenter. Not safe to share between threads.

    Raises:
        LivefanError: if MediaPipe is not installed or cannot run here, or a model file is missing.
    """

    def __init__(self) -> None:
        landmarker, segmenter = (
            bundled_asset(name) for name in ("face_landmarker.task", "selfie_segmentation.tflite")
        )
        with quiet_mediapipe():
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision

            self._mediapipe: Any = mediapipe
            self._landmarker: Any = vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(
                    BaseOptions(model_asset_path=str(landmarker)),
                    num_faces=1,
                    min_face_detection_confidence=_LOWEST_DETECTION_SCORE,
                )
            )
            self._segmenter: Any = vision.ImageSegmenter.create_from_options(
                vision.ImageSegmenterOptions(BaseOptions(model_asset_path=str(segmenter)))
            )
            blank = self._image(np.zeros((64, 64, 3), np.uint8))
            self._landmarker.detect(blank)
            self._segmenter.segment(blank)

    def portrait(self, face: LabelledFace) -> Portrait | None:
        """Cut out a face with its surroundings and reconstruct its surface.

        Returns:
            The portrait; None if the mesh does not fit the labelled face.

        Raises:
            LivefanError: if the image cannot be read.
        """
        crop = canvas(face.points_px)
        pixels, points = crop.cut(face.read_image()), crop.to_crop(face.points_px)
        image = self._image(pixels)
        vertices = self._vertices(image, crop.size)
        if vertices is None or not mesh_fits(vertices[:, :2], points, _CHECKED):
            return None
        surface = Surface(_edge_on_jaw(vertices, points), self._person(image))
        return Portrait(pixels, points, surface, _relief(surface, crop.size))

    def _image(self, pixels_bgr: np.ndarray) -> Any:
        rgb = cv2.cvtColor(pixels_bgr, cv2.COLOR_BGR2RGB)
        return self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=rgb)

    def _vertices(self, image: Any, size: int) -> np.ndarray | None:
        """Return the ``(468, 3)`` mesh in canvas pixels; None if no face is found."""
        found = self._landmarker.detect(image).face_landmarks
        if not found:
            return None
        relative = np.array([(point.x, point.y, point.z) for point in found[0][:_N_VERTICES]], np.float64)
        return relative * size - (0.5, 0.5, 0.0)

    def _person(self, image: Any) -> np.ndarray:
        (mask,) = self._segmenter.segment(image).confidence_masks
        return np.squeeze(mask.numpy_view()).astype(np.float32)

    def close(self) -> None:
        """Release MediaPipe's graphs."""
        self._landmarker.close()
        self._segmenter.close()

    def __enter__(self) -> FaceMesh:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _edge_on_jaw(vertices_px: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """Return the mesh with its edge moved onto the labelled jaw, which is more exact."""
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
    """Return the upright square in which a face is rotated. Its landmark box has at most 200 pixels."""
    tight = crop_from_landmarks(points_px)
    box = tight.side_px / CROP_MARGIN
    return Crop(tight.centre_px, box * CANVAS_MARGIN, 0.0, round(min(box, _LARGEST_BOX_PX) * CANVAS_MARGIN))


def _relief(surface: Surface, size: int) -> Relief:
    """Return the depth map of a surface on a ``(size, size)`` canvas."""
    oval = surface.vertices_px[list(OVAL)]
    outline_px = np.round(oval[:, :2]).astype(np.int32)
    ys, xs = np.mgrid[:size, :size].astype(np.float64)
    within = np.zeros((size, size), np.uint8)
    cv2.fillPoly(within, [outline_px], (1,))
    inner = within > 0
    depth = np.full((size, size), np.nan)
    vertices = surface.vertices_px
    depth[inner] = LinearNDInterpolator(vertices[:, :2], vertices[:, 2])(xs[inner], ys[inner])

    outline = np.ones((size, size), np.uint8)
    cv2.polylines(outline, [outline_px], isClosed=True, color=(0,))
    distance, label = cv2.distanceTransformWithLabels(
        outline, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    at_edge = outline == 0
    depth_by_label = np.zeros(label.max() + 1)
    depth_by_label[label[at_edge]] = edge_depth_at(oval, np.column_stack([xs[at_edge], ys[at_edge]]))
    behind = _head_depth(surface, xs, ys, distance, depth_by_label[label])
    depth = np.where(np.isfinite(depth), depth, behind)
    depth = cv2.GaussianBlur(depth.astype(np.float32), (0, 0), 0.015 * surface.width_px)
    return Relief(depth, np.where(inner, 0.0, distance).astype(np.float32))


def _head_depth(
    surface: Surface, xs: np.ndarray, ys: np.ndarray, distance: np.ndarray, edge_depth: np.ndarray
) -> np.ndarray:
    """Return the depth of the head outside the mesh, ``(size, size)``.

    The head falls back slowly above the forehead, and fast at the cheeks and below the jaw.

    Args:
        xs, ys: the coordinates of each pixel.
        distance: the distance of each pixel from the edge of the mesh.
        edge_depth: the depth of the edge where it is nearest.
    """
    origin = surface.origin
    up = ((origin[1] - ys) / np.hypot(xs - origin[0], ys - origin[1]).clip(1)).clip(0)
    slope = _SLOPE_SIDE + (_SLOPE_TOP - _SLOPE_SIDE) * up**2
    room = (origin[2] + _HEAD_DEPTH * surface.width_px - edge_depth).clip(1.0)
    return edge_depth + room * (1 - np.exp(-slope * distance / room))


def edge_depth_at(oval: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """Return the depth of the ``(m, 3)`` oval where it is nearest to each of the ``(n, 2)`` points."""
    closed = np.vstack([oval, oval[:1]])
    steps = np.linspace(0, len(oval), 12 * len(oval), endpoint=False)
    edge = np.column_stack([np.interp(steps, np.arange(len(closed)), closed[:, k]) for k in range(3)])
    return edge[cKDTree(edge[:, :2]).query(points_px)[1], 2]

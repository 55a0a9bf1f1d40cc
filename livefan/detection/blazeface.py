"""BlazeFace, a face detection network, run by OpenVINO with MediaPipe's preprocessing.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", arXiv 1907.05047. The
networks are MediaPipe's, TensorFlow Lite files in ``assets/``.
"""

from __future__ import annotations

import hashlib
import logging
import math
from dataclasses import dataclass

import cv2
import numpy as np

from livefan.core.resources import bundled_asset
from livefan.runtimes.cache import Store
from livefan.runtimes.openvino_model import from_file
from livefan.runtimes.openvino_network import load_network

_log = logging.getLogger(__name__)

N_KEYPOINTS = 6
_SUPPRESSION_IOU = 0.3
"""Boxes of one face that overlap by more are averaged, weighted by their scores."""


@dataclass(frozen=True)
class BlazeFaceModel:
    """One of the two BlazeFace networks.

    Attributes:
        file_name: name in ``assets/``.
        size: side in pixels of the square input.
        cells: side in pixels of the cells of each grid.
        anchors: number of boxes in each cell of the respective grid.
        least_score: confidence below which a box is ignored.
        faint_score: the same for faint faces; half of such boxes show no face.
    """

    file_name: str
    size: int
    cells: tuple[int, ...]
    anchors: tuple[int, ...]
    least_score: float
    faint_score: float

    def centres(self) -> np.ndarray:
        """Return the ``(boxes, 2)`` float32 centres of the cells of all boxes, in input pixels."""
        grids = []
        for cell, anchors in zip(self.cells, self.anchors, strict=True):
            along = np.arange(cell / 2, self.size, cell, dtype=np.float32)
            x, y = np.meshgrid(along, along)
            grids.append(np.repeat(np.column_stack([x.ravel(), y.ravel()]), anchors, axis=0))
        return np.concatenate(grids)


SHORT_RANGE_MODEL = BlazeFaceModel("face_detection_short_range.tflite", 128, (8, 16), (2, 6), 0.5, 0.25)
FULL_RANGE_MODEL = BlazeFaceModel("face_detection_full_range_sparse.tflite", 192, (4,), (1,), 0.6, 0.4)


@dataclass(frozen=True)
class FoundBox:
    """A detected face.

    Attributes:
        points: ``(8, 2)`` float64 image coordinates, whose origin is the outer corner of the first pixel:
            upper left and lower right corner of the box, then the key points.
        score: confidence in [0, 1].
    """

    points: np.ndarray
    score: float


class BlazeFace:
    """A compiled BlazeFace network. Not safe to share between threads.

    Args:
        model: the network.

    Raises:
        LivefanError: if the model file is missing, or OpenVINO is not installed.
    """

    def __init__(self, model: BlazeFaceModel) -> None:
        path = bundled_asset(model.file_name)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        store = Store("blazeface", 1)
        self._model = model
        network = load_network(f"{digest[:16]}.blob", lambda: from_file(path), "float32", 1, store)
        self._request = network.create_infer_request()
        self._centres = model.centres()
        _log.info("detector %s: runtime openvino, precision float32, CPU threads 1", path.stem)

    def find(self, image_bgr: np.ndarray, *, faint: bool = False) -> list[FoundBox]:
        """Return the faces of a ``(height, width, 3)`` uint8 BGR image, most confident first.

        Args:
            faint: also return faces with a low confidence.
        """
        picture, scale, margin = self._picture(image_bgr)
        boxes, logits = self._request.infer(
            {0: picture[None]}, share_inputs=True, share_outputs=True
        ).values()
        least_score = self._model.faint_score if faint else self._model.least_score
        points, scores = self._read(boxes[0], logits[0, :, 0], least_score)
        # Boxes with a low confidence do not change those with a high one.
        n_confident = int((scores >= self._model.least_score).sum())
        found = _without_doubles(points[:n_confident], scores[:n_confident])
        for one in _without_doubles(points[n_confident:], scores[n_confident:]):
            corners = np.array([other.points[:2] for other in found]).reshape(-1, 2, 2)
            if (_overlaps(one.points[:2], corners) <= _SUPPRESSION_IOU).all():
                found.append(one)
        return [FoundBox((one.points - margin) / scale, one.score) for one in found]

    def _picture(self, image_bgr: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
        """Return the ``(size, size, 3)`` float32 RGB input in [-1, 1], and the image's scale and margins.

        As in MediaPipe, pixel centres take the place of corners, and the image is not averaged. So the
        detections equal MediaPipe's for most sizes of the image. For the others MediaPipe's warpPerspective
        rounds positions differently, and the detections differ by about a thousandth of the box.
        """
        size, (height, width) = self._model.size, image_bgr.shape[:2]
        scale = size / max(height, width)
        margin = (size - np.array([width, height]) * scale) / 2
        onto = np.array([[scale, 0, margin[0]], [0, scale, margin[1]]])
        small = cv2.warpAffine(image_bgr, onto, (size, size))
        return cv2.cvtColor(small, cv2.COLOR_BGR2RGB).astype(np.float32) / 127.5 - 1, scale, margin

    def _read(
        self, boxes: np.ndarray, logits: np.ndarray, least_score: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(n, 8, 2)`` points in input pixels and ``(n,)`` scores of boxes from ``least_score``."""
        sure = np.flatnonzero(logits >= math.log(least_score / (1 - least_score)))
        sure = sure[np.argsort(-logits[sure], kind="stable")]
        guesses = boxes[sure].reshape(-1, 2 + N_KEYPOINTS, 2).astype(np.float64)
        centre = guesses[:, :1] + self._centres[sure, None]
        half = guesses[:, 1:2] / 2
        keypoints = guesses[:, 2:] + self._centres[sure, None]
        points = np.concatenate([centre - half, centre + half, keypoints], axis=1)
        return points, 1 / (1 + np.exp(-logits[sure].astype(np.float64)))


def _without_doubles(points: np.ndarray, scores: np.ndarray) -> list[FoundBox]:
    """Return the mean of the boxes of each face, weighted by their scores, with the highest score.

    Args:
        points: ``(n, 8, 2)`` points of the boxes, most confident first; the first two are the corners.
        scores: ``(n,)`` scores of the boxes.
    """
    found = []
    while len(scores):
        same = _overlaps(points[0, :2], points[:, :2]) > _SUPPRESSION_IOU
        same[0] = True  # a box without area overlaps no box, not even itself
        found.append(FoundBox(np.average(points[same], axis=0, weights=scores[same]), float(scores[0])))
        points, scores = points[~same], scores[~same]
    return found


def _overlaps(corners: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the ``(n,)`` intersections over union of a box with ``(n, 2, 2)`` boxes, all as two corners."""
    shared = (np.minimum(corners[1], others[:, 1]) - np.maximum(corners[0], others[:, 0])).clip(0).prod(1)
    areas = (corners[1] - corners[0]).prod() + (others[:, 1] - others[:, 0]).prod(1)
    return shared / np.maximum(areas - shared, 1e-12)

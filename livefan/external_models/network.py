"""A described network as an external model: livefan finds the faces, the network their landmarks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from livefan.core.boxes import bounding_box, iou
from livefan.core.crop import CROP_MARGIN, Crop, crop_from_landmarks, roll_angle, upright_crop
from livefan.detection.detection_to_crop import load_detection_to_crop
from livefan.detection.detector import Detection, FaceDetector
from livefan.external_models.description import InputFormat, ModelDescription, OutputFormat, ScoreFormat
from livefan.external_models.finder import FoundFace
from livefan.networks.checkpoint_info import CONFIDENCE_RADIUS
from livefan.runtimes.cache import Store
from livefan.runtimes.openvino_network import load_network

_DETECT_EVERY_S = 0.5
"""Seconds between two detections while faces are tracked."""
_MAX_AGE_S = 0.3
"""Seconds without a frame after which faces are detected anew."""
_MAX_MISSES = 2
"""Consecutive detections without a tracked face after which it is lost, if the network has no score."""
_SAME_FACE_IOU = 0.4
_MAX_OFFSET = 0.05
"""Motion of a face between two frames, in sizes of its box, above which it is located a second time."""
_COLOURS = {"RGB": cv2.COLOR_BGR2RGB, "grey": cv2.COLOR_BGR2GRAY}


@dataclass
class _Tracked:
    """A tracked face, and the number of consecutive detections without it."""

    face: FoundFace
    misses: int = 0

    @property
    def box_px(self) -> np.ndarray:
        return bounding_box(self.face.points_px)


class DescribedFinder:
    """A described network, run by OpenVINO in float32 on the crops that its description asks for.

    A new face is located twice, since the crop from its detection is less accurate.

    Args:
        description: the network and its description.
        threads: CPU threads of one inference.

    Raises:
        LivefanError: if OpenVINO is not installed.
    """

    name = "openvino float32"

    def __init__(self, description: ModelDescription, threads: int = 1) -> None:
        self.scheme = description.scheme
        self._description = description
        file, shape = description.network, description.input.shape
        network = load_network(
            f"described-{'x'.join(map(str, shape))}-{threads}.blob",
            lambda: file.for_input(shape),
            "float32",
            threads,
            Store(file.sha256, threads),
        )
        self._request = network.create_infer_request()
        self._dtype = network.input(0).get_element_type().to_dtype()
        self._detector = FaceDetector()
        self._detection_to_crop = load_detection_to_crop()
        self.reset()

    def reset(self) -> None:
        """Forget all faces."""
        self._tracked: list[_Tracked] = []
        self._time = self._detected_at = -math.inf

    def close(self) -> None:
        """Release the detector."""
        self._detector.close()

    def find_alone(self, image: np.ndarray, max_faces: int) -> list[FoundFace]:
        """See :meth:`livefan.external_models.finder.FaceFinder.find_alone`."""
        self.reset()
        faces = self.find(image, 0.0, max_faces)
        self.reset()
        return faces

    def find(self, image: np.ndarray, time: float, max_faces: int) -> list[FoundFace]:
        """See :meth:`livefan.external_models.finder.FaceFinder.find`."""
        if not 0.0 <= time - self._time <= _MAX_AGE_S:
            self.reset()
        self._time = time
        if self._description.crop.box == "detector":
            detections = self._detector.detect(image)[:max_faces]
            found = (self._locate(image, self._crop_from_detection(each)) for each in detections)
            return [face for face in found if face is not None]
        self._track(image)
        self._tracked = self._tracked[:max_faces]
        if not self._tracked or time - self._detected_at >= _DETECT_EVERY_S:
            self._detected_at = time
            self._detect(image, max_faces)
        return [each.face for each in self._tracked]

    def _track(self, image: np.ndarray) -> None:
        """Locate every tracked face on this frame; drop lost faces and those on the face of another track."""
        kept: list[_Tracked] = []
        for tracked in self._tracked:
            face = self._locate_from(image, tracked.face)
            if face is not None:
                moved = _Tracked(face, tracked.misses)
                if all(iou(moved.box_px, other.box_px) <= _SAME_FACE_IOU for other in kept):
                    kept.append(moved)
        self._tracked = kept

    def _locate_from(self, image: np.ndarray, before: FoundFace) -> FoundFace | None:
        """Return a face that was last seen with the given landmarks."""
        face = self._locate(image, self._crop_from_landmarks(before.points_px))
        if face is None:
            return None
        box, last = bounding_box(face.points_px), bounding_box(before.points_px)
        moved = float(np.abs(box - last).max())
        if moved > _MAX_OFFSET * float((box[2:] - box[:2]).max()):
            return self._locate(image, self._crop_from_landmarks(face.points_px))
        return face

    def _detect(self, image: np.ndarray, max_faces: int) -> None:
        """Start to track new faces; without a score, drop faces that the detector does not find."""
        detections = self._detector.detect(image)
        if self._description.score is None:
            for tracked in self._tracked:
                seen = any(_shows(detection, tracked) for detection in detections)
                tracked.misses = 0 if seen else tracked.misses + 1
            self._tracked = [each for each in self._tracked if each.misses < _MAX_MISSES]
        for detection in detections:
            if len(self._tracked) >= max_faces:
                return
            if any(_shows(detection, tracked) for tracked in self._tracked):
                continue
            face = self._locate(image, self._crop_from_detection(detection))
            face = face and self._locate(image, self._crop_from_landmarks(face.points_px))
            if face is not None:
                self._tracked.append(_Tracked(face))

    def _crop_from_landmarks(self, points_px: np.ndarray) -> Crop:
        crop_format, size = self._description.crop, self._description.input.size
        if crop_format.upright:
            crop = upright_crop(points_px, self.scheme, size)
        else:
            crop = crop_from_landmarks(points_px, size=size)
        return replace(crop, side_px=crop.side_px * crop_format.side / CROP_MARGIN)

    def _crop_from_detection(self, detection: Detection) -> Crop:
        """Return the crop around a detection: around its own box, or the box that landmarks would have."""
        crop_format, size = self._description.crop, self._description.input.size
        if crop_format.box == "landmarks":
            crop = self._detection_to_crop.crop(detection, size)
            crop = replace(crop, side_px=crop.side_px * crop_format.side / CROP_MARGIN)
        else:
            left, top, right, bottom = detection.box_px.tolist()
            right_eye, left_eye, _, mouth = detection.keypoints_px[:4]
            side = max(right - left, bottom - top) * crop_format.side
            centre = (left + right) / 2, (top + bottom) / 2
            crop = Crop(centre, max(side, 1.0), roll_angle(right_eye, left_eye, mouth), size)
        return crop if crop_format.upright else replace(crop, angle=0.0)

    def _locate(self, image: np.ndarray, crop: Crop) -> FoundFace | None:
        """Return the face in a crop; None if its score is too low, or its landmarks are no numbers."""
        description = self._description
        self._request.infer(
            {0: network_input(crop.cut(image), description.input).astype(self._dtype)}, share_inputs=True
        )
        if description.score is not None and not self._is_face(description.score):
            return None
        output = np.asarray(self._request.get_output_tensor(description.output.index).data, np.float64)
        points_crop, confidence = decode(output, description.output, crop.size)
        if not np.isfinite(points_crop).all():
            return None
        points_px = crop.to_image(points_crop[description.indices])
        return FoundFace(points_px, None if confidence is None else confidence[description.indices])

    def _is_face(self, score_format: ScoreFormat) -> bool:
        score = float(self._request.get_output_tensor(score_format.index).data.item())
        if score_format.kind == "logit":
            score = 1.0 / (1.0 + math.exp(-min(max(score, -700.0), 700.0)))
        return score >= score_format.least


def _shows(detection: Detection, tracked: _Tracked) -> bool:
    """Return whether the centre of a detection lies in the box of a tracked face."""
    centre, box = (detection.box_px[:2] + detection.box_px[2:]) / 2, tracked.box_px
    return bool((box[:2] < centre).all() and (centre < box[2:]).all())


def network_input(crop_bgr: np.ndarray, input_format: InputFormat) -> np.ndarray:
    """Return the input of a network, in its layout.

    Args:
        crop_bgr: ``(size, size, 3)`` uint8 BGR.
        input_format: colour order, normalisation and layout.

    Returns:
        ``(1, size, size, channels)`` or ``(1, channels, size, size)`` float32.
    """
    colour = _COLOURS.get(input_format.colour)
    pixels = crop_bgr if colour is None else cv2.cvtColor(crop_bgr, colour)
    values = (np.atleast_3d(pixels).astype(np.float32) - input_format.mean) / input_format.std
    return np.ascontiguousarray(
        values[None] if input_format.layout == "NHWC" else values.transpose(2, 0, 1)[None]
    )


def decode(
    output: np.ndarray, output_format: OutputFormat, size: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the points of a network in crop pixels, and their confidence.

    Args:
        output: the output of the network, float64.
        output_format: its meaning.
        size: side of the crop in pixels.

    Returns:
        ``(n, 2)`` points, pixel centres at integers, and ``(n,)`` confidence in [0, 1], None for coordinates.
    """
    if output_format.kind == "heatmaps":
        maps = output[0] if output_format.layout == "NCHW" else output[0].transpose(2, 0, 1)
        cells, confidence = (_peaks if output_format.decoder == "argmax" else _means)(maps)
        scale = size / np.array([maps.shape[2], maps.shape[1]])
        return (cells + 0.5) * scale - 0.5, confidence
    points = output.reshape(-1, output_format.values)[:, :2]
    if output_format.range == "unit":
        points = points * size - 0.5
    elif output_format.range == "signed":
        points = (points + 1) / 2 * size - 0.5
    elif output_format.range == "corner-pixels":
        points = points - 0.5
    return points, None


def _peaks(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the peaks of ``(n, h, w)`` maps, moved a quarter cell to the higher side, and their values.

    Returns:
        ``(n, 2)`` cells and ``(n,)`` confidence: the value of the peak, limited to [0, 1].
    """
    n, height, width = maps.shape
    numbers, index = np.arange(n), maps.reshape(n, -1).argmax(axis=1)
    x, y = index % width, index // width
    inner_x, inner_y = np.clip(x, 1, width - 2), np.clip(y, 1, height - 2)
    step_x = np.sign(maps[numbers, y, inner_x + 1] - maps[numbers, y, inner_x - 1]) * (x == inner_x)
    step_y = np.sign(maps[numbers, inner_y + 1, x] - maps[numbers, inner_y - 1, x]) * (y == inner_y)
    cells = np.stack([x + 0.25 * step_x, y + 0.25 * step_y], axis=1)
    return cells, np.clip(maps[numbers, y, x], 0.0, 1.0)


def _means(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of the softmax of ``(n, h, w)`` maps.

    Returns:
        ``(n, 2)`` cells and ``(n,)`` confidence: the share of the softmax near the mean, as of
        :func:`livefan.networks.heatmaps.decode_soft_argmax`.
    """
    share = np.exp(maps - maps.max(axis=(1, 2), keepdims=True))
    share /= share.sum(axis=(1, 2), keepdims=True)
    rows, columns = np.arange(maps.shape[1]), np.arange(maps.shape[2])
    x, y = share.sum(axis=1) @ columns, share.sum(axis=2) @ rows
    near = (columns - x[:, None])[:, None] ** 2 + (rows - y[:, None])[:, :, None] ** 2 <= CONFIDENCE_RADIUS**2
    return np.stack([x, y], axis=1), (share * near).sum(axis=(1, 2))

"""Augment labelled faces: random crops, light, blur and occlusion, closed eyes, opened mouths, no face."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from livefan.core.crop import CROP_MARGIN, Crop, crop_from_landmarks, mirrored_x
from livefan.core.landmarks import LandmarkScheme
from livefan.datasets import LabelledFace, read_images
from livefan.detection.detector import FaceDetector
from livefan.networks.checkpoint_info import INPUT_SIZE
from livefan.training.augmentation import distortions
from livefan.training.augmentation.empty_crops import background_crop, made_crops, random_crop
from livefan.training.augmentation.eyelids import close_eyes
from livefan.training.augmentation.mouth import open_mouth
from livefan.training.config import TrainConfig

_KEPT_BOX_PX = 220
"""Largest longer side of a landmark box in the images kept in memory."""
_KEPT_MARGIN = 2.4
"""Smallest side of those images as a multiple of the landmark box."""
_COMPUTED = 0.25
"""Share of the computed ones among the crops without a face."""
_ROTATION_SHIFT = 0.2
"""Largest shift of the centre of a landmark box, in boxes, if it is taken in a rotated frame (300W)."""


class TrainingFaces(Dataset[tuple[Tensor, Tensor]]):
    """Augmented crops of labelled faces, all kept in memory.

    Every augmentation depends on ``(seed, epoch, index)`` alone, so a resumed run sees the same crops.

    Args:
        faces: the faces; unreadable images are left out.
        scheme: their landmark scheme.
        config: settings of the augmentation.

    Attributes:
        faces: the faces whose images could be read, in order.
        skipped: the reasons why images were left out, one line each.
    """

    def __init__(self, faces: list[LabelledFace], scheme: LandmarkScheme, config: TrainConfig) -> None:
        self.scheme = scheme
        self.config = config
        self.faces: list[LabelledFace] = []
        self.skipped: list[str] = []
        self._kept: list[tuple[np.ndarray, np.ndarray]] = []
        margin = kept_margin(config)
        for face, image in read_images(faces, self.skipped):
            self._kept.append(_keep(face, image, margin))
            self.faces.append(face)
        self._beside = _beside(self.faces, config) if config.without_face else []

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, key: int) -> tuple[Tensor, Tensor]:
        """Return :meth:`sample` at the first input size."""
        return self.sample(key, self.config.input_sizes[0])

    def sample(self, key: int, size: int) -> tuple[Tensor, Tensor]:
        """Return a ``(size, size, 3)`` uint8 BGR crop and its ``(n, 2)`` float32 points in crop pixels.

        The points of a crop without a face are NaN.

        Args:
            key: ``epoch * len(self) + index``.
            size: side of the crop in pixels.
        """
        epoch, index = divmod(key, len(self))
        rng = np.random.default_rng((self.config.seed, epoch, index))
        if self.config.without_face > 0 and rng.random() < self.config.without_face:
            pixels, points_crop = self._empty_crop(size, rng), np.full((self.scheme.n_points, 2), np.nan)
        else:
            pixels, points_crop = self._face_crop(index, size, rng)
        if rng.random() < self.config.mirror:
            pixels = pixels[:, ::-1]
            points_crop = points_crop[self.scheme.mirror_order]
            points_crop[:, 0] = mirrored_x(points_crop[:, 0], size, self.config.mirror_offset)
        for probability, change in _PHOTOMETRIC:
            if rng.random() < probability * self.config.photometric:
                pixels = change(pixels, rng)
        for setting, distort in _DISTORTIONS.items():
            # An unused distortion draws no number, so runs without it stay reproducible.
            probability = getattr(self.config, setting)
            if probability > 0 and rng.random() < probability:
                pixels = distort(pixels, rng)
        return torch.from_numpy(np.ascontiguousarray(pixels)), torch.from_numpy(points_crop).float()

    def _face_crop(self, index: int, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        image, points_px = self._kept[index]
        if self.config.eye_closing > 0 and rng.random() < self.config.eye_closing:
            image, points_px = close_eyes(image, points_px, self.scheme, rng)
        if self.config.mouth_opening > 0 and rng.random() < self.config.mouth_opening:
            image, points_px = open_mouth(image, points_px, self.scheme, rng)
        crop = _random_framing(points_px, rng, self.config, size)
        return crop.cut(image), crop.to_crop(points_px)

    def _empty_crop(self, size: int, rng: np.random.Generator) -> np.ndarray:
        if not self._beside or rng.random() < _COMPUTED:
            *_, crop = made_crops(int(rng.integers(1, 5)), size, rng)
            return crop
        picture = self._beside[int(rng.integers(len(self._beside)))]
        return random_crop(picture, size, rng).cut(picture)


class EvaluationFaces(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Plain landmark-box crops of labelled faces for validation, all kept in memory.

    Args:
        faces: the faces; unreadable images are left out.
        size: side of the crops in pixels.

    Attributes:
        skipped: the reasons why images were left out, one line each.
    """

    def __init__(self, faces: list[LabelledFace], size: int = INPUT_SIZE) -> None:
        self.skipped: list[str] = []
        self._kept: list[tuple[Tensor, Tensor, Tensor]] = []
        for face, image in read_images(faces, self.skipped):
            crop = crop_from_landmarks(face.points_px).sized(size)
            self._kept.append(
                (
                    torch.from_numpy(crop.cut(image)),
                    torch.from_numpy(crop.to_crop(face.points_px)),
                    torch.tensor(crop.side_px / crop.size),
                )
            )

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return a ``(size, size, 3)`` uint8 BGR crop, ``(n, 2)`` points, and image pixels per crop pixel."""
        return self._kept[index]


def kept_margin(config: TrainConfig) -> float:
    """Return the side of the kept image as a multiple of the landmark box, so that it contains all crops."""
    angle = math.radians(min(config.rotation, 45.0)) if config.rotation_probability else 0.0
    reach = CROP_MARGIN * config.scale * (math.cos(angle) + math.sin(angle) + 2 * config.shift)
    return _KEPT_MARGIN if reach <= _KEPT_MARGIN else reach + 2 * _ROTATION_SHIFT


def _beside(faces: list[LabelledFace], config: TrainConfig) -> list[np.ndarray]:
    """Return a square picture without a face from each photograph that has room for one."""
    rng = np.random.default_rng((config.seed, len(faces)))
    with FaceDetector() as detector:
        found = (
            background_crop(face.read_image(), face.points_px, detector, INPUT_SIZE, rng) for face in faces
        )
        return [picture for picture in found if picture is not None]


def _keep(face: LabelledFace, image: np.ndarray, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the surroundings of a face, reduced without loss for the crops, and its points in them."""
    crop = crop_from_landmarks(face.points_px)
    box_px = crop.side_px / CROP_MARGIN
    # No pixels exist beyond the farthest edge of the image.
    edges = zip(crop.centre_px, image.shape[1::-1], strict=True)
    farthest_px = max(max(place, size - place) for place, size in edges) + 1
    margin = max(_KEPT_MARGIN, min(margin, 2 * farthest_px / box_px))
    size = round(min(box_px, _KEPT_BOX_PX) * margin)
    wide = replace(crop, side_px=box_px * margin, size=size)
    return wide.cut(image), wide.to_crop(face.points_px)


def _random_framing(points_px: np.ndarray, rng: np.random.Generator, config: TrainConfig, size: int) -> Crop:
    angle = 0.0
    if rng.random() < config.rotation_probability:
        angle = math.radians(rng.uniform(-config.rotation, config.rotation))
    crop = crop_from_landmarks(points_px, angle=angle)
    # As in evaluation, the side is that of the upright landmark box, not of the rotated points.
    side = crop_from_landmarks(points_px).side_px if angle else crop.side_px
    side *= config.scale ** rng.uniform(-1.0, 1.0)
    shift = rng.uniform(-config.shift, config.shift, 2) * side
    centre = (crop.centre_px[0] + shift[0], crop.centre_px[1] + shift[1])
    return Crop(centre, side, angle, crop.size).sized(size)


def _light(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change brightness, contrast and white balance."""
    contrast, brightness = rng.uniform(0.6, 1.4), rng.uniform(-40, 40)
    gain = rng.uniform(0.85, 1.15, 3) * contrast
    return np.clip(pixels * gain + brightness, 0, 255).astype(np.uint8)


def _gamma(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change the gamma strongly, as in a dark room or against the light."""
    table = 255 * (np.arange(256) / 255) ** math.exp(rng.uniform(-0.7, 1.1))
    return cv2.LUT(np.ascontiguousarray(pixels), table.round().astype(np.uint8))


def _grey(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.repeat(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_BGR2GRAY)[..., None], 3, axis=2)


def _blur(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return cv2.GaussianBlur(np.ascontiguousarray(pixels), (0, 0), rng.uniform(0.6, 3.0))


def _low_resolution(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    size = int(rng.uniform(40, 128))
    small = cv2.resize(np.ascontiguousarray(pixels), (size, size), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _noise(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(0, rng.uniform(3, 15), pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def _cover(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cover part of the crop by a rectangle."""
    return distortions.cover_by_rectangle(pixels, rng)[0]


_PHOTOMETRIC: tuple[tuple[float, Callable[[np.ndarray, np.random.Generator], np.ndarray]], ...] = (
    (0.7, _light),
    (0.2, _gamma),
    (0.1, _grey),
    (0.2, _blur),
    (0.1, _low_resolution),
    (0.15, _noise),
    (0.4, _cover),
)
"""The probability of each photometric change, in the order of application."""

_DISTORTIONS: dict[str, distortions.Distortion] = {
    "covering": distortions.cover,
    "side_light": distortions.side_light,
    "darkness": distortions.darken,
    "defocus": distortions.defocus,
    "motion_blur": distortions.motion_blur,
    "compression": distortions.compress,
}
"""Distortions by the setting that holds their probability, in the order of application."""

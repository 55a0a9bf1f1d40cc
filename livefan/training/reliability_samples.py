"""Collect samples for the reliability head: run a trained network on crops with and without faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from livefan.core.crop import crop_from_landmarks
from livefan.datasets import FaceSet, LabelledFace, print_skipped, read_images
from livefan.detection.detector import FaceDetector
from livefan.io.image_file import read_image
from livefan.networks.checkpoint import Weights
from livefan.networks.reliability_head import ReliabilityHead
from livefan.training.augmentation.empty_crops import background_crop, empty_crops, made_crops
from livefan.training.head_samples import (
    file_stamp,
    read_samples,
    samples_digest,
    sampling_network,
    save_samples,
)
from livefan.training.reliability_views import face_views

NO_FACE = ("background", "picture", "made")
"""Kinds of crops without a face: beside faces, of pictures without faces, and computed."""
_N_MADE = 150


@dataclass(frozen=True)
class Samples:
    """Inputs of the head, and targets.

    Attributes:
        at_points, shape: as :meth:`ReliabilityHead.samples` returns them, ``(k, ...)``.
        occluded: ``(k, n)`` in [0, 1]; 0 for crops without a face.
        error: ``(k, n)`` distances of the landmarks from the labels as shares of the crop; 0 likewise.
        kinds: the kind of each crop: of :class:`livefan.training.reliability_views.FaceView`, or one of
            :data:`NO_FACE`.
    """

    at_points: Tensor
    shape: Tensor
    occluded: Tensor
    error: Tensor
    kinds: np.ndarray

    @property
    def is_face(self) -> np.ndarray:
        """``(k,)`` bool, whether the crop shows a face."""
        return ~np.isin(self.kinds, NO_FACE)

    def at(self, chosen: np.ndarray) -> Samples:
        """Return some of the samples, by a ``(k,)`` bool mask."""
        return Samples(*(getattr(self, field.name)[np.flatnonzero(chosen)] for field in fields(self)))


class Collector:
    """Runs a network on crops with and without faces.

    Args:
        weights: the network.
        head: a head for it, fitted or not.
        cache: folder that keeps the samples; the same network and files are read from there. None for none.
        quiet: show no progress bar.
    """

    def __init__(
        self, weights: Weights, head: ReliabilityHead, *, cache: Path | None = None, quiet: bool = False
    ) -> None:
        self._weights, self._head, self._cache, self._quiet = weights, head, cache, quiet
        self._size = weights.info.input_size
        self._rows: list[tuple[np.ndarray, ...]] = []
        self._kinds: list[str] = []

    @cached_property
    def _run(self) -> Callable[[np.ndarray], list[np.ndarray]]:
        return sampling_network(self._weights, self._head, 2)

    def samples(self, faces: FaceSet, pictures: Sequence[Path], *, disturb: bool) -> Samples:
        """Return the samples of labelled faces, of the background beside them, and of pictures.

        Raises:
            LivefanError: if a picture or every face is unusable.
        """
        kept = None if self._cache is None else self._cache / self._cache_name(faces, pictures, disturb)
        if kept is not None and kept.is_file():
            stored = read_samples(kept)
            kinds = stored.pop("kinds")
            return Samples(**{name: torch.from_numpy(each) for name, each in stored.items()}, kinds=kinds)
        found = self._collected(faces, pictures, disturb)
        if kept is not None:
            save_samples(kept, found)
        return found

    def _cache_name(self, faces: FaceSet, pictures: Sequence[Path], disturb: bool) -> str:
        """Return the name of the file that keeps the samples of faces and pictures."""
        use = "fit" if disturb else "measure"
        labels = sha256(b"".join(face.points_px.tobytes() for face in faces.faces)).hexdigest()
        stamps = (file_stamp(path) for path in (*dict.fromkeys(f.image_path for f in faces.faces), *pictures))
        described = " ".join([use, labels, *(face.place for face in faces.faces), *stamps])
        return f"{self._weights.path.stem}-{use}-{samples_digest(self._weights, described)}.npz"

    def _collected(self, faces: FaceSet, pictures: Sequence[Path], disturb: bool) -> Samples:
        self._rows, self._kinds = [], []
        rng = np.random.default_rng(len(faces.faces))
        images = [read_image(path) for path in pictures]
        textures, skipped = list(images), list(faces.skipped)
        with FaceDetector() as detector:
            shown = tqdm(faces.faces, "measuring", disable=True if self._quiet else None, leave=False)
            for face, image in read_images(shown, skipped):
                beside = background_crop(image, face.points_px, detector, self._size, rng)
                if beside is not None:
                    self._add(beside, "background")
                    textures.append(beside)
                own = face if faces.scheme == self._weights.scheme else self._relabelled(face, image)
                for view in face_views(image, own, self._size, textures or [image], disturb=disturb):
                    self._add(view.pixels, view.kind, view.points_crop, view.occluded)
            for image in images:
                for crop in empty_crops(image, detector, self._size, rng):
                    self._add(crop, "picture")
        if set(self._kinds) <= set(NO_FACE):
            raise faces.unusable(skipped)
        print_skipped(skipped)
        for crop in made_crops(_N_MADE, self._size, rng):
            self._add(crop, "made")
        at_points, shape, occluded, error = (
            torch.from_numpy(np.array(column)) for column in zip(*self._rows, strict=True)
        )
        return Samples(at_points, shape, occluded, error, np.array(self._kinds))

    def _relabelled(self, face: LabelledFace, image: np.ndarray) -> LabelledFace:
        """Return a face with the landmarks that the network finds on it."""
        crop = crop_from_landmarks(face.points_px).sized(self._size)
        landmarks, *_ = self._run(crop.cut(image))
        return replace(face, points_px=crop.to_image(landmarks[:, :2].astype(np.float64)))

    def _add(
        self,
        pixels: np.ndarray,
        kind: str,
        points_crop: np.ndarray | None = None,
        occluded: np.ndarray | None = None,
    ) -> None:
        """Add a crop."""
        landmarks, at_points, shape = self._run(pixels)
        covered = error = np.zeros(len(landmarks), np.float32)
        if points_crop is not None and occluded is not None:
            apart = np.linalg.norm(landmarks[:, :2] - points_crop, axis=1)
            covered, error = occluded.astype(np.float32), (apart / self._size).astype(np.float32)
        # float16 halves the memory of the samples at the landmarks, which are most of it.
        self._rows.append((at_points.astype(np.float16), shape.copy(), covered, error))
        self._kinds.append(kind)

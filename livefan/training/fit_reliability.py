"""Fit the reliability head of a trained network: occlusion, presence of a face, and expected errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from livefan.core.crop import crop_from_landmarks
from livefan.core.errors import LivefanError
from livefan.core.provenance import made_by
from livefan.datasets import FaceSet, LabelledFace, print_skipped, read_images
from livefan.detection.detector import FaceDetector
from livefan.io.image_file import read_image
from livefan.io.images import is_image_file
from livefan.networks.checkpoint import Weights, load_weights, save_weights
from livefan.networks.reliability_head import ReliabilityHead
from livefan.training.head_samples import sampling_network
from livefan.training.reliability_views import (
    COVERED,
    background_crop,
    empty_crops,
    face_views,
    made_crops,
)

NO_FACE = ("background", "picture", "made")
"""Kinds of crops without a face: beside faces, of pictures without faces, and computed."""
_N_MADE = 150
_HALVES = 2
"""Pictures without faces are taken in turn for training and for measuring."""
_STEPS = 1200
_BATCH = 64
_LEARNING_RATE = 3e-3
_WEIGHT_DECAY = 0.05
_DROPOUT = 0.2
_QUANTILE = 0.68
"""The expected error is this quantile of the errors."""
_ERROR_WEIGHT = 0.5
_PRESENCE_RIDGE = 1e-3
_SMALLEST_ERROR = 1e-3
"""Errors below this share of the crop count as this error: labels are no more exact."""


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


@dataclass(frozen=True)
class Measured:
    """How well a head tells covered landmarks from others, and faces from other crops.

    Attributes:
        occlusion: area under the ROC curve of covered landmarks by kind of cover, and of ``"all"``.
        false_alarms: share of the landmarks of plain faces with a probability of occlusion above 0.5.
        presence: area under the ROC curve of faces against crops without a face.
        empty: largest presence among the computed crops, such as grey ones.
    """

    occlusion: dict[str, float]
    false_alarms: float
    presence: float
    empty: float


def fit_reliability(
    name_or_path: str | Path,
    training: FaceSet,
    validation: FaceSet,
    empty: Path | None,
    output: Path,
    *,
    most: int,
    without: Sequence[str] = (),
    seed: int = 0,
    half: bool = False,
    quiet: bool = False,
) -> Measured:
    """Fit a reliability head to a network, and write the network with the head.

    The landmarks stay the same: the head only reads the network's maps and landmarks. A calibration of sigma
    is removed, since it may use another head's expected errors.

    Args:
        name_or_path: weights; a reliability head that they have is replaced.
        training: labelled faces to fit to. The faces may be of another scheme than the weights: then the
            landmarks that the network finds on the plain face stand for its labels.
        validation: labelled faces to measure on.
        empty: folder of pictures without faces; one half is fitted to, the other measured on. None for none.
        output: the weight file to write.
        most: take at most so many faces of either set, evenly.
        without: kinds of cover that are not fitted to, only measured.
        seed: decides initial weights and the order of the samples.
        half: write float16.
        quiet: show no progress bar.

    Raises:
        LivefanError: if weights or pictures cannot be read, or no face can be used.
    """
    weights = load_weights(name_or_path)
    head = new_head(weights, seed)
    pictures = _pictures(empty)
    taken, held_out = (_at_most(faces, most) for faces in (training, validation))
    collector = _Collector(weights, head, quiet=quiet)
    fitted_to = collector.samples(taken, pictures[::_HALVES], disturb=True)
    measured_on = collector.samples(held_out, pictures[1::_HALVES] or pictures, disturb=False)
    fit_head(head, _without(fitted_to, without), seed)
    described = {
        **weights.info.training,
        "reliability": f"fitted to {len(fitted_to.kinds)} crops of {taken.title}, seed {seed}",
        "reliability_by": made_by(),
    }
    info = replace(weights.info, training=described, sigma=None)
    save_weights(
        output,
        weights.model,
        info,
        refiner=weights.refiner,
        expression_head=weights.expression_head,
        reliability_head=head,
        half=half,
    )
    return measure(head, measured_on)


def new_head(weights: Weights, seed: int = 0) -> ReliabilityHead:
    """Return a head with random weights for a network."""
    torch.manual_seed(seed)
    return ReliabilityHead(weights.scheme.n_points, weights.model.encoder.channels, weights.info.input_size)


def _at_most(faces: FaceSet, most: int) -> FaceSet:
    """Return a number of faces at most, evenly."""
    return replace(faces, faces=faces.faces[:: max(1, math.ceil(len(faces.faces) / most))])


def _pictures(folder: Path | None) -> list[Path]:
    """Return the pictures of a folder.

    Raises:
        LivefanError: if there is no such folder, or it holds no picture.
    """
    if folder is None:
        return []
    if not folder.is_dir():
        raise LivefanError(f"{folder}: no such folder; name one with pictures without faces")
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and is_image_file(path)]
    if not found:
        raise LivefanError(f"{folder}: holds no pictures; name a folder with pictures without faces")
    return found


def _without(samples: Samples, kinds: Sequence[str]) -> Samples:
    return _chosen(samples, ~np.isin(samples.kinds, kinds)) if kinds else samples


def _chosen(samples: Samples, mask: np.ndarray) -> Samples:
    place = torch.from_numpy(np.flatnonzero(mask))
    return Samples(
        samples.at_points[place],
        samples.shape[place],
        samples.occluded[place],
        samples.error[place],
        samples.kinds[mask],
    )


class _Collector:
    """Runs the network on crops with and without faces.

    Args:
        weights: the network.
        head: a head for it, fitted or not.
        quiet: show no progress bar.
    """

    def __init__(self, weights: Weights, head: ReliabilityHead, *, quiet: bool) -> None:
        self._weights, self._quiet = weights, quiet
        self._size = weights.info.input_size
        self._run: Callable[[np.ndarray], list[np.ndarray]] = sampling_network(weights, head, 2)
        self._rows: list[tuple[np.ndarray, ...]] = []
        self._kinds: list[str] = []

    def samples(self, faces: FaceSet, pictures: Sequence[Path], *, disturb: bool) -> Samples:
        """Return the samples of labelled faces, of the background beside them, and of pictures.

        Raises:
            LivefanError: if a picture or every face is unusable.
        """
        self._rows, self._kinds = [], []
        rng = np.random.default_rng(len(faces.faces))
        images = [read_image(path) for path in pictures]
        skipped = list(faces.skipped)
        is_own = faces.scheme == self._weights.scheme
        with FaceDetector() as detector:
            textures = list(images)
            shown = tqdm(faces.faces, "measuring", disable=True if self._quiet else None, leave=False)
            for face, image in read_images(shown, skipped):
                beside = background_crop(image, face.points_px, detector, self._size, rng)
                if beside is not None:
                    self._add(beside, "background")
                    textures.append(beside)
                self._add_face(face, image, textures or [image], disturb=disturb, is_own=is_own)
            for image in images:
                for crop in empty_crops(image, detector, self._size, rng):
                    self._add(crop, "picture")
        if not self._rows:
            raise faces.unusable(skipped)
        print_skipped(skipped)
        for crop in made_crops(_N_MADE, self._size, rng):
            self._add(crop, "made")
        at_points, shape, occluded, error = (
            torch.from_numpy(np.array(column)) for column in zip(*self._rows, strict=True)
        )
        return Samples(at_points, shape, occluded, error, np.array(self._kinds))

    def _add_face(
        self,
        face: LabelledFace,
        image: np.ndarray,
        textures: Sequence[np.ndarray],
        *,
        disturb: bool,
        is_own: bool,
    ) -> None:
        """Add the views of a face."""
        own = face if is_own else self._relabelled(face, image)
        for view in face_views(image, own, self._size, textures, disturb=disturb):
            self._add(view.pixels, view.kind, view.points_crop, view.occluded)

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
        landmarks, *inputs = self._run(pixels)
        nothing = np.zeros(len(landmarks), np.float32)
        error = nothing
        if points_crop is not None:
            error = np.linalg.norm(landmarks[:, :2] - points_crop, axis=1) / self._size
        # float16 halves the memory of the samples at the landmarks, which are most of it.
        kept = (inputs[0].astype(np.float16), inputs[1].copy())
        covered = nothing if occluded is None else occluded
        self._rows.append((*kept, covered.astype(np.float32), error.astype(np.float32)))
        self._kinds.append(kind)


def fit_head(head: ReliabilityHead, samples: Samples, seed: int = 0, steps: int = _STEPS) -> None:
    """Fit a head to samples, in place.

    Occlusion is fitted by cross-entropy, the logarithm of the expected error by the quantile loss, and the
    presence by logistic regression in which faces and other crops have the same total weight.

    Args:
        head: the head.
        samples: inputs and targets.
        seed: decides the order of the samples and dropout.
        steps: number of batches.
    """
    torch.manual_seed(seed)
    faces = _chosen(samples, samples.is_face)
    _fit_presence(head, samples)
    means = faces.at_points.float().mean((0, 1))
    sigmas = faces.at_points.float().std((0, 1)) + 1e-3
    log_errors = faces.error.clamp(min=_SMALLEST_ERROR).log()
    with torch.no_grad():
        head.output.weight.zero_()
        head.output.bias.zero_()
        head.output.bias[head.n_points :] = torch.quantile(log_errors, _QUANTILE, dim=0)
    layers = [*head.reduce.parameters(), *head.output.parameters()]
    optimiser = torch.optim.AdamW(layers, _LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    dropped = nn.Dropout(_DROPOUT)
    for step in range(steps):
        chosen = torch.randint(len(faces.kinds), (_BATCH,))
        for group in optimiser.param_groups:
            group["lr"] = _LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
        inputs = dropped((faces.at_points[chosen].float() - means) / sigmas)
        occluded, log_error = head.of_landmarks(inputs, faces.shape[chosen])
        over = log_errors[chosen] - log_error
        loss = functional.binary_cross_entropy_with_logits(occluded, faces.occluded[chosen])
        loss = loss + _ERROR_WEIGHT * torch.maximum(_QUANTILE * over, (_QUANTILE - 1) * over).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.no_grad():  # the head takes inputs that are not standardised
        head.reduce.weight.div_(sigmas)
        head.reduce.bias.sub_(head.reduce.weight @ means)
    head.requires_grad_(False).eval()


def _fit_presence(head: ReliabilityHead, samples: Samples) -> None:
    """Fit the presence by logistic regression."""
    is_face = torch.from_numpy(samples.is_face)
    of_face = samples.at_points.float().mean(1)
    means, sigmas = of_face.mean(0), of_face.std(0) + 1e-3
    inputs, targets = (of_face - means) / sigmas, is_face.float()
    shares = torch.where(is_face, 0.5 / is_face.sum(), 0.5 / (~is_face).sum())
    layer = nn.Linear(inputs.shape[1], 1)
    nn.init.zeros_(layer.weight)
    optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        logits = layer(inputs)[:, 0]
        each = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        value = (shares * each).sum() + _PRESENCE_RIDGE * layer.weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        head.presence.weight.copy_(layer.weight / sigmas)
        head.presence.bias.copy_(layer.bias - head.presence.weight @ means)


@torch.no_grad()
def measure(head: ReliabilityHead, samples: Samples) -> Measured:
    """Measure a head on samples that it was not fitted to."""
    faces = _chosen(samples, samples.is_face)
    found = np.concatenate([part.numpy() for part in _occluded(head, faces)])
    covered = faces.occluded.numpy() > 0.5
    areas = {}
    for kind in (*COVERED, "all"):
        mask = np.isin(faces.kinds, COVERED if kind == "all" else kind)
        areas[kind] = area_under_roc(found[mask].ravel(), covered[mask].ravel())
    presence = head.presence(samples.at_points.float().mean(1))[:, 0].sigmoid().numpy()
    made = presence[samples.kinds == "made"]
    return Measured(
        areas,
        float((found[faces.kinds == "plain"] > 0.5).mean()),
        area_under_roc(presence, samples.is_face),
        float(made.max()) if len(made) else math.nan,
    )


def _occluded(head: ReliabilityHead, samples: Samples) -> Iterator[Tensor]:
    """Yield the probabilities of occlusion of parts of the samples."""
    for start in range(0, len(samples.kinds), 256):
        part = slice(start, start + 256)
        yield head.of_landmarks(samples.at_points[part].float(), samples.shape[part])[0].sigmoid()


def area_under_roc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Return the area under the ROC curve; NaN if all are positive, or none is.

    Args:
        scores: ``(k,)``.
        positive: ``(k,)`` bool.
    """
    order = np.argsort(scores, kind="stable")
    n_positive = int(positive.sum())
    n_pairs = n_positive * (len(positive) - n_positive)
    if not n_pairs:
        return math.nan
    ranks = np.flatnonzero(positive[order]) + 1
    return float(ranks.sum() - n_positive * (n_positive + 1) / 2) / n_pairs

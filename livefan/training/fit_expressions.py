"""Fit the expression head of a trained network to a teacher's measurements of many faces."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from livefan.core.crop import Crop, upright_crop
from livefan.core.errors import LivefanError
from livefan.core.face_measures import EXPRESSION_NAMES
from livefan.core.files import atomic_write
from livefan.core.frame import Face, Frame
from livefan.core.provenance import made_by
from livefan.io.open import open_source
from livefan.networks.checkpoint import Weights, load_weights, save_weights
from livefan.networks.checkpoint_info import read_weight_file
from livefan.networks.expression_head import ExpressionHead
from livefan.networks.shape_refiner import in_own_frame
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.onnx_graph import LandmarkGraph, export_module
from livefan.runtimes.openvino_runtime import for_one_crop, from_onnx, load_network
from livefan.tracking.pipeline import Pipeline
from livefan.training.expression_teacher import ExpressionTeacher, Taught, mirrored_order

_MOVES = 0.05
"""Standard deviation above which a coefficient moves in a recording."""
_SHIFT, _SCALE, _TURN = 0.02, 0.05, 0.05
"""Standard deviations of the disturbances of a crop: in sides, logarithm of the side, and radians."""
_LOWEST_SCORE = 0.7
"""Faces with a lower face score are left out."""
_STEPS = 3000
_BATCH = 128
_LEARNING_RATE = 1e-3
_WEIGHT_DECAY = 0.1
_DROPOUT = 0.2
_PUPIL_STD = 0.02
"""Standard deviation of the places of the pupils in their eyes, in units of the head."""
_MIRROR = mirrored_order(EXPRESSION_NAMES)


@dataclass(frozen=True)
class Samples:
    """Inputs of the head, and the teacher's outputs for the same faces.

    Attributes:
        inputs: ``(k, m)`` float16, the result of :meth:`ExpressionHead.samples`.
        expressions: ``(k, e)`` float32.
        pupils: ``(k, 4)`` float32 places of the pupils, as :meth:`ExpressionHead.values` returns them.
        plain: ``(k,)`` bool, whether the crop is not disturbed.
    """

    inputs: np.ndarray
    expressions: np.ndarray
    pupils: np.ndarray
    plain: np.ndarray

    def at(self, chosen: np.ndarray) -> Samples:
        """Return some of the samples."""
        return Samples(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @staticmethod
    def joined(parts: Sequence[Samples]) -> Samples:
        """Return the samples of several sources as one."""
        return Samples(
            *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Samples))
        )


@dataclass(frozen=True)
class Agreement:
    """Agreement of a head with its teacher on one recording.

    Attributes:
        source: name of the recording.
        correlation: correlation with the teacher, by the name of each coefficient that moves.
        pupil_error: mean distance from the teacher's pupils, as a share of the distance between the outer
            corners of the eyes.
    """

    source: str
    correlation: dict[str, float]
    pupil_error: float

    @property
    def mean(self) -> float:
        """Mean correlation of the coefficients that move; NaN if none does."""
        return float(np.mean(list(self.correlation.values()))) if self.correlation else math.nan


def fit_expressions(
    name_or_path: str | Path,
    sources: Sequence[Path],
    held_out: Sequence[Path],
    output: Path,
    *,
    every: int = 2,
    views: int = 1,
    seed: int = 0,
    half: bool = False,
    cache: Path | None = None,
    quiet: bool = False,
) -> list[Agreement]:
    """Fit an expression head to a network, and write the network with the head.

    The landmarks stay the same: the head only reads the network's maps and landmarks.

    Args:
        name_or_path: weights; a head that they have is replaced.
        sources: videos, images and folders of images to train on.
        held_out: recordings to measure on.
        output: the weight file to write.
        every: take one of so many frames of a video.
        views: number of disturbed crops of each face, beside the plain one.
        seed: decides disturbances and initial weights.
        half: write float16.
        cache: folder that keeps the samples of each source; the next fit of the same weights reads them.
        quiet: show no progress bar.

    Returns:
        The agreement with the teacher on each held-out recording.

    Raises:
        LivefanError: if weights or sources cannot be read, or too few faces are found.
    """
    weights = replace(load_weights(name_or_path), expression_head=None)
    head = new_head(weights, seed)
    collector = _Collector(weights, head, every, views, cache)
    parts = {}
    for source in tqdm([*sources, *held_out], "measuring", disable=True if quiet else None, leave=False):
        parts[source] = collector.samples(source, np.random.default_rng(seed))
    train = Samples.joined([parts[source] for source in sources])
    if len(train.inputs) < _BATCH:
        raise LivefanError(f"only {len(train.inputs)} samples of faces to fit the head to; name more sources")
    fit_head(head, train, seed)
    agreements = [agreement(head, parts[source], source.stem, weights) for source in held_out]
    training = {
        **weights.info.training,
        "expressions": f"fitted to MediaPipe's blendshapes of {len(train.inputs)} crops, seed {seed}",
        "expressions_by": made_by(),
    }
    info = replace(weights.info, training=training)
    save_weights(output, weights.model, info, refiner=weights.refiner, expression_head=head, half=half)
    return agreements


def new_head(weights: Weights, seed: int = 0) -> ExpressionHead:
    """Return a head with random weights for a network."""
    torch.manual_seed(seed)
    channels = weights.model.encoder.channels
    return ExpressionHead(weights.scheme, channels, weights.info.input_size, EXPRESSION_NAMES)


class _Sampler(nn.Module):
    """Stands for the head in a graph, and returns its input.

    Args:
        head: the head.
    """

    def __init__(self, head: ExpressionHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, maps: Sequence[Tensor], landmarks: Tensor) -> tuple[Tensor]:
        return (self.head.samples(maps, landmarks),)


class _Collector:
    """Runs network and teacher on the faces of a source.

    Args:
        weights: the network.
        head: a head for it, fitted or not.
        every, views, cache: see :func:`fit_expressions`.
    """

    def __init__(
        self, weights: Weights, head: ExpressionHead, every: int, views: int, cache: Path | None
    ) -> None:
        self._weights, self._every, self._views, self._cache = weights, every, views, cache
        file = read_weight_file(weights.path)
        graph = LandmarkGraph(weights)
        graph.expressions = _Sampler(head)
        exported = export_module(graph.eval(), ["landmarks", "samples"], weights.info.input_size)
        network = load_network(
            "samples", lambda: for_one_crop(from_onnx(exported), file), "float32", 1, shared=False
        )
        self._request = network.create_infer_request()
        self._teacher = ExpressionTeacher()

    def samples(self, source: Path, rng: np.random.Generator) -> Samples:
        """Return the samples of a source, from the cache if they are there."""
        kept = None if self._cache is None else self._cache / f"{self._weights.path.stem}-{source.stem}.npz"
        if kept is not None and kept.is_file():
            with np.load(kept) as arrays:
                return Samples(**arrays)
        rows = [row for face in self._faces(source) for row in self._rows(*face, rng)]
        if not rows:
            raise LivefanError(f"{source}: no face was found; name other images or videos")
        found = Samples(*(np.array(column) for column in zip(*rows, strict=True)))
        if kept is not None:
            with atomic_write(kept) as partial, partial.open("wb") as file:
                np.savez(file, **{field.name: getattr(found, field.name) for field in fields(found)})
        return found

    def _faces(self, source: Path) -> Iterator[tuple[np.ndarray, Face, Taught]]:
        """Yield image, face and the teacher's measurement for the faces of a source."""
        runtime = RuntimeChoice("openvino", "float32")
        with (
            Pipeline(self._weights.path, smoothing=0.0, max_faces=1, runtime=runtime) as pipeline,
            open_source(str(source)) as frames,
        ):
            before: Taught | None = None
            for frame in frames:
                faces = _find(pipeline, frame, photographs=frames.photographs)
                if not faces or frames.photographs:
                    before = None
                if faces and (frames.photographs or frame.index % self._every == 0):
                    crop = upright_crop(faces[0].points_px, self._weights.scheme)
                    before = self._teacher.measure(frame.image, crop, before)
                    yield frame.image, faces[0], before

    def _rows(
        self, image: np.ndarray, face: Face, taught: Taught, rng: np.random.Generator
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, bool]]:
        """Yield the samples of the plain crop of a face, and of disturbed ones."""
        info = self._weights.info
        plain = upright_crop(face.points_px, self._weights.scheme).sized(info.input_size)
        for number in range(1 + self._views):
            mirror = number > 0 and rng.random() < 0.5
            crop = plain if number == 0 else _disturbed(plain, rng)
            pixels = crop.cut(image)
            pupils = crop.to_crop(taught.pupils_px)
            expressions = taught.expressions
            if number > 0:
                pixels = disturbed_colours(pixels, rng)
            if mirror:
                pixels = np.ascontiguousarray(pixels[:, ::-1])
                pupils = np.stack([info.input_size - 1 - pupils[::-1, 0], pupils[::-1, 1]], 1)
                expressions = expressions[_MIRROR]
            self._request.infer({0: pixels[None]})
            landmarks, samples = (self._request.get_output_tensor(output).data[0] for output in range(2))
            places = self._places(landmarks, pupils)
            yield samples.astype(np.float16), expressions, places, number == 0

    def _places(self, landmarks: np.ndarray, pupils: np.ndarray) -> np.ndarray:
        """Return the ``(4,)`` float32 places of pupils in the eyes, as the head measures them."""
        points = landmarks[:, :2]
        _, unit = in_own_frame(torch.from_numpy(points)[None])
        eyes = (self._weights.scheme.right_eye, self._weights.scheme.left_eye)
        centres = np.stack([points[list(eye)].mean(axis=0) for eye in eyes])
        return ((pupils - centres) / float(unit)).astype(np.float32).ravel()


def _find(pipeline: Pipeline, frame: Frame, *, photographs: bool) -> list[Face]:
    """Return the faces of a frame that are sure enough to be taught."""
    found = pipeline.process_image(frame.image) if photographs else pipeline.process(frame)
    return [face for face in found if float(face.confidence.mean()) >= _LOWEST_SCORE]


def _disturbed(crop: Crop, rng: np.random.Generator) -> Crop:
    """Return a crop that is shifted, scaled and rotated a little, as those of a tracked face are."""
    x, y = (float(centre + rng.normal(0, _SHIFT) * crop.side_px) for centre in crop.centre_px)
    side = crop.side_px * math.exp(rng.normal(0, _SCALE))
    return Crop((x, y), side, crop.angle + rng.normal(0, _TURN), crop.size)


def disturbed_colours(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return ``(size, size, 3)`` uint8 pixels with another light, and perhaps grey, blurred or noisy."""
    values: np.ndarray = pixels.astype(np.float32)
    if rng.random() < 0.6:
        values = 255 * (values / 255) ** np.float32(math.exp(rng.normal(0, 0.25)))
        values = values * math.exp(rng.normal(0, 0.15)) + rng.normal(0, 10)
        values = values * np.exp(rng.normal(0, 0.06, 3))
    if rng.random() < 0.1:
        values = np.repeat(values.mean(axis=-1, keepdims=True), 3, axis=-1)
    if rng.random() < 0.2:
        values = cv2.GaussianBlur(values, (0, 0), rng.uniform(0.5, 1.5))
    if rng.random() < 0.3:
        values = values + rng.normal(0, rng.uniform(1, 8), values.shape)
    return np.clip(values, 0, 255).astype(np.uint8)


def fit_head(head: ExpressionHead, samples: Samples, seed: int = 0, steps: int = _STEPS) -> None:
    """Fit a head to samples, in place.

    The loss is the squared error in units of the standard deviation of each coefficient. Coefficients that
    hardly move count less.

    Args:
        head: the head, with random weights.
        samples: inputs and targets.
        seed: decides the order of the samples, and dropout.
        steps: number of batches.
    """
    torch.manual_seed(seed)
    mean, sigma = _moments(head, samples)
    scale = 1 / sigma
    targets = torch.cat([torch.from_numpy(samples.expressions), torch.from_numpy(samples.pupils)], 1)
    n_expressions = samples.expressions.shape[1]
    weights = 1 / (targets.std(0) + _MOVES)
    weights[n_expressions:] = 1 / _PUPIL_STD
    with torch.no_grad():
        head.output.bias[:n_expressions] = targets[:, :n_expressions].mean(0).clamp(0.01, 0.99).logit()
        head.output.bias[n_expressions:] = 0
        head.output.weight.mul_(0.1)
    optimiser = torch.optim.AdamW(head.parameters(), _LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    head.requires_grad_(True)
    for step in range(steps):
        chosen = torch.randint(len(targets), (_BATCH,))
        inputs = (torch.from_numpy(samples.inputs[chosen.numpy()]).float() - mean) * scale
        for group in optimiser.param_groups:
            group["lr"] = _LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
        values = head.values(inputs, _DROPOUT)
        found = torch.cat([values[:, :n_expressions].sigmoid(), _PUPIL_STD * values[:, n_expressions:]], 1)
        optimiser.zero_grad(set_to_none=True)
        ((found - targets[chosen]) * weights).square().mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    head.requires_grad_(False).eval()
    _absorb_moments(head, mean, sigma)


def _moments(head: ExpressionHead, samples: Samples) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of the inputs; those at landmarks are equal for all landmarks."""
    some = torch.from_numpy(samples.inputs[:: max(1, len(samples.inputs) // 2000)]).float()
    direct, at_points = some[:, : head.n_direct], some[:, head.n_direct :]
    at_points = at_points.reshape(-1, head.reduce.in_features)
    mean = torch.cat([direct.mean(0), at_points.mean(0).repeat(head.n_points)])
    sigma = torch.cat([direct.std(0), at_points.std(0).repeat(head.n_points)])
    return mean, sigma + 1e-3


@torch.no_grad()
def _absorb_moments(head: ExpressionHead, mean: Tensor, sigma: Tensor) -> None:
    """Change a head of standardised inputs and pupils into one of plain ones."""
    n_direct, n_reduced = head.n_direct, head.reduce.out_features
    per_channel = slice(n_direct, n_direct + head.reduce.in_features)
    head.reduce.weight.div_(sigma[per_channel])
    shift = (head.reduce.weight @ mean[per_channel]).repeat(head.n_points)
    assert len(shift) == n_reduced * head.n_points
    head.hidden.bias.sub_(head.hidden.weight[:, n_direct:] @ shift)
    head.hidden.weight[:, :n_direct].div_(sigma[:n_direct])
    head.hidden.bias.sub_(head.hidden.weight[:, :n_direct] @ mean[:n_direct])
    head.output.weight[-4:].mul_(_PUPIL_STD)
    head.output.bias[-4:].mul_(_PUPIL_STD)


def agreement(head: ExpressionHead, samples: Samples, source: str, weights: Weights) -> Agreement:
    """Return the agreement of a head with the teacher on the plain crops of a recording."""
    plain = samples.at(samples.plain)
    inputs = torch.from_numpy(plain.inputs).float()
    with torch.inference_mode():
        values = head.values(inputs)
    found, taught = values[:, :-4].sigmoid().numpy(), plain.expressions
    moving = np.flatnonzero(taught.std(axis=0) > _MOVES)
    correlation = {
        EXPRESSION_NAMES[place]: float(np.corrcoef(found[:, place], taught[:, place])[0, 1])
        for place in moving.tolist()
    }
    away = (values[:, -4:].numpy() - plain.pupils).reshape(-1, 2, 2)
    right, left = weights.scheme.normaliser
    shape = inputs[:, : head.n_shape].numpy().reshape(len(inputs), -1, 2)
    eyes = np.linalg.norm(shape[:, right] - shape[:, left], axis=1)
    error = float((np.linalg.norm(away, axis=2).mean(axis=1) / eyes).mean())
    return Agreement(source, correlation, error)

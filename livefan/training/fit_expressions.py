"""Fit the expression head of a trained network to a teacher's measurements of many faces."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from tqdm import tqdm

from livefan.core.crop import upright_crop
from livefan.core.errors import LivefanError
from livefan.core.face_measures import EXPRESSION_NAMES
from livefan.core.frame import Face, Frame
from livefan.core.provenance import made_by
from livefan.detection.detector import FaceDetector
from livefan.io.open import open_source
from livefan.io.source import Source
from livefan.networks.checkpoint import Weights, load_weights, save_weights
from livefan.networks.expression_head import ExpressionHead
from livefan.networks.shape_refiner import in_own_frame
from livefan.runtimes.base import RuntimeChoice
from livefan.tracking.pipeline import Pipeline
from livefan.training.expression_teacher import (
    EYE_POINTS,
    LIP_POINTS,
    MESH_INPUTS,
    ExpressionTeacher,
    Taught,
    mirrored_order,
)
from livefan.training.head_samples import (
    disturbed_colours,
    disturbed_crop,
    file_stamp,
    read_samples,
    samples_digest,
    sampling_network,
    save_samples,
)
from livefan.training.optimisation import anneal

_MOVES = 0.05
"""Standard deviation above which a coefficient moves in a recording."""
_LOWEST_SCORE = 0.7
"""Faces with a lower face score are left out."""
_OUTLIERS = 0.03
"""Share of the samples that are left out, because code and mesh differ most: no faces, and failed meshes."""
_RIDGE = 1.0
"""Strength of the regularisation of the code, for standardised inputs."""
_EYE_WEIGHT, _LIP_WEIGHT = 3.0, 2.0
"""Weights of the points of eyes and lips in the principal components of the mesh."""
STEPS = 3000
"""Number of batches for the small network."""
_BATCH = 256
_FEWEST = 100
"""Smallest number of samples to fit a head to."""
_LEARNING_RATE = 2e-3
_WEIGHT_DECAY = 0.01
_NOISE = 0.3
"""Noise of the components that the small network is trained with, as a share of the errors of the code."""
_MOST_ROWS = 60_000
"""Largest number of rows for the principal components of the samples at landmarks."""
_MIRROR = mirrored_order(EXPRESSION_NAMES)


@dataclass(frozen=True)
class Samples:
    """Inputs of the head, and the teacher's outputs for the same faces.

    Attributes:
        inputs: ``(k, m)`` float16, the result of :meth:`ExpressionHead.samples`.
        mesh: ``(k, p, 2)`` float32 points of the teacher's mesh in the frame of the landmarks' shape; see
            :func:`livefan.networks.shape_refiner.in_own_frame`. In mirrored crops right and left points are
            not exchanged.
        expressions: ``(k, e)`` float32.
        pupils: ``(k, 4)`` float32 places of the pupils, as :meth:`ExpressionHead.coefficients` has them.
        plain: ``(k,)`` bool, whether the crop is not disturbed.
        mirrored: ``(k,)`` bool.
    """

    inputs: np.ndarray
    mesh: np.ndarray
    expressions: np.ndarray
    pupils: np.ndarray
    plain: np.ndarray
    mirrored: np.ndarray

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
class SampleChoice:
    """The faces that samples are taken of, and the places of the samples.

    Attributes:
        every: take one of so many frames of a video.
        most: take at most so many images of a folder, evenly.
        views: number of disturbed crops of each face, beside the plain one.
        eye_rows: rows of the grid of samples around an eye.
    """

    every: int = 2
    most: int = 2000
    views: int = 1
    eye_rows: int = 5


@dataclass(frozen=True)
class Agreement:
    """Agreement of a head with its teacher on one recording.

    Attributes:
        source: name of the recording, or "all frames".
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
    choice: SampleChoice | None = None,
    *,
    seed: int = 0,
    half: bool = False,
    cache: Path | None = None,
    quiet: bool = False,
    steps: int = STEPS,
) -> list[Agreement]:
    """Fit an expression head to a network, and write the network with the head.

    The landmarks stay the same: the head only reads the network's maps and landmarks.

    Args:
        name_or_path: weights; a head that they have is replaced.
        sources: videos, images and folders of images to train on.
        held_out: recordings to measure on.
        output: the weight file to write.
        choice: the samples to take.
        seed: decides disturbances and initial weights.
        half: write float16.
        cache: folder that keeps the samples of each source; the next fit of the same weights with the same
            choice reads them, also with another seed.
        quiet: show no progress bar.
        steps: number of batches for the small network.

    Returns:
        The agreement with the teacher on each held-out recording, and last on the frames of all, if there are
        several.

    Raises:
        LivefanError: if weights or sources cannot be read, or too few faces are found.
    """
    weights = replace(load_weights(name_or_path), expression_head=None)
    choice = choice or SampleChoice()
    head = new_head(weights, seed, choice.eye_rows)
    collector = _Collector(weights, head, choice, cache)
    parts = {}
    for source in tqdm([*sources, *held_out], "measuring", disable=True if quiet else None, leave=False):
        parts[source] = collector.samples(source, np.random.default_rng(seed))
    train = Samples.joined([parts[source] for source in sources])
    if len(train.inputs) < _FEWEST:
        raise LivefanError(f"only {len(train.inputs)} samples of faces to fit the head to; name more sources")
    fit_head(head, train, seed, steps)
    agreements = [agreement(head, parts[source], source.stem, weights) for source in held_out]
    if len(held_out) > 1:
        joined = Samples.joined([parts[source] for source in held_out])
        agreements.append(agreement(head, joined, "all frames", weights))
    training = {
        **weights.info.training,
        "expressions": f"fitted to MediaPipe's blendshapes of {len(train.inputs)} crops, seed {seed}",
        "expressions_by": made_by(),
    }
    info = replace(weights.info, training=training)
    save_weights(
        output,
        weights.model,
        info,
        refiner=weights.refiner,
        expression_head=head,
        reliability_head=weights.reliability_head,
        half=half,
    )
    return agreements


def new_head(weights: Weights, seed: int = 0, eye_rows: int = 5) -> ExpressionHead:
    """Return a head with random weights for a network."""
    torch.manual_seed(seed)
    channels, size = weights.model.encoder.channels, weights.info.input_size
    return ExpressionHead(weights.scheme, channels, size, EXPRESSION_NAMES, eye_rows=eye_rows)


class _Collector:
    """Runs network and teacher on the faces of a source.

    Args:
        weights: the network.
        head: a head for it, fitted or not.
        choice, cache: see :func:`fit_expressions`.
    """

    def __init__(
        self, weights: Weights, head: ExpressionHead, choice: SampleChoice, cache: Path | None
    ) -> None:
        self._weights, self._head, self._choice, self._cache = weights, head, choice, cache

    @cached_property
    def _run(self) -> Callable[[np.ndarray], list[np.ndarray]]:
        return sampling_network(self._weights, self._head)

    @cached_property
    def _teacher(self) -> ExpressionTeacher:
        return ExpressionTeacher()

    def samples(self, source: Path, rng: np.random.Generator) -> Samples:
        """Return the samples of a source, from the cache if they are there."""
        kept = None if self._cache is None else self._cache / cache_name(self._weights, source, self._choice)
        if kept is not None and kept.is_file():
            return Samples(**read_samples(kept))
        rows = [row for face in self._faces(source) for row in self._rows(*face, rng)]
        if not rows:
            raise self._without_face(source)
        found = Samples(*(np.array(column) for column in zip(*rows, strict=True)))
        if kept is not None:
            save_samples(kept, found)
        return found

    def _faces(self, source: Path) -> Iterator[tuple[np.ndarray, Face, Taught]]:
        """Yield image, face and the teacher's measurement for the faces of a source."""
        runtime = RuntimeChoice("openvino", "float32")
        with (
            Pipeline(self._weights.path, smoothing=0.0, max_faces=1, runtime=runtime) as pipeline,
            open_source(str(source), photographs=True) as frames,
        ):
            before: Taught | None = None
            every = self._every(frames)
            for frame in frames:
                if frames.photographs and frame.index % every:
                    continue
                faces = _find(pipeline, frame, photographs=frames.photographs)
                if not faces or frames.photographs:
                    before = None
                if faces and frame.index % every == 0:
                    crop = upright_crop(faces[0].points_px, self._weights.scheme)
                    before = self._teacher.measure(frame.image, crop, before)
                    yield frame.image, faces[0], before

    def _every(self, frames: Source) -> int:
        """Return of how many frames of a source one is taken."""
        if frames.photographs:
            return max(1, math.ceil((frames.n_frames or 1) / self._choice.most))
        return self._choice.every

    def _without_face(self, source: Path) -> LivefanError:
        """Return the error for a source without a sure face; the cause is the source or the network."""
        with FaceDetector() as detector, open_source(str(source), photographs=True) as frames:
            taken = (frame for frame in frames if frame.index % self._every(frames) == 0)
            count = sum(len(detector.detect(frame.image)) for frame in taken)
        if not count:
            return LivefanError(f"{source}: no face was found; name other images or videos")
        return LivefanError(
            f"{source}: {count} faces found, all with a face score below {_LOWEST_SCORE:g}; train "
            f"{self._weights.path} further"
        )

    def _rows(
        self, image: np.ndarray, face: Face, taught: Taught, rng: np.random.Generator
    ) -> Iterator[tuple[Any, ...]]:
        """Yield rows of :class:`Samples`: of the plain crop of a face, and of disturbed ones."""
        size = self._weights.info.input_size
        # Labels, and so landmarks, lie to the right of the mesh and as far below it, in mirrored crops too:
        # corners of the eyes by 0.70 and 0.78 % of the distance of the outer ones (201 validation faces of
        # 300W). Pupils with the same offset give the direction of the eyes.
        offset = self._weights.info.mirror_offset * size
        plain = upright_crop(face.points_px, self._weights.scheme).sized(size)
        for number in range(1 + self._choice.views):
            mirror = number > 0 and rng.random() < 0.5
            crop = plain if number == 0 else disturbed_crop(plain, rng)
            pixels = crop.cut(image)
            mesh, pupils = (crop.to_crop(points) for points in (taught.inputs_px, taught.pupils_px))
            expressions = taught.expressions
            if number > 0:
                pixels = disturbed_colours(pixels, rng)
            if mirror:
                pixels = np.ascontiguousarray(pixels[:, ::-1])
                mesh, pupils = (np.stack([size - 1 - p[:, 0], p[:, 1]], 1) for p in (mesh, pupils[::-1]))
                expressions = expressions[_MIRROR]
            pupils = pupils + offset
            landmarks, samples = self._run(pixels)
            points = landmarks[:, :2]
            unit = float(in_own_frame(torch.from_numpy(points)[None])[1])
            eyes = (self._weights.scheme.right_eye, self._weights.scheme.left_eye)
            centres = np.stack([points[list(eye)].mean(axis=0) for eye in eyes])
            yield (
                samples.astype(np.float16),
                ((mesh - points.mean(axis=0)) / unit).astype(np.float32),
                expressions,
                ((pupils - centres) / unit).astype(np.float32).ravel(),
                number == 0,
                mirror,
            )


def cache_name(weights: Weights, source: Path, choice: SampleChoice) -> str:
    """Return the name of the file that keeps the samples of a source.

    It depends on the landmark network, and not on its heads.
    """
    digest = samples_digest(weights, f"{file_stamp(source)} {choice}")
    return f"{weights.path.stem}-{source.stem}-{digest}.npz"


def _find(pipeline: Pipeline, frame: Frame, *, photographs: bool) -> list[Face]:
    """Return the faces of a frame that are sure enough to be taught."""
    found = pipeline.process_image(frame.image) if photographs else pipeline.process(frame)
    return [face for face in found if face.face_score >= _LOWEST_SCORE]


def fit_head(head: ExpressionHead, samples: Samples, seed: int = 0, steps: int = STEPS) -> None:
    """Fit a head to samples, in place.

    1. ``reduce_eyes`` and ``reduce`` become principal components of the samples of the maps.
    2. ``code`` is a ridge regression of the principal components of the teacher's mesh, and of the pupils.
    3. The small network learns the coefficients from the teacher's own components, with a little noise. So it
       follows the teacher's function, whatever the errors of the code are.

    Args:
        head: the head.
        samples: inputs and targets.
        seed: decides initial weights, the order of the samples and noise.
        steps: number of batches for the small network.
    """
    torch.manual_seed(seed)
    _fit_reduce(head, samples)
    components = _components(samples, head.hidden.in_features)
    targets = np.hstack([components, samples.pupils]).astype(np.float32)
    predicted, kept = _fit_code(head, samples, targets)
    errors = (predicted - targets)[kept, : components.shape[1]].std(axis=0)
    _fit_coefficients(head, components[kept], samples.expressions[kept], errors, steps)
    head.requires_grad_(False).eval()


@torch.no_grad()
def _fit_reduce(head: ExpressionHead, samples: Samples) -> None:
    """Set the two reductions of channels to principal components of the samples, standardised before."""
    of_eyes, at_points = np.split(samples.inputs[:, head.n_shape :], [head.n_eyes], axis=1)
    for layer, values in ((head.reduce_eyes, of_eyes), (head.reduce, at_points)):
        rows = values.reshape(-1, layer.in_features)
        rows = rows[:: max(1, len(rows) // _MOST_ROWS)].astype(np.float32)
        sigma = rows.std(axis=0) + 1e-3
        _, _, directions = np.linalg.svd((rows - rows.mean(axis=0)) / sigma, full_matrices=False)
        layer.weight.copy_(torch.from_numpy(directions[: layer.out_features] / sigma))


def _components(samples: Samples, count: int) -> np.ndarray:
    """Return ``(k, count)`` float32 principal components of the mesh, of unit variance."""
    mesh = samples.mesh.copy()
    order = mirrored_points(mesh[~samples.mirrored].mean(axis=0))
    mesh[samples.mirrored] = mesh[samples.mirrored][:, order]
    weights = np.ones(len(MESH_INPUTS), np.float32)
    weights[np.isin(MESH_INPUTS, EYE_POINTS)] = _EYE_WEIGHT
    weights[np.isin(MESH_INPUTS, LIP_POINTS)] = _LIP_WEIGHT
    rows = (mesh * weights[:, None]).reshape(len(mesh), -1)
    rows -= rows.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(rows.T).astype(np.float64))
    scaled = directions[:, ::-1][:, :count] / np.sqrt(np.maximum(variances[::-1][:count], 1e-12))
    return (rows @ scaled).astype(np.float32)


def mirrored_points(mean_mesh: np.ndarray) -> np.ndarray:
    """Return the point that each point of a mesh becomes in a mirror image, from the mean of many meshes.

    Args:
        mean_mesh: ``(p, 2)`` points of a nearly symmetrical face.
    """
    flipped = mean_mesh * (-1, 1)
    flipped += mean_mesh.mean(axis=0) - flipped.mean(axis=0)
    distances = np.linalg.norm(flipped[:, None] - mean_mesh[None], axis=2)
    return np.argsort(linear_sum_assignment(distances)[1])


@torch.no_grad()
def _fit_code(head: ExpressionHead, samples: Samples, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit the linear code by ridge regression; leave out outliers in a second pass.

    The three groups of inputs are scaled to the same total variance.

    Returns:
        The ``(k, c)`` predictions, and ``(k,)`` bool for the samples that are no outliers.
    """
    blocks = [
        head.inputs(torch.from_numpy(samples.inputs[start : start + 512]).float()).numpy()
        for start in range(0, len(samples.inputs), 512)
    ]
    inputs = np.concatenate(blocks)
    groups = np.repeat([1 / math.sqrt(width) for width in head.widths], head.widths)
    scale = (math.sqrt(inputs.shape[1]) * groups / (inputs.std(axis=0) + 1e-3)).astype(np.float32)
    mean, middle = inputs.mean(axis=0), targets.mean(axis=0)
    inputs = (inputs - mean) * scale
    kept = np.ones(len(inputs), bool)
    for share in (_OUTLIERS, 0.0):
        rows = inputs[kept]
        gram = rows.T @ rows + _RIDGE * len(rows) * np.eye(rows.shape[1], dtype=np.float32)
        weights = np.linalg.solve(gram, rows.T @ (targets[kept] - middle))
        predicted = inputs @ weights + middle
        if share:
            errors = np.abs(predicted - targets)[:, :-4].mean(axis=1)
            kept = errors <= np.quantile(errors, 1 - share)
    weights = scale[:, None] * weights
    head.code.weight.copy_(torch.from_numpy(weights.T.copy()))
    head.code.bias.copy_(torch.from_numpy(middle - mean @ weights))
    return predicted, kept


def _fit_coefficients(
    head: ExpressionHead, components: np.ndarray, expressions: np.ndarray, errors: np.ndarray, steps: int
) -> None:
    """Fit the small network.

    The loss is the squared error in units of the standard deviation of each coefficient. Coefficients that
    hardly move count less.

    Args:
        components: ``(k, c)`` components of the teacher's mesh.
        expressions: ``(k, e)`` the teacher's coefficients.
        errors: ``(c,)`` standard deviations of the errors of the code.
        steps: number of batches.
    """
    inputs, targets = torch.from_numpy(components), torch.from_numpy(expressions)
    noise = _NOISE * torch.from_numpy(errors.astype(np.float32))
    weights = 1 / (targets.std(0) + _MOVES)
    with torch.no_grad():
        head.output.bias.copy_(targets.mean(0).clamp(0.01, 0.99).logit())
    layers = [*head.hidden.parameters(), *head.output.parameters()]
    optimiser = torch.optim.AdamW(layers, _LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    unused = torch.zeros(_BATCH, 4)
    for step in range(steps):
        chosen = torch.randint(len(targets), (_BATCH,))
        anneal(optimiser, _LEARNING_RATE, step, steps)
        disturbed = inputs[chosen] + noise * torch.randn(_BATCH, inputs.shape[1])
        found = head.coefficients(torch.cat([disturbed, unused], 1))
        optimiser.zero_grad(set_to_none=True)
        ((found - targets[chosen]) * weights).square().mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def agreement(head: ExpressionHead, samples: Samples, source: str, weights: Weights) -> Agreement:
    """Return the agreement of a head with the teacher on the plain crops of a recording."""
    plain = samples.at(samples.plain)
    inputs = torch.from_numpy(plain.inputs).float()
    with torch.inference_mode():
        code = head.code(head.inputs(inputs))
        found = head.coefficients(code).numpy()
    taught = plain.expressions
    moving = np.flatnonzero(taught.std(axis=0) > _MOVES)
    correlation = {
        EXPRESSION_NAMES[place]: float(np.corrcoef(found[:, place], taught[:, place])[0, 1])
        for place in moving.tolist()
    }
    away = (code[:, -4:].numpy() - plain.pupils).reshape(-1, 2, 2)
    right, left = weights.scheme.normaliser
    shape = inputs[:, : head.n_shape].numpy().reshape(len(inputs), -1, 2)
    eyes = np.linalg.norm(shape[:, right] - shape[:, left], axis=1)
    error = float((np.linalg.norm(away, axis=2).mean(axis=1) / eyes).mean())
    return Agreement(source, correlation, error)

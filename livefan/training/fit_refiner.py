"""Fit the shape refiner of a trained network to its predictions in many views of labelled faces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from livefan.core.errors import LivefanError
from livefan.core.files import stems_of
from livefan.core.landmarks import LandmarkScheme
from livefan.core.provenance import made_by
from livefan.datasets import FaceSet, LabelledFace, print_skipped
from livefan.evaluation.evaluate import evaluate
from livefan.networks.checkpoint import load_weights, save_weights
from livefan.networks.heatmaps import DECODERS
from livefan.networks.mobilefan import normalise
from livefan.networks.shape_refiner import ShapeRefiner, in_own_frame
from livefan.runtimes.torch_runtime import TorchRuntime
from livefan.training.augmentation.augment import TrainingFaces
from livefan.training.config import TrainConfig
from livefan.training.initial import in_scheme
from livefan.training.optimisation import anneal
from livefan.training.precision import autocast, choose_dtype
from livefan.training.run import validation_text

VIEWS = TrainConfig(
    rotation=15.0,
    rotation_probability=0.4,
    scale=1.12,
    shift=0.03,
    mirror=0.0,
    photometric=0.5,
    motion_blur=0.03,
    defocus=0.03,
    compression=0.06,
    side_light=0.03,
    darkness=0.03,
    covering=0.1,
    eye_closing=0.1,
)
"""Augmentation of the views. Crops vary somewhat more than those of a tracked face.

Some eyes are closed; without them the refiner would open closed eyes. Views are not mirrored: labels are not
symmetrical, and networks that were trained on mirrored faces cannot learn the difference.
"""

_HIDDEN = 256
_STEPS = 2000
_BATCH = 128
_VIEWS_PER_STEP = 16
_LEARNING_RATE = 2e-3
_WEIGHT_DECAY = 1.0
_LARGEST_WEIGHT = 2.0
"""Largest weight of a view. The eye corners nearly coincide in profile; a frontal face has about 0.6."""
_SOFTNESS = 0.03
"""Below this distance, in hundredths of the unit, the loss is squared rather than absolute."""
_HELD_OUT = 5
"""One of so many photographs is held out to choose the strength of the refiner."""
_STRENGTHS = torch.linspace(0, 1, 21)


@dataclass(frozen=True)
class Views:
    """The landmarks that a network predicts in views of faces.

    Attributes:
        predicted: ``(views, n, 2)`` landmarks in crop pixels, as decoded.
        truth: ``(views, n, 2)`` labels in crop pixels.
        photographs: the photograph of each view.
        labelled: ``(views,)`` bool, whether people labelled the face.
    """

    predicted: Tensor
    truth: Tensor
    photographs: list[str]
    labelled: Tensor

    def at(self, chosen: Tensor) -> Views:
        """Return some of the views, by a ``(views,)`` bool mask."""
        photographs = [self.photographs[index] for index in chosen.nonzero()[:, 0].tolist()]
        return Views(self.predicted[chosen], self.truth[chosen], photographs, self.labelled[chosen])


@dataclass(frozen=True)
class Refined:
    """The result of :func:`refine`.

    Attributes:
        views: number of views that the refiner was fitted to.
        strength: factor of the refiner's offsets, chosen on held-out photographs.
        before, after: validation NME in percent without and with the refiner.
    """

    views: int
    strength: float
    before: float
    after: float


def refine(
    name_or_path: str | Path,
    labelled: FaceSet,
    extra: FaceSet | None,
    validation: FaceSet,
    output: Path,
    *,
    passes: int,
    seed: int = 0,
    half: bool = False,
    keep_unrefined: bool = False,
    quiet: bool = False,
) -> Refined:
    """Fit a refiner to a network, and write the network with the refiner.

    The offsets of the refiner are multiplied by a strength from 0 to 1. The strength is the best one on
    held-out photographs of ``labelled``. At strength 0 the weights are written without a refiner.

    Args:
        name_or_path: weights; a refiner that they have is replaced. Weights of 300W may be refined for faces
            of WFLW or COFW; see :func:`livefan.training.initial.in_scheme`.
        labelled: faces that people labelled.
        extra: further faces, with one view each.
        validation: faces to measure on.
        output: the weight file to write.
        passes: number of different views of each labelled face.
        seed: decides views, held-out photographs and initial weights.
        half: write float16.
        keep_unrefined: write the weights without a refiner, instead of raising an error, if it does not help.
        quiet: show no progress bar.

    Raises:
        LivefanError: if the refiner raises the validation NME, and then nothing is written; if the weights or
            the extra faces have a scheme that does not fit, the decoder is not soft-argmax, or too few faces
            can be read.
    """
    if extra is not None:
        labelled.check_scheme(extra)
    weights = in_scheme(load_weights(name_or_path), labelled.scheme)
    if weights.info.decoder != "soft-argmax":
        raise LivefanError(f"{weights.path}: decoded by {weights.info.decoder}; only soft-argmax is refined")
    validation.check_readable()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    weights.model.to(device)
    config = replace(VIEWS, seed=seed, input_sizes=(weights.info.input_size,))
    views = _predict_views(weights.model, labelled, extra, passes, config, device, quiet=quiet)
    refiner, strength = fit_safely(views, labelled.scheme, seed)
    weights.model.to("cpu")
    refined = replace(weights, refiner=refiner)
    measured = [evaluate(TorchRuntime(each), validation) for each in (weights, refined)]
    print_skipped(measured[0].skipped)
    before, after = (each.accuracy.nme_inter_ocular for each in measured)
    if not after <= before and keep_unrefined:
        refiner, strength, after = None, 0.0, before
    elif not after <= before:
        raise LivefanError(
            f"{output}: not written, since the refiner raises the validation NME from {before:.3f} % to "
            f"{after:.3f} %; use the weights without it, or refine on more faces"
        )
    training = dict(weights.info.training)
    if refiner is not None:
        training["refiner"] = f"fitted to {len(views.predicted)} views, seed {seed}, strength {strength:.2f}"
        training["refined_by"] = made_by()
    training["validation"] = validation_text(after, validation)
    # Both maps were calibrated for other landmarks.
    info = replace(weights.info, training=training, sigma=None, confidence=None)
    save_weights(output, weights.model, info, refiner=refiner, half=half)
    return Refined(len(views.predicted), strength, before, after)


def _predict_views(
    network: torch.nn.Module,
    labelled: FaceSet,
    extra: FaceSet | None,
    passes: int,
    config: TrainConfig,
    device: torch.device,
    *,
    quiet: bool,
) -> Views:
    """Predict the landmarks of several views of each labelled face, and of one view of each extra face."""
    face_sets = [(labelled, passes)] if extra is None else [(labelled, passes), (extra, 1)]
    sets = [(TrainingFaces(faces.faces, faces.scheme, config), times) for faces, times in face_sets]
    skipped = [faces.skipped for faces, _ in face_sets] + [faces.skipped for faces, _ in sets]
    print_skipped([line for lines in skipped for line in lines])
    batches = [batch for faces, times in sets for batch in _batches(faces, times)]
    if len(batches) < 2:
        raise LivefanError("too few faces to fit a refiner to; check --root")
    names = _photograph_names(labelled.faces)
    decode, dtype = DECODERS["soft-argmax"], choose_dtype(config.precision, device)
    predicted, truth = [], []
    photographs: list[str] = []
    for faces, keys in tqdm(batches, "predicting", disable=True if quiet else None, leave=False):
        crops, points = zip(*(faces[key] for key in keys), strict=True)
        with torch.inference_mode(), autocast(device, dtype):
            heatmaps = network(normalise(torch.stack(crops).to(device)))
        predicted.append(decode(heatmaps).points_crop.cpu().clone())
        truth.append(torch.stack(points))
        photographs += [_photograph(faces.faces[key % len(faces)], names) for key in keys]
    n_labelled = len(sets[0][0]) * passes
    is_labelled = torch.arange(len(photographs)) < n_labelled
    return Views(torch.cat(predicted), torch.cat(truth), photographs, is_labelled)


def _batches(faces: TrainingFaces, times: int) -> Iterator[tuple[TrainingFaces, range]]:
    """Yield the keys of several passes over some faces, a few at a time."""
    count = times * len(faces)
    for start in range(0, count, _VIEWS_PER_STEP):
        yield faces, range(start, min(start + _VIEWS_PER_STEP, count))


def _photograph_names(faces: list[LabelledFace]) -> dict[str, str]:
    """Return the photographs of faces by the stems of the rotated views that are rendered from them."""
    return {stem: _own_photograph(face) for face in faces for stem in stems_of([face.name]).values()}


def _photograph(face: LabelledFace, names: dict[str, str]) -> str:
    """Return the photograph of a face; of a rotated view that of its source."""
    return names.get(face.image_path.stem.rpartition("-")[0], _own_photograph(face))


def _own_photograph(face: LabelledFace) -> str:
    return f"{face.subset}/{face.photograph}"


def fit_safely(views: Views, scheme: LandmarkScheme, seed: int = 0) -> tuple[ShapeRefiner | None, float]:
    """Fit a refiner, and reduce its offsets by the strength that is best on held-out photographs.

    A first refiner is fitted without one fifth of the labelled photographs. Its best strength on the views of
    these photographs is taken for the refiner that is fitted to all views.

    Returns:
        The refiner and its strength in [0, 1]; None and 0 if no strength helps.
    """
    photographs = sorted({name for name, own in zip(views.photographs, views.labelled, strict=True) if own})
    if len(photographs) < 2:
        return None, 0.0
    order = torch.randperm(len(photographs), generator=torch.Generator().manual_seed(seed))
    n_held_out = max(1, round(len(photographs) / _HELD_OUT))
    held_out = {photographs[index] for index in order[:n_held_out].tolist()}
    is_held_out = torch.tensor([name in held_out for name in views.photographs])
    strength = _best_strength(
        fit_refiner(views.at(~is_held_out), scheme, seed), views.at(is_held_out & views.labelled), scheme
    )
    if strength == 0:
        return None, 0.0
    refiner = fit_refiner(views, scheme, seed)
    _scale_offsets(refiner, strength)
    return refiner, strength


def _best_strength(refiner: ShapeRefiner, views: Views, scheme: LandmarkScheme) -> float:
    """Return the factor of the refiner's offsets with the lowest NME."""
    offsets = refiner(views.predicted) - views.predicted
    right, left = scheme.normaliser
    eyes = (views.truth[:, right] - views.truth[:, left]).norm(dim=-1)
    errors = [
        ((views.predicted + strength * offsets - views.truth).norm(dim=-1).mean(1) / eyes).mean()
        for strength in _STRENGTHS
    ]
    return float(_STRENGTHS[int(torch.stack(errors).argmin())])


def fit_refiner(views: Views, scheme: LandmarkScheme, seed: int = 0) -> ShapeRefiner:
    """Fit a refiner that moves the predicted landmarks towards the labels.

    The fit minimises the NME, the mean distance in units of the distance between the outer eye corners.

    Args:
        views: predictions and labels.
        scheme: their landmark scheme.
        seed: decides initial weights and the order of the views.
    """
    torch.manual_seed(seed)
    shapes, sizes = in_own_frame(views.predicted)
    mean, sigma = shapes.mean(0), shapes.std(0) + 1e-6
    inputs = (shapes - mean) / sigma
    targets = 100 * (views.truth - views.predicted) / sizes
    right, left = scheme.normaliser
    eyes = (views.truth[:, right] - views.truth[:, left]).norm(dim=-1)
    weights = (sizes[:, 0, 0] / eyes).clamp(max=_LARGEST_WEIGHT)[:, None]
    refiner = ShapeRefiner(scheme.n_points, _HIDDEN)
    optimiser = torch.optim.AdamW(refiner.parameters(), _LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    for step in range(_STEPS):
        chosen = torch.randint(len(inputs), (_BATCH,))
        anneal(optimiser, _LEARNING_RATE, step, _STEPS)
        errors = refiner.offsets(inputs[chosen]) - targets[chosen]
        distances = (errors.square().sum(-1) + _SOFTNESS**2).sqrt()
        optimiser.zero_grad(set_to_none=True)
        (distances * weights[chosen]).mean().backward()
        optimiser.step()
    _absorb_standardisation(refiner, mean, sigma)
    return refiner.requires_grad_(False).eval()


@torch.no_grad()
def _absorb_standardisation(refiner: ShapeRefiner, mean: Tensor, sigma: Tensor) -> None:
    """Change a refiner of standardised shapes, in hundredths of the unit, into one of plain shapes."""
    for layer in (refiner.hidden, refiner.skip):
        layer.weight.div_(sigma)
        layer.bias.sub_(layer.weight @ mean)
    _scale_offsets(refiner, 0.01)


@torch.no_grad()
def _scale_offsets(refiner: ShapeRefiner, factor: float) -> None:
    """Multiply the offsets of a refiner by a factor."""
    for parameter in (refiner.mlp.weight, refiner.skip.weight, refiner.skip.bias):
        parameter.mul_(factor)

"""Fit the refiner of a trained network to what the network makes of many views of labelled faces."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from livefan.core.errors import LivefanError
from livefan.core.landmarks import LandmarkScheme
from livefan.core.provenance import made_by
from livefan.datasets import FaceSet, print_skipped
from livefan.evaluation.evaluate import evaluate
from livefan.networks.checkpoint import load_weights, save_weights
from livefan.networks.heatmaps import DECODERS
from livefan.networks.mobilefan import normalise
from livefan.networks.shape_refiner import ShapeRefiner, in_own_frame
from livefan.runtimes.torch_runtime import TorchRuntime
from livefan.training.augmentation.augment import TrainingFaces
from livefan.training.config import TrainConfig

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
"""How the faces are varied: somewhat more than crops of a face that is followed do, and with shut eyes among
them, or the shape of those with open ones would open them again.

They are not mirrored. What people marked is not symmetrical, and a network that was trained on mirrored faces
cannot know."""

_HIDDEN = 256
_STEPS = 2000
_BATCH = 128
_LEARNING_RATE = 2e-3
_WEIGHT_DECAY = 1.0
_MOST_WEIGHT = 2.0
"""Of a view; the corners of the eyes fall together in profile. That of a frontal face is about 0.6."""
_SOFTNESS = 0.03
"""Below this distance, in hundredths of the unit, the loss is squared rather than absolute."""


@dataclass(frozen=True)
class Sightings:
    """What a network made of views of faces.

    Attributes:
        found: ``(views, n, 2)`` landmarks in crop pixels, as decoded.
        truth: ``(views, n, 2)`` labels, likewise.
    """

    found: Tensor
    truth: Tensor


@dataclass(frozen=True)
class Refined:
    """What was fitted, and the validation NMEs in percent without and with it."""

    views: int
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
    quiet: bool = False,
) -> Refined:
    """Fit a refiner to a network, and write the network with it.

    Args:
        name_or_path: weights; a refiner that they have is replaced.
        labelled: faces that people labelled.
        extra: further faces, each looked at once.
        validation: faces to measure on.
        output: the weight file to write.
        passes: how often each labelled face is looked at, in another view each time.
        half: write it as float16.

    Raises:
        LivefanError: if the weights or the further faces are of another scheme, the weights not decoded by
            soft-argmax, or too few faces could be read to fit it to, or none to measure it on.
    """
    if extra is not None:
        labelled.check_scheme(extra)
    weights = replace(load_weights(name_or_path, scheme=labelled.scheme.name), refiner=None)
    if weights.info.decoder != "soft-argmax":
        raise LivefanError(f"{weights.path}: decoded by {weights.info.decoder}; only soft-argmax is refined")
    validation.check_readable()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    weights.model.to(device)
    views = replace(VIEWS, seed=seed, input_sizes=(weights.info.input_size,))
    seen = _look(weights.model, labelled, extra, passes, views, device, quiet=quiet)
    refiner = fit_refiner(seen, labelled.scheme, seed)
    weights.model.to("cpu")
    refined = replace(weights, refiner=refiner)
    measured = [evaluate(TorchRuntime(each), validation) for each in (weights, refined)]
    print_skipped(measured[0].skipped)
    before, after = (each.accuracy.nme_inter_ocular for each in measured)
    training = dict(weights.info.training)
    training["refiner"] = f"fitted to {len(seen.found)} views, seed {seed}"
    training["refined_by"] = made_by()
    training["validation"] = f"{after:.3f} %" + training.get("validation", "").partition("%")[2]
    info = replace(weights.info, training=training)
    save_weights(output, weights.model, info, refiner=refiner, half=half)
    return Refined(len(seen.found), before, after)


def _look(
    network: torch.nn.Module,
    labelled: FaceSet,
    extra: FaceSet | None,
    passes: int,
    config: TrainConfig,
    device: torch.device,
    *,
    quiet: bool,
) -> Sightings:
    """Look at each labelled face several times, at each further one once."""
    wanted = [(labelled, passes)] if extra is None else [(labelled, passes), (extra, 1)]
    sets = [(TrainingFaces(faces.faces, faces.scheme, config), times) for faces, times in wanted]
    skipped = [faces.skipped for faces, _ in wanted] + [faces.skipped for faces, _ in sets]
    print_skipped([line for lines in skipped for line in lines])
    batches = [batch for faces, times in sets for batch in _batches(faces, times)]
    if len(batches) < 2:
        raise LivefanError("too few faces to fit a refiner to; check --root")
    decode = DECODERS["soft-argmax"]
    found, truth = [], []
    for faces, keys in tqdm(batches, "looking", disable=True if quiet else None, leave=False):
        crops, points = zip(*(faces[key] for key in keys), strict=True)
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
            heatmaps = network(normalise(torch.stack(crops).to(device)))
        found.append(decode(heatmaps).points_crop.cpu().clone())
        truth.append(torch.stack(points))
    return Sightings(torch.cat(found), torch.cat(truth))


def _batches(faces: TrainingFaces, times: int) -> Iterator[tuple[TrainingFaces, range]]:
    """Sixteen keys at a time, of as many passes over some faces."""
    count = times * len(faces)
    for start in range(0, count, 16):
        yield faces, range(start, min(start + 16, count))


def fit_refiner(seen: Sightings, scheme: LandmarkScheme, seed: int = 0) -> ShapeRefiner:
    """A refiner that brings what was found nearer to the truth.

    It minimises the NME, the mean distance in units of the distance between the outer eye corners.

    Args:
        seed: decides initial weights and the order of views.
    """
    torch.manual_seed(seed)
    shapes, sizes = in_own_frame(seen.found)
    middle, sigma = shapes.mean(0), shapes.std(0) + 1e-6
    inputs = (shapes - middle) / sigma
    wanted = 100 * (seen.truth - seen.found) / sizes
    right, left = scheme.normaliser
    eyes = (seen.truth[:, right] - seen.truth[:, left]).norm(dim=-1)
    weights = (sizes[:, 0, 0] / eyes).clamp(max=_MOST_WEIGHT)[:, None]
    refiner = ShapeRefiner(scheme.n_points, _HIDDEN)
    optimiser = torch.optim.AdamW(refiner.parameters(), _LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    for step in range(_STEPS):
        chosen = torch.randint(len(inputs), (_BATCH,))
        for group in optimiser.param_groups:
            group["lr"] = _LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * step / _STEPS))
        away = refiner.offsets(inputs[chosen]) - wanted[chosen]
        distances = (away.square().sum(-1) + _SOFTNESS**2).sqrt()
        optimiser.zero_grad(set_to_none=True)
        (distances * weights[chosen]).mean().backward()
        optimiser.step()
    return _without_scales(refiner, middle, sigma).requires_grad_(False).eval()


def _without_scales(refiner: ShapeRefiner, middle: Tensor, sigma: Tensor) -> ShapeRefiner:
    """The refiner of shapes that does what one of standardised shapes does, in hundredths of the unit."""
    with torch.no_grad():
        for layer in (refiner.hidden, refiner.straight):
            layer.weight.div_(sigma)
            layer.bias.sub_(layer.weight @ middle)
        for moved in (refiner.bent.weight, refiner.straight.weight, refiner.straight.bias):
            moved.div_(100)
    return refiner

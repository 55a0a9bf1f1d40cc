"""Fit the reliability head of a trained network: occlusion, presence of a face, and expected errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from livefan.core.provenance import made_by
from livefan.datasets import FaceSet
from livefan.io.images import images_below
from livefan.networks.checkpoint import Weights, load_weights, save_weights
from livefan.networks.reliability_head import ReliabilityHead
from livefan.training.measure_reliability import Measured, measure
from livefan.training.optimisation import anneal
from livefan.training.reliability_samples import Collector, Samples

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
    cache: Path | None = None,
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
        cache: folder that keeps the samples; the next fit of the same weights to the same files reads them.
        quiet: show no progress bar.

    Raises:
        LivefanError: if weights or pictures cannot be read, or no face can be used.
    """
    weights = load_weights(name_or_path)
    head = new_head(weights, seed)
    pictures = [] if empty is None else images_below(empty, "pictures without faces")
    taken, held_out = (_at_most(faces, most) for faces in (training, validation))
    collector = Collector(weights, head, cache=cache, quiet=quiet)
    fitted_to = collector.samples(taken, pictures[::_HALVES], disturb=True)
    measured_on = collector.samples(held_out, pictures[1::_HALVES], disturb=False)
    fitted_to = fitted_to.at(~np.isin(fitted_to.kinds, without))
    fit_head(head, fitted_to, seed)
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
    faces = samples.at(samples.is_face)
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
        anneal(optimiser, _LEARNING_RATE, step, steps)
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

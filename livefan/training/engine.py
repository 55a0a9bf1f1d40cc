"""The loops of training: one epoch of optimisation, and the validation error."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from livefan.core.errors import LivefanError
from livefan.core.landmarks import LandmarkScheme
from livefan.core.metrics import inter_ocular, nme
from livefan.networks.heatmaps import DECODERS
from livefan.networks.mobilefan import HeatmapNetwork, normalise
from livefan.training.augmentation.augment import EvaluationFaces
from livefan.training.config import TrainConfig
from livefan.training.distributed import Processes
from livefan.training.loader import Loader
from livefan.training.losses import weighted_total
from livefan.training.objective import Objective
from livefan.training.optimisation import set_learning_rate
from livefan.training.state import State


def train_epoch(
    learner: nn.Module,
    state: State,
    objective: Objective,
    loader: Loader,
    epoch: int,
    config: TrainConfig,
    processes: Processes,
    *,
    quiet: bool,
) -> dict[str, float]:
    """Train for one epoch.

    Args:
        learner: ``state.learner``, perhaps wrapped for several processes.
        state: weights, moving average and optimiser, changed in place.
        epoch: number of the epoch, from 0.
        quiet: show no progress bar.

    Returns:
        Means over the epoch and all processes: each unweighted loss term, ``"loss"``, their weighted total,
        ``"learning_rate"``, and ``"gradient_norm"`` before clipping; and ``"images_per_second"`` of all
        processes together.

    Raises:
        LivefanError: if a loss is not finite. The message has the values of all terms.
    """
    state.learner.train()
    sums: dict[str, float] = defaultdict(float)
    start = time.perf_counter()
    batches = tqdm(
        loader.epoch(epoch),
        f"epoch {epoch + 1}/{config.epochs}",
        disable=True if quiet else None,
        total=len(loader),
        leave=False,
        mininterval=1.0,
    )
    for batch, (crops, points_crop) in enumerate(batches):
        step = epoch * len(loader) + batch
        set_learning_rate(state.optimiser, step, len(loader), config)
        x = normalise(crops.to(processes.device, non_blocking=True))
        terms = objective(learner, x, points_crop.to(processes.device, non_blocking=True))
        total = weighted_total(terms, objective.weights)
        values = _finite({**terms, "loss": total}, step)
        state.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(state.scaler.scale(total))
        values["gradient_norm"] = _optimise(state, config, step)
        values["learning_rate"] = state.optimiser.param_groups[0]["lr"]
        state.average.update(state.learner.network, step)
        for name, value in values.items():
            sums[name] += value
        batches.set_postfix(loss=f"{values['loss']:.3f}", refresh=False)
    means = {name: value / len(loader) for name, value in sums.items()}
    means["images_per_second"] = len(loader) * config.batch_size / (time.perf_counter() - start)
    return processes.mean(means)


def _optimise(state: State, config: TrainConfig, step: int) -> float:
    """Clip the gradient and update the weights; return the norm of the gradient before clipping.

    Where float16 overflows, the norm is not finite: it counts as 0, and the step is left out.

    Raises:
        LivefanError: if the norm is not finite in another format.
    """
    state.scaler.unscale_(state.optimiser)
    norm = nn.utils.clip_grad_norm_(state.learner.parameters(), config.gradient_clip or math.inf)
    if not (norm.isfinite() or state.scaler.is_enabled()):
        raise LivefanError(f"training stopped at step {step}: an infinite gradient; lower learning_rate")
    state.scaler.step(state.optimiser)
    state.scaler.update()
    return norm.item() if norm.isfinite() else 0.0


def _finite(terms: dict[str, Tensor], step: int) -> dict[str, float]:
    """Return the values of the loss terms; raise an error that lists them if one is not finite."""
    values = {name: value.item() for name, value in terms.items()}
    if not all(map(math.isfinite, values.values())):
        raise LivefanError(
            f"training stopped at step {step}: a loss is not finite: {values}; lower learning_rate"
        )
    return values


class Validated(NamedTuple):
    """The result of :func:`validate`.

    Attributes:
        nme: mean inter-ocular NME in percent; infinite or NaN if the outer eye corners of a face coincide, or
            the network returns NaN.
        face_score: mean confidence of the heatmaps, in [0, 1].
    """

    nme: float
    face_score: float


@torch.inference_mode()
def validate(
    network: HeatmapNetwork,
    faces: EvaluationFaces,
    scheme: LandmarkScheme,
    device: torch.device,
    decoder: str = "soft-argmax",
) -> Validated:
    """Measure a network in float32 on landmark-box crops."""
    network.eval()
    predicted, truth, confidence = [], [], []
    for crops, points_crop, pixels_per_crop_pixel in DataLoader(faces, 32):
        decoded = DECODERS[decoder](network(normalise(crops.to(device))))
        scale = pixels_per_crop_pixel[:, None, None]
        predicted.append((decoded.points_crop.cpu() * scale).numpy())
        truth.append((points_crop * scale).numpy())
        confidence.append(decoded.confidence.cpu())
    true_px = np.concatenate(truth)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = float(nme(np.concatenate(predicted), true_px, inter_ocular(true_px, scheme)).mean())
    return Validated(error, float(torch.cat(confidence).mean()))

"""The loss terms of a batch: from the labels and, where there is a teacher, from its outputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from livefan.core.crop import CLOSEST_SIZE
from livefan.networks.checkpoint import Weights
from livefan.training.config import TrainConfig
from livefan.training.losses import DistillationCriterion, LandmarkCriterion
from livefan.training.precision import autocast


class Objective:
    """The training objective: a dict of named loss terms, and a dict of their weights.

    Args:
        config: settings of the run.
        teacher: the network to distil, on the device of the run; None for labels alone.
        dtype: floating-point format in which networks compute.

    Attributes:
        weights: the weight of each term by name.
        decoder: the decoder that fits the heatmaps that this objective produces.
    """

    def __init__(
        self, config: TrainConfig, teacher: Weights | None, dtype: torch.dtype = torch.float32
    ) -> None:
        self._teacher, self._dtype = teacher, dtype
        self._landmarks = LandmarkCriterion(
            config.coordinate_weight, config.heatmap_weight, config.heatmap_loss, config.heatmap_sigma
        )
        self._distillation = DistillationCriterion(
            config.aligned_weight, config.similarity_weight, config.response_weight
        )
        self.weights = self._landmarks.weights | self._distillation.weights
        self.decoder = "argmax" if config.heatmap_loss == "mse" else "soft-argmax"

    def __call__(self, learner: nn.Module, x: Tensor, points_crop: Tensor) -> dict[str, Tensor]:
        """Return the unweighted loss terms, scalars, by name.

        Args:
            learner: a :class:`livefan.training.learner.Learner`, perhaps wrapped for several processes.
            x: ``(batch, 3, side, side)`` normalised RGB.
            points_crop: ``(batch, n, 2)`` true positions ``(x, y)`` in crop pixels.
        """
        with autocast(x.device, self._dtype):
            heatmaps, stages, lifted = learner(x)
            terms = self._landmarks(heatmaps, points_crop)
            if self._teacher is None:
                return terms
            with torch.no_grad():
                teacher_heatmaps, teacher_stages = teacher_outputs(self._teacher, x)
        return terms | self._distillation(heatmaps, stages, lifted, teacher_heatmaps, teacher_stages)


def teacher_outputs(teacher: Weights, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return the teacher's heatmaps and decoder maps of a student's crops, in the student's sizes.

    A teacher that was trained on larger crops gets the crops enlarged to its own size, but at most to
    :data:`livefan.core.crop.CLOSEST_SIZE`. From that size on, larger crops show more surroundings and no more
    pixels of the face. Crops are enlarged, and maps reduced again, bilinearly.

    Args:
        x: ``(batch, 3, side, side)`` normalised RGB.

    Returns:
        ``(batch, n, side / 4, side / 4)`` logits, and three maps ``(batch, c, s, s)`` where s is a 16th, an
        8th and a quarter of the side.
    """
    side = x.shape[-1]
    size = min(teacher.info.input_size, max(side, CLOSEST_SIZE))
    if size <= side:
        return teacher.model.with_stages(x)
    heatmaps, stages = teacher.model.with_stages(_resized(x, size))
    heatmaps, *stages = (_resized(maps, maps.shape[-1] * side // size) for maps in (heatmaps, *stages))
    return heatmaps, stages


def _resized(maps: Tensor, side: int) -> Tensor:
    # In float32: interpolated bfloat16 would show steps between neighbouring cells.
    return functional.interpolate(maps.float(), (side, side), mode="bilinear", align_corners=False)

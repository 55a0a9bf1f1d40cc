"""The modules in training: the network, its adapters to a teacher, and the moving average of its weights."""

from __future__ import annotations

from copy import deepcopy
from typing import Self

import torch
from torch import Tensor, nn

from livefan.networks.mobilefan import HeatmapNetwork


class Learner(nn.Module):
    """A network in training with its adapters, if a teacher's features are distilled.

    An adapter lifts a stage of the student's decoder to the teacher's channels: a 1 x 1 convolution,
    batch norm and ReLU (MobileFAN, arXiv 1908.03839, section 3.2), one for each stage. Adapters exist
    during training only.

    Args:
        network: the network to train.
        teacher_channels: channels of the stages of the teacher's decoder; none for no adapters.
        frozen: ``"encoder"``, or ``"decoder"`` for encoder and decoder: parts that keep their weights and
            batch-norm statistics. Empty for none.
    """

    def __init__(
        self, network: HeatmapNetwork, teacher_channels: tuple[int, ...] = (), frozen: str = ""
    ) -> None:
        super().__init__()
        self.network = network
        decoder = (network.decoder, network.laterals) if frozen == "decoder" else ()
        self._frozen = (network.encoder, *decoder) if frozen else ()
        for part in self._frozen:
            part.requires_grad_(False)
        self.adapters = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(own, lifted, 1, bias=False),
                nn.BatchNorm2d(lifted),
                nn.ReLU(inplace=True),
            )
            for own, lifted in zip(network.channels, teacher_channels, strict=False)
        )

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all modules except frozen ones, which stay in evaluation mode."""
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Return the heatmaps, the decoder's maps, and these maps after the adapters.

        Args:
            x: ``(batch, 3, side, side)`` normalised RGB.

        Returns:
            ``(batch, n, side / 4, side / 4)`` logits, three maps ``(batch, c, s, s)`` where s is a 16th, an
            8th and a quarter of the side, and as many with the teacher's channels; none without adapters.
        """
        heatmaps, stages = self.network.with_stages(x)
        return heatmaps, stages, [adapt(stage) for adapt, stage in zip(self.adapters, stages, strict=False)]


class MovingAverage:
    """Exponential moving average of a network's weights and batch-norm statistics.

    The window of the average grows: after ``t`` steps the decay is at most ``(1 + t) / (10 + t)``, so that
    the initial weights soon lose their influence.

    Args:
        network: the network to average; it is copied.
        decay: weight of the previous average at each step; 0 keeps the latest weights.

    Attributes:
        network: a network with the averaged weights.
    """

    def __init__(self, network: HeatmapNetwork, decay: float) -> None:
        self.network = deepcopy(network).requires_grad_(False).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, network: HeatmapNetwork, step: int) -> None:
        """Update the average with the weights of a step, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        latest = network.state_dict()
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                value.lerp_(latest[name], 1 - decay)
            else:
                value.copy_(latest[name])

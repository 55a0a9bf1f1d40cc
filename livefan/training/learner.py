"""What is trained: a network, the adapters that a teacher needs, and a moving average of the weights."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from livefan.networks.mobilefan import HeatmapNetwork


class Learner(nn.Module):
    """A network in training and, where a teacher's features are followed, its adapters.

    An adapter lifts a stage of the student's decoder to the teacher's channels: a 1 x 1 convolution,
    batch norm and ReLU (MobileFAN, arXiv 1908.03839, section 3.2), one for each stage. They exist
    while training only.

    Args:
        network: what is trained.
        teacher_channels: channels of the teacher's decoder, or 0 for no adapters.
    """

    def __init__(self, network: HeatmapNetwork, teacher_channels: int = 0) -> None:
        super().__init__()
        self.network = network
        self.adapters = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(network.channels, teacher_channels, 1, bias=False),
                nn.BatchNorm2d(teacher_channels),
                nn.ReLU(inplace=True),
            )
            for _ in range(3 if teacher_channels else 0)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Heatmaps, the decoder's maps, and these lifted by the adapters, if there are any."""
        heatmaps, stages = self.network.with_stages(x)
        return heatmaps, stages, [adapt(stage) for adapt, stage in zip(self.adapters, stages, strict=False)]


class MovingAverage:
    """Exponential moving average of a network's weights and batch-norm statistics.

    The average begins short and grows to its full length: after ``t`` steps the decay is at most
    ``(1 + t) / (10 + t)``, so that the random beginning is soon forgotten.

    Args:
        network: whose weights are averaged.
        decay: weight of the past at each step; 0 keeps the latest weights.
    """

    def __init__(self, network: HeatmapNetwork, decay: float) -> None:
        self.network = deepcopy(network).requires_grad_(False).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, network: HeatmapNetwork, step: int) -> None:
        """Take in the weights after ``step`` steps, from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        latest = network.state_dict()
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                value.lerp_(latest[name], 1 - decay)
            else:
                value.copy_(latest[name])

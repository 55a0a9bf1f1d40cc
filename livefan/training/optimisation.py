"""The optimiser and the schedule of its learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from livefan.training.config import TrainConfig


def build_optimiser(parameters: Iterable[nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    """Return the optimiser that the settings name, at the peak learning rate."""
    kind = torch.optim.Adam if config.optimiser == "adam" else torch.optim.AdamW
    return kind(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)


def set_learning_rate(
    optimiser: torch.optim.Optimizer, step: int, steps_per_epoch: int, config: TrainConfig
) -> None:
    """Set the learning rate of a step, counted from 0 over all epochs."""
    for group in optimiser.param_groups:
        group["lr"] = config.learning_rate * learning_rate_factor(step, steps_per_epoch, config)


def anneal(optimiser: torch.optim.Optimizer, rate: float, step: int, steps: int) -> None:
    """Set the learning rate of a step; over all steps it falls from ``rate`` to zero along a cosine."""
    for group in optimiser.param_groups:
        group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps))


def learning_rate_factor(step: int, steps_per_epoch: int, config: TrainConfig) -> float:
    """Return the learning rate of a step as a factor of its peak.

    A linear warm-up comes first, of at most a tenth of all steps. Then the rate follows a cosine to zero, or
    falls to a tenth at each milestone.
    """
    all_steps = config.epochs * steps_per_epoch
    warmup_steps = min(config.warmup_steps, all_steps // 10)
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if config.schedule == "steps":
        return float(0.1 ** sum(step >= epoch * steps_per_epoch for epoch in config.milestones))
    share = (step - warmup_steps) / max(1, all_steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * share))

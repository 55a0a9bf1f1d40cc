"""The block of text with which a training run begins."""

from __future__ import annotations

import time
from copy import deepcopy

import torch

from livefan.training.config import TrainConfig
from livefan.training.distributed import Processes
from livefan.training.losses import weighted_total
from livefan.training.objective import Objective
from livefan.training.optimisation import learning_rate_factor
from livefan.training.precision import name_of
from livefan.training.state import Progress, State


def hardware(processes: Processes, dtype: torch.dtype) -> dict[str, str | int]:
    """Return device, threads, processes and precision of a run, for its records."""
    device = processes.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {
        "device": name,
        "threads": torch.get_num_threads(),
        "processes": processes.count,
        "precision": name_of(dtype),
    }


def summary(
    config: TrainConfig,
    state: State,
    hardware: dict[str, str | int],
    n_faces: tuple[int, int],
    progress: Progress,
    seconds_per_step: float,
) -> str:
    """Return faces, steps, network, device, initial weights, teacher and expected time, one a line.

    Args:
        config: settings of the run.
        state: the network in training.
        hardware: result of :func:`hardware`.
        n_faces: number of faces for training and for validation.
        progress: the finished epochs.
        seconds_per_step: expected duration of a step.
    """
    steps = n_faces[0] // config.batch_size
    parameters = sum(parameter.numel() for parameter in state.learner.network.parameters())
    sizes = ", ".join(map(str, config.input_sizes))
    epochs_left = config.epochs - progress.epoch
    lines = {
        "faces": f"{n_faces[0]} for training, {n_faces[1] or 'none'} for validation",
        "steps": f"{steps} an epoch of {config.batch_size} faces, {config.epochs} epochs",
        "network": f"{config.architecture}, width {config.width:g}, {parameters / 1e6:.2f} M parameters, "
        f"crops of {sizes} pixels",
        "device": f"{hardware['device']}, {hardware['threads']} threads, {hardware['processes']} processes",
        "precision": f"{hardware['precision']} (setting: {config.precision})",
        "init": config.init or "random weights",
        "teacher": config.teacher or "none",
        "time": f"about {_duration(epochs_left * steps * seconds_per_step)} and validation, "
        "estimated from two steps",
    }
    if progress.epoch:
        rate = config.learning_rate * learning_rate_factor(progress.epoch * steps, steps, config)
        lines["resumed"] = f"after epoch {progress.epoch} of {config.epochs}, at learning rate {rate:.2g}"
    return "\n".join(f"{name:10} {text}" for name, text in lines.items())


def seconds_per_step(state: State, objective: Objective, config: TrainConfig, processes: Processes) -> float:
    """Return the duration of a step without the optimiser, measured on a copy of the learner."""
    learner = deepcopy(state.learner)
    side, count = config.input_sizes[0], config.batch_size // processes.count
    x = torch.zeros(count, 3, side, side, device=processes.device).to(memory_format=torch.channels_last)
    points_crop = torch.zeros(count, learner.network.n_points, 2, device=processes.device)
    seconds = 0.0
    for _ in range(2):  # the first step is slower
        start = time.perf_counter()
        total = weighted_total(objective(learner, x, points_crop), objective.weights)
        torch.autograd.backward(total)
        if processes.device.type == "cuda":
            torch.cuda.synchronize(processes.device)
        seconds = time.perf_counter() - start
    return seconds


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"

"""The parts of a training run that change with every step, and how they are saved."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from livefan.networks.checkpoint import under
from livefan.training.learner import Learner, MovingAverage

_SCALER = "scaler."


@dataclass
class Progress:
    """The progress of a run.

    Attributes:
        epoch: number of finished epochs.
        best_nme: lowest validation NME so far, in percent; infinite without validation.
        history: one entry an epoch: means of :func:`livefan.training.engine.train_epoch`, validation NME, and
            mean face score of the validation faces.
    """

    epoch: int = 0
    best_nme: float = math.inf
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def best_face_score(self) -> float | None:
        """Mean face score of the best weights; None without validation, and for runs of earlier versions."""
        best = (each for each in self.history if each.get("validation_nme") == self.best_nme)
        return next(best, {}).get("face_score")


@dataclass(frozen=True)
class State:
    """The weights in training, their moving average, the optimiser, and the loss scale of float16."""

    learner: Learner
    average: MovingAverage
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler = field(default_factory=lambda: torch.amp.GradScaler("cpu", enabled=False))

    def tensors(self) -> dict[str, Tensor]:
        """Return CPU copies of all tensors, by name."""
        named = {
            f"{prefix}{key}": value
            for prefix, module in self._modules()
            for key, value in module.state_dict().items()
        }
        for index, parameter in enumerate(self.learner.parameters()):
            for key, value in self.optimiser.state[parameter].items():
                named[f"optimiser.{index}.{key}"] = value
        if self.scaler.is_enabled():
            named |= {f"{_SCALER}{key}": torch.tensor(value) for key, value in self._scaler_values().items()}
        return {key: value.detach().cpu().contiguous() for key, value in named.items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Restore the result of :meth:`tensors`.

        Raises:
            RuntimeError: if the tensors belong to other networks.
        """
        for prefix, module in self._modules():
            module.load_state_dict(under(prefix, tensors))
        for index, parameter in enumerate(self.learner.parameters()):
            self.optimiser.state[parameter] = {
                key: value.to("cpu" if key == "step" else parameter.device)
                for key, value in under(f"optimiser.{index}.", tensors).items()
            }
        kept = {key: value.item() for key, value in under(_SCALER, tensors).items()}
        if self.scaler.is_enabled() and kept:
            self.scaler.load_state_dict(self.scaler.state_dict() | kept)

    def _scaler_values(self) -> dict[str, float]:
        """Return the values of the scaler that change: the loss scale, and the steps since it last did."""
        state = self.scaler.state_dict()
        return {key: state[key] for key in ("scale", "_growth_tracker")}

    def _modules(self) -> tuple[tuple[str, nn.Module], ...]:
        return ("learner.", self.learner), ("average.", self.average.network)

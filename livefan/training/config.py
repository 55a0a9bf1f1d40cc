"""The settings of a training run: one frozen dataclass, read from a TOML file."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from livefan.bundled import IMAGENET_ENCODER
from livefan.errors import LivefanError


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides the outcome of a run but the data and the machine.

    Attributes:
        width: width multiplier of MobileFAN.
        init: weights to start from, a bundled name or a path: a whole network where it fits, else its
            encoder; empty for random ones.
        epochs: passes over the training faces.
        batch_size: faces a step.
        learning_rate, weight_decay: of AdamW, at the peak of the schedule.
        warmup_steps: steps of linear warm-up before the cosine to zero.
        gradient_clip: largest norm of a step's gradient.
        heatmap_weight: weight of the heatmap term; the coordinate term has weight one.
        heatmap_sigma: standard deviation of the target Gaussian, in heatmap cells.
        seed: decides initial weights, the order of faces and every augmentation.
        rotation: largest rotation in degrees, and ``rotation_probability`` how often.
        scale: crop side is multiplied by ``1 / scale ... scale``.
        shift: crop centre moves by up to this share of its side, each way.
        photometric: factor of how often light, blur, noise and covering are changed.
    """

    width: float = 1.0
    init: str = IMAGENET_ENCODER
    epochs: int = 45
    batch_size: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    warmup_steps: int = 100
    gradient_clip: float = 10.0
    heatmap_weight: float = 1.0
    heatmap_sigma: float = 1.2
    seed: int = 0
    rotation: float = 30.0
    rotation_probability: float = 0.6
    scale: float = 1.28
    shift: float = 0.06
    photometric: float = 1.0


def read_config(path: Path | None, overrides: dict[str, object]) -> TrainConfig:
    """Settings from a TOML file (defaults without one), with those of ``overrides`` on top.

    Raises:
        LivefanError: if the file cannot be read, or names an unknown setting or one of a wrong type.
    """
    values: dict[str, object] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text())
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise LivefanError(f"{path}: cannot be read as TOML settings ({error})") from error
    values |= overrides
    defaults = asdict(TrainConfig())
    for key, value in values.items():
        if key not in defaults:
            known = ", ".join(field.name for field in fields(TrainConfig))
            raise LivefanError(f"{path or 'settings'}: unknown setting {key!r}; known are {known}")
        wanted = type(defaults[key])
        if isinstance(value, int) and not isinstance(value, bool) and wanted is float:
            values[key] = float(value)
        elif type(value) is not wanted:
            raise LivefanError(f"{path or 'settings'}: {key} must be a {wanted.__name__}, not {value!r}")
    config = TrainConfig(**values)  # type: ignore[arg-type]
    if config.epochs < 1 or config.batch_size < 2:
        raise LivefanError(f"{path or 'settings'}: epochs must be at least 1 and batch_size at least 2")
    return config


def to_toml(config: TrainConfig) -> str:
    """The settings as TOML that :func:`read_config` reads back."""

    # For strings and numbers, JSON's notation is TOML's too.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in asdict(config).items())

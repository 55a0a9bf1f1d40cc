"""The settings of a training run: one frozen dataclass, read from a TOML file."""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from livefan.core.errors import LivefanError
from livefan.core.resources import IMAGENET_ENCODER
from livefan.networks.checkpoint_info import INPUT_SIZE, INPUT_SIZES
from livefan.networks.mobilefan import ARCHITECTURES, MobileFAN

_CHOICES = {
    "architecture": ARCHITECTURES,
    "heatmap_loss": ("cross-entropy", "mse", "adaptive-wing"),
    "optimiser": ("adamw", "adam"),
    "schedule": ("cosine", "steps"),
}
_RANGES: dict[str, tuple[float, float]] = {
    "width": (0.1, 4),
    "epochs": (1, math.inf),
    "batch_size": (2, math.inf),
    "learning_rate": (0, math.inf),
    "weight_decay": (0, math.inf),
    "warmup_steps": (0, math.inf),
    "average_decay": (0, 1),
    "gradient_clip": (0, math.inf),
    "coordinate_weight": (0, math.inf),
    "heatmap_weight": (0, math.inf),
    "heatmap_sigma": (0.1, math.inf),
    "aligned_weight": (0, math.inf),
    "similarity_weight": (0, math.inf),
    "response_weight": (0, math.inf),
    "seed": (0, 2**64 - 1),
    "rotation": (0, 180),
    "rotation_probability": (0, 1),
    "scale": (1, 10),
    "shift": (0, 1),
    "mirror_offset": (-1, 1),
    "mirror": (0, 1),
    "photometric": (0, math.inf),
    "motion_blur": (0, 1),
    "defocus": (0, 1),
    "compression": (0, 1),
    "side_light": (0, 1),
    "darkness": (0, 1),
    "covering": (0, 1),
    "eye_closing": (0, 1),
}
"""The least and the most that each number may be; none may be infinite."""


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides the outcome of a run but the data and the machine.

    Attributes:
        architecture: the network to train, one of :data:`livefan.networks.mobilefan.ARCHITECTURES`.
        width: width multiplier of its encoder.
        init: weights to start from, a bundled name or a path: a whole network where it fits, else its
            encoder; empty for random ones.
        teacher: weights of the network to learn from, a bundled name or a path; empty for none. Where it was
            made for larger crops it sees the student's enlarged; see
            :func:`livefan.training.engine.teacher_outputs`.
        epochs: passes over the training faces.
        batch_size: faces a step, over all processes.
        input_sizes: sides of the crops in pixels, multiples of 32, which batches take in turn. The first is
            what the weights are validated with and used for.
        optimiser: ``"adamw"`` or ``"adam"``.
        learning_rate, weight_decay: of the optimiser, the rate at the peak of the schedule.
        schedule: ``"cosine"`` to zero, or ``"steps"``: a tenth from each of ``milestones`` on.
        milestones: epochs at which the steps schedule falls.
        warmup_steps: steps of linear warm-up before the schedule.
        average_decay: decay a step of the moving average of the weights, which is what is validated and
            kept; 0 keeps the weights themselves.
        gradient_clip: largest norm of a step's gradient; 0 for no limit.
        coordinate_weight: weight of the mean absolute error of the soft-argmax positions.
        heatmap_weight, heatmap_loss: weight and kind of the heatmap term: ``"cross-entropy"``, ``"mse"``
            or ``"adaptive-wing"``, the latter two without the coordinate term.
        heatmap_sigma: standard deviation of the target Gaussian, in heatmap cells.
        aligned_weight, similarity_weight, response_weight: weights of the distillation terms; see
            :class:`livefan.training.losses.DistillationCriterion`.
        seed: decides initial weights, the order of faces and every augmentation.
        rotation: largest rotation in degrees, and ``rotation_probability`` how often.
        scale: crop side is multiplied by ``1 / scale ... scale``.
        shift: crop centre moves by up to this share of its side, each way.
        mirror_offset: how far to the right of the places themselves the labels lie, as a share of the crop's
            side. The labels of a mirrored face lie to the right too, not to the left.
        mirror: how often a face is mirrored, from 0 to 1.
        photometric: factor of how often light, blur, noise and covering are changed.
        motion_blur, defocus, compression, side_light, darkness, covering: how often each of these changes
            of :mod:`livefan.training.augmentation.distortions` is made too, from 0 to 1.
        eye_closing: how often eyes are closed, with their landmarks; see
            :mod:`livefan.training.augmentation.eyelids`.
    """

    architecture: str = MobileFAN.architecture
    width: float = 1.0
    init: str = IMAGENET_ENCODER
    teacher: str = ""
    epochs: int = 45
    batch_size: int = 16
    input_sizes: tuple[int, ...] = (INPUT_SIZE,)
    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    schedule: str = "cosine"
    milestones: tuple[int, ...] = ()
    warmup_steps: int = 100
    average_decay: float = 0.998
    gradient_clip: float = 10.0
    coordinate_weight: float = 1.0
    heatmap_weight: float = 1.0
    heatmap_loss: str = "cross-entropy"
    heatmap_sigma: float = 1.2
    aligned_weight: float = 0.0
    similarity_weight: float = 0.0
    response_weight: float = 0.0
    seed: int = 0
    rotation: float = 30.0
    rotation_probability: float = 0.6
    scale: float = 1.28
    shift: float = 0.06
    mirror_offset: float = 0.0
    mirror: float = 0.5
    photometric: float = 1.0
    motion_blur: float = 0.0
    defocus: float = 0.0
    compression: float = 0.0
    side_light: float = 0.0
    darkness: float = 0.0
    covering: float = 0.0
    eye_closing: float = 0.0

    def check(self) -> None:
        """Raise a ValueError that says what is wrong, if a setting is out of range or contradicts another."""
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {getattr(self, name)!r}")
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if not (least <= value <= most and math.isfinite(value)):
                wanted = f"at least {least}" if math.isinf(most) else f"from {least} to {most}"
                raise ValueError(f"{name} must be a number {wanted}, not {value}")
        if not self.input_sizes or not set(self.input_sizes) <= set(INPUT_SIZES):
            raise ValueError(f"input_sizes must be some of {', '.join(map(str, INPUT_SIZES))}")
        if self.heatmap_loss != "cross-entropy" and self.coordinate_weight:
            raise ValueError(f"heatmap_loss {self.heatmap_loss!r} needs coordinate_weight = 0")
        if not self.coordinate_weight and not self.heatmap_weight:
            raise ValueError("coordinate_weight and heatmap_weight cannot both be 0")
        distils = self.aligned_weight or self.similarity_weight or self.response_weight
        if bool(self.teacher) != bool(distils):
            raise ValueError(
                "distillation needs both a teacher and one of aligned_weight, similarity_weight and "
                "response_weight"
            )


def read_config(path: Path | None, overrides: dict[str, object]) -> TrainConfig:
    """Settings from a TOML file (defaults without one), with those of ``overrides`` on top.

    Raises:
        LivefanError: if the file cannot be read, or names an unknown setting or one of a wrong type.
    """
    values: dict[str, object] = {}
    if path is not None:
        if not path.is_file():
            raise LivefanError(f"{path}: no such file; check the path")
        try:
            values = tomllib.loads(path.read_text())
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise LivefanError(f"{path}: cannot be read as TOML settings ({error})") from error
    values |= overrides
    place = path or "settings"
    defaults = asdict(TrainConfig())
    for key, value in values.items():
        if key not in defaults:
            known = ", ".join(field.name for field in fields(TrainConfig))
            raise LivefanError(f"{place}: unknown setting {key!r}; known are {known}")
        wanted = type(defaults[key])
        if isinstance(value, int) and not isinstance(value, bool) and wanted is float:
            values[key] = float(value)
        elif isinstance(value, list) and wanted is tuple and all(type(each) is int for each in value):
            values[key] = tuple(value)
        elif type(value) is not wanted:
            name = "list of whole numbers" if wanted is tuple else wanted.__name__
            raise LivefanError(f"{place}: {key} must be a {name}, not {value!r}")
    config = TrainConfig(**values)  # type: ignore[arg-type]
    try:
        config.check()
    except ValueError as error:
        raise LivefanError(f"{place}: {error}") from error
    return config


def to_toml(config: TrainConfig) -> str:
    """The settings as TOML that :func:`read_config` reads back."""

    # For strings, numbers and lists of them, JSON's notation is TOML's too.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in asdict(config).items())

"""The settings of a training run: one frozen dataclass, read from a TOML file."""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

from livefan.core.errors import LivefanError
from livefan.core.resources import IMAGENET_ENCODER
from livefan.networks.checkpoint_info import INPUT_SIZE, INPUT_SIZES
from livefan.networks.mobilefan import ARCHITECTURES, MobileFAN
from livefan.training.precision import PRECISIONS

_CHOICES = {
    "architecture": ARCHITECTURES,
    "heatmap_loss": ("cross-entropy", "mse"),
    "frozen": ("", "encoder", "decoder"),
    "optimiser": ("adamw", "adam"),
    "schedule": ("cosine", "steps"),
    "precision": PRECISIONS,
}
_KINDS = {str: "text", int: "whole number", float: "number", tuple: "list of whole numbers"}
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
    "mouth_opening": (0, 1),
    "without_face": (0, 1),
}
"""The lowest and the highest value of each number. Infinity is not allowed."""


@dataclass(frozen=True)
class TrainConfig:
    """The settings of a run: all that decides its result except the data and the machine.

    Attributes:
        architecture: the network to train, one of :data:`livefan.networks.mobilefan.ARCHITECTURES`.
        width: width multiplier of its encoder.
        init: initial weights, by bundled name or path; empty for random ones. The whole network is loaded if
            it fits, else the parts that fit; see :func:`livefan.training.initial.load_initial`.
        frozen: ``"encoder"``, or ``"decoder"`` for encoder and decoder: parts that are not trained. A network
            for other landmarks may train its head first. Empty to train everything.
        teacher: weights of the network to distil, by bundled name or path; empty for none. A teacher for
            larger crops gets enlarged crops; see :func:`livefan.training.objective.teacher_outputs`.
        epochs: passes over the training faces.
        batch_size: faces per step, over all processes.
        input_sizes: sides of the crops in pixels, multiples of 32. Batches take them in turn. Validation and
            inference use the first.
        optimiser: ``"adamw"`` or ``"adam"``.
        learning_rate, weight_decay: of the optimiser; the rate at the peak of the schedule.
        schedule: ``"cosine"`` to zero, or ``"steps"``: to a tenth at each of ``milestones``.
        milestones: epochs at which the rate of the steps schedule falls.
        warmup_steps: steps of linear warm-up before the schedule, at most a tenth of all steps.
        average_decay: decay per step of the moving average of the weights, which is validated and saved; 0
            for the latest weights.
        gradient_clip: largest norm of the gradient of a step; 0 for no limit.
        coordinate_weight: weight of the mean absolute error of the soft-argmax positions.
        heatmap_weight, heatmap_loss: weight and kind of the heatmap term: ``"cross-entropy"``, or ``"mse"``
            without the coordinate term.
        heatmap_sigma: standard deviation of the target Gaussian, in heatmap cells.
        aligned_weight, similarity_weight, response_weight: weights of the distillation terms; see
            :class:`livefan.training.losses.DistillationCriterion`.
        precision: ``"auto"``, ``"float32"``, ``"bfloat16"``, or on GPUs ``"float16"``; see
            :func:`livefan.training.precision.choose_dtype`.
        seed: decides initial weights, the order of the faces and every augmentation.
        rotation: largest rotation in degrees.
        rotation_probability: share of crops that are rotated.
        scale: the side of a crop is multiplied by ``1 / scale ... scale``.
        shift: the centre of a crop moves by up to this share of its side, along each axis.
        mirror_offset: distance by which the labels lie to the right of the true positions, as a share of the
            side of the crop. Labels of a mirrored face lie to the right, too.
        mirror: share of crops that are mirrored.
        photometric: factor of the probabilities of changes of light, blur, noise and occlusion.
        motion_blur, defocus, compression, side_light, darkness, covering: share of crops to which each of
            these changes of :mod:`livefan.training.augmentation.distortions` is applied.
        eye_closing: share of crops with synthetically closed eyes; see
            :mod:`livefan.training.augmentation.eyelids`.
        mouth_opening: share of crops with synthetically opened mouths; see
            :mod:`livefan.training.augmentation.mouth`.
        without_face: share of crops that show no face; their heatmaps are to be flat. They come from the
            surroundings of the faces, or are computed; see
            :mod:`livefan.training.augmentation.empty_crops`.
    """

    architecture: str = MobileFAN.architecture
    width: float = 1.0
    init: str = IMAGENET_ENCODER
    frozen: str = ""
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
    precision: str = "auto"
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
    mouth_opening: float = 0.0
    without_face: float = 0.0

    def check(self) -> None:
        """Raise a ValueError if a setting is out of its range or contradicts another."""
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}")
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if not (least <= value <= most and math.isfinite(value)):
                wanted = f"at least {least}" if math.isinf(most) else f"from {least} to {most}"
                raise ValueError(f"{name} must be a number {wanted}, not {value}")
        if not self.input_sizes or not set(self.input_sizes) <= set(INPUT_SIZES):
            raise ValueError(f"input_sizes must be some of {', '.join(map(str, INPUT_SIZES))}")
        if self.heatmap_loss != "cross-entropy" and self.coordinate_weight:
            raise ValueError(f"heatmap_loss {self.heatmap_loss!r} needs coordinate_weight = 0")
        if self.heatmap_loss != "cross-entropy" and self.response_weight:
            raise ValueError(
                f"heatmap_loss {self.heatmap_loss!r} needs response_weight = 0: its heatmaps are no logits"
            )
        if not self.coordinate_weight and not self.heatmap_weight:
            raise ValueError("coordinate_weight and heatmap_weight cannot both be 0")
        if self.without_face and (self.response_weight or not self.heatmap_weight):
            raise ValueError(
                "without_face needs heatmap_weight, and no response_weight: heatmaps are to be flat there"
            )
        distils = self.aligned_weight or self.similarity_weight or self.response_weight
        if bool(self.teacher) != bool(distils):
            raise ValueError(
                "distillation needs both a teacher and one of aligned_weight, similarity_weight and "
                "response_weight"
            )


def read_config(path: Path | None, overrides: dict[str, object]) -> TrainConfig:
    """Read settings from a TOML file, or the defaults if ``path`` is None, and apply ``overrides``.

    Raises:
        LivefanError: if the file cannot be read, or a setting is unknown or has a wrong type or value.
    """
    values = (_read_toml(path) if path else {}) | overrides
    place = path or "settings"
    defaults = asdict(TrainConfig())
    for key in values:
        if key not in defaults:
            known = ", ".join(defaults)
            raise LivefanError(f"{place}: unknown setting {key!r}; known are {known}")
    try:
        typed = {key: _typed(key, value, type(defaults[key])) for key, value in values.items()}
        config = TrainConfig(**typed)  # type: ignore[arg-type]
        config.check()
    except ValueError as error:
        raise LivefanError(f"{place}: {error}") from error
    return config


def _read_toml(path: Path) -> dict[str, object]:
    if not path.is_file():
        raise LivefanError(f"{path}: no such file; check the path")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LivefanError(f"{path}: cannot be read as TOML settings ({error})") from error


def _typed(key: str, value: object, kind: type) -> object:
    """Return a TOML value as the type of its setting; raise a ValueError if it has another type."""
    if isinstance(value, int) and not isinstance(value, bool) and kind is float:
        return float(value)
    if isinstance(value, list) and kind is tuple and all(type(each) is int for each in value):
        return tuple(value)
    if type(value) is not kind:
        raise ValueError(f"{key} must be a {_KINDS[kind]}, not {value!r}")
    return value


def to_toml(config: TrainConfig) -> str:
    """Return the settings as TOML, which :func:`read_config` reads back."""
    # For strings, numbers and lists of them, JSON's notation is TOML's too.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in asdict(config).items())

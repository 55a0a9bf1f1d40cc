"""Weight files: safetensors that carry what is needed to use them, and are checked against it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from livefan.atomic import whole_file
from livefan.bundled import DEFAULT_WEIGHTS, find_weights
from livefan.decode import DECODERS
from livefan.errors import LivefanError
from livefan.model import IMAGENET_MEAN, IMAGENET_STD, INPUT_SIZE, HeatmapNetwork, build_network
from livefan.scheme import LandmarkScheme, scheme_by_name

_PICKLE_SUFFIXES = {".pth", ".pt", ".pkl", ".pickle", ".ckpt", ".bin"}


@dataclass(frozen=True)
class WeightsInfo:
    """What a weight file says of itself.

    Attributes:
        architecture: network family, one of :data:`livefan.model.ARCHITECTURES`.
        width: width multiplier of the encoder.
        scheme: name of the landmark scheme the network was trained for.
        decoder: decoder its validation numbers were measured with.
        input_size, colour_order, mean, std: what the network expects as input.
        training: free text by key: data, terms of use, command, seed, commit, validation numbers.
    """

    scheme: str
    width: float = 1.0
    architecture: str = "mobilefan"
    decoder: str = "soft-argmax"
    input_size: int = INPUT_SIZE
    colour_order: str = "RGB"
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    training: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Weights:
    """A network ready for inference (evaluation mode, no gradients) and what its file says of it."""

    path: Path
    model: HeatmapNetwork
    scheme: LandmarkScheme
    info: WeightsInfo


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors of a safetensors file, and its metadata.

    Raises:
        LivefanError: if the file is missing, a pickle, or damaged.
    """
    if not path.is_file():
        raise LivefanError(f"{path}: no such weight file; check the path")
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise LivefanError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    # A safetensors file begins with eight bytes of header length, any of which may look like a pickle's.
    is_pickle = head[8:] != b"{" and (head[:2] == b"PK" or head[:1] == b"\x80")
    if is_pickle or path.suffix in _PICKLE_SUFFIXES:
        raise LivefanError(
            f"{path}: pickled weights are refused, since loading them can run code; "
            "convert them to safetensors first (weights/README.md says how)"
        )
    try:
        with safe_open(path, framework="pt") as opened:
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
            return tensors, opened.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise LivefanError(f"{path}: not a whole safetensors file ({error}); copy it again") from error


def save_weights(path: Path, model: HeatmapNetwork, info: WeightsInfo, *, half: bool = False) -> None:
    """Write a network's weights with what they say of themselves; whole or not at all.

    Args:
        half: round to float16, for half the size; a network loaded from it computes in float32.
    """
    tensors = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    if half:
        tensors = {key: v.half() if v.is_floating_point() else v for key, v in tensors.items()}
    with whole_file(path) as partial:
        save_file(tensors, partial, metadata={"livefan": json.dumps(asdict(info))})


def read_info(path: Path, metadata: Mapping[str, str]) -> WeightsInfo:
    """What a weight file's metadata says; ``path`` is named in errors.

    Raises:
        LivefanError: if livefan's entry is absent or unreadable.
    """
    try:
        values = json.loads(metadata["livefan"])
        values["mean"], values["std"] = tuple(values["mean"]), tuple(values["std"])
        values["width"] = float(values["width"])
        return WeightsInfo(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise LivefanError(
            f"{path}: carries no livefan metadata; use weights written by 'livefan train'"
        ) from error


def load_weights(
    name_or_path: str | Path = DEFAULT_WEIGHTS,
    *,
    scheme: str | None = None,
    device: torch.device | str = "cpu",
) -> Weights:
    """Load a network by the path of its weight file or the name of a bundled one.

    Args:
        scheme: the landmark scheme the caller needs, if only one will do.
        device: where the network goes.

    Raises:
        LivefanError: if the file is missing, a pickle, damaged, of another architecture or scheme.
    """
    path = find_weights(name_or_path)
    tensors, metadata = read_tensors(path)
    info = read_info(path, metadata)
    if scheme is not None and info.scheme != scheme:
        raise LivefanError(f"{path}: was trained for scheme {info.scheme}, but {scheme} is needed here")
    if (info.input_size, info.colour_order, info.mean, info.std) != (
        *(INPUT_SIZE, "RGB"),
        *(IMAGENET_MEAN, IMAGENET_STD),
    ):
        raise LivefanError(f"{path}: expects another input than 256 x 256 RGB with ImageNet normalisation")
    if info.decoder not in DECODERS:
        raise LivefanError(f"{path}: wants the decoder {info.decoder!r}; known are {', '.join(DECODERS)}")
    try:
        landmarks = scheme_by_name(info.scheme)
    except LivefanError as error:
        raise LivefanError(f"{path}: {error}; use weights of a known scheme") from error
    try:
        model = build_network(info.architecture, landmarks.n_points, info.width)
    except LivefanError as error:
        raise LivefanError(f"{path}: {error}; use weights of a known architecture") from error
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise LivefanError(
            f"{path}: its tensors do not fit a {info.architecture} of width {info.width} with "
            f"{landmarks.n_points} points; the file is damaged or of another model"
        ) from error
    model.requires_grad_(False).eval().to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Weights(path, model, landmarks, info)

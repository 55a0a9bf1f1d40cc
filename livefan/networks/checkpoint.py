"""Weight files: safetensors with the metadata that a network needs. Loading checks the metadata."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write
from livefan.core.landmarks import LandmarkScheme
from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.networks.checkpoint_info import (
    WeightFile,
    WeightsInfo,
    read_weight_file,
    refuse_pickle,
    unreadable,
)
from livefan.networks.expression_head import ExpressionHead
from livefan.networks.heatmaps import DECODERS
from livefan.networks.mobilefan import HeatmapNetwork, build_network, channels_of
from livefan.networks.reliability_head import ReliabilityHead
from livefan.networks.shape_refiner import ShapeRefiner

__all__ = [
    "Weights",
    "WeightsInfo",
    "landmark_digest",
    "load_weights",
    "read_tensors",
    "save_weights",
    "write_info",
]

_REFINER = "refiner."
"""Prefix of the names of the refiner's tensors."""
_EXPRESSIONS = "expressions."
"""Prefix of the names of the expression head's tensors."""
_RELIABILITY = "reliability."
"""Prefix of the names of the reliability head's tensors."""
_STEPS = {
    _REFINER: ("refiner", "refined_by"),
    _EXPRESSIONS: ("expressions", "expressions_by"),
    _RELIABILITY: ("reliability", "reliability_by"),
}
"""Keys of the metadata that describe how each part was fitted."""
_FORMER_NAMES = {
    "refiner.mlp.weight": "refiner.bent.weight",
    "refiner.skip.weight": "refiner.straight.weight",
    "refiner.skip.bias": "refiner.straight.bias",
}
"""Names of tensors in weight files of livefan 0.1."""


@dataclass(frozen=True)
class Weights:
    """A network ready for inference (evaluation mode, no gradients) and the metadata of its file.

    Attributes:
        path: the weight file.
        model: maps normalised RGB crops to heatmaps.
        scheme: the landmark scheme.
        info: the metadata.
        refiner: corrects the decoded landmarks; None if the file has no refiner.
        expression_head: measures expressions and pupils; None if the file has no such head.
        reliability_head: estimates occlusion, presence and errors; None if the file has no such head.
    """

    path: Path
    model: HeatmapNetwork
    scheme: LandmarkScheme
    info: WeightsInfo
    refiner: ShapeRefiner | None = None
    expression_head: ExpressionHead | None = None
    reliability_head: ReliabilityHead | None = None


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return all tensors of a safetensors file, and its metadata.

    Raises:
        LivefanError: if the file is missing, a pickle, or damaged, or its path is not UTF-8.
    """
    refuse_pickle(path)
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise LivefanError(f"{path}: torch reads only names in UTF-8; rename the file or folder") from error
    try:
        with safe_open(path, framework="pt") as opened:
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
            return tensors, opened.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise unreadable(path, error) from error


def save_weights(
    path: Path,
    model: HeatmapNetwork,
    info: WeightsInfo,
    *,
    refiner: ShapeRefiner | None = None,
    expression_head: ExpressionHead | None = None,
    reliability_head: ReliabilityHead | None = None,
    half: bool = False,
) -> None:
    """Write a network's weights and metadata; the file appears whole or not at all.

    The metadata do not describe the fits of parts that are not written.

    Args:
        path: the file to write.
        model: the network.
        info: the metadata.
        refiner: the refiner fitted to the network, if any.
        expression_head, reliability_head: the heads fitted to network and refiner, if any.
        half: round to float16, for half the size. A network loaded from it computes in float32.
    """
    state = model.state_dict()
    training = dict(info.training)
    parts = ((_REFINER, refiner), (_EXPRESSIONS, expression_head), (_RELIABILITY, reliability_head))
    for prefix, part in parts:
        if part is not None:
            state |= {f"{prefix}{key}": value for key, value in part.state_dict().items()}
        else:
            for key in _STEPS[prefix]:
                training.pop(key, None)
    info = replace(
        info,
        training=training,
        expressions=None if expression_head is None else expression_head.names,
        reliability=None if reliability_head is None else True,
    )
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    if half:
        tensors = {key: v.half() if v.is_floating_point() else v for key, v in tensors.items()}
    with atomic_write(path) as partial:
        # save_file would write a file that only its owner can read.
        partial.write_bytes(save(tensors, metadata=_metadata(info)))


def write_info(path: Path, info: WeightsInfo) -> None:
    """Replace the metadata of a weight file; its tensors stay as they are.

    Raises:
        LivefanError: if the file cannot be read or written.
    """
    tensors, _ = read_tensors(path)
    with atomic_write(path) as partial:
        partial.write_bytes(save(tensors, metadata=_metadata(info)))


def _metadata(info: WeightsInfo) -> dict[str, str]:
    described = {key: value for key, value in asdict(info).items() if value is not None}
    return {"livefan": json.dumps(described)}


def load_weights(
    name_or_path: str | Path = DEFAULT_WEIGHTS,
    *,
    scheme: str | None = None,
    device: torch.device | str = "cpu",
) -> Weights:
    """Load a network by the path of its weight file or the name of a bundled one.

    Args:
        name_or_path: path of the weight file, or name of a bundled one.
        scheme: name of the landmark scheme that the caller needs; None for any.
        device: torch device of the network.

    Raises:
        LivefanError: if the file is missing, a pickle, damaged, of another architecture or scheme.

    Examples:
        >>> import livefan
        >>> livefan.load_weights("mobilefan-half-300w").scheme.name
        '300w-68'
    """
    file = read_weight_file(name_or_path)
    path, info, landmarks = file.path, file.info, file.scheme
    if scheme is not None and info.scheme != scheme:
        raise LivefanError(
            f"{path}: was trained for scheme {info.scheme}, but {scheme} is needed here; train it for these "
            "landmarks first"
        )
    if info.decoder not in DECODERS:
        raise LivefanError(f"{path}: wants the decoder {info.decoder!r}; known are {', '.join(DECODERS)}")
    tensors, _ = read_tensors(path)
    try:
        model = build_network(info.architecture, landmarks.n_points, info.width, channels_of(tensors))
    except LivefanError as error:
        raise LivefanError(f"{path}: {error}; use weights of a known architecture") from error
    tensors |= {new: tensors.pop(old) for new, old in _FORMER_NAMES.items() if old in tensors}
    of_refiner = under(_REFINER, tensors)
    bias = of_refiner.get("hidden.bias")
    refiner = None if bias is None else ShapeRefiner(landmarks.n_points, len(bias))
    of_head, of_reliability = under(_EXPRESSIONS, tensors), under(_RELIABILITY, tensors)
    further = (_REFINER, _EXPRESSIONS, _RELIABILITY)
    try:
        model.load_state_dict({key: value for key, value in tensors.items() if not key.startswith(further)})
        if refiner is not None:
            refiner.load_state_dict(of_refiner)
        head = _expression_head(file, model, of_head) if of_head else None
        reliability = _reliability_head(file, model, of_reliability) if of_reliability else None
    except RuntimeError as error:
        raise LivefanError(
            f"{path}: its tensors do not fit a {info.architecture} of width {info.width} with "
            f"{landmarks.n_points} points; the file is damaged or of another model"
        ) from error
    model.requires_grad_(False).eval().to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for part in (refiner, head, reliability):
        if part is not None:
            part.requires_grad_(False).eval().to(device)
    return Weights(path, model, landmarks, info, refiner, head, reliability)


def landmark_digest(weights: Weights, described: bytes = b"") -> str:
    """Return the SHA-256 of a text and of a landmark network with its refiner, in hexadecimal.

    Heads, metadata and the floating-point format of the file do not count.
    """
    digest = hashlib.sha256(described)
    for part in (weights.model, weights.refiner):
        for tensor in part.state_dict().values() if part is not None else ():
            digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _expression_head(file: WeightFile, model: HeatmapNetwork, tensors: dict[str, Tensor]) -> ExpressionHead:
    """Return the expression head of a weight file.

    Raises:
        RuntimeError: if the tensors do not fit.
    """
    try:
        head = ExpressionHead(
            file.scheme,
            model.encoder.channels,
            file.info.input_size,
            file.info.expressions or (),
            **ExpressionHead.sizes(tensors, file.scheme.n_points),
        )
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise RuntimeError(f"no whole expression head ({error})") from error
    head.load_state_dict(tensors)
    return head


def _reliability_head(file: WeightFile, model: HeatmapNetwork, tensors: dict[str, Tensor]) -> ReliabilityHead:
    """Return the reliability head of a weight file.

    Raises:
        RuntimeError: if the tensors do not fit.
    """
    try:
        head = ReliabilityHead(
            file.scheme.n_points,
            model.encoder.channels,
            file.info.input_size,
            **ReliabilityHead.sizes(tensors),
        )
    except KeyError as error:
        raise RuntimeError(f"no whole reliability head ({error})") from error
    head.load_state_dict(tensors)
    return head


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, by the rest of their names."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def stored_name(name: str, stored: Container[str]) -> str:
    """Return the name of a tensor in a weight file, which may be one of livefan 0.1."""
    return name if name in stored else _FORMER_NAMES.get(name, name)

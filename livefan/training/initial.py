"""Load initial weights: all tensors that fit, the pruned tensors of a wider network, or an encoder."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from livefan.core.errors import LivefanError
from livefan.core.resources import DEFAULT_WEIGHTS, find_weights
from livefan.networks.checkpoint import load_weights, read_tensors
from livefan.networks.checkpoint_info import read_info
from livefan.networks.mobilefan import HeatmapNetwork, MobileFAN
from livefan.training.channel_pruning import slice_mobilefan

_HEAD = "head."


def load_initial(model: HeatmapNetwork, name_or_path: str | Path) -> None:
    """Load as many weights of a file into a network as fit.

    - Weights of the same network are loaded whole.
    - If only the number of landmarks differs, encoder and decoder are loaded.
    - Weights of a wider MobileFAN are pruned to the width of the network.
    - Of other files the encoder is loaded.

    Args:
        model: the network, changed in place. Other weights keep their values.
        name_or_path: livefan weights, or encoder weights with their public names. The batch counters of
            batch norm may be absent.

    Raises:
        LivefanError: if a tensor of the encoder is absent or has another shape.
    """
    path = find_weights(name_or_path)
    tensors, metadata = read_tensors(path)
    own = model.state_dict()
    fitting = {key: tensors[key] for key, value in own.items() if _fits(tensors.get(key), value)}
    if all(key in fitting for key in own if not key.startswith(_HEAD)):
        whole = len(fitting) == len(own)
        model.load_state_dict(fitting if whole else own | _without_head(fitting))
        return
    if isinstance(model, MobileFAN) and "livefan" in metadata:
        info = read_info(path, metadata)
        if info.architecture == MobileFAN.architecture and info.width > model.width:
            _load_pruned(model, path)
            return
    _load_encoder(model, tensors, path)


def _fits(found: Tensor | None, wanted: Tensor) -> bool:
    return found is not None and found.shape == wanted.shape


def _without_head(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value for key, value in tensors.items() if not key.startswith(_HEAD)}


def _load_pruned(model: MobileFAN, path: Path) -> None:
    """Load the pruned weights of a wider network, with its head if the number of landmarks is the same."""
    wide = load_weights(path).model
    assert isinstance(wide, MobileFAN)
    pruned = slice_mobilefan(wide, model.width)
    if wide.n_points != model.n_points:
        pruned.head = model.head
    model.load_state_dict(pruned.state_dict())


def _load_encoder(model: HeatmapNetwork, tensors: dict[str, Tensor], path: Path) -> None:
    wanted = model.encoder.state_dict()
    found = {key: value for key, value in wanted.items() if key.endswith("num_batches_tracked")}
    found |= {key.removeprefix("encoder."): value for key, value in tensors.items()}
    for key, value in wanted.items():
        if not _fits(found.get(key), value):
            raise LivefanError(
                f"{path}: no encoder weights for {model.architecture} of width {model.width}: "
                f"{key!r} is absent or of another shape; {_advice(model)}"
            )
    model.encoder.load_state_dict({key: found[key] for key in wanted})


def _advice(model: HeatmapNetwork) -> str:
    if isinstance(model, MobileFAN) and model.width < 1:
        return f"start from the pruned full width, --init {DEFAULT_WEIGHTS}"
    return "name other weights by --init, or start from random ones, --init ''"

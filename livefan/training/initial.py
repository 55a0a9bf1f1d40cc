"""What a network's training starts from: a whole network, its encoder, or slices of a wider one."""

from __future__ import annotations

from pathlib import Path

from livefan.core.errors import LivefanError
from livefan.core.resources import DEFAULT_WEIGHTS, find_weights
from livefan.networks.checkpoint import load_weights, read_tensors
from livefan.networks.checkpoint_info import read_info
from livefan.networks.mobilefan import HeatmapNetwork, MobileFAN
from livefan.training.channel_pruning import slice_mobilefan


def load_initial(model: HeatmapNetwork, name_or_path: str | Path) -> None:
    """Start a network from a weight file: all of it if it fits, else slices of it, else its encoder alone.

    Slices are of encoder and decoder, and of the head where it draws as many landmarks.

    Args:
        name_or_path: livefan weights, those of a wider MobileFAN too; or the encoder's alone, with
            their public names. Batch norm's counts of batches, which nothing here needs, may be absent.

    Raises:
        LivefanError: if a tensor the encoder needs is absent or of another shape.
    """
    path = find_weights(name_or_path)
    tensors, metadata = read_tensors(path)
    whole = model.state_dict()
    if all(key in tensors and tensors[key].shape == value.shape for key, value in whole.items()):
        model.load_state_dict({key: tensors[key] for key in whole})
        return
    if isinstance(model, MobileFAN) and "livefan" in metadata:
        info = read_info(path, metadata)
        if info.architecture == MobileFAN.architecture and info.width > model.width:
            wide = load_weights(path).model
            assert isinstance(wide, MobileFAN)
            slices = slice_mobilefan(wide, model.width)
            if wide.n_points != model.n_points:
                slices.head = model.head
            model.load_state_dict(slices.state_dict())
            return
    wanted = model.encoder.state_dict()
    found = {key: value for key, value in wanted.items() if key.endswith("num_batches_tracked")}
    found |= {key.removeprefix("encoder."): value for key, value in tensors.items()}
    for key, value in wanted.items():
        if key not in found or found[key].shape != value.shape:
            raise LivefanError(
                f"{path}: no encoder weights for {model.architecture} of width {model.width}: "
                f"{key!r} is absent or of another shape; {_advice(model)}"
            )
    model.encoder.load_state_dict({key: found[key] for key in wanted})


def _advice(model: HeatmapNetwork) -> str:
    if isinstance(model, MobileFAN) and model.width < 1:
        return f"begin with slices of the full width, --init {DEFAULT_WEIGHTS}"
    return "name others by --init, or begin with random ones, --init ''"

"""Load initial weights: all tensors that fit, the channels of a wider network, or an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from livefan.core.errors import LivefanError
from livefan.core.landmarks import LandmarkScheme
from livefan.core.resources import DEFAULT_WEIGHTS, find_weights
from livefan.datasets import LabelledFace
from livefan.networks.checkpoint import Weights, load_weights, read_tensors
from livefan.networks.checkpoint_info import read_info, read_weight_file
from livefan.networks.mobilefan import (
    Channels,
    HeatmapNetwork,
    MobileFAN,
    build_alike,
    build_network,
    channels_of,
)
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.training.narrowing import narrow_channels, narrow_mobilefan
from livefan.training.nearest_landmarks import nearest_landmarks
from livefan.training.scheme_map import scheme_map

_HEAD = "head."


def load_initial(
    model: HeatmapNetwork,
    name_or_path: str | Path,
    scheme: LandmarkScheme | None = None,
    faces: Sequence[LabelledFace] = (),
) -> None:
    """Load as many weights of a file into a network as fit.

    - Weights of the same network are loaded whole.
    - If only the landmarks differ, encoder and decoder are loaded. Heatmaps of WFLW and COFW begin
      as the heatmaps nearby; see :func:`livefan.training.scheme_map.scheme_map`. Those of other schemes begin
      so too, if there are faces to find the nearest ones.
    - Weights of a wider MobileFAN are narrowed to the width of the network.
    - Of other files the encoder is loaded.

    Args:
        model: the network, changed in place. Other weights keep their values.
        name_or_path: livefan weights, or encoder weights with their public names. The batch counters of
            batch norm may be absent.
        scheme: the landmark scheme of the network.
        faces: labelled faces of this scheme; see :mod:`livefan.training.nearest_landmarks`.

    Raises:
        LivefanError: if a tensor of the encoder is absent or has another shape.
    """
    path = find_weights(name_or_path)
    _load(model, path, *read_tensors(path), scheme, faces)


def initial_network(
    architecture: str,
    width: float,
    init: str,
    scheme: LandmarkScheme,
    faces: Sequence[LabelledFace] = (),
) -> HeatmapNetwork:
    """Return a network that starts from a weight file, by bundled name or path; random if the name is empty.

    A pruned network stays pruned, and a narrower one has at most its channels. See :func:`load_initial` for
    the weights that are loaded.

    Raises:
        LivefanError: if the architecture does not come in this width, or the encoder's weights do not fit.
    """
    if not init:
        return build_network(architecture, scheme.n_points, width)
    path = find_weights(init)
    tensors, metadata = read_tensors(path)
    channels = _initial_channels(path, tensors, metadata, architecture, width)
    network = build_network(architecture, scheme.n_points, width, channels)
    _load(network, path, tensors, metadata, scheme, faces)
    return network


def _load(
    model: HeatmapNetwork,
    path: Path,
    tensors: dict[str, Tensor],
    metadata: dict[str, str],
    scheme: LandmarkScheme | None,
    faces: Sequence[LabelledFace],
) -> None:
    own = model.state_dict()
    fitting = {key: tensors[key] for key, value in own.items() if _fits(tensors.get(key), value)}
    is_livefan = "livefan" in metadata
    source = read_weight_file(path).scheme if is_livefan and scheme else None
    if source != scheme:
        fitting = _without_head(fitting)
    if all(key in fitting for key in own if not key.startswith(_HEAD)):
        whole = len(fitting) == len(own)
        model.load_state_dict(fitting if whole else own | _without_head(fitting))
        if not whole and source and scheme:
            head = {name: tensors[f"{_HEAD}{name}"].float() for name in ("weight", "bias")}
            _load_nearest_heatmaps(model, head, _nearest(path, source, scheme, faces))
        return
    if isinstance(model, MobileFAN) and is_livefan:
        info = read_info(path, metadata)
        if info.architecture == MobileFAN.architecture and info.width > model.width:
            nearest = None
            if source and scheme and source != scheme:
                nearest = _nearest(path, source, scheme, faces)
            _load_narrowed(model, path, with_head=source == scheme, nearest=nearest)
            return
    _load_encoder(model, tensors, path)


def _initial_channels(
    path: Path, tensors: dict[str, Tensor], metadata: dict[str, str], architecture: str, width: float
) -> Channels | None:
    """Return the channels of a network that starts from these weights; None for the usual ones."""
    if architecture != MobileFAN.architecture or "livefan" not in metadata:
        return None
    info, found = read_info(path, metadata), channels_of(tensors)
    if info.architecture != architecture or info.width < width or found is None:
        return None
    return found if info.width == width else narrow_channels(found, width)


def in_scheme(weights: Weights, scheme: LandmarkScheme) -> Weights:
    """Return weights for the landmarks of a scheme, without refiner.

    Weights of another scheme keep encoder and decoder, and get the heatmaps nearby; see
    :func:`livefan.training.scheme_map.scheme_map`.

    Raises:
        LivefanError: if no map leads to the scheme.
    """
    if weights.scheme == scheme:
        return replace(weights, refiner=None)
    if scheme_map(weights.scheme, scheme) is None:
        raise LivefanError(
            f"{weights.path}: was trained for scheme {weights.scheme.name}, but {scheme.name} is needed "
            "here; train it for these landmarks first"
        )
    model = build_alike(weights.model, scheme.n_points)
    load_initial(model, weights.path, scheme)
    info = replace(weights.info, scheme=scheme.name, landmarks=None, sigma=None, confidence=None)
    return Weights(weights.path, model.requires_grad_(False).eval(), scheme, info)


def _fits(found: Tensor | None, wanted: Tensor) -> bool:
    return found is not None and found.shape == wanted.shape


def _without_head(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value for key, value in tensors.items() if not key.startswith(_HEAD)}


def _nearest(
    path: Path, source: LandmarkScheme, target: LandmarkScheme, faces: Sequence[LabelledFace]
) -> np.ndarray | None:
    """Return the map from the landmarks of a weight file to those of a scheme; None if it is unknown."""
    known = scheme_map(source, target)
    if known is not None or not faces:
        return known
    runtime = open_runtime(path, RuntimeChoice("torch", "float32"), heads=())
    return nearest_landmarks(runtime, faces, target)


def _load_nearest_heatmaps(
    model: HeatmapNetwork, head: dict[str, Tensor], nearest: np.ndarray | None
) -> None:
    """Load means of the source's heatmaps into the head; ``nearest`` has a row for each landmark."""
    if nearest is None:
        return
    mixture = torch.from_numpy(nearest).float()
    mixed = (mixture @ head["weight"].flatten(1))[..., None, None]
    model.head.load_state_dict({"weight": mixed, "bias": mixture @ head["bias"]})


def _load_narrowed(model: MobileFAN, path: Path, *, with_head: bool, nearest: np.ndarray | None) -> None:
    """Load the narrowed weights of a wider network, perhaps with its head, or its nearest heatmaps."""
    wide = load_weights(path).model
    assert isinstance(wide, MobileFAN)
    narrow = narrow_mobilefan(wide, model.width)
    if not with_head or wide.n_points != model.n_points:
        _load_nearest_heatmaps(model, dict(narrow.head.state_dict()), nearest)
        narrow.head = model.head
    model.load_state_dict(narrow.state_dict())


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
        return f"start from the full width, which is narrowed: --init {DEFAULT_WEIGHTS}"
    return "name other weights by --init, or start from random ones, --init ''"

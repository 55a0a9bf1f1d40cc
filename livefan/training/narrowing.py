"""Narrow a MobileFAN to a smaller width.

No ImageNet weights exist for the half width. Its training starts from the narrowed full width instead.
:mod:`livefan.training.pruning` removes channels without a change of the width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from livefan.core.errors import LivefanError
from livefan.networks.encoders import InvertedResidual
from livefan.networks.mobilefan import Channels, MobileFAN, channels_of


def narrow_mobilefan(wide: MobileFAN, width: float) -> MobileFAN:
    """Return a MobileFAN of a smaller width with the most important channels of a wide one.

    The importance of a channel is its batch-norm scale (Liu et al., "Learning Efficient Convolutional
    Networks through Network Slimming", arXiv 1708.06519). Blocks whose outputs are added keep the same
    channels. The expanded channels of each block are chosen block by block. Decoder and head have the same
    width in both networks and are copied; only the input channels of the decoder become fewer. Where a pruned
    network has fewer channels, the narrow one gets no more.

    Raises:
        LivefanError: if ``width`` is not smaller than the wide network's.
    """
    if width >= wide.width:
        raise LivefanError(
            f"a network of width {wide.width} cannot be narrowed to width {width}; choose less"
        )
    channels = channels_of(wide.state_dict())
    assert channels is not None
    narrow = MobileFAN(wide.n_points, width, narrow_channels(channels, width))
    kept = _slice_encoder(wide.encoder.features, narrow.encoder.features)
    copy_layer(wide.head, narrow.head)
    copy_layer(wide.decoder, narrow.decoder, skipped="0.0.weight")
    with torch.no_grad():
        narrow.decoder.state_dict()["0.0.weight"].copy_(wide.decoder.state_dict()["0.0.weight"][kept])
    return narrow


def narrow_channels(channels: Channels, width: float) -> Channels:
    """Return the channels of a narrower network; where a pruned one has fewer, it gets no more."""
    with torch.device("meta"):  # without memory, and without random numbers of the training
        own = channels_of(MobileFAN(1, width).state_dict())
    assert own is not None
    inner, decoder = (tuple(map(min, *pair)) for pair in zip(own, channels, strict=True))
    return Channels(inner, decoder)


def _slice_encoder(wide: Any, narrow: Any) -> Tensor:
    """Fill the narrow encoder; return the indices of the wide encoder's last channels that were kept."""
    (stem, narrow_stem), *blocks = zip(wide, narrow, strict=True)
    stream = _most_important(_scale(stem[1]), narrow_stem[0].out_channels)
    copy_layer(stem[0], narrow_stem[0], rows=stream)
    copy_layer(stem[1], narrow_stem[1], rows=stream)
    for group in _residual_groups(blocks):
        importance = torch.stack([_scale(block.conv[-1]) for block, _ in group]).sum(0)
        out = _most_important(importance, len(_scale(group[0][1].conv[-1])))
        for block, target in group:
            _slice_block(block, target, stream, out)
            stream = out
    return stream


def _residual_groups(
    blocks: list[tuple[InvertedResidual, InvertedResidual]],
) -> list[list[tuple[InvertedResidual, InvertedResidual]]]:
    """Group the blocks whose outputs are added, each block with its narrow counterpart."""
    groups: list[list[tuple[InvertedResidual, InvertedResidual]]] = []
    for block, target in blocks:
        if not block.residual:
            groups.append([])
        groups[-1].append((block, target))
    return groups


def _slice_block(block: InvertedResidual, target: InvertedResidual, inp: Tensor, out: Tensor) -> None:
    layers: tuple[Any, Any] = (block.conv, target.conv)
    *expansion, depthwise, project, norm = layers[0]
    *target_expansion, target_depthwise, target_project, target_norm = layers[1]
    hidden = inp
    if expansion:
        outgoing = project.weight.detach().flatten(1).norm(dim=0)
        hidden = _most_important(_scale(depthwise[1]) * outgoing, target_depthwise[1].num_features)
        copy_layer(expansion[0][0], target_expansion[0][0], rows=hidden, columns=inp)
        copy_layer(expansion[0][1], target_expansion[0][1], rows=hidden)
    copy_layer(depthwise[0], target_depthwise[0], rows=hidden)
    copy_layer(depthwise[1], target_depthwise[1], rows=hidden)
    copy_layer(project, target_project, rows=out, columns=hidden)
    copy_layer(norm, target_norm, rows=out)


def _scale(norm: nn.Module) -> Tensor:
    assert isinstance(norm, nn.BatchNorm2d)
    return norm.weight.detach().abs()


def _most_important(importance: Tensor, count: int) -> Tensor:
    """Return the indices of the ``count`` largest values, in ascending order."""
    return importance.topk(count).indices.sort().values


@torch.no_grad()
def copy_layer(
    source: nn.Module,
    target: nn.Module,
    rows: Tensor | None = None,
    columns: Tensor | None = None,
    skipped: str | None = None,
) -> None:
    """Copy the tensors of a layer with the chosen rows and columns only, except the ``skipped`` one."""
    for name, value in source.state_dict().items():
        if name == skipped:
            continue
        kept = value
        if rows is not None and value.ndim:
            kept = kept[rows]
        if columns is not None and value.ndim > 1:
            kept = kept[:, columns]
        target.state_dict()[name].copy_(kept)

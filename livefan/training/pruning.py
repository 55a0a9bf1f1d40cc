"""Remove channels inside of the blocks of a MobileFAN, and of its decoder's stages.

The channels between blocks stay, so the heads still find their maps. Each layer loses the channels whose loss
changes the next layer's output least; the weights that are left there make up for it, by least squares on the
maps of real crops (the Optimal Brain Surgeon of Hassibi and Stork, NeurIPS 1993, with whole channels).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from livefan.core.errors import LivefanError
from livefan.core.provenance import made_by
from livefan.networks.checkpoint import Weights, save_weights
from livefan.networks.encoders import N_BLOCKS
from livefan.networks.mobilefan import Channels, MobileFAN, normalise
from livefan.training.narrowing import copy_layer

STEP = 16
"""Numbers of channels are multiples of this one: kernels compute so many at once."""

_POSITIONS = 256
"""Positions of a map that are sampled from each crop."""
_BATCH = 16
_DAMPING = 1e-6
"""Share of the mean variance of the channels that is added to each one's, for channels that are constant."""


class Removal(NamedTuple):
    """What one layer lost.

    Attributes:
        layer: its name.
        before, after: numbers of channels.
        lost: mean square of what the remaining channels do not explain of the next layer's output, as a share
            of its variance.
    """

    layer: str
    before: int
    after: int
    lost: float


@torch.no_grad()
def remove_channels(
    weights: Weights, crops: Sequence[np.ndarray], share: float
) -> tuple[MobileFAN, list[Removal]]:
    """Return a MobileFAN with fewer channels, and what each layer lost.

    Args:
        weights: the network; it stays as it is.
        crops: ``(size, size, 3)`` uint8 BGR each, of faces.
        share: largest share of the variance of a layer's output that may be lost.

    Raises:
        LivefanError: if the network is no MobileFAN, or there is no crop.
    """
    if not crops:
        raise LivefanError(f"{weights.path}: no face can be read to prune it by; check --root")
    wide = weights.model
    if not isinstance(wide, MobileFAN):
        raise LivefanError(f"{weights.path}: is of {wide.architecture}; only a mobilefan can be pruned")
    layers = _layers(wide)
    choices = []
    for layer, samples in zip(layers, _samples(wide, layers, crops), strict=True):
        choices.append(_choose(layer, samples, share))
    numbers = tuple(len(choice.channels) for choice in choices)
    narrow = MobileFAN(wide.n_points, wide.width, Channels(numbers[:N_BLOCKS], numbers[N_BLOCKS:]))
    _fill(narrow, wide, choices)
    removals = [
        Removal(layer.name, len(choice.rebuild), len(choice.channels), choice.lost)
        for layer, choice in zip(layers, choices, strict=True)
    ]
    return narrow.eval(), removals


def prune(weights: Weights, crops: Sequence[np.ndarray], share: float, output: Path) -> list[Removal]:
    """Write a MobileFAN with fewer channels; return what each layer lost.

    Refiner, heads and calibrations do not fit it, so they are left out. The arguments are those of
    :func:`remove_channels`.

    Raises:
        LivefanError: if the network is no MobileFAN.
    """
    network, removals = remove_channels(weights, crops, share)
    info = weights.info
    training = {key: text for key, text in info.training.items() if key != "validation"}
    training |= {"pruned": f"{weights.path.stem}, share {share}", "pruned_by": made_by()}
    save_weights(output, network, replace(info, training=training, sigma=None, confidence=None))
    return removals


class _Layer(NamedTuple):
    """A layer whose channels may be removed.

    Attributes:
        name: its name.
        source: the module that returns its maps.
        reader: ``(outputs, channels)`` float64 weights of the layer that reads the maps, times the scale of
            its batch normalisation.
        has_offset: whether that layer can take an offset for each of the outputs. The four cells of a
            deconvolution share one.
    """

    name: str
    source: nn.Module
    reader: Tensor
    has_offset: bool = True


class _Choice(NamedTuple):
    """The channels of a layer that stay.

    Attributes:
        channels: their indices, ascending.
        mean: ``(before,)`` means of all channels; zero if the reader can take no offset.
        rebuild: ``(before, after)`` matrix from the remaining channels to all, around their means.
        lost: see :class:`Removal`.
    """

    channels: Tensor
    mean: Tensor
    rebuild: Tensor
    lost: float


def _layers(network: MobileFAN) -> list[_Layer]:
    """Return the blocks of the encoder, then the stages of the decoder."""
    layers = []
    for number, block in enumerate(_blocks(network), start=1):
        *_, depthwise, project, norm = block.conv
        reader = project.weight.flatten(1).double() * _scale(norm)[:, None]
        layers.append(_Layer(f"block {number}", depthwise, reader))
    for number, stage in enumerate(network.decoder):
        is_last = number + 1 == len(network.decoder)
        if is_last:
            reader = network.head.weight.flatten(1).double()
        else:
            following = _stage(network, number + 1)
            # (channels, outputs, 2, 2) to a row for each cell of each output
            reader = (following[0].weight.double() * _scale(following[1])[:, None, None]).flatten(1).T
        layers.append(_Layer(f"deconvolution {number + 1}", stage, reader, is_last))
    return layers


def _blocks(network: MobileFAN) -> list[Any]:
    return list(network.encoder.features)[1:]  # type: ignore[arg-type]


def _stage(network: MobileFAN, number: int) -> Any:
    return network.decoder[number]


def _scale(norm: Any) -> Tensor:
    return norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()


def _samples(network: MobileFAN, layers: Sequence[_Layer], crops: Sequence[np.ndarray]) -> list[Tensor]:
    """Return ``(samples, channels)`` values of each layer at random positions of all crops."""
    generator = torch.Generator().manual_seed(0)
    taken: list[list[Tensor]] = [[] for _ in layers]

    def take(into: list[Tensor], maps: Tensor) -> None:
        positions = maps.flatten(2).transpose(1, 2)
        chosen = torch.randperm(positions.shape[1], generator=generator)[:_POSITIONS]
        into.append(positions[:, chosen].flatten(0, 1))

    hooks = [
        layer.source.register_forward_hook(lambda _module, _given, maps, into=into: take(into, maps))
        for layer, into in zip(layers, taken, strict=True)
    ]
    try:
        for start in range(0, len(crops), _BATCH):
            network(normalise(torch.from_numpy(np.stack(crops[start : start + _BATCH]))))
    finally:
        for hook in hooks:
            hook.remove()
    return [torch.cat(each) for each in taken]


def _choose(layer: _Layer, samples: Tensor, share: float) -> _Choice:
    """Choose the channels of a layer that stay.

    Args:
        layer: the layer.
        samples: ``(samples, channels)``.
        share: largest share of the variance of the reader's output that may be lost.
    """
    values = samples.double()
    covariance = values.T.cov(correction=0)
    whole = _variance(layer.reader, covariance)
    mean = values.mean(0) * layer.has_offset
    moments = (values - mean).T @ (values - mean) / len(values)
    moments.diagonal().add_(_DAMPING * covariance.diagonal().mean())
    order, losses = _elimination(layer.reader, moments)
    before = len(order)
    after = before
    for count in range(before - before % STEP, 0, -STEP):
        if count < before and losses[before - count - 1] > share * whole:
            break
        after = count
    channels = torch.tensor(sorted(order[before - after :]))
    rebuild = torch.linalg.solve(moments[channels][:, channels], moments[channels]).T
    unexplained = moments - rebuild @ moments[channels]
    lost = _variance(layer.reader, unexplained).clamp(min=0) / whole  # rounding can make 0 negative
    return _Choice(channels, mean, rebuild, float(lost))


def _variance(reader: Tensor, moments: Tensor) -> Tensor:
    """Return the sum of the second moments of a reader's outputs, of those of its inputs."""
    return ((reader @ moments) * reader).sum()


def _elimination(reader: Tensor, moments: Tensor) -> tuple[list[int], list[float]]:
    """Return all channels in the order of removal, and the variance that is lost up to each of them.

    Each time, the channel goes whose removal loses least, while the weights of the others make up for it.
    """
    weights, inverse = reader.clone(), torch.linalg.inv(moments)
    removed = torch.zeros(len(inverse), dtype=torch.bool)
    order: list[int] = []
    losses: list[float] = []
    total = 0.0
    for _ in range(len(inverse)):
        own = inverse.diagonal()
        costs = weights.square().sum(0) / own.clamp(min=torch.finfo(own.dtype).tiny)
        costs[removed] = torch.inf
        channel = int(costs.argmin())
        total += float(costs[channel])
        direction = inverse[channel] / inverse[channel, channel]
        weights = weights - weights[:, channel, None] * direction
        inverse = inverse - inverse[:, channel, None] * direction
        removed[channel] = True
        order.append(channel)
        losses.append(total)
    return order, losses


def _fill(narrow: MobileFAN, wide: MobileFAN, choices: Sequence[_Choice]) -> None:
    """Copy the remaining weights; each reader is corrected for the channels that are gone."""
    before: Any = wide.encoder.features[0]  # type: ignore[index]
    target_before: Any = narrow.encoder.features[0]  # type: ignore[index]
    of_blocks, of_stages = choices[:N_BLOCKS], choices[N_BLOCKS:]
    for block, target, choice in zip(_blocks(wide), _blocks(narrow), of_blocks, strict=True):
        *expansion, depthwise, project, norm = block.conv
        *target_expansion, target_depthwise, target_project, target_norm = target.conv
        if expansion:
            (before,), (target_before,) = expansion, target_expansion
        for source, goal in ((before, target_before), (depthwise, target_depthwise)):
            copy_layer(source, goal, rows=choice.channels)
        weight, offset = _corrected(project.weight.flatten(1), choice)
        copy_layer(norm, target_norm)
        target_project.weight.copy_(weight[..., None, None])
        target_norm.running_mean.sub_(offset)
    reads: _Choice | None = None
    for number, choice in enumerate(of_stages):
        stage, target = _stage(wide, number), _stage(narrow, number)
        weight = stage[0].weight  # (channels, outputs, 2, 2)
        copy_layer(stage[1], target[1], rows=choice.channels)
        if reads is not None:
            outputs = weight.shape[1:]
            rows, _ = _corrected(weight.flatten(1).T, reads)
            weight = rows.T.reshape(-1, *outputs)
        target[0].weight.copy_(weight[:, choice.channels])
        reads = choice
    assert reads is not None
    assert wide.head.bias is not None
    assert narrow.head.bias is not None
    weight, offset = _corrected(wide.head.weight.flatten(1), reads)
    narrow.head.weight.copy_(weight[..., None, None])
    narrow.head.bias.copy_(wide.head.bias + offset)


def _corrected(reader: Tensor, choice: _Choice) -> tuple[Tensor, Tensor]:
    """Return the weights of a layer that reads the remaining channels only, and the offset of its outputs.

    Args:
        reader: ``(outputs, channels)`` weights for all channels.
        choice: the channels that remain.
    """
    wide = reader.double()
    offset = wide @ (choice.mean - choice.rebuild @ choice.mean[choice.channels])
    return (wide @ choice.rebuild).float(), offset.float()

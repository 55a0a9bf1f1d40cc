"""MobileFAN and its teachers: an encoder, three deconvolutions, and one heatmap for each landmark.

Zhao et al., "MobileFAN: Transferring Deep Hidden Representation for Face Alignment",
arXiv 1908.03839.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from livefan.core.errors import LivefanError
from livefan.networks.checkpoint_info import IMAGENET_MEAN, IMAGENET_STD
from livefan.networks.encoders import (
    N_BLOCKS,
    EfficientNetLite2Encoder,
    Encoder,
    MobileNetV2Encoder,
    ResNet50Encoder,
)

HEATMAP_STRIDE = 4
"""Side in input pixels of a heatmap cell."""


class Deconvolution(nn.Sequential):
    """A stage of the decoder: doubles the resolution.

    Args:
        inp, out: channels.
        kernel: side of the transposed convolution, 2 or 4.
    """

    def __init__(self, inp: int, out: int, kernel: int) -> None:
        super().__init__(
            nn.ConvTranspose2d(inp, out, kernel, stride=2, padding=(kernel - 2) // 2, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor, lateral: Tensor | None = None) -> Tensor:
        """Map ``(batch, inp, h, w)`` to ``(batch, out, 2h, 2w)``; ``lateral`` is added before the ReLU."""
        convolution, norm, relu = self
        x = norm(convolution(x))
        return relu(x if lateral is None else x + lateral)


class HeatmapNetwork(nn.Module):
    """An encoder, three deconvolutions and a head: the common structure of student and teachers.

    The input is ``(batch, 3, h, w)`` normalised RGB, h and w multiples of 32, 256 by default. The output is
    ``(batch, n, h / 4, w / 4)`` heatmaps of logits: the softmax over the cells of a map is the distribution
    of the landmark's position. The centre of cell ``(0, 0)`` lies at crop pixel ``(1.5, 1.5)``.

    Args:
        encoder: returns maps of strides 4, 8, 16 and 32.
        n_points: number of landmarks.
        channels: channels of each of the decoder's stages.
        kernel: side of the deconvolutions, 2 or 4.
        laterals: add the encoder's finer maps, through 1 x 1 convolutions, to the decoder's stages.
    """

    architecture: str
    """Name of the network family, as in weight files."""
    width: float
    """Width multiplier of the encoder."""

    def __init__(
        self,
        encoder: Encoder,
        n_points: int,
        *,
        channels: tuple[int, ...],
        kernel: int,
        laterals: bool = False,
    ) -> None:
        super().__init__()
        self.n_points = n_points
        self.channels = channels
        self.encoder = encoder
        *finer, coarsest = encoder.channels
        ends = zip((coarsest, *channels), channels, strict=False)
        self.decoder = nn.ModuleList(Deconvolution(inp, out, kernel) for inp, out in ends)
        self.laterals = nn.ModuleList(
            nn.Sequential(nn.Conv2d(inp, out, 1, bias=False), nn.BatchNorm2d(out))
            for inp, out in zip(reversed(finer), channels, strict=True)
            if laterals
        )
        self.head = nn.Conv2d(channels[-1], n_points, 1)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        nn.init.normal_(self.head.weight, std=0.001)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)

    def stages(self, x: Tensor, encoder_maps: list[Tensor] | None = None) -> list[Tensor]:
        """Return the decoder's three maps, ``(batch, c, s, s)`` each; s is 16, 32 and 64 for 256 pixels.

        Args:
            x: normalised RGB crops.
            encoder_maps: a list to which the maps of the encoder are added.
        """
        *finer, x = encoded = self.encoder(x)
        if encoder_maps is not None:
            encoder_maps += encoded
        maps = []
        for number, stage in enumerate(self.decoder):
            lateral = self.laterals[number](finer[-1 - number]) if self.laterals else None
            x = stage(x, lateral)
            maps.append(x)
        return maps

    def forward(self, x: Tensor, encoder_maps: list[Tensor] | None = None) -> Tensor:
        """Map normalised RGB crops to heatmap logits; the arguments are those of :meth:`stages`."""
        return self.head(self.stages(x, encoder_maps)[-1])

    def with_stages(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the heatmaps, and the decoder's maps that distillation compares."""
        stages = self.stages(x)
        return self.head(stages[-1]), stages


class Channels(NamedTuple):
    """Numbers of channels that pruning changes.

    Attributes:
        inner: channels inside of each of MobileNetV2's blocks.
        decoder: channels of each of the decoder's stages.
    """

    inner: tuple[int, ...]
    decoder: tuple[int, ...]


class MobileFAN(HeatmapNetwork):
    """The student: MobileNetV2 and three 2 x 2 deconvolutions of 128 channels.

    Args:
        n_points: number of landmarks.
        width: MobileNetV2's width multiplier; 1.0 and 0.5 are the paper's two models.
        pruned: the channels of a pruned network; None for the paper's.
    """

    architecture = "mobilefan"

    def __init__(self, n_points: int, width: float = 1.0, pruned: Channels | None = None) -> None:
        encoder = MobileNetV2Encoder(width, pruned.inner if pruned else None)
        decoder = pruned.decoder if pruned else 3 * (128,)
        super().__init__(encoder, n_points, channels=decoder, kernel=2)
        self.width = width


def channels_of(tensors: Mapping[str, Tensor]) -> Channels | None:
    """Return the numbers of channels of a MobileFAN, from its tensors by name; None if it is none."""
    try:
        inner = [
            len(tensors[f"encoder.features.{block}.conv.0.0.weight"]) for block in range(1, N_BLOCKS + 1)
        ]
        decoder = [tensors[f"decoder.{stage}.0.weight"].shape[1] for stage in range(3)]
    except (KeyError, TypeError, IndexError):
        return None
    return Channels(tuple(inner), tuple(decoder))


class ResNet50Teacher(HeatmapNetwork):
    """The paper's teacher: ResNet-50 and three 4 x 4 deconvolutions of 256 channels."""

    architecture = "resnet50"
    width = 1.0

    def __init__(self, n_points: int) -> None:
        super().__init__(ResNet50Encoder(), n_points, channels=3 * (256,), kernel=4)


class Lite2Teacher(HeatmapNetwork):
    """A teacher of 8 million parameters: EfficientNet-Lite2, laterals, and the paper's teacher's decoder."""

    architecture = "efficientnet-lite2"
    width = 1.0

    def __init__(self, n_points: int) -> None:
        super().__init__(EfficientNetLite2Encoder(), n_points, channels=3 * (256,), kernel=4, laterals=True)


ARCHITECTURES = (MobileFAN.architecture, ResNet50Teacher.architecture, Lite2Teacher.architecture)


def build_network(
    architecture: str, n_points: int, width: float = 1.0, pruned: Channels | None = None
) -> HeatmapNetwork:
    """Return a network of one of :data:`ARCHITECTURES` with random weights.

    Args:
        architecture: its name.
        n_points: number of landmarks.
        width: width multiplier of its encoder.
        pruned: the channels of a pruned MobileFAN; other networks ignore them.

    Raises:
        LivefanError: if the architecture is unknown, or the width is not 1 for a teacher.
    """
    if architecture == MobileFAN.architecture:
        return MobileFAN(n_points, width, pruned)
    for teacher in (ResNet50Teacher, Lite2Teacher):
        if teacher.architecture == architecture:
            if width != 1.0:
                raise LivefanError(f"{architecture} comes in width 1.0 only, not {width}")
            return teacher(n_points)
    raise LivefanError(f"unknown architecture {architecture!r}: known are {', '.join(ARCHITECTURES)}")


def build_alike(network: HeatmapNetwork, n_points: int) -> HeatmapNetwork:
    """Return a network of the same channels as another one, with random weights.

    Args:
        network: the other one.
        n_points: number of landmarks of the new one.
    """
    return build_network(network.architecture, n_points, network.width, channels_of(network.state_dict()))


def normalise(crops_bgr: Tensor) -> Tensor:
    """Turn ``(batch, h, w, 3)`` uint8 BGR crops into the network's ``(batch, 3, h, w)`` float32 input.

    The result is RGB, normalised by ImageNet's mean and standard deviation, in the memory format
    ``channels_last``.
    """
    mean = torch.tensor(IMAGENET_MEAN, device=crops_bgr.device)
    std = torch.tensor(IMAGENET_STD, device=crops_bgr.device)
    rgb = crops_bgr.flip(-1).float().div_(255.0)
    return rgb.sub_(mean).div_(std).permute(0, 3, 1, 2)

"""Image encoders: networks that map a crop to feature maps.

Each returns its maps at strides 4, 8, 16 and 32, finest first. The state-dict names are those of the
public ImageNet checkpoints, so that these load directly: torchvision's for MobileNetV2 and ResNet-50,
``efficientnet_lite_pytorch``'s for EfficientNet-Lite2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

# Expansion, output channels, blocks, stride of the first block (arXiv 1801.04381, table 2).
_INVERTED_RESIDUALS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)

N_BLOCKS = sum(blocks for _, _, blocks, _ in _INVERTED_RESIDUALS)
"""Number of MobileNetV2's blocks."""

# Expansion, output channels, blocks, stride, kernel: EfficientNet-B0's table (arXiv 1905.11946) at
# Lite2's width 1.1 and depth 1.2, first and last block unrepeated.
_LITE2_BLOCKS = (
    (1, 16, 1, 1, 3),
    (6, 24, 3, 2, 3),
    (6, 48, 3, 2, 5),
    (6, 88, 4, 2, 3),
    (6, 120, 4, 1, 5),
    (6, 208, 5, 2, 5),
    (6, 352, 1, 1, 3),
)

# Width, blocks and stride of ResNet-50's four stages (arXiv 1512.03385, table 1).
_RESNET50_STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))


class Encoder(nn.Module):
    """Base class: maps ``(batch, 3, h, w)`` normalised RGB to a list of maps of strides 4, 8, 16 and 32.

    Attributes:
        channels: number of channels of each of the four maps.
    """

    channels: tuple[int, ...]


class Float32Depthwise(nn.Conv2d):
    """A depthwise convolution that stays in float32 under CPU autocast.

    oneDNN's bfloat16 backward pass of depthwise convolutions with a stride of 2 or a kernel of 5 takes
    three to five times as long as the float32 one, half the time of a training step of
    EfficientNet-Lite2.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, c, h, w)`` as :class:`torch.nn.Conv2d` does."""
        if x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                return super().forward(x.float())
        return super().forward(x)


def _depthwise(channels: int, kernel: int, stride: int, padding: int) -> nn.Conv2d:
    kind = Float32Depthwise if stride == 2 or kernel == 5 else nn.Conv2d
    return kind(channels, channels, kernel, stride, padding, groups=channels, bias=False)


def _scaled(channels: int, width: float) -> int:
    """Return channels times the width multiplier, rounded to a multiple of 8 that is at least 90 % of it."""
    rounded = max(8, int(channels * width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels * width else rounded


class InvertedResidual(nn.Module):
    """MobileNetV2's block: expand, depthwise convolution, project without a nonlinearity.

    Args:
        inp, inner, out: channels of the input, of the depthwise convolution, and of the output.
        stride: of the depthwise convolution.
        expands: whether a convolution comes before the depthwise one.
        residual: whether the input is added to the output.
    """

    def __init__(self, inp: int, inner: int, out: int, stride: int, *, expands: bool, residual: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if expands:
            widen = nn.Conv2d(inp, inner, 1, bias=False)
            layers.append(nn.Sequential(widen, nn.BatchNorm2d(inner), nn.ReLU6(inplace=True)))
        depthwise = _depthwise(inner, 3, stride, 1)
        layers += [
            nn.Sequential(depthwise, nn.BatchNorm2d(inner), nn.ReLU6(inplace=True)),
            nn.Conv2d(inner, out, 1, bias=False),
            nn.BatchNorm2d(out),
        ]
        self.conv = nn.Sequential(*layers)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, inp, h, w)`` to ``(batch, out, h / stride, w / stride)``."""
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetV2Encoder(Encoder):
    """MobileNetV2 (arXiv 1801.04381) without its 1280-channel convolution and classifier.

    Args:
        width: width multiplier.
        inner: channels inside of each block of a pruned network, see :data:`N_BLOCKS`; those inside of the
            first block are the first convolution's. None for MobileNetV2's own.
    """

    def __init__(self, width: float = 1.0, inner: Sequence[int] | None = None) -> None:
        super().__init__()
        inp = _scaled(32, width)
        first = inner[0] if inner else inp
        stem = nn.Conv2d(3, first, 3, 2, 1, bias=False)
        features: list[nn.Module] = [nn.Sequential(stem, nn.BatchNorm2d(first), nn.ReLU6(inplace=True))]
        ends: list[tuple[int, int]] = []
        for expansion, base, blocks, first_stride in _INVERTED_RESIDUALS:
            out = _scaled(base, width)
            if first_stride == 2:
                ends.append((len(features) - 1, inp))
            for block in range(blocks):
                stride = first_stride if block == 0 else 1
                features.append(
                    InvertedResidual(
                        inp,
                        inner[len(features) - 1] if inner else inp * expansion,
                        out,
                        stride,
                        expands=expansion != 1,
                        residual=stride == 1 and inp == out,
                    )
                )
                inp = out
        ends = [*ends[1:], (len(features) - 1, inp)]
        self.features = nn.Sequential(*features)
        self._ends, self.channels = zip(*ends, strict=True)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map ``(batch, 3, h, w)`` normalised RGB to maps of strides 4, 8, 16 and 32."""
        return _taps(self.features, x, self._ends)


class LiteBlock(nn.Module):
    """EfficientNet-Lite's inverted residual: ReLU6, no squeeze and excitation, TensorFlow's padding."""

    def __init__(self, inp: int, out: int, stride: int, expansion: int, kernel: int) -> None:
        super().__init__()
        hidden = inp * expansion
        if expansion != 1:
            self._expand_conv = nn.Conv2d(inp, hidden, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(hidden, eps=1e-3)
        self._padding = _same_padding(kernel, stride)
        self._depthwise_conv = _depthwise(hidden, kernel, stride, 0)
        self._bn1 = nn.BatchNorm2d(hidden, eps=1e-3)
        self._project_conv = nn.Conv2d(hidden, out, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(out, eps=1e-3)
        self._widens = expansion != 1
        self._residual = stride == 1 and inp == out

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, inp, h, w)`` to ``(batch, out, h / stride, w / stride)``."""
        y = functional.relu6(self._bn0(self._expand_conv(x))) if self._widens else x
        y = self._depthwise_conv(functional.pad(y, self._padding))
        y = self._bn2(self._project_conv(functional.relu6(self._bn1(y))))
        return x + y if self._residual else y


class EfficientNetLite2Encoder(Encoder):
    """EfficientNet-Lite2 without its 1280-channel convolution and classifier."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        inp = 32
        blocks: list[nn.Module] = []
        ends: list[tuple[int, int]] = []
        for expansion, out, count, first_stride, kernel in _LITE2_BLOCKS:
            if first_stride == 2:
                ends.append((len(blocks) - 1, inp))
            for block in range(count):
                blocks.append(LiteBlock(inp, out, first_stride if block == 0 else 1, expansion, kernel))
                inp = out
        ends = [*ends[1:], (len(blocks) - 1, inp)]
        self._blocks = nn.ModuleList(blocks)
        self._ends, self.channels = zip(*ends, strict=True)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map ``(batch, 3, h, w)`` normalised RGB, h and w even, to maps of strides 4, 8, 16 and 32."""
        x = self._conv_stem(functional.pad(x, _same_padding(3, 2)))
        return _taps(self._blocks, functional.relu6(self._bn0(x)), self._ends)


class Bottleneck(nn.Module):
    """ResNet's block of three convolutions, with the stride in the middle one."""

    def __init__(self, inp: int, width: int, stride: int) -> None:
        super().__init__()
        out = 4 * width
        self.conv1 = nn.Conv2d(inp, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inp != out:
            self.downsample = nn.Sequential(nn.Conv2d(inp, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, inp, h, w)`` to ``(batch, 4 * width, h / stride, w / stride)``."""
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        return functional.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class ResNet50Encoder(Encoder):
    """ResNet-50 (arXiv 1512.03385) without its pooling and classifier."""

    channels = tuple(4 * width for width, _, _ in _RESNET50_STAGES)

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inp = 64
        for number, (width, blocks, first_stride) in enumerate(_RESNET50_STAGES, start=1):
            stage = [Bottleneck(inp, width, first_stride)]
            inp = 4 * width
            stage += [Bottleneck(inp, width, 1) for _ in range(blocks - 1)]
            self.add_module(f"layer{number}", nn.Sequential(*stage))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map ``(batch, 3, h, w)`` normalised RGB to maps of strides 4, 8, 16 and 32."""
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        maps = []
        for number in range(1, len(_RESNET50_STAGES) + 1):
            x = self.get_submodule(f"layer{number}")(x)
            maps.append(x)
        return maps


def _same_padding(kernel: int, stride: int) -> tuple[int, int, int, int]:
    """Return TensorFlow's "same" padding for an even size: left, right, top, bottom; the larger side last."""
    total = kernel - stride
    return total // 2, total - total // 2, total // 2, total - total // 2


def _taps(blocks: nn.Sequential | nn.ModuleList, x: Tensor, ends: tuple[int, ...]) -> list[Tensor]:
    """Run blocks one after the other; return the outputs of those numbered in ``ends``."""
    maps = []
    for number, block in enumerate(blocks):
        x = block(x)
        if number in ends:
            maps.append(x)
    return maps

"""MobileFAN: a MobileNetV2 encoder and three deconvolutions that draw one heatmap per landmark.

Zhao et al., "MobileFAN: Transferring Deep Hidden Representation for Face Alignment",
arXiv 1908.03839. The encoder is MobileNetV2 (Sandler et al., arXiv 1801.04381) up to its
320-channel block; its state-dict names are torchvision's, so public ImageNet weights load directly.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
INPUT_SIZE = 256
HEATMAP_SIZE = 64

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


def _scaled(channels: int, width: float) -> int:
    """Channels times the width multiplier, rounded to a multiple of 8 without losing over a tenth."""
    rounded = max(8, int(channels * width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels * width else rounded


def _conv_bn_relu6(inp: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inp, out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """MobileNetV2's block: widen, filter each channel by itself, narrow without a nonlinearity."""

    def __init__(self, inp: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inp * expansion
        layers: list[nn.Module] = [] if expansion == 1 else [_conv_bn_relu6(inp, hidden, 1)]
        layers += [
            _conv_bn_relu6(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, out, 1, bias=False),
            nn.BatchNorm2d(out),
        ]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and inp == out

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, inp, h, w)`` to ``(batch, out, h / stride, w / stride)``."""
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetV2Encoder(nn.Module):
    """MobileNetV2 without its 1280-channel convolution and classifier; stride 32."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        channels = _scaled(32, width)
        features: list[nn.Module] = [_conv_bn_relu6(3, channels, 3, stride=2)]
        for expansion, base, blocks, first_stride in _INVERTED_RESIDUALS:
            out = _scaled(base, width)
            for block in range(blocks):
                features.append(InvertedResidual(channels, out, first_stride if block == 0 else 1, expansion))
                channels = out
        self.features = nn.Sequential(*features)
        self.out_channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, 3, h, w)`` normalised RGB to ``(batch, out_channels, h / 32, w / 32)``."""
        return self.features(x)


class MobileFAN(nn.Module):
    """The student network: ``(batch, 3, 256, 256)`` normalised RGB to ``(batch, n, 64, 64)`` heatmaps.

    The heatmaps are logits: a softmax over the 64 x 64 cells of one map is the distribution of
    that landmark's place. Cell ``(0, 0)``'s centre lies at crop pixel ``(1.5, 1.5)``.

    Args:
        n_points: number of landmarks.
        width: MobileNetV2's width multiplier; 1.0 and 0.5 are the paper's two models.
    """

    def __init__(self, n_points: int, width: float = 1.0) -> None:
        super().__init__()
        self.n_points = n_points
        self.width = width
        self.encoder = MobileNetV2Encoder(width)
        channels = self.encoder.out_channels
        stages: list[nn.Module] = []
        for _ in range(3):
            stages.append(
                nn.Sequential(
                    nn.ConvTranspose2d(channels, 128, 2, stride=2, bias=False),
                    nn.BatchNorm2d(128),
                    nn.ReLU(inplace=True),
                )
            )
            channels = 128
        self.decoder = nn.ModuleList(stages)
        self.head = nn.Conv2d(channels, n_points, 1)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        nn.init.normal_(self.head.weight, std=0.001)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised RGB crops to heatmap logits; see the class for shapes."""
        x = self.encoder(x)
        for stage in self.decoder:
            x = stage(x)
        return self.head(x)


def normalise(crops_bgr: Tensor) -> Tensor:
    """Turn ``(batch, h, w, 3)`` uint8 BGR crops into the network's ``(batch, 3, h, w)`` float32 input.

    The result is RGB with ImageNet's mean and standard deviation taken out, in ``channels_last``
    memory layout.
    """
    mean = torch.tensor(IMAGENET_MEAN, device=crops_bgr.device)
    std = torch.tensor(IMAGENET_STD, device=crops_bgr.device)
    rgb = crops_bgr.flip(-1).float().div_(255.0)
    return rgb.sub_(mean).div_(std).permute(0, 3, 1, 2)

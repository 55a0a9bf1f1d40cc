"""The graph that other runtimes compile: from the bytes of crops to landmarks."""

from __future__ import annotations

import copy
import io
import warnings

import torch
from torch import Tensor, nn

from livefan.networks.checkpoint import Weights
from livefan.networks.heatmaps import DECODERS

INPUT_NAME, OUTPUT_NAME = "crops_bgr", "landmarks"


class LandmarkGraph(nn.Module):
    """Normalisation, network, decoder and refiner as one: what :class:`livefan.runtimes.base.Runtime` wants.

    Colour order and standard deviation are folded into the weights of the first convolution. The mean is
    not, since the zeros that pad the picture's edge stand for the mean.

    Args:
        weights: any network whose first convolution takes the three colours.
    """

    mean: Tensor

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.network = copy.deepcopy(weights.model).cpu().eval()
        self.decode = DECODERS[weights.info.decoder]
        self.refine = copy.deepcopy(weights.refiner).cpu() if weights.refiner else nn.Identity()
        first = next(layer for layer in self.network.modules() if isinstance(layer, nn.Conv2d))
        std = torch.tensor(weights.info.std)[None, :, None, None] * 255
        first.weight = nn.Parameter((first.weight / std).flip(1), requires_grad=False)
        mean = torch.tensor(weights.info.mean).flip(0)[None, :, None, None] * 255
        self.register_buffer("mean", mean)

    def forward(self, crops_bgr: Tensor) -> Tensor:
        """``(batch, size, size, 3)`` uint8 BGR to ``(batch, n, 4)``."""
        crops = crops_bgr.permute(0, 3, 1, 2).float() - self.mean
        return self.refine(self.decode(self.network(crops)).stacked())


def as_onnx(weights: Weights) -> bytes:
    """The graph in the ONNX format, which both other runtimes read; takes batches of any size."""
    size = weights.info.input_size
    written = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter that is not deprecated needs another package, and has nothing to gain here.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            LandmarkGraph(weights).eval(),
            (torch.zeros(1, size, size, 3, dtype=torch.uint8),),
            written,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=17,
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            dynamic_axes={INPUT_NAME: {0: "batch"}, OUTPUT_NAME: {0: "batch"}},
        )
    return written.getvalue()

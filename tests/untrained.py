"""A weight file without training, small and quick to write."""

from pathlib import Path

import torch
from torch import nn

from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.networks.checkpoint import WeightsInfo, save_weights
from livefan.networks.checkpoint_info import read_weight_file
from livefan.networks.mobilefan import build_network
from livefan.networks.shape_refiner import ShapeRefiner
from livefan.runtimes.graph_file import graph_path
from livefan.runtimes.onnx_graph import make_graph

SIZE = read_weight_file(DEFAULT_WEIGHTS).info.input_size


def save_untrained(path: Path) -> Path:
    """Write weights of half width for 98 points, and the graph beside them.

    The activations have the scale of a trained network.
    """
    torch.manual_seed(0)
    network = build_network("mobilefan", 98, 0.5).train()
    with torch.no_grad():
        network.head.weight.mul_(100)
        for _ in range(20):
            network(torch.randn(2, 3, 64, 64))
    save_weights(path, network.eval(), WeightsInfo(scheme="wflw-98", width=0.5, input_size=SIZE))
    graph_path(path).write_bytes(make_graph(read_weight_file(path)))
    return path


def moving_refiner(n_points: int, seed: int = 0) -> ShapeRefiner:
    """Return a refiner that moves landmarks by some hundredths of the face's size."""
    torch.manual_seed(seed)
    refiner = ShapeRefiner(n_points, 32)
    for layer in (refiner.mlp, refiner.skip):
        nn.init.normal_(layer.weight, std=0.003)
    return refiner.requires_grad_(False).eval()

"""A weight file without training, small and quick to write."""

from pathlib import Path

import torch

from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.networks.checkpoint import WeightsInfo, save_weights
from livefan.networks.checkpoint_info import read_weight_file
from livefan.networks.mobilefan import build_network

SIZE = read_weight_file(DEFAULT_WEIGHTS).info.input_size


def save_untrained(path: Path) -> Path:
    """Write weights of half width for 98 points, whose activations have the scale of a trained network."""
    torch.manual_seed(0)
    network = build_network("mobilefan", 98, 0.5).train()
    with torch.no_grad():
        network.head.weight.mul_(100)
        for _ in range(20):
            network(torch.randn(2, 3, 64, 64))
    save_weights(path, network.eval(), WeightsInfo(scheme="wflw-98", width=0.5, input_size=SIZE))
    return path

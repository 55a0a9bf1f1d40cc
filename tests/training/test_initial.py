from pathlib import Path

import pytest
import torch

from livefan.networks.checkpoint import save_weights
from livefan.networks.checkpoint_info import WeightsInfo
from livefan.networks.mobilefan import MobileFAN
from livefan.training.initial import load_initial


@pytest.mark.parametrize("width", [1.0, 0.5])
def test_encoder_and_decoder_are_kept_if_only_the_number_of_points_differs(tmp_path: Path, width: float):
    source = MobileFAN(68, width)
    save_weights(tmp_path / "source.safetensors", source, WeightsInfo("300w-68", width=width))
    network = MobileFAN(29, width)
    head = network.head.weight.clone()
    load_initial(network, tmp_path / "source.safetensors")
    for part in ("encoder", "decoder"):
        expected = getattr(source, part).state_dict()
        assert all(torch.equal(v, expected[k]) for k, v in getattr(network, part).state_dict().items())
    assert torch.equal(network.head.weight, head)


def test_the_same_network_is_loaded_whole(tmp_path: Path):
    source, network = MobileFAN(68, 0.5), MobileFAN(68, 0.5)
    save_weights(tmp_path / "source.safetensors", source, WeightsInfo("300w-68", width=0.5))
    load_initial(network, tmp_path / "source.safetensors")
    assert torch.equal(network.head.weight, source.head.weight)

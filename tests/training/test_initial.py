from pathlib import Path

import pytest
import torch

from livefan.core.landmarks import WFLW_98
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


def test_heatmaps_of_wflw_begin_as_those_of_300w_nearby(tmp_path: Path):
    source, network = MobileFAN(68, 0.5), MobileFAN(98, 0.5)
    torch.nn.init.normal_(source.head.weight)
    torch.nn.init.normal_(source.head.bias)
    save_weights(tmp_path / "source.safetensors", source, WeightsInfo("300w-68", width=0.5))
    load_initial(network, tmp_path / "source.safetensors", WFLW_98)
    weight, bias = source.head.weight, source.head.bias
    assert torch.allclose(network.head.weight[0], weight[0])
    assert torch.allclose(network.head.weight[1], (weight[0] + weight[1]) / 2)
    assert torch.allclose(network.head.bias[96], bias[[37, 38, 40, 41]].mean())


def test_the_same_network_is_loaded_whole(tmp_path: Path):
    source, network = MobileFAN(68, 0.5), MobileFAN(68, 0.5)
    save_weights(tmp_path / "source.safetensors", source, WeightsInfo("300w-68", width=0.5))
    load_initial(network, tmp_path / "source.safetensors")
    assert torch.equal(network.head.weight, source.head.weight)

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68, WFLW_98
from livefan.networks.checkpoint import load_weights, save_weights
from livefan.networks.checkpoint_info import WeightsInfo
from livefan.networks.mobilefan import MobileFAN
from livefan.training.initial import in_scheme, load_initial


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


def test_weights_of_300w_become_weights_of_wflw_and_not_the_reverse(tmp_path: Path):
    source = MobileFAN(68, 0.5)
    save_weights(tmp_path / "source.safetensors", source, WeightsInfo("300w-68", width=0.5))
    weights = load_weights(tmp_path / "source.safetensors")
    assert in_scheme(weights, IBUG_68) == weights
    wflw = in_scheme(weights, WFLW_98)
    assert (wflw.scheme, wflw.info.scheme, wflw.model.n_points) == (WFLW_98, "wflw-98", 98)
    with pytest.raises(LivefanError, match="was trained for scheme wflw-98, but 300w-68 is needed"):
        in_scheme(wflw, IBUG_68)


def test_the_same_network_is_loaded_whole(tmp_path: Path):
    source, network = MobileFAN(68, 0.5), MobileFAN(68, 0.5)
    save_weights(tmp_path / "source.safetensors", source, WeightsInfo("300w-68", width=0.5))
    load_initial(network, tmp_path / "source.safetensors")
    assert torch.equal(network.head.weight, source.head.weight)


def test_head_for_other_landmarks_is_not_taken_over_although_their_number_is_the_same(tmp_path: Path):
    """An own scheme of 68 points may have them in another order."""
    own = replace(IBUG_68, name="own-68", point_names=tuple(reversed(IBUG_68.point_names)))
    source = MobileFAN(68, 0.5)
    save_weights(tmp_path / "source.safetensors", source, WeightsInfo("300w-68", width=0.5))
    same, other = MobileFAN(68, 0.5), MobileFAN(68, 0.5)
    load_initial(same, tmp_path / "source.safetensors", IBUG_68)
    load_initial(other, tmp_path / "source.safetensors", own)
    assert torch.equal(same.head.weight, source.head.weight)
    assert not torch.equal(other.head.weight, source.head.weight)
    for network in (same, other):
        assert torch.equal(network.decoder[0][0].weight, source.decoder[0][0].weight)

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from livefan.errors import LivefanError
from livefan.model import ARCHITECTURES, HeatmapNetwork, build_network
from livefan.weights import WeightsInfo, load_initial, load_weights, save_weights

PARAMETERS = {"mobilefan": 2.12, "resnet50": 34.01, "efficientnet-lite2": 7.97}


@pytest.fixture(params=ARCHITECTURES)
def network(request: pytest.FixtureRequest) -> HeatmapNetwork:
    torch.manual_seed(0)
    return build_network(request.param, 68).eval()


@torch.inference_mode()
def test_every_network_maps_a_crop_to_heatmaps_and_stages(network: HeatmapNetwork):
    heatmaps, stages = network.with_stages(torch.randn(1, 3, 256, 256))
    assert heatmaps.shape == (1, 68, 64, 64)
    assert [stage.shape for stage in stages] == [(1, network.channels, s, s) for s in (16, 32, 64)]
    assert heatmaps.isfinite().all()
    count = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert count == pytest.approx(PARAMETERS[network.architecture], abs=0.01)


def test_every_network_travels_through_its_weight_file(network: HeatmapNetwork, tmp_path: Path):
    path = tmp_path / "w.safetensors"
    save_weights(path, network, WeightsInfo("300w-68", architecture=network.architecture))
    loaded = load_weights(path).model
    crop = torch.randn(1, 3, 256, 256)
    with torch.inference_mode():
        assert torch.allclose(loaded(crop), network(crop), atol=1e-5)


def test_every_encoder_takes_public_weights_of_its_kind(network: HeatmapNetwork, tmp_path: Path):
    public = {name: torch.rand_like(value.float()) for name, value in network.encoder.state_dict().items()}
    public |= {"classifier.1.weight": torch.zeros(1000, 1280), "fc.weight": torch.zeros(1000, 2048)}
    save_file(public, tmp_path / "public.safetensors")
    load_initial(network, tmp_path / "public.safetensors")
    for name, value in network.encoder.state_dict().items():
        assert torch.equal(value, public[name].to(value.dtype)), name


def test_weights_of_another_architecture_are_refused_in_one_line(network: HeatmapNetwork, tmp_path: Path):
    path = tmp_path / "w.safetensors"
    other = next(name for name in ARCHITECTURES if name != network.architecture)
    save_weights(path, network, WeightsInfo("300w-68", architecture=other))
    with pytest.raises(LivefanError, match=f"do not fit a {other}"):
        load_weights(path)
    with pytest.raises(LivefanError, match=f"no encoder weights for {other}"):
        load_initial(build_network(other, 68), path)


def test_the_public_names_are_kept():
    names = {
        "mobilefan": "features.17.conv.3.running_var",
        "resnet50": "layer4.2.bn3.running_var",
        "efficientnet-lite2": "_blocks.20._project_conv.weight",
    }
    for architecture, name in names.items():
        encoder = build_network(architecture, 5).encoder
        assert name in encoder.state_dict()


def test_the_lite_encoder_pads_as_tensorflow_does():
    """A stride-2 window begins at the image's first pixel, so a mark there is seen by the first cell."""
    encoder = build_network("efficientnet-lite2", 5).encoder.eval()
    image = torch.zeros(1, 3, 64, 64)
    image[..., 0, 0] = 1.0
    with torch.no_grad():
        encoder._conv_stem.weight.fill_(0)
        encoder._conv_stem.weight[:, :, 0, 0] = 1.0
    seen = torch.nn.functional.pad(image, (0, 1, 0, 1))
    assert encoder._conv_stem(seen)[0, 0, 0, 0].item() == pytest.approx(3.0)


def test_an_unknown_architecture_or_width_is_one_line():
    with pytest.raises(LivefanError, match="known are mobilefan"):
        build_network("vgg", 68)
    with pytest.raises(LivefanError, match=r"width 1\.0 only"):
        build_network("resnet50", 68, 0.5)

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from livefan.core.errors import LivefanError
from livefan.core.resources import IMAGENET_ENCODER
from livefan.networks.checkpoint import WeightsInfo, load_weights, save_weights
from livefan.networks.mobilefan import ARCHITECTURES, HeatmapNetwork, MobileFAN, build_network
from livefan.training.initial import load_initial
from livefan.training.narrowing import narrow_mobilefan

PARAMETERS = {"mobilefan": 2.12, "resnet50": 34.01, "efficientnet-lite2": 7.97}


@pytest.fixture(scope="module", params=ARCHITECTURES)
def original(request: pytest.FixtureRequest) -> HeatmapNetwork:
    """A network with random weights; not to be changed."""
    torch.manual_seed(0)
    return build_network(request.param, 68).eval()


@pytest.fixture
def network(original: HeatmapNetwork) -> HeatmapNetwork:
    """A copy, because a copy takes less time than random weights."""
    return deepcopy(original)


@pytest.mark.slow
@torch.inference_mode()
def test_every_network_maps_a_crop_to_heatmaps_and_stages(network: HeatmapNetwork):
    heatmaps, stages = network.with_stages(torch.randn(1, 3, 256, 256))
    assert heatmaps.shape == (1, 68, 64, 64)
    assert [stage.shape for stage in stages] == [
        (1, channels, s, s) for channels, s in zip(network.channels, (16, 32, 64), strict=True)
    ]
    assert heatmaps.isfinite().all()
    count = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert count == pytest.approx(PARAMETERS[network.architecture], abs=0.01)


@pytest.mark.slow
def test_every_network_survives_a_round_trip_through_its_file(network: HeatmapNetwork, tmp_path: Path):
    path = tmp_path / "w.safetensors"
    save_weights(path, network, WeightsInfo("300w-68", architecture=network.architecture))
    loaded = load_weights(path).model
    crop = torch.randn(1, 3, 256, 256)
    with torch.inference_mode():
        assert torch.allclose(loaded(crop), network(crop), atol=1e-5)


@pytest.mark.slow
def test_every_encoder_takes_public_weights_of_its_kind(network: HeatmapNetwork, tmp_path: Path):
    public = {name: torch.rand_like(value.float()) for name, value in network.encoder.state_dict().items()}
    public |= {"classifier.1.weight": torch.zeros(1000, 1280), "fc.weight": torch.zeros(1000, 2048)}
    save_file(public, tmp_path / "public.safetensors")
    load_initial(network, tmp_path / "public.safetensors")
    for name, value in network.encoder.state_dict().items():
        assert torch.equal(value, public[name].to(value.dtype)), name


@pytest.mark.slow
def test_public_weights_may_lack_num_batches_tracked(network: HeatmapNetwork, tmp_path: Path):
    """As torchvision's older checkpoints are."""
    state = network.encoder.state_dict()
    older = {
        name: torch.rand_like(value)
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }
    assert len(older) < len(state)
    save_file(older, tmp_path / "older.safetensors")
    load_initial(network, tmp_path / "older.safetensors")
    assert all(torch.equal(network.encoder.state_dict()[name], value) for name, value in older.items())
    removed = next(iter(older))
    save_file(
        {name: value for name, value in older.items() if name != removed}, tmp_path / "less.safetensors"
    )
    with pytest.raises(LivefanError, match=rf"'{removed}' is absent"):
        load_initial(network, tmp_path / "less.safetensors")


@pytest.mark.slow
def test_weights_of_another_architecture_give_one_line_error(network: HeatmapNetwork, tmp_path: Path):
    path = tmp_path / "w.safetensors"
    other = next(name for name in ARCHITECTURES if name != network.architecture)
    save_weights(path, network, WeightsInfo("300w-68", architecture=other))
    with pytest.raises(LivefanError, match=f"do not fit a {other}"):
        load_weights(path)
    with pytest.raises(LivefanError, match=f"no encoder weights for {other}"):
        load_initial(build_network(other, 68), path)


def test_public_parameter_names_are_kept():
    names = {
        "mobilefan": "features.17.conv.3.running_var",
        "resnet50": "layer4.2.bn3.running_var",
        "efficientnet-lite2": "_blocks.20._project_conv.weight",
    }
    for architecture, name in names.items():
        encoder = build_network(architecture, 5).encoder
        assert name in encoder.state_dict()


def test_lite_encoder_pads_like_tensorflow():
    """A stride-2 window begins at the image's first pixel, so a mark there is seen by the first cell."""
    encoder = build_network("efficientnet-lite2", 5).encoder.eval()
    image = torch.zeros(1, 3, 64, 64)
    image[..., 0, 0] = 1.0
    with torch.no_grad():
        # Not livefan's choice: the published weights have these names with an underscore.
        encoder._conv_stem.weight.fill_(0)
        encoder._conv_stem.weight[:, :, 0, 0] = 1.0
    seen = torch.nn.functional.pad(image, (0, 1, 0, 1))
    assert encoder._conv_stem(seen)[0, 0, 0, 0].item() == pytest.approx(3.0)


def test_unknown_architecture_or_width_gives_one_line_error():
    with pytest.raises(LivefanError, match="known are mobilefan"):
        build_network("vgg", 68)
    with pytest.raises(LivefanError, match=r"width 1\.0 only"):
        build_network("resnet50", 68, 0.5)


def test_pruned_network_keeps_the_channels_of_largest_effect():
    torch.manual_seed(0)
    wide = MobileFAN(5)
    for module in wide.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    crop = torch.randn(2, 3, 128, 128)
    with torch.inference_mode():
        # As wide as before, so that nothing is cut away: the same network.
        assert torch.allclose(narrow_mobilefan(wide.eval(), 0.9999).eval()(crop), wide(crop), atol=1e-4)
        half = narrow_mobilefan(wide, 0.5)
        assert half.eval()(crop).isfinite().all()
    stem, narrow = wide.encoder.features[0], half.encoder.features[0]
    kept = stem[1].weight.topk(16).indices.sort().values
    assert torch.equal(narrow[0].weight, stem[0].weight[kept])
    with pytest.raises(LivefanError, match="cannot be narrowed to width 1"):
        narrow_mobilefan(wide, 1.0)


@pytest.mark.slow
def test_pruning_removes_a_channel_that_is_always_zero():
    """A half-width network hidden in a wide one, the rest of whose channels are dead, is found again."""
    torch.manual_seed(0)
    wide = MobileFAN(5).eval()
    narrow = MobileFAN(5, 0.5)
    shapes = narrow.state_dict()
    for name, module in wide.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d) and name.startswith("encoder"):
            alive = torch.randperm(module.num_features)[: len(shapes[f"{name}.weight"])]
            _only(module, alive)
    with torch.no_grad():
        for stage in _residual_stages(wide):
            alive = stage[0].conv[-1].weight.nonzero().flatten()
            for block in stage:
                _only(block.conv[-1], alive)
    crop = torch.randn(1, 3, 256, 256)
    with torch.inference_mode():
        expected = wide(crop)
        found = narrow_mobilefan(wide, 0.5).eval()(crop)
    largest = expected.abs().max().item()
    assert largest > 0
    assert torch.allclose(found, expected, rtol=0, atol=1e-3 * largest)


@torch.no_grad()
def _only(norm: torch.nn.BatchNorm2d, alive: torch.Tensor) -> None:
    norm.weight.zero_()
    norm.weight[alive] = torch.rand(len(alive)) + 0.5


def _residual_stages(network: MobileFAN) -> list[list[torch.nn.Module]]:
    stages: list[list[torch.nn.Module]] = []
    for block in list(network.encoder.features)[1:]:
        if not block.residual:
            stages.append([])
        stages[-1].append(block)
    return stages


def test_narrow_network_starts_from_a_pruned_wide_one(tmp_path: Path):
    wide = MobileFAN(68)
    save_weights(tmp_path / "wide.safetensors", wide, WeightsInfo("300w-68"))
    narrow = MobileFAN(68, 0.5)
    load_initial(narrow, tmp_path / "wide.safetensors")
    assert torch.equal(narrow.head.weight, wide.head.weight)
    assert torch.equal(
        narrow.encoder.features[0][0].weight, narrow_mobilefan(wide, 0.5).encoder.features[0][0].weight
    )


def test_narrow_network_of_another_scheme_starts_from_all_pruned_layers_but_the_head(tmp_path: Path):
    wide = MobileFAN(68)
    save_weights(tmp_path / "wide.safetensors", wide, WeightsInfo("300w-68"))
    narrow = MobileFAN(98, 0.5)
    head = narrow.head.weight.clone()
    load_initial(narrow, tmp_path / "wide.safetensors")
    slices = narrow_mobilefan(wide, 0.5)
    assert torch.equal(narrow.head.weight, head)
    for name in ("encoder", "decoder"):
        expected = getattr(slices, name).state_dict()
        assert all(torch.equal(v, expected[k]) for k, v in getattr(narrow, name).state_dict().items())


def test_error_for_missing_narrow_weights_names_an_initial_network():
    with pytest.raises(
        LivefanError, match=r"start from the full width, which is narrowed: --init mobilefan-300w$"
    ):
        load_initial(MobileFAN(68, 0.5), IMAGENET_ENCODER)
    with pytest.raises(
        LivefanError, match=r"name other weights by --init, or start from random ones, --init ''$"
    ):
        load_initial(build_network("resnet50", 68), IMAGENET_ENCODER)

"""Pruning inside of blocks and of the decoder's stages."""

from copy import deepcopy
from dataclasses import replace
from functools import cache
from operator import le
from pathlib import Path

import numpy as np
import pytest
import torch
from marked_faces import SMALL, marked_faces, new_folder, write_faces
from torch import nn

from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68
from livefan.networks.checkpoint import Weights, WeightsInfo, load_weights, save_weights
from livefan.networks.mobilefan import Lite2Teacher, MobileFAN, channels_of, normalise
from livefan.runtimes.graph_file import graph_path
from livefan.training.average import average
from livefan.training.initial import initial_network
from livefan.training.pruning import STEP, prune, remove_channels
from livefan.training.train import train


@pytest.fixture(scope="module")
def crops() -> list[np.ndarray]:
    """Blurred noise: neighbouring pixels depend on each other, as in photographs."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (24, 12, 12, 3)).astype(np.uint8)
    return list(coarse.repeat(8, axis=1).repeat(8, axis=2))


def network(width: float = 0.25) -> MobileFAN:
    """Return a narrow MobileFAN with random weights whose activations have the scale of a trained network."""
    return deepcopy(_network(width))


@cache
def _network(width: float) -> MobileFAN:
    torch.manual_seed(0)
    made = MobileFAN(68, width).train()
    nn.init.normal_(made.head.weight, std=0.1)
    with torch.no_grad():
        for _ in range(20):
            made(torch.randn(4, 3, 96, 96))
    return made.eval()


def weights(model: nn.Module) -> Weights:
    return Weights(Path("w.safetensors"), model, IBUG_68, WeightsInfo("300w-68", 0.25, input_size=96))


@torch.no_grad()
def _double(model: MobileFAN) -> None:
    """Make the second half of the channels of each block, and of each stage, copies of the first half."""
    for block in list(model.encoder.features)[2:]:
        expansion, depthwise, *_ = block.conv
        half = expansion[0].out_channels // 2
        for layer in (*expansion[:2], *depthwise[:2]):
            for value in layer.state_dict().values():
                if value.ndim:
                    value[half:] = value[:half]
    for stage in model.decoder:
        for layer, axis in ((stage[0], 1), (stage[1], 0)):
            for value in layer.state_dict().values():
                if value.ndim:
                    value.narrow(axis, 64, 64).copy_(value.narrow(axis, 0, 64))


@pytest.mark.slow
def test_copies_of_channels_are_removed_and_the_heatmaps_stay(crops: list[np.ndarray]):
    model = network()
    _double(model)
    narrow, removals = remove_channels(weights(model), crops, 1e-6)
    for each in removals[1:]:
        assert each.after <= -(-each.before // 2 // STEP) * STEP
        assert each.lost < 1e-5
    x = normalise(torch.from_numpy(np.stack(crops[:4])))
    with torch.inference_mode():
        before, after = model(x), narrow(x)
    assert (after - before).std() < 0.03 * before.std()
    assert abs((after - before).mean()) < 0.03 * before.std()


@pytest.mark.slow
def test_a_larger_share_leaves_fewer_channels_and_the_maps_of_the_heads_stay(crops: list[np.ndarray]):
    model = network()
    sizes = []
    for share in (0.02, 0.2):
        narrow, removals = remove_channels(weights(model), crops, share)
        assert all(0 <= each.lost <= share + 1e-3 for each in removals)
        assert narrow.encoder.channels == model.encoder.channels
        pruned = channels_of(narrow.state_dict())
        assert pruned is not None
        assert [each.after for each in removals] == [*pruned.inner, *pruned.decoder]
        sizes.append(sum(parameter.numel() for parameter in narrow.parameters()))
    assert sizes[1] < sizes[0] < sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.slow
def test_remaining_weights_stand_in_for_the_channels_that_are_gone(crops: list[np.ndarray]):
    """Without the correction, the first block that loses channels would differ by several times as much."""
    model = network()
    narrow, _ = remove_channels(weights(model), crops, 0.1)
    x = normalise(torch.from_numpy(np.stack(crops[:8])))
    number = next(
        n
        for n in range(2, 18)
        if narrow.encoder.features[n].conv[-2].in_channels < model.encoder.features[n].conv[-2].in_channels
    )
    with torch.inference_mode():
        given = model.encoder.features[:number](x)
        before = model.encoder.features[number].conv(given)
        after = narrow.encoder.features[number].conv(given)
        kept = _kept(model.encoder.features[number], narrow.encoder.features[number])
        block = narrow.encoder.features[number].conv
        block[-2].weight.copy_(model.encoder.features[number].conv[-2].weight[:, kept])
        uncorrected = block(given)
    assert (after - before).var() < 0.5 * (uncorrected - before).var()


def _kept(wide: nn.Module, narrow: nn.Module) -> list[int]:
    rows = wide.conv[0][0].weight.flatten(1)
    return [int((rows == row).all(1).nonzero()[0]) for row in narrow.conv[0][0].weight.flatten(1)]


def test_only_a_mobilefan_can_be_pruned(crops: list[np.ndarray]):
    with pytest.raises(LivefanError, match=r"is of efficientnet-lite2; only a mobilefan can be pruned"):
        remove_channels(weights(Lite2Teacher(68).eval()), crops, 0.1)


@pytest.mark.slow
def test_pruned_weights_are_trained_further_and_averaged_with_their_like(
    tmp_path: Path, crops: list[np.ndarray]
):
    file, whole = tmp_path / "pruned.safetensors", tmp_path / "whole.safetensors"
    save_weights(whole, network(0.5), WeightsInfo("300w-68", 0.5, input_size=96))
    prune(load_weights(whole), crops, 0.1, file)
    pruned = load_weights(file)
    assert pruned.info.training["pruned"] == "whole, share 0.1"
    faces, held_out = (marked_faces(new_folder(tmp_path / name), 8) for name in ("t", "v"))
    train(faces, held_out, replace(SMALL, init=str(file)), tmp_path / "run", quiet=True)
    best = load_weights(tmp_path / "run" / "best.safetensors")
    assert channels_of(best.model.state_dict()) == channels_of(pruned.model.state_dict())
    chosen, _ = average([file, best.path], held_out, tmp_path / "mean.safetensors", greedy=False)
    assert chosen == [file, best.path]
    with pytest.raises(LivefanError, match=r"of \d+ parameters, but .*; average networks of one kind"):
        average([whole, file], held_out, tmp_path / "mean.safetensors", greedy=False)
    same, narrow = (initial_network("mobilefan", width, str(file), pruned.scheme) for width in (0.5, 0.25))
    before, after = (channels_of(each.state_dict()) for each in (pruned.model, narrow))
    assert before == channels_of(same.state_dict())
    assert after.decoder == before.decoder
    assert all(map(le, after.inner, before.inner))
    assert narrow.eval()(torch.zeros(1, 3, 96, 96)).isfinite().all()


@pytest.mark.slow
def test_the_command_writes_weights_and_their_graph(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_faces(tmp_path / "300w" / "helen" / "trainset", 12)
    save_weights(tmp_path / "w.safetensors", network(), WeightsInfo("300w-68", 0.25, input_size=96))
    command = ["prune", str(tmp_path / "w.safetensors"), "--root", str(tmp_path / "300w"), "--share"]
    out = tmp_path / "pruned.safetensors"
    assert main([*command, "0.1", "--out", str(out)]) == 0
    assert "deconvolution 3   128 to" in capsys.readouterr().out
    assert load_weights(out).model.n_points == 68
    assert graph_path(out).is_file()
    with pytest.raises(SystemExit):
        main([*command, "1.5", "--out", str(tmp_path / "none.safetensors")])
    assert "argument --share: '1.5' is not a share between 0 and 1" in capsys.readouterr().err
    for image in (tmp_path / "300w").rglob("*.png"):
        image.write_bytes(b"damaged")
    assert main([*command, "0.1", "--out", str(tmp_path / "none.safetensors")]) == 2
    assert "check --root" in capsys.readouterr().err
    assert not (tmp_path / "none.safetensors").exists()

"""Frozen parts, and the moving average of the weights."""

import pytest
import torch

from livefan.networks.mobilefan import MobileFAN
from livefan.training.learner import Learner, MovingAverage


def test_moving_average_forgets_the_initial_weights():
    network = MobileFAN(5, 0.5)
    average = MovingAverage(network, 0.9)
    beginning = average.network.head.weight.clone()
    with torch.no_grad():
        network.head.weight.fill_(1.0)
        network.encoder.features[0][1].num_batches_tracked.fill_(7)
    average.update(network, 0)
    assert torch.allclose(average.network.head.weight, beginning * 0.1 + 0.9)
    average.update(network, 10**6)
    assert torch.allclose(average.network.head.weight, (beginning * 0.1 + 0.9) * 0.9 + 0.1)
    assert average.network.encoder.features[0][1].num_batches_tracked == 7


@pytest.mark.parametrize("frozen", ["encoder", "decoder"])
def test_frozen_parts_keep_weights_and_statistics(frozen: str):
    learner = Learner(MobileFAN(5, 0.5), frozen=frozen).train()
    before = {name: value.clone() for name, value in learner.network.state_dict().items()}
    optimiser = torch.optim.AdamW(learner.parameters(), 0.1, weight_decay=0.1)
    heatmaps, _, _ = learner(torch.rand(2, 3, 64, 64))
    heatmaps.square().mean().backward()
    optimiser.step()
    changed = {
        name.partition(".")[0]
        for name, value in learner.network.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert changed == ({"decoder", "head"} if frozen == "encoder" else {"head"})

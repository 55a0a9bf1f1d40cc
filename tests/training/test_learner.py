"""The moving average of the weights."""

import torch

from livefan.networks.mobilefan import MobileFAN
from livefan.training.learner import MovingAverage


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

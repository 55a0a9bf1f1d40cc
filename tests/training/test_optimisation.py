"""The schedule of the learning rate."""

from dataclasses import replace

import pytest

from livefan.training.config import TrainConfig
from livefan.training.optimisation import learning_rate_factor


def test_learning_rate_warms_up_and_falls_to_zero():
    config = TrainConfig(epochs=11, warmup_steps=10)
    factors = [learning_rate_factor(step, 10, config) for step in range(110)]
    assert factors[0] == 0.1
    assert factors[9] == factors[10] == 1.0
    assert factors[60] == pytest.approx(0.5)
    assert factors[-1] < 0.001
    assert factors[10:] == sorted(factors[10:], reverse=True)
    steps = replace(config, schedule="steps", milestones=(3, 5))
    falls = [learning_rate_factor(step, 10, steps) for step in (29, 30, 49, 50)]
    assert falls == pytest.approx([1.0, 0.1, 0.1, 0.01])


def test_warm_up_takes_at_most_a_tenth_of_the_steps():
    config = TrainConfig(epochs=2, warmup_steps=100)
    factors = [learning_rate_factor(step, 50, config) for step in range(100)]
    assert factors.index(max(factors)) == 9
    assert learning_rate_factor(0, 2, config) == 1.0

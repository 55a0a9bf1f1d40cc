"""Intervals of the groups' errors."""

import numpy as np
import pytest

from livefan.benchmark.groups import margin


def test_margin_is_that_of_the_mean_and_shrinks_with_more_faces():
    errors = np.random.default_rng(1).normal(3, 1, 400)
    assert margin(errors) == pytest.approx(1.96 * errors.std() / 20, rel=0.05)
    assert margin(errors[:25]) > 2 * margin(errors)

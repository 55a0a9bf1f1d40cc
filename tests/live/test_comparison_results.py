"""Distances between two models, kept by frame."""

import numpy as np
import pytest

from livefan.core.agreement import Disagreement
from livefan.core.frame import Frame
from livefan.core.landmarks import IBUG_68
from livefan.live.comparison_results import ComparisonResults
from livefan.live.result import Pair, Result


def pair_of(index: int, distance: float, epoch: int = 0) -> Pair:
    frame = Frame(np.zeros((2, 2, 3), np.uint8), index, 0.0, 2.0 * index)
    result = Result(frame, [], IBUG_68, "a", "made", 0.0, 0.0, 0.01, 0.0, epoch)
    return Pair(result, result, (Disagreement(index, 2.0 * index, 1, np.full(68, distance)),))


def test_frame_that_is_seen_again_counts_once_in_the_median():
    results = ComparisonResults()
    for index, distance in enumerate((1.0, 2.0, 3.0)):
        results.add(pair_of(index, distance, epoch=index))
    for epoch in range(3, 6):
        results.add(pair_of(2, 9.0, epoch))
    overall, by_region = results.median(IBUG_68)
    assert overall == pytest.approx(2.0)
    assert by_region["jaw"] == pytest.approx(2.0)
    for epoch in range(6, 9):
        results.add(pair_of(0, 9.0, epoch))
    assert results.median(IBUG_68)[0] == pytest.approx(9.0)

from pathlib import Path

import pytest

from livefan.benchmark.budget import WHOLE, as_lines, budget
from livefan.runtimes.base import Runtime


@pytest.mark.slow
def test_budget_has_every_step_of_a_frame(runtime: Runtime, clip: Path):
    steps = budget(runtime, str(clip), repeats=3)
    assert all(milliseconds > 0 for milliseconds in steps.values())
    assert steps["network and decoder"] < steps["crop, network, decoder, map back"] * 2


def test_shares_relate_to_the_whole_frame():
    whole = {
        WHOLE: 10.0,
        "cut detector": 0.5,
        "place of the crop": 0.5,
        "crop, network, decoder, map back": 8.0,
        "smoothing": 0.5,
    }
    lines = list(as_lines(whole))
    assert lines[0].endswith("100.0%")
    assert lines[-1].startswith("rest")
    assert lines[-1].endswith("5.0%")

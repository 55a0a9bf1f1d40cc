from pathlib import Path

import pytest

from livefan.benchmark.budget import WHOLE, as_lines, budget
from livefan.runtimes.base import Runtime
from livefan.tracking.cut_detector import CutDetector


@pytest.mark.slow
def test_steps_add_up_to_the_whole_frame(runtime: Runtime, clip: Path):
    function = CutDetector.update
    steps = budget(runtime, str(clip), repeats=4)
    whole = steps.pop(WHOLE)
    assert sum(steps.values()) == pytest.approx(whole)
    assert steps["network and decoder"] > 0.2 * whole
    assert all(steps[name] > 0 for name in ("crop", "smoothing", "cut detector"))
    assert CutDetector.update is function, "functions are watched only meanwhile"


def test_shares_relate_to_the_whole_frame():
    lines = list(as_lines({WHOLE: 10.0, "crop": 0.5, "rest": 1.0}))
    assert lines[0].endswith("100.0%")
    assert lines[-1].startswith("rest")
    assert lines[-1].endswith("10.0%")

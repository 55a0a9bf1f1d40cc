import itertools
from pathlib import Path

import pytest

from livefan.benchmark.soak import soak
from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.runtimes.base import RuntimeChoice

OPENVINO = RuntimeChoice("openvino", "int8")


@pytest.mark.slow
def test_soak_samples_memory_and_times(clip: Path):
    samples = soak(clip, DEFAULT_WEIGHTS, OPENVINO, 0.02, every=0.4)
    assert len(samples) >= 2
    assert samples[-1].minutes >= 0.02
    assert all(earlier.minutes < later.minutes for earlier, later in itertools.pairwise(samples))
    assert all(sample.mebibytes and sample.frame.n for sample in samples)

import numpy as np

from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.selection import open_runtime

OPENVINO = RuntimeChoice("openvino", "float32")


def test_batch_equals_single_crops(crops: np.ndarray):
    runtime = open_runtime(DEFAULT_WEIGHTS, OPENVINO)
    together = runtime.run(crops).copy()
    apart = np.concatenate([runtime.run(crop[None]).copy() for crop in crops])
    assert np.array_equal(together, apart)

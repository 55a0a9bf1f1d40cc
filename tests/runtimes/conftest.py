import numpy as np
import pytest
from untrained import SIZE

from livefan.networks.checkpoint import Weights
from livefan.runtimes.self_check import check_crops
from livefan.runtimes.torch_runtime import TorchRuntime


@pytest.fixture(scope="session")
def crops() -> np.ndarray:
    return check_crops(SIZE)


@pytest.fixture(scope="session")
def reference(weights: Weights, crops: np.ndarray) -> np.ndarray:
    """The landmarks of the bundled weights, by torch."""
    return TorchRuntime(weights).run(crops)

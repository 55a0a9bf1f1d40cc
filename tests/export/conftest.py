import numpy as np
import pytest
from untrained import SIZE

from livefan.runtimes.self_check import check_crops


@pytest.fixture(scope="session")
def crops() -> np.ndarray:
    return check_crops(SIZE)

from pathlib import Path

import numpy as np
import pytest
from untrained import SIZE, save_untrained

from livefan.runtimes.self_check import check_crops


@pytest.fixture(scope="session")
def crops() -> np.ndarray:
    return check_crops(SIZE)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_untrained(tmp_path_factory.mktemp("small") / "small.safetensors")

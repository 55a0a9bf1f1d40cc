import os

# Before anything imports Qt: the suite runs on machines without a screen.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from livefan.bundled import bundled_clip
from livefan.gui.app import leave_qt_to_pyqt
from livefan.pipeline import Pipeline
from livefan.sources import VideoSource
from livefan.weights import Weights, load_weights

leave_qt_to_pyqt()


@pytest.fixture(scope="session")
def clip() -> Path:
    return bundled_clip()


@pytest.fixture(scope="session")
def photo(clip: Path) -> np.ndarray:
    """A frame of the bundled clip with one frontal face, BGR."""
    with VideoSource(str(clip), clip.name) as source:
        return next(iter(source)).image


@pytest.fixture(scope="session")
def weights() -> Weights:
    return load_weights()


@pytest.fixture
def pipeline(weights: Weights) -> Iterator[Pipeline]:
    made = Pipeline(weights)
    yield made
    made.close()

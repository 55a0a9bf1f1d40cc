import os
import tempfile

# Before anything imports Qt: the suite runs on machines without a screen.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Before anything imports torch: test processes share the cores, and OpenMP threads spin while they wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from livefan.core.frame import Face
from livefan.core.resources import DEFAULT_WEIGHTS, bundled_clip
from livefan.gui.app import leave_qt_to_pyqt
from livefan.io.video import VideoSource
from livefan.networks.checkpoint import Weights, load_weights
from livefan.runtimes.base import Runtime
from livefan.runtimes.selection import open_runtime
from livefan.tracking.pipeline import Pipeline

leave_qt_to_pyqt()

# How long an example takes says nothing on a busy machine.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# The suite leaves the user's cache alone, and finds nothing in it.
_CACHE = tempfile.TemporaryDirectory(prefix="livefan-cache-")
os.environ["LIVEFAN_CACHE"] = _CACHE.name


@pytest.fixture(scope="session")
def clip() -> Path:
    return bundled_clip()


@pytest.fixture(scope="session")
def photo(clip: Path) -> np.ndarray:
    """A frame of the bundled clip with one frontal face, BGR."""
    with VideoSource(str(clip), clip.name) as source:
        return next(iter(source)).image


@pytest.fixture(scope="session")
def face(photo: np.ndarray) -> Face:
    """The face on that frame."""
    pipeline = Pipeline()
    (found,) = pipeline.process_image(photo)
    pipeline.close()
    return found


@pytest.fixture(scope="session")
def weights() -> Weights:
    return load_weights()


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    """What the bundled weights run on by default."""
    return open_runtime(DEFAULT_WEIGHTS)


@pytest.fixture
def pipeline(runtime: Runtime) -> Iterator[Pipeline]:
    made = Pipeline(runtime)
    yield made
    made.close()


@pytest.fixture
def full_beyond() -> Iterator[Callable[[int], None]]:
    """Lets no file become larger than so many bytes: the system refuses to write on, as on a full disk."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)

from __future__ import annotations

import os
import shutil
import sys

# Without bytecode, each test process and each program that a test starts compiles all modules.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Before anything imports Qt: the suite runs on machines without a screen.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Before anything imports torch: test processes share the cores, and OpenMP threads spin while they wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from compiled_networks import TESTED, compile_networks, shared_folder
from hypothesis import settings

from livefan.core.frame import Face
from livefan.core.quiet import mediapipe_obstacle
from livefan.core.resources import DEFAULT_WEIGHTS, bundled_clip
from livefan.gui.app import leave_qt_to_pyqt
from livefan.io.video import VideoSource
from livefan.runtimes.base import Runtime, RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.tracking.pipeline import Pipeline

if TYPE_CHECKING:
    from livefan.networks.checkpoint import Weights

sys.dont_write_bytecode = False
leave_qt_to_pyqt()

# How long an example takes says nothing on a busy machine.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# The tests leave the user's cache alone, and reuse the compiled networks of earlier runs.
os.environ["LIVEFAN_CACHE"] = str(shared_folder())
# The rule would choose a precision by the features of the CPU.
os.environ["LIVEFAN_RUNTIME"] = " ".join(TESTED)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Prepare the compiled networks once, before the processes of pytest-xdist start."""
    if not hasattr(session.config, "workerinput") and not session.config.option.collectonly:
        compile_networks()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the window, and mark every fuzz test as slow."""
    for item in items:
        if item.get_closest_marker("fuzz"):
            item.add_marker(pytest.mark.slow)
        if item.path.is_relative_to(Path(__file__).parent / "gui") or "qtbot" in item.fixturenames:
            item.add_marker(pytest.mark.gui)


@pytest.fixture(scope="session")
def mediapipe() -> None:
    """Skip the tests that run MediaPipe on a machine where its library would end the process."""
    if obstacle := mediapipe_obstacle():
        pytest.skip(f"MediaPipe cannot run here: {obstacle}")


@pytest.fixture(scope="session")
def clip() -> Path:
    return bundled_clip()


@pytest.fixture(scope="session")
def photo(clip: Path) -> np.ndarray:
    """A frame of the bundled clip with one frontal face, BGR."""
    with VideoSource(str(clip), clip.name) as source:
        return next(iter(source)).image


@pytest.fixture(scope="session")
def face(photo: np.ndarray, runtime: Runtime) -> Face:
    """The face on that frame."""
    pipeline = Pipeline(runtime)
    (found,) = pipeline.process_image(photo)
    pipeline.close()
    return found


@pytest.fixture
def images(tmp_path: Path, photo: np.ndarray) -> Path:
    """A folder of six images with one face each."""
    folder = tmp_path / "images"
    folder.mkdir()
    encoded = cv2.imencode(".png", photo)[1].tobytes()
    for index in range(6):
        (folder / f"{index}.png").write_bytes(encoded)
    return folder


@pytest.fixture(scope="session")
def weights() -> Weights:
    # Imports torch, which takes seconds that the main process of pytest-xdist need not spend.
    from livefan.networks.checkpoint import load_weights

    return load_weights()


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small untrained weights with their graph, which every runtime opens quickly."""
    from untrained import save_untrained  # imports torch

    return save_untrained(tmp_path_factory.mktemp("small") / "small.safetensors")


@pytest.fixture
def graphless(small: Path, tmp_path: Path) -> Path:
    """A copy of these weights alone."""
    return Path(shutil.copy(small, tmp_path / "graphless.safetensors"))


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    """The bundled weights on the runtime of all tests that choose none."""
    return open_runtime(DEFAULT_WEIGHTS, RuntimeChoice(*TESTED))


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

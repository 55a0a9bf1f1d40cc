from pathlib import Path

import numpy as np
import pytest
from clips import moved, shrunk, write_recording


@pytest.fixture(scope="session")
def small(photo: np.ndarray) -> np.ndarray:
    """A frame of 320 x 180 pixels with one face, which encodes quickly; not to be changed."""
    return shrunk(photo, 320, 180)


@pytest.fixture(scope="session")
def talks(tmp_path_factory: pytest.TempPathFactory, photo: np.ndarray) -> Path:
    """A folder of three recordings, one unreadable recording, and a text file."""
    folder = tmp_path_factory.mktemp("talks")
    small = shrunk(photo)
    for name, length in (("a2.mp4", 4), ("a10.mkv", 6), ("b.webm.mkv", 5)):
        write_recording(folder / name, [moved(small, n) for n in range(length)])
    (folder / "broken.mp4").write_bytes(b"no video")
    (folder / "notes.txt").write_text("notes")
    return folder

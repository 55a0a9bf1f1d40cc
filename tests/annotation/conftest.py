from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from clips import moved, shrunk, write_recording

from livefan.annotation.settings import AnnotationSettings


@pytest.fixture(scope="module", autouse=True)
def half_weights() -> Iterator[None]:
    """Make the fastest network the default of the settings; the accuracy is no matter of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        first, *others = AnnotationSettings.__init__.__defaults__
        assert first == AnnotationSettings().weights
        patch.setattr(AnnotationSettings.__init__, "__defaults__", ("mobilefan-half-300w", *others))
        yield


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

from pathlib import Path

import pytest
from numbered import N_FRAMES, picture_of, write_clip


@pytest.fixture(scope="session")
def numbered_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 60 numbered frames at 25 a second, its index at the front."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return write_clip(path, [picture_of(n) for n in range(N_FRAMES)], muxing={"movflags": "faststart"})

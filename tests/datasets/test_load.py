"""Loading a data set by name."""

from pathlib import Path

import pytest

from livefan.core.errors import LivefanError
from livefan.datasets import load


def test_error_for_an_unknown_split_names_the_known_ones(tmp_path: Path):
    with pytest.raises(LivefanError, match="wflw has no split 'full': choose from train, validation, test"):
        load("wflw", tmp_path, "full")
    with pytest.raises(LivefanError, match="no such folder"):
        load("wflw", tmp_path / "gone", "test")

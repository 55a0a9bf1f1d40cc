from pathlib import Path

import pytest

from livefan.core.errors import LivefanError
from livefan.core.resources import SHORT_NAMES, find_weights, full_name, shipped_models


def test_short_name_finds_shipped_weights():
    assert find_weights("fast").stem == full_name("fast") == "mobilefan-fast-300w"
    assert set(SHORT_NAMES.values()) <= set(shipped_models())


def test_file_of_a_short_name_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fast").touch()
    assert full_name("fast") == "fast"


def test_unknown_weights_give_one_line_with_the_shipped_names():
    with pytest.raises(LivefanError, match=r"slow: no such weight file; .*mobilefan-300w") as error:
        find_weights("slow")
    assert "\n" not in str(error.value)

"""Sources opened by path, number or address."""

from __future__ import annotations

from pathlib import Path

import pytest

from livefan.core.errors import LivefanError
from livefan.io.open import open_source


def test_error_for_a_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(LivefanError, match=r"nowhere\.mp4: no such file or folder"):
        open_source(tmp_path / "nowhere.mp4")


def test_error_for_an_impossible_path_names_it() -> None:
    name = "n" * 300 + ".mp4"
    reason = "File name too long|no such file or folder"  # the latter from Python 3.14 on
    with pytest.raises(LivefanError, match=rf"{name}: ({reason}); check the path"):
        open_source(name)


@pytest.mark.parametrize(
    "spec",
    ["", "gopher://host/clip", "ftp://host/clip.mp4", "http://[::1/x", "~nobody-of-that-name/clip.mp4"],
)
def test_text_that_names_no_source_is_an_error(spec: str) -> None:
    with pytest.raises(LivefanError):
        open_source(spec)

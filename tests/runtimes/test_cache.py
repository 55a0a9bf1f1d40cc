import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from untrained import SIZE

from livefan.networks.checkpoint_info import read_weight_file
from livefan.runtimes import cache
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.cache import Store, cache_folder, installed_version
from livefan.runtimes.selection import open_runtime
from livefan.runtimes.self_check import check_crops

OPENVINO = RuntimeChoice("openvino", "float32")


@pytest.mark.slow
def test_unwritable_cache_is_ignored(small: Path, tmp_path: Path):
    (tmp_path / "file").touch()
    made = open_runtime(small, OPENVINO, cache=tmp_path / "file")
    assert made.run(check_crops(SIZE)).shape == (3, 98, 4)


@pytest.mark.parametrize(
    ("system", "variable", "folder"),
    [
        ("linux", "XDG_CACHE_HOME", "livefan"),
        ("win32", "LOCALAPPDATA", "livefan/Cache"),
        ("linux", "LIVEFAN_CACHE", "."),
        ("darwin", "HOME", "Library/Caches/livefan"),
    ],
)
def test_cache_folder_follows_the_system(
    system: str, variable: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("LIVEFAN_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setenv(variable, str(tmp_path))
    assert cache_folder() == tmp_path / folder


def test_cache_folder_without_home(monkeypatch: pytest.MonkeyPatch):
    for name in ("LIVEFAN_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert cache_folder().parts[-2:] == (".cache", "livefan")


def test_installed_version_is_that_of_the_metadata():
    for package in ("openvino", "onnxruntime", "torch"):
        assert installed_version(package) == version(package)
    assert installed_version("no_such_package") == "-"


def test_cache_removes_least_recently_used_folders(small: Path, tmp_path: Path):
    for number in range(12):
        Store(read_weight_file(small).sha256, number, tmp_path).write(number=number)
    assert len(list(tmp_path.iterdir())) == 8


def test_missing_source_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Otherwise networks that were compiled by former code would be used."""
    # Private: the list is no setting.
    monkeypatch.setattr(cache, "_SOURCES", (*cache._SOURCES, "runtimes/gone.py"))
    with pytest.raises(FileNotFoundError, match=r"gone\.py"):
        Store("subject", 1, tmp_path)


def test_changed_source_file_changes_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    before = Store("subject", 1, tmp_path).folder
    monkeypatch.setattr(cache, "_SOURCES", cache._SOURCES[1:])
    assert Store("subject", 1, tmp_path).folder != before

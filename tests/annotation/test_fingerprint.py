"""Fingerprints change with the code, the recording and the settings that decide a result."""

import shutil
from pathlib import Path

import pytest

import livefan
from livefan.annotation import fingerprint
from livefan.core.errors import LivefanError


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package whose revision ``code_revision`` returns."""
    copy = tmp_path / "livefan"
    shutil.copytree(Path(livefan.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fingerprint, "__file__", str(copy / "annotation" / "fingerprint.py"))
    return copy


def revision() -> str:
    """The revision, without the cache."""
    return fingerprint.code_revision.__wrapped__()


@pytest.mark.parametrize("module", ["annotation/measure.py", "tracking/pipeline.py", "measures/head_pose.py"])
def test_code_that_decides_the_result_changes_the_revision(sources: Path, module: str):
    before = revision()
    with (sources / module).open("a") as file:
        file.write("# changed\n")
    assert revision() != before


def test_code_of_other_packages_does_not_change_the_revision(sources: Path):
    before = revision()
    (sources / "training/run.py").write_text("")
    (sources / "gui/window.py").write_text("")
    assert revision() == before


def test_missing_sources_are_an_error(sources: Path):
    shutil.rmtree(sources / "tracking")
    with pytest.raises(LivefanError, match="tracking: no source files; install livefan again"):
        revision()


def test_library_versions_change_the_revision(monkeypatch: pytest.MonkeyPatch):
    before = revision()
    monkeypatch.setattr("cv2.__version__", "0.0.1")
    assert revision() != before

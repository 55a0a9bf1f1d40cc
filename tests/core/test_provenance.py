"""Figures and weights say which commit made them: livefan's own, and of no other repository."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import livefan
from livefan.core import provenance


def git(folder: Path, *arguments: str) -> str:
    """What git says in a folder, whatever the user has set."""
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    someone = {
        f"GIT_{role}_{what}": "someone@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **settings, **someone},
    )
    return done.stdout.strip()


def package_in(folder: Path) -> Path:
    """A package with nothing but the module, in a folder."""
    package = folder / "livefan" / "core"
    package.mkdir(parents=True)
    return Path(shutil.copy(provenance.__file__, package))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository that holds the package."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    package_in(tmp_path / "checkout")
    git(tmp_path, "init", "-q", "checkout")
    git(tmp_path / "checkout", "add", ".")
    git(tmp_path / "checkout", "commit", "-qm", "all")
    return tmp_path / "checkout"


def commit_of(module: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the module says that lies there."""
    with monkeypatch.context() as patched:
        patched.setattr(provenance, "__file__", str(module))
        return provenance.commit()


def test_checkout_has_a_commit_and_a_mark_of_edits(checkout: Path, monkeypatch: pytest.MonkeyPatch):
    module = checkout / "livefan/core/provenance.py"
    head = git(checkout, "rev-parse", "--short", "HEAD")
    assert commit_of(module, monkeypatch) == head
    module.write_text("")
    assert commit_of(module, monkeypatch) == f"{head}-dirty"


def test_worktree_has_its_own_commit(checkout: Path, monkeypatch: pytest.MonkeyPatch):
    other = checkout.with_name("other")
    git(checkout, "worktree", "add", "-q", str(other))
    git(other, "commit", "-q", "--allow-empty", "-m", "more")
    head = git(other, "rev-parse", "--short", "HEAD")
    assert commit_of(other / "livefan/core/provenance.py", monkeypatch) == head


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_link_to_a_checkout_has_its_commit(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages/livefan").symlink_to(checkout / "livefan")
    head = git(checkout, "rev-parse", "--short", "HEAD")
    assert commit_of(tmp_path / "site-packages/livefan/core/provenance.py", monkeypatch) == head


def test_installation_inside_another_repository_has_a_version(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
):
    module = package_in(checkout / ".venv/lib/site-packages")
    assert commit_of(module, monkeypatch) == livefan.__version__


def test_installation_without_git_has_a_version(checkout: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    assert commit_of(checkout / "livefan/core/provenance.py", monkeypatch) == livefan.__version__


def test_metadata_name_files_without_their_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    given = ["livefan", "train", "--root", str(tmp_path / "faces"), "--init", "runs/a.safetensors"]
    monkeypatch.setattr(sys, "argv", given)
    expected = "livefan train --root faces --init runs/a.safetensors"
    assert provenance.portable_command() == expected
    assert provenance.made_by().startswith(f"{expected} (commit ")

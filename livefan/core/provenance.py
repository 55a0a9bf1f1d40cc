"""Provenance of results: command, commit, machine and versions of packages."""

from __future__ import annotations

import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from livefan.core.version import __version__

_PACKAGES = ("torch", "numpy", "opencv-python", "safetensors")


def environment() -> dict[str, str]:
    """Return time, command, commit, machine, and the versions of the packages that affect results."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["livefan", *sys.argv[1:]]),
        "commit": commit(),
        "python": platform.python_version(),
        "machine": platform.platform(),
        **{package: _version(package) for package in _PACKAGES},
    }


def made_by() -> str:
    """Return the running command and its commit, for the metadata of a file."""
    return f"{portable_command()} (commit {commit()})"


def portable_command() -> str:
    """Return the running command for a file that others may get: absolute paths are cut to their names."""
    return " ".join(["livefan", *map(without_folder, sys.argv[1:])])


def without_folder(argument: str) -> str:
    """Return the name of an absolute path; another text as it is."""
    path = Path(argument)
    return path.name if path.is_absolute() else argument


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def commit() -> str:
    """Return the commit of the checkout (``-dirty`` if files were edited), or else livefan's version."""
    # .git is a folder in a clone and a file in a worktree. Without one, git would describe a repository
    # further up: the user's own, if livefan is installed in a virtual environment inside it.
    if not (Path(__file__).resolve().parents[2] / ".git").exists():
        return __version__
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, check=False)
    except OSError:
        return __version__
    return done.stdout.strip() or __version__

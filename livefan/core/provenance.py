"""Which livefan this is, for whoever reads figures later."""

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
    """Time, command, commit, and the versions of what the outcome may depend on."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["livefan", *sys.argv[1:]]),
        "commit": commit(),
        "python": platform.python_version(),
        "machine": platform.platform(),
        **{package: _version(package) for package in _PACKAGES},
    }


def made_by() -> str:
    """The command that makes a file and the commit it runs from, for the file's metadata."""
    now = environment()
    return f"{now['command']} (commit {now['commit']})"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def commit() -> str:
    """The commit of the checkout that runs, marked where it was edited, or livefan's version."""
    # A folder in a clone, a file in a worktree. Where there is neither, git would answer for a repository
    # further up: the user's own, if livefan is installed in a virtual environment in it.
    if not (Path(__file__).resolve().parents[2] / ".git").exists():
        return __version__
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, check=False)
    except OSError:
        return __version__
    return done.stdout.strip() or __version__

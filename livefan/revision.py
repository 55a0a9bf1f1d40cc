"""Which livefan this is, for whoever reads figures later."""

from __future__ import annotations

import subprocess
from pathlib import Path

import livefan


def commit() -> str:
    """The commit of the checkout that runs, marked where it was edited, or livefan's version."""
    # A folder in a clone, a file in a worktree. Where there is neither, git would answer for a repository
    # further up: the user's own, if livefan is installed in a virtual environment in it.
    if not (Path(__file__).resolve().parent.parent / ".git").exists():
        return livefan.__version__
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, check=False)
    except OSError:
        return livefan.__version__
    return done.stdout.strip() or livefan.__version__

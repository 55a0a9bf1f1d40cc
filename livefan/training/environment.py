"""What made a file: the command, the commit it ran from, and the versions it ran with."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from livefan.revision import commit

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

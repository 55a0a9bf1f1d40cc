"""Compiled networks and choices in the user's cache folder; losing them costs the time to make them."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write
from livefan.core.version import __version__

_PACKAGES = ("openvino", "onnxruntime", "torch")
_SOURCES = (
    "networks/checkpoint_info.py",
    "networks/encoders.py",
    "networks/heatmaps.py",
    "networks/mobilefan.py",
    "networks/shape_refiner.py",
    "runtimes/int8_rewrite.py",
    "runtimes/network_files.py",
    "runtimes/onnx_graph.py",
)
_KEPT = 8
_MANIFEST = "livefan.json"


def cache_folder() -> Path:
    """Where livefan keeps what it can make again: ``LIVEFAN_CACHE``, or a folder in the user's cache.

    Where each system has that is soon said; packages that know more about it would take a MiB of memory.
    """
    if named := os.environ.get("LIVEFAN_CACHE"):
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or _at_home("AppData/Local")) / "livefan" / "Cache"
    if sys.platform == "darwin":
        return _at_home("Library/Caches") / "livefan"
    return Path(os.environ.get("XDG_CACHE_HOME") or _at_home(".cache")) / "livefan"


def _at_home(folder: str) -> Path:
    # A user of a container may have no home. Below the null device no folder can be made: nothing is kept.
    home = os.path.expanduser("~")
    return Path(os.devnull if home == "~" else home, folder)


@cache
def cpu_name() -> str:
    """What this machine's processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    # The flags tell apart what a virtual machine hides under one name.
    wanted = [line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))]
    return "\n".join(dict.fromkeys(wanted)) or platform.machine()


@cache
def installed_version(package: str) -> str:
    """The version of a package, or ``"-"`` where it is not installed.

    Read from the name of the folder that pip makes for it: importlib.metadata would take 2 MiB.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return "-"
    made = Path(spec.origin).parent.parent.glob(f"{package}-*.dist-info")
    return next((folder.stem.split("-", 1)[1] for folder in made), "-")


def _key(subject: str, threads: int) -> str:
    """A name that changes with everything that a compiled network or a choice depends on."""
    code = Path(__file__).parent.parent
    parts = [subject, cpu_name(), str(threads), __version__]
    parts += [installed_version(package) for package in _PACKAGES]
    parts += [(code / name).read_text() for name in _SOURCES]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


class Store:
    """The folder in the user's cache for one weight file, on this machine, with these library versions.

    Args:
        subject: the hash of the weight file, or a name for what is no weight file.
        threads: what the choice was measured with.
        root: where the folders lie; by default the user's cache folder.
    """

    def __init__(self, subject: str, threads: int, root: Path | None = None) -> None:
        self._root = root or cache_folder() / "runtimes"
        self.folder = self._root / _key(subject, threads)

    def read(self) -> dict[str, Any]:
        """What was kept; empty where there is nothing or it is damaged."""
        try:
            kept = json.loads((self.folder / _MANIFEST).read_text())
            os.utime(self.folder)
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def write(self, **entries: Any) -> None:
        """Keep some entries, where the folder can be written to."""
        try:
            self._prepare()
            with atomic_write(self.folder / _MANIFEST) as partial:
                partial.write_text(json.dumps(self.read() | entries, indent=1) + "\n")
        except (OSError, LivefanError):
            return

    def _prepare(self) -> None:
        """Make the folder, and remove those that were not used for longest."""
        if self.folder.is_dir():
            return
        import shutil  # rarely needed, and it loads every kind of archive

        self.folder.mkdir(parents=True)
        by_use = sorted(
            (folder for folder in self._root.iterdir() if folder.is_dir()), key=lambda f: -f.stat().st_mtime
        )
        for folder in by_use[_KEPT:]:
            shutil.rmtree(folder, ignore_errors=True)

    def load(self, name: str) -> bytes | None:
        """A file just as :meth:`save` wrote it, or None."""
        kept = self.load_into(name, bytearray)
        return None if kept is None else bytes(kept)

    def load_into(self, name: str, room: Callable[[int], Any]) -> Any | None:
        """A file just as :meth:`save` wrote it, read into what ``room`` gives for so many bytes, or None."""
        hashes = self.read().get("files")
        try:
            with (self.folder / name).open("rb") as file:
                data = room(os.fstat(file.fileno()).st_size)
                file.readinto(data)
        except OSError:
            return None
        known = isinstance(hashes, dict) and hashes.get(name) == hashlib.sha256(data).hexdigest()
        return data if known else None

    def save(self, name: str, data: bytes) -> None:
        """Keep a file, where the folder can be written to."""
        try:
            self._prepare()
            with atomic_write(self.folder / name) as partial:
                partial.write_bytes(data)
        except (OSError, LivefanError):
            return
        kept = self.read().get("files")
        hashes = kept if isinstance(kept, dict) else {}
        self.write(files=hashes | {name: hashlib.sha256(data).hexdigest()})

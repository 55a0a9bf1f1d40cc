"""The user's cache folder: compiled networks and choices of runtimes. All of it can be made again."""

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
    "networks/expression_head.py",
    "networks/heatmaps.py",
    "networks/map_samples.py",
    "networks/mobilefan.py",
    "networks/reliability_head.py",
    "networks/shape_refiner.py",
    "runtimes/int8_heads.py",
    "runtimes/int8_rewrite.py",
    "runtimes/network_files.py",
    "runtimes/onnx_graph.py",
    "runtimes/openvino_model.py",
    "runtimes/openvino_network.py",
    "runtimes/openvino_runtime.py",
    "runtimes/self_check.py",
)
_KEPT = 8
_MANIFEST = "livefan.json"


def cache_folder() -> Path:
    """Return the cache folder: ``LIVEFAN_CACHE``, or livefan's folder in the user's cache folder.

    The package platformdirs would do the same, for 1 MiB of memory.
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
    """Return name and flags of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    # Virtual machines give different processors one name; their flags differ.
    wanted = [line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))]
    return "\n".join(dict.fromkeys(wanted)) or platform.machine()


@cache
def installed_version(package: str) -> str:
    """Return the version of a package, or ``"-"`` if it is not installed.

    The version is part of the name of pip's metadata folder. importlib.metadata would take 2 MiB of memory.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return "-"
    # Builds of ONNX Runtime for other devices have names of their own.
    names = (package, f"{package}_gpu", f"{package}_directml")
    folders = (each for name in names for each in Path(spec.origin).parent.parent.glob(f"{name}-*.dist-info"))
    return next((folder.stem.split("-", 1)[1] for folder in folders), "-")


def _key(subject: str, threads: int) -> str:
    """Return a name that changes with everything that a compiled network or a choice depends on.

    A missing source file is an error: networks compiled by former code would be used.
    """
    code = Path(__file__).parent.parent
    parts = [subject, cpu_name(), str(threads), __version__]
    parts += [installed_version(package) for package in _PACKAGES]
    parts += [(code / name).read_text(encoding="utf-8") for name in _SOURCES]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


class Store:
    """The folder in the user's cache for one weight file, on this machine, with these library versions.

    Args:
        subject: the hash of the weight file, or the name of another network.
        threads: number of CPU threads of an inference.
        root: parent of the folders; by default in the user's cache folder.
    """

    def __init__(self, subject: str, threads: int, root: Path | None = None) -> None:
        self._root = root or cache_folder() / "runtimes"
        self.folder = self._root / _key(subject, threads)

    def read(self) -> dict[str, Any]:
        """Return the entries; none if the file is missing or damaged."""
        try:
            kept = json.loads((self.folder / _MANIFEST).read_text(encoding="utf-8"))
            os.utime(self.folder)
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def write(self, **entries: Any) -> None:
        """Write entries, and keep the others; do nothing if the folder cannot be written to."""
        try:
            self._prepare()
            with atomic_write(self.folder / _MANIFEST) as partial:
                partial.write_text(json.dumps(self.read() | entries, indent=1) + "\n", encoding="utf-8")
        except (OSError, LivefanError):
            return

    def _prepare(self) -> None:
        """Make the folder, and remove the least recently used ones."""
        if self.folder.is_dir():
            return
        import shutil  # rarely needed; it imports every archive format

        self.folder.mkdir(parents=True)
        by_use = sorted(
            (folder for folder in self._root.iterdir() if folder.is_dir()), key=lambda f: -f.stat().st_mtime
        )
        for folder in by_use[_KEPT:]:
            shutil.rmtree(folder, ignore_errors=True)

    def load(self, name: str) -> bytes | None:
        """Return the content of a file that :meth:`save` wrote; None if it is missing or damaged."""
        kept = self.load_into(name, bytearray)
        return None if kept is None else bytes(kept)

    def load_into(self, name: str, room: Callable[[int], Any]) -> Any | None:
        """Read a file that :meth:`save` wrote into memory that ``room`` returns for a number of bytes.

        Returns:
            That memory; None if the file is missing or damaged.
        """
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
        """Write a file; do nothing if the folder cannot be written to."""
        try:
            self._prepare()
            with atomic_write(self.folder / name) as partial:
                partial.write_bytes(data)
        except (OSError, LivefanError):
            return
        kept = self.read().get("files")
        hashes = kept if isinstance(kept, dict) else {}
        self.write(files=hashes | {name: hashlib.sha256(data).hexdigest()})

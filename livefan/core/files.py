"""Output that appears whole or not at all: written beside its place, then renamed."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from livefan.core.errors import LivefanError


def unique_names(names: Mapping[str, str]) -> dict[str, str]:
    """The names for some paths; where several have the same one, each with a number too.

    It follows from the path alone, so that files that come in between overwrite nothing. Case does not tell
    names apart: for Windows and macOS it is one file.
    """
    alike = Counter(name.lower() for name in names.values())
    return {
        path: name if alike[name.lower()] == 1 else f"{name}-{zlib.crc32(os.fsencode(path)):08x}"
        for path, name in names.items()
    }


def stems_of(paths: Sequence[str]) -> dict[str, str]:
    """What is made of each picture is named after: its path without the suffix, with dashes.

    That may be the same for several: ``a.jpg`` and ``a.png``, ``a/b.jpg`` and ``a-b.jpg``.
    """
    return unique_names({path: "-".join(Path(path).with_suffix("").parts) for path in paths})


LONGEST_NAME = 255
"""Bytes that file systems allow for a file name."""


def hidden_name(name: str, ending: str) -> str:
    """Return ``.NAMEENDING``, with ``name`` shortened if the whole would be too long."""
    return f".{shortened(name, LONGEST_NAME - 1 - len(os.fsencode(ending)))}{ending}"


def shortened(name: str, room: int) -> str:
    """Return a name of at most ``room`` bytes; a long one ends in its checksum instead."""
    encoded = os.fsencode(name)
    if len(encoded) <= room:
        return name
    digest = f"-{zlib.crc32(encoded):08x}"
    return encoded[: room - len(digest)].decode("utf-8", "ignore") + digest


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; on success it takes the place of ``path``.

    If the block raises, what it wrote is removed and ``path`` is left as it was. The yielded name
    keeps the suffix, so writers that choose a format by it work. That a disk is full is an error
    without a file's name; it gets ``path``'s, if that was begun.

    Raises:
        LivefanError: if the folder does not exist or cannot be written to.
    """
    path = Path(path)
    check_folder(path.parent)
    if path.is_dir():
        raise LivefanError(f"{path}: is a folder; name a file for the output")
    partial = path.with_name(hidden_name(path.stem, f".{os.getpid()}.partial{path.suffix}"))
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        # Of the system's errors alone: FFmpeg's are OSErrors too, and take no name.
        if type(error) is OSError and error.errno and not error.filename and partial.exists():
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


def check_folder(folder: Path) -> None:
    """Say so, before the work, if an output cannot be written to a folder.

    Raises:
        LivefanError: if it does not exist or cannot be written to.
    """
    if not folder.is_dir():
        raise LivefanError(f"{folder}: no such folder; create it first")
    if not os.access(folder, os.W_OK):
        raise LivefanError(f"{folder}: folder is not writable; choose another place for the output")

"""Atomic writing of output files, and unique, valid file names."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from livefan.core.errors import LivefanError


def unique_names(names: Mapping[str, str]) -> dict[str, str]:
    """Return a unique name for each path: names that occur more than once get a checksum of their path.

    The checksum depends on the path alone, so a run with further paths overwrites nothing. Names that differ
    only in case count as equal, because Windows and macOS store them in one file.

    Args:
        names: the wanted name of each path.
    """
    alike = Counter(name.lower() for name in names.values())
    return {
        path: name if alike[name.lower()] == 1 else f"{name}-{zlib.crc32(os.fsencode(path)):08x}"
        for path, name in names.items()
    }


def stems_of(paths: Sequence[str]) -> dict[str, str]:
    """Return a unique file stem for each image path: the path without suffix, its parts joined by dashes.

    Some paths give equal stems, as ``a.jpg`` and ``a.png``, or ``a/b.jpg`` and ``a-b.jpg``; see
    :func:`unique_names`. Long ones are shortened, so that a number and a suffix may follow.
    """
    names = unique_names({path: "-".join(Path(path).with_suffix("").parts) for path in paths})
    return {path: shortened(name, LONGEST_NAME - _LONGEST_ENDING) for path, name in names.items()}


def name_bytes(name: str) -> bytes:
    """Return the bytes of a name for a hash, the same in every locale; file names need not be UTF-8."""
    return name.encode("utf-8", "surrogateescape")


LONGEST_NAME = 255
"""Bytes that file systems allow for a file name."""
_LONGEST_ENDING = 40
"""Bytes that callers of :func:`stems_of` may append, such as the number of a frame."""


def hidden_name(name: str, ending: str) -> str:
    """Return ``.NAMEENDING``, with ``name`` shortened if the result would exceed :data:`LONGEST_NAME`."""
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
    """Yield the path of a partial file beside ``path``; on success the file replaces ``path``.

    If the block raises, the partial file is removed and ``path`` keeps its content. The partial file has the
    suffix of ``path``, so a writer can choose its format by suffix. The system's error for a full disk names
    no file; such an error gets the name of ``path``.

    Raises:
        LivefanError: as :func:`check_file`.
    """
    path = Path(path)
    check_file(path)
    partial = path.with_name(hidden_name(path.stem, f".{os.getpid()}.partial{path.suffix}"))
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        # Only the system's own errors: FFmpeg's errors are subclasses of OSError and take no file name.
        if type(error) is OSError and error.errno and not error.filename and partial.exists():
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


def check_file(path: Path) -> None:
    """Check, before the work begins, that a file can be written.

    Raises:
        LivefanError: if its folder does not exist or is not writable, or it is a folder itself.
    """
    check_folder(path.parent)
    if path.is_dir():
        raise LivefanError(f"{path}: is a folder; name a file for the output")


def check_folder(folder: Path) -> None:
    """Check, before the work begins, that files can be written to a folder.

    Raises:
        LivefanError: if the folder does not exist or is not writable.
    """
    if not folder.is_dir():
        raise LivefanError(f"{folder}: no such folder; create it first")
    if not os.access(folder, os.W_OK):
        raise LivefanError(f"{folder}: folder is not writable; choose another place for the output")


def check_new_folder(folder: Path) -> None:
    """Check, before the work begins, that a folder of results can be made.

    Raises:
        LivefanError: if it exists already, or files cannot be written beside it.
    """
    if folder.exists():  # "." exists too, and has no name
        raise LivefanError(f"{folder}: exists already; choose another --out")
    check_folder(folder.parent)

"""A lock on a folder, so that only one batch or training writes to it."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from livefan.core.errors import LivefanError

LOCK_NAME = ".livefan.lock"
_HELD = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder while the context lasts. The system releases the lock of a process that is killed.

    A folder that takes no lock, as on some network file systems, is used without one.

    Raises:
        LivefanError: if another process has locked the folder.
    """
    path = folder / LOCK_NAME
    file = _open(path)
    if file is None:
        yield
        return
    with file:
        try:
            _lock(file)
        except OSError as error:
            if error.errno in _HELD:
                raise _in_use(folder) from error
        if not _is_same_file(file, path):  # its last owner has just removed it
            raise _in_use(folder)
        try:
            yield
        finally:
            with suppress(OSError):  # Windows does not remove an open file
                path.unlink()
    if sys.platform == "win32":
        with suppress(OSError):
            path.unlink()


def _open(path: Path) -> IO[bytes] | None:
    try:
        return path.open("ab")
    except OSError:  # a folder that cannot be written to is reported with each output
        return None


def _lock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_same_file(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _in_use(folder: Path) -> LivefanError:
    return LivefanError(
        f"{folder}: another livefan is at work here; wait for it, stop it, or choose another OUT"
    )

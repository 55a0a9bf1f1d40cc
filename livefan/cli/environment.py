"""Prepare the process of the command line: standard streams and thread limits.

The library leaves both alone, because they belong to the program that imports it.
"""

from __future__ import annotations

import errno
import gc
import io
import math
import os
import select
import sys

from livefan.core.errors import LivefanError

_STANDARD_OUTPUT = 1
_OUT_OF_MEMORY = ("bad_alloc", "annot allocate memory", "failed to map segment", "start new thread")
"""Parts of the messages of libraries that lack memory."""
LEAST_ADDRESS_SPACE = 1_500_000_000
"""Bytes that a command needs at least; with less, libraries hang or end the process."""
_ENOUGH_KIB = 4_000_000
"""KiB of address space that suffice for every command but training."""

_GARBAGE = 20_000
"""Objects after which Python searches for unused ones. Imports make many objects that stay: by default,
a tenth of the time of the imports is spent on searching."""


def prepare_process() -> None:
    """Make the standard streams usable, limit numpy's threads, and search less for unused objects.

    Call it before numpy is imported.
    """
    gc.set_threshold(_GARBAGE)
    open_closed_streams()
    accept_all_characters()
    # The matrices of the command line are small: more threads gain no time, and each takes memory.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def open_closed_streams() -> None:
    """Open the null device in place of standard streams that are closed, as ``2>&-`` does.

    Without it the next file that is opened would get their number, and messages would be written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8")
    if sys.stdout is None:
        sys.stdout = _writer(1)
    if sys.stderr is None:
        sys.stderr = _writer(2)


def _writer(number: int) -> io.TextIOWrapper:
    file = io.FileIO(number, "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(file), "utf-8", line_buffering=True)


def accept_all_characters() -> None:
    r"""Print characters that a stream cannot encode as escapes such as ``\xfc``, rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def is_output_closed() -> bool:
    """Return whether standard output is a pipe whose reader has closed it, as ``head`` does."""
    if not hasattr(select, "poll"):  # on Windows
        return True
    poll = select.poll()
    poll.register(_STANDARD_OUTPUT, 0)
    return bool(poll.poll(0))


def discard_output() -> None:
    """Send the rest of standard output to the null device, after an error of its reader."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, _STANDARD_OUTPUT)
    os.close(null)


def address_space() -> float:
    """Return the limit of the address space in bytes (``ulimit -v``); infinity if there is none."""
    try:
        import resource
    except ImportError:  # on Windows
        return math.inf
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return math.inf if limit == resource.RLIM_INFINITY else limit


def check_memory() -> None:
    """Check the limit of the address space.

    Raises:
        LivefanError: if it is too small for any command.
    """
    if address_space() < LEAST_ADDRESS_SPACE:
        raise LivefanError(out_of_memory())


def out_of_memory() -> str:
    """Return the message for missing memory."""
    if _is_limited():
        limit = round(address_space() / 1024)
        return f"out of memory: the shell limits it to {limit} KiB; raise the limit: ulimit -v {_ENOUGH_KIB}"
    return "out of memory; close other programs"


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error, or the one that caused it, says that memory is missing.

    Libraries report it in many ways. Under a small limit any unexpected error counts.
    """
    return _is_limited() or _says_out_of_memory(error)


def _is_limited() -> bool:
    return address_space() < _ENOUGH_KIB * 1024


def _says_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    if any(sign in str(error) for sign in _OUT_OF_MEMORY):
        return True
    cause = error.__cause__ or error.__context__
    return cause is not None and _says_out_of_memory(cause)

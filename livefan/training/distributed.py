"""The processes of a training run: one, or several as started by torchrun."""

from __future__ import annotations

import functools
import itertools
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import distributed
from torch.distributed.rendezvous import rendezvous

from livefan.core.errors import LivefanError

_LOG = logging.getLogger("livefan.training")
_POLL_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 10.0
"""A process that fails waits so long for the others to read its message. It may hold the store."""
_RUNS = itertools.count()
"""Numbers of the runs that this process has joined."""
_FAILURE, _ENDED = "livefan/failure", "livefan/ended"
"""Keys of the store: the message of the process that failed, and the number of others that have read it."""


@dataclass(frozen=True)
class Processes:
    """The place of this process among those of the run.

    Attributes:
        rank: its number, from 0. Process 0 validates and writes.
        count: the number of processes.
        device: the device on which this process computes.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process validates and writes."""
        return self.rank == 0

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """Return the mean of each value over all processes. All must call it, with the same names."""
        if self.count == 1:
            return values
        sums = torch.tensor(list(values.values()), dtype=torch.float64, device=self.device)
        distributed.all_reduce(sums)
        return dict(zip(values, (sums / self.count).tolist(), strict=True))

    def wait(self) -> None:
        """Block until all processes have called it."""
        if self.count > 1:
            distributed.barrier()


def own_rank() -> int:
    """Return the number of this process among those that torchrun started; 0 for a single one."""
    return int(os.environ.get("RANK", "0"))


@contextmanager
def join() -> Iterator[Processes]:
    """Join the processes of the run: by gloo between CPUs, by NCCL between GPUs.

    Reads the environment variables that torchrun sets. Without them this is the only process. If one of
    several processes raises an exception in the block, the others print its message and exit with code 2.
    Processes may join several times, one run after another.
    """
    rank, count = own_rank(), int(os.environ.get("WORLD_SIZE", "1"))
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
    if count == 1:
        with _logged(rank, count):
            yield Processes(0, 1, device)
        return
    # The store keeps the keys of earlier runs.
    store: Any = distributed.PrefixStore(  # type: ignore[attr-defined]
        f"livefan/{next(_RUNS)}", _shared_store()
    )
    distributed.init_process_group("nccl" if on_gpu else "gloo", store=store, rank=rank, world_size=count)
    watcher = _FailureWatcher(store.clone(), rank, count)
    try:
        with _logged(rank, count):
            yield Processes(rank, count, device)
    except BaseException as error:
        # Not destroyed: that may wait for the other processes.
        watcher.report(error)
        raise
    watcher.stop()
    distributed.destroy_process_group()


@functools.cache
def _shared_store() -> Any:
    """Return the store that all processes share.

    It is opened once: process 0 may serve it, and no process must reach the server of an earlier run.
    """
    store, _, _ = next(rendezvous("env://"))
    return store


@contextmanager
def _logged(rank: int, count: int) -> Iterator[None]:
    """Log the traceback of an unexpected exception, and raise it again."""
    try:
        yield
    except LivefanError:
        raise
    except Exception:
        _LOG.exception("training failed in process %d of %d", rank, count)
        raise


class _FailureWatcher:
    """Ends this process when another one of the run has failed.

    A process that waits for another inside torch.distributed cannot be interrupted. A thread therefore reads
    the store that all processes share.
    """

    def __init__(self, store: Any, rank: int, count: int) -> None:
        self._store, self._rank, self._count = store, rank, count
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="livefan-failures", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        self._thread.join()

    def report(self, error: BaseException) -> None:
        """Send the message of an error to the other processes, and wait until they have read it.

        If another process has failed before, this error is a consequence of that failure. This process then
        prints the message of the first failure and exits.
        """
        self.stop()
        message = str(error) if isinstance(error, LivefanError) else f"{type(error).__name__}: {error}"
        # The store is gone if the process that holds it has ended.
        with suppress(RuntimeError):
            if self._store.add(f"{_FAILURE}/claims", 1) > 1:
                self._end()
            self._store.set(_FAILURE, f"process {self._rank} failed: {message}")
            waited = threading.Event()
            for _ in range(int(_LONGEST_WAIT_SECONDS / _POLL_SECONDS)):
                if self._store.add(_ENDED, 0) >= self._count - 1:
                    return
                waited.wait(_POLL_SECONDS)

    def _watch(self) -> None:
        while not self._stopped.wait(_POLL_SECONDS):
            try:
                failed = self._store.check([_FAILURE])
            except RuntimeError:
                return  # the process that holds the store has ended
            if failed:
                self._end()

    def _end(self) -> NoReturn:
        message = self._store.get(_FAILURE).decode()
        self._store.add(_ENDED, 1)
        print(f"livefan: process {self._rank} ends, because {message}", file=sys.stderr, flush=True)
        os._exit(2)

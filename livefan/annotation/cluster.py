"""Annotate many recordings on a Dask cluster. Its workers must have the same files at the same paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from livefan.annotation.batch import Outcome, Task, locked_folders, log_outcome, run_task
from livefan.core.errors import LivefanError

CONNECT_S = 10
"""Seconds to wait for an answer of the scheduler."""


def run_on_cluster(tasks: Sequence[Task], address: str) -> Iterator[Outcome]:
    """Annotate recordings on the workers of a Dask scheduler; yield outcomes as they are ready.

    If a worker dies, another worker continues its task. A task never runs twice at the same time, because
    the journal of an annotation has one user.

    Args:
        address: address of the scheduler, such as ``tcp://10.0.0.5:8786``.

    Raises:
        LivefanError: if dask.distributed is not installed or no scheduler answers, or another batch writes to
            the same folder.
    """
    try:
        import distributed
    except ImportError as error:
        raise LivefanError("--scheduler needs dask.distributed; run: pip install livefan[cluster]") from error
    try:
        client = distributed.Client(  # type: ignore[no-untyped-call]
            address, timeout=CONNECT_S, set_as_default=False
        )
    except (OSError, ValueError, TimeoutError) as error:
        raise LivefanError(f"{address}: no Dask scheduler answers there; start one or check it") from error
    with client, locked_folders(tasks):
        # Not pure: Dask must not return an earlier result for a recording that changed.
        futures = client.map(run_task, list(tasks), pure=False)
        task_of: dict[Any, Task] = dict(zip(futures, tasks, strict=True))
        ready = distributed.as_completed(futures, loop=client.loop)  # type: ignore[no-untyped-call]
        for future in ready:
            try:
                outcome = future.result()
            except Exception as error:  # several workers died, or one cannot run livefan
                name = task_of[future].recording
                outcome = Outcome(name, problem=f"{name}: {type(error).__name__}: {error}".splitlines()[0])
            log_outcome(outcome)
            yield outcome

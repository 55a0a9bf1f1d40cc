"""Annotate many recordings on a Dask cluster, whose workers see the same files under the same paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from livefan.annotation.batch import Outcome, Task, run_task
from livefan.core.errors import LivefanError

_CONNECT_S = 10


def run_on_cluster(tasks: Sequence[Task], address: str) -> Iterator[Outcome]:
    """Annotate recordings on the workers of a Dask scheduler; outcomes come as they are ready.

    A task whose worker dies is taken up by another one, where it was. Each task runs once at a time: the
    journal of an annotation has one user.

    Args:
        address: of the scheduler, such as ``tcp://10.0.0.5:8786``.

    Raises:
        LivefanError: if dask.distributed is not installed or no scheduler answers.
    """
    try:
        import distributed
    except ImportError as error:
        raise LivefanError("--scheduler needs dask.distributed; run: pip install livefan[cluster]") from error
    try:
        client = distributed.Client(  # type: ignore[no-untyped-call]
            address, timeout=_CONNECT_S, set_as_default=False
        )
    except (OSError, ValueError, TimeoutError) as error:
        raise LivefanError(f"{address}: no Dask scheduler answers there; start one, or check it") from error
    with client:
        # Not pure: a recording that changed must not get the result of the last time.
        futures = client.map(run_task, list(tasks), pure=False)
        given: dict[Any, Task] = dict(zip(futures, tasks, strict=True))
        ready = distributed.as_completed(futures, loop=client.loop)  # type: ignore[no-untyped-call]
        for future in ready:
            try:
                outcome = future.result()
            except Exception as error:  # several workers died of it, or one cannot run livefan
                name = given[future].recording
                outcome = Outcome(name, problem=f"{name}: {type(error).__name__}: {error}".splitlines()[0])
            yield outcome

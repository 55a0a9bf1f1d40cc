"""Annotate many recordings on a Dask cluster. Its workers must have the same files at the same paths.

The workers get absolute paths, because they run in other folders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from livefan.annotation.batch import Outcome, Task, locked_folders, log_outcome, run_task
from livefan.annotation.recordings import STANDARD_INPUT
from livefan.core.errors import LivefanError
from livefan.io.stream import is_url

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
        raise LivefanError("--scheduler needs dask.distributed; run: pip install distributed") from error
    try:
        client = distributed.Client(  # type: ignore[no-untyped-call]
            address, timeout=CONNECT_S, set_as_default=False
        )
    except (OSError, ValueError, TimeoutError) as error:
        raise LivefanError(f"{address}: no Dask scheduler answers there; start one or check it") from error
    with client, locked_folders(tasks):
        # Not pure: Dask must not return an earlier result for a recording that changed.
        futures = client.map(run_task, [_absolute(task) for task in tasks], pure=False)
        task_of: dict[Any, Task] = dict(zip(futures, tasks, strict=True))
        ready = distributed.as_completed(futures, loop=client.loop)  # type: ignore[no-untyped-call]
        for future in ready:
            try:
                outcome = replace(future.result(), recording=task_of[future].recording)
            except Exception as error:  # several workers died, or one cannot run livefan
                name = task_of[future].recording
                outcome = Outcome(name, problem=f"{name}: {type(error).__name__}: {error}".splitlines()[0])
            log_outcome(outcome)
            yield outcome


def _absolute(task: Task) -> Task:
    """Return a task whose paths do not depend on the folder that a process runs in."""
    recording, weights = task.recording, task.settings.weights
    if recording != STANDARD_INPUT and not is_url(recording):
        recording = str(Path(recording).absolute())
    if Path(weights).is_file():
        weights = str(Path(weights).absolute())
    outputs = replace(task.outputs, base=task.outputs.base.absolute())
    return replace(
        task, recording=recording, outputs=outputs, settings=replace(task.settings, weights=weights)
    )

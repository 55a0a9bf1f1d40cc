"""Annotate many recordings in worker processes, and report the outcome of each."""

from __future__ import annotations

import logging
import math
import multiprocessing
import multiprocessing.connection
import os
import queue
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from livefan.annotation.annotate import AnnotationResult, annotate, problems_before
from livefan.annotation.fingerprint import files_of
from livefan.annotation.outputs import Outputs
from livefan.annotation.settings import AnnotationSettings
from livefan.core.errors import LivefanError
from livefan.core.folder_lock import locked
from livefan.core.process import free_bytes
from livefan.io.open import display_name

_log = logging.getLogger(__name__)
_CORES_OF_A_JOB = 1.5
"""Cores that one annotation keeps busy: on two cores, two at a time take 0.8 of the time."""
_BYTES_OF_A_JOB = 1 << 30
"""Memory of one annotation: 380 MiB for frames of 640 x 360, 780 MiB for 1920 x 1080."""


@dataclass(frozen=True)
class Task:
    """One recording of a batch; ``overwrite`` replaces existing outputs."""

    recording: str
    outputs: Outputs
    settings: AnnotationSettings
    overwrite: bool = False


@dataclass(frozen=True)
class Outcome:
    """The outcome of a task.

    Attributes:
        recording: path of the recording, as given.
        result: result of the annotation; None if it failed or was done before.
        problem: reason of a failure, one line; else empty.
        earlier: problems of a recording that was done before.
        took: seconds of work.
        trace: traceback of a failure; else empty.
        log: messages that livefan logged during the task, in another process.
    """

    recording: str
    result: AnnotationResult | None = None
    problem: str = ""
    earlier: tuple[str, ...] = ()
    took: float = 0.0
    trace: str = ""
    log: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether there is no output."""
        return bool(self.problem)

    @property
    def problems(self) -> list[str]:
        """The reason of a failure, or what is wrong with the recording."""
        if self.failed:
            return [self.problem]
        return list(self.earlier) if self.result is None else self.result.problems


def run_task(task: Task) -> Outcome:
    """Annotate one recording of a batch. An error becomes the outcome, so that the batch continues."""
    begun = time.perf_counter()
    with _collected_log() as log:
        try:
            earlier = _problems_if_done(task)
            result = None if earlier is not None else _annotate(task)
            problem = trace = ""
        except Exception as error:
            result, earlier = None, None
            problem, trace = _one_line(task, error), traceback.format_exc()
    took = time.perf_counter() - begun if result or problem else 0.0
    return Outcome(task.recording, result, problem, tuple(earlier or ()), took, trace, tuple(log))


def _problems_if_done(task: Task) -> list[str] | None:
    """Return the problems of a recording that was annotated before; None if it is to be annotated.

    Raises:
        LivefanError: if other outputs are in the way.
    """
    if task.overwrite or not all(path.exists() for path in task.outputs):
        return None
    problems = problems_before(task.recording, task.outputs, task.settings)
    if problems is None and not task.outputs.placing:
        raise LivefanError(_reason_to_overwrite(task))
    if problems is not None and task.outputs.placing:
        task.outputs.clear()  # an earlier process died while it removed its work folder
    return problems


def _annotate(task: Task) -> AnnotationResult:
    return annotate(task.recording, task.outputs, task.settings, overwrite=task.overwrite)


def _reason_to_overwrite(task: Task) -> str:
    """Return why existing outputs do not count as done, and what to do."""
    written = task.outputs.metadata.stat().st_mtime
    if any(file.stat().st_mtime > written for file in files_of(task.recording)):
        reason = f"the recording changed after {task.outputs.metadata.name} was written"
    else:
        reason = "its outputs exist already, from other settings, another recording or another version"
    return f"{display_name(task.recording)}: {reason}; add --overwrite to annotate it again"


@contextmanager
def _collected_log() -> Iterator[list[str]]:
    """Collect livefan's log, which a worker process cannot write to the log of the command."""
    lines: list[str] = []
    collector, logger = logging.Handler(), logging.getLogger("livefan")
    collector.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    level = logger.level
    logger.addHandler(collector)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.setLevel(level)
        logger.removeHandler(collector)


def _one_line(task: Task, error: Exception) -> str:
    if isinstance(error, LivefanError):
        return str(error)
    return f"{display_name(task.recording)}: {type(error).__name__}: {error}".splitlines()[0]


def log_outcome(outcome: Outcome) -> None:
    """Write the messages of a task to the log, and the reason and the traceback of a failure."""
    for line in outcome.log:
        _log.info("%s: %s", outcome.recording, line)
    if outcome.failed:
        _log.error("%s", "\n".join(part.rstrip() for part in (outcome.problem, outcome.trace) if part))


def run_batch(tasks: Sequence[Task], jobs: int) -> Iterator[Outcome]:
    """Annotate recordings in worker processes; yield outcomes as they are ready.

    A worker that dies costs only the recording that it works on.

    Raises:
        LivefanError: if no worker process can start, or another batch writes to the same folder.
    """
    with locked_folders(tasks):
        yield from _run_in_workers(tasks, jobs)


def best_jobs() -> int:
    """Return the best number of recordings to annotate at a time, as cores and free memory allow."""
    most = math.ceil((os.cpu_count() or 1) / _CORES_OF_A_JOB)
    free = free_bytes()
    return max(1, most if free is None else min(most, free // _BYTES_OF_A_JOB))


@contextmanager
def locked_folders(tasks: Sequence[Task]) -> Iterator[None]:
    """Lock the output folders of a batch, so that no other batch writes to them.

    Raises:
        LivefanError: if another batch has locked one of them.
    """
    with ExitStack() as locks:
        for folder in sorted({task.outputs.base.parent for task in tasks}):
            locks.enter_context(locked(folder))
        yield


def _run_in_workers(tasks: Sequence[Task], jobs: int) -> Iterator[Outcome]:
    waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)
    ready: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()
    stopping = threading.Event()
    threads = [
        threading.Thread(target=_work, args=(waiting, ready, stopping), daemon=True)
        for _ in range(min(jobs, len(tasks)))
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in tasks:
            outcome = _get(ready)
            if isinstance(outcome, BaseException):
                raise outcome
            log_outcome(outcome)
            yield outcome
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def _get(ready: queue.SimpleQueue[Outcome | BaseException]) -> Outcome | BaseException:
    while True:
        try:
            return ready.get(timeout=0.5)  # short: on Windows Ctrl+C does not interrupt a wait
        except queue.Empty:
            continue


def _work(
    waiting: queue.SimpleQueue[Task],
    ready: queue.SimpleQueue[Outcome | BaseException],
    stopping: threading.Event,
) -> None:
    """Run tasks one after another in a worker process, and in a new one after it died."""
    pool: ProcessPoolExecutor | None = None
    try:
        while not stopping.is_set():
            try:
                task = waiting.get_nowait()
            except queue.Empty:
                return
            pool = pool or _new_pool()
            try:
                ready.put(_result(_submit(pool, task), stopping))
            except BrokenProcessPool:
                name = display_name(task.recording)
                problem = f"{name}: its worker process died; give the command again to retry"
                ready.put(Outcome(task.recording, problem=problem))
                pool.shutdown()
                pool = None
    except BaseException as error:  # any error must end the wait for outcomes
        ready.put(error)
    finally:
        if pool is not None:
            _end(pool, terminate=stopping.is_set())


def _new_pool() -> ProcessPoolExecutor:
    try:
        return ProcessPoolExecutor(
            1,
            # Not forked: the threads of torch and MediaPipe would be missing in the child.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_end_with_parent,
        )
    except (OSError, ImportError, NotImplementedError) as error:  # no semaphores
        raise _no_worker(error) from error


def _submit(pool: ProcessPoolExecutor, task: Task) -> Future[Outcome]:
    if hasattr(signal, "pthread_sigmask"):
        # The worker inherits this mask: Ctrl+C reaches all processes of a terminal, but only the parent acts
        # on it, and terminates the workers. Not earlier: multiprocessing unblocks the signal for its first
        # pool.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(run_task, task)
    except OSError as error:  # the first task starts the process
        raise _no_worker(error) from error


def _no_worker(error: Exception) -> LivefanError:
    reason = getattr(error, "strerror", None) or error
    return LivefanError(
        f"no worker process can start ({reason}); check that /dev/shm is writable and that the limits of "
        "processes and memory are not reached, or annotate the recordings one by one"
    )


def _end(pool: ProcessPoolExecutor, *, terminate: bool) -> None:
    if terminate:
        # Private, because the executor cannot stop a running task before Python 3.14.
        for process in list((pool._processes or {}).values()):
            process.terminate()
    pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """End this worker process when its parent ends; a killed parent cannot tell its workers to end."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            multiprocessing.connection.wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, name="livefan-parent", daemon=True).start()


def _result(future: Future[Outcome], stopping: threading.Event) -> Outcome:
    while True:
        try:
            return future.result(timeout=0.5)
        except TimeoutError:
            if stopping.is_set():
                raise


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return a table with the outcome of each recording."""
    lines = [("recording", "frames", "with face", "faces", "seconds", "x real time", "")]
    for outcome in outcomes:
        name = Path(display_name(outcome.recording)).name or outcome.recording
        result = outcome.result
        if result is None:
            done = "done before, with problems" if outcome.earlier else "done before"
            lines.append((name, *"-----", "failed" if outcome.failed else done))
            continue
        speed = f"{result.seconds / outcome.took:.1f}" if result.seconds and outcome.took else "-"
        lines.append(
            (
                name,
                str(result.n_frames),
                str(result.n_with_face),
                str(result.n_faces),
                f"{result.seconds:.1f}",
                speed,
                "with problems" if result.problems else "done",
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(7)]
    text = [
        f"{line[0]:{widths[0]}}  "
        + "  ".join(f"{cell:>{width}}" for cell, width in zip(line[1:6], widths[1:6], strict=True))
        + f"  {line[6]}".rstrip()
        for line in lines
    ]
    return "\n".join(text)

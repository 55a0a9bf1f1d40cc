"""Annotate many recordings: which, in how many processes, and what became of each."""

from __future__ import annotations

import glob
import multiprocessing
import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from livefan.annotation.annotate import STANDARD_INPUT, Annotated, AnnotationSettings, annotate, done_before
from livefan.annotation.outputs import Outputs
from livefan.core.errors import LivefanError
from livefan.core.files import unique_names
from livefan.io.images import IMAGE_SUFFIXES, is_image_pattern, natural_key
from livefan.io.video import RECORDING_SUFFIXES


@dataclass(frozen=True)
class Task:
    """One recording of a batch; ``overwrite`` replaces outputs that exist."""

    recording: str
    outputs: Outputs
    settings: AnnotationSettings
    overwrite: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes:
        recording: what was given.
        annotated: what it came to; None if it failed, or had been done before.
        problem: why it failed, one line; empty if it did not.
        took: seconds of work.
    """

    recording: str
    annotated: Annotated | None = None
    problem: str = ""
    took: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether there is no output."""
        return bool(self.problem)


def find_recordings(inputs: Sequence[str]) -> tuple[list[str], bool]:
    """The recordings that some paths, folders and globs name.

    A folder stands for the recordings in it; one that holds only images is one recording.

    Returns:
        The recordings in natural order, and whether they are a batch even if it is only one.

    Raises:
        LivefanError: if one of the inputs names none.
    """
    found: list[str] = []
    many = len(inputs) > 1
    for given in inputs:
        if not given.strip():  # which Path takes for the folder it is run in
            raise LivefanError("no recording given; name a video, an image or a folder")
        path = Path(given)
        if given != STANDARD_INPUT and path.is_dir():
            inside = _in_folder(path)
            many = many or bool(inside)
            found += inside or [given]
        elif given != STANDARD_INPUT and not path.exists() and any(sign in given for sign in "*?["):
            matches = [path for path in map(Path, glob.glob(given, recursive=True)) if path.is_file()]
            if not matches:
                raise LivefanError(f"{given}: matches no file; check the path")
            many = True
            found += [str(match) for match in sorted(matches, key=natural_key)]
        else:
            found.append(given)
    return list(dict.fromkeys(found)), many


def _in_folder(folder: Path) -> list[str]:
    """The recordings in a folder; none if it holds only images."""
    try:
        files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    except OSError as error:
        raise LivefanError(f"{folder}: {error.strerror}; check its permissions") from error
    recordings = [path for path in files if path.suffix.lower() in RECORDING_SUFFIXES]
    if not recordings and not any(path.suffix.lower() in IMAGE_SUFFIXES for path in files):
        raise LivefanError(f"{folder}: no recordings in this folder; name one that holds videos or images")
    return [str(path) for path in sorted(recordings, key=natural_key)]


def name_outputs(
    recordings: Sequence[str], folder: Path, suffix: str | None, formats: Sequence[str]
) -> list[Outputs]:
    """Outputs in a folder, named for their recordings.

    Args:
        suffix: of videos; None for data only. A recording that is an image becomes a .png.
        formats: ends of the names of the data.
    """
    stems = {recording: _stem(recording) for recording in recordings}
    alike = Counter(stem.lower() for stem in stems.values())
    names = unique_names(
        {
            # a.mkv and a.mp4 would both become a.mp4.
            recording: stem if alike[stem.lower()] == 1 else (Path(recording).name or stem).replace(".", "_")
            for recording, stem in stems.items()
        }
    )
    outputs = []
    for recording in recordings:
        image = Path(recording).suffix.lower() in IMAGE_SUFFIXES and not is_image_pattern(recording)
        picture = ".png" if suffix and image else suffix
        outputs.append(Outputs(folder / names[recording], picture, tuple(formats)))
    return outputs


def _stem(recording: str) -> str:
    if recording == STANDARD_INPUT:
        return "standard-input"
    path = Path(recording).resolve()
    return path.name if path.is_dir() else path.stem.replace("%", "")


def run_task(task: Task) -> Outcome:
    """Annotate one recording of a batch; whatever goes wrong with it is told, not raised."""
    begun = time.perf_counter()
    try:
        if not task.overwrite and done_before(task.recording, task.outputs, task.settings):
            if task.outputs.placing:  # the process that did it died as it cleared up
                task.outputs.clear()
            return Outcome(task.recording)
        done = annotate(task.recording, task.outputs, task.settings, overwrite=task.overwrite)
    except LivefanError as error:
        return Outcome(task.recording, problem=str(error), took=time.perf_counter() - begun)
    except Exception as error:  # a batch goes on, whatever is wrong with one of its files
        what = f"{task.recording}: {type(error).__name__}: {error}".splitlines()[0]
        return Outcome(task.recording, problem=what, took=time.perf_counter() - begun)
    return Outcome(task.recording, done, took=time.perf_counter() - begun)


def run_batch(tasks: Sequence[Task], jobs: int) -> Iterator[Outcome]:
    """Annotate recordings in processes of their own; outcomes come as they are ready.

    A process that dies takes only its recording with it.
    """
    waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)
    ready: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()
    stopping = threading.Event()
    workers = [
        threading.Thread(target=_work, args=(waiting, ready, stopping), daemon=True)
        for _ in range(min(jobs, len(tasks)))
    ]
    for worker in workers:
        worker.start()
    try:
        for _ in tasks:
            outcome = _get(ready)
            if isinstance(outcome, BaseException):
                raise outcome
            yield outcome
    finally:
        stopping.set()
        for worker in workers:
            worker.join()


def _get(ready: queue.SimpleQueue[Outcome | BaseException]) -> Outcome | BaseException:
    while True:
        try:
            return ready.get(timeout=0.5)  # short, since on Windows Ctrl+C does not interrupt a wait
        except queue.Empty:
            continue


def _work(
    waiting: queue.SimpleQueue[Task],
    ready: queue.SimpleQueue[Outcome | BaseException],
    stopping: threading.Event,
) -> None:
    """Do tasks one after another in a process, and in a new one where that dies."""
    pool = _new_pool()
    try:
        while not stopping.is_set():
            try:
                task = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                ready.put(_result(pool.submit(run_task, task), stopping))
            except BrokenProcessPool:
                what = f"{task.recording}: the process at work on it died; give the command again to retry"
                ready.put(Outcome(task.recording, problem=what))
                pool = _new_pool()
    except BaseException as error:
        ready.put(error)
    finally:
        for process in list((pool._processes or {}).values()) if stopping.is_set() else []:
            process.terminate()
        pool.shutdown(cancel_futures=True)


def _new_pool() -> ProcessPoolExecutor:
    # Not forked: torch's and MediaPipe's threads would be missing in the child.
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


def _result(future: Future[Outcome], stopping: threading.Event) -> Outcome:
    while True:
        try:
            return future.result(timeout=0.5)
        except TimeoutError:
            if stopping.is_set():
                raise


def summary(outcomes: Sequence[Outcome]) -> str:
    """A table of what became of each recording, and the reasons of those that failed."""
    lines = [("recording", "frames", "with face", "faces", "seconds", "x real time", "")]
    for outcome in outcomes:
        name = Path(outcome.recording).name or outcome.recording
        done = outcome.annotated
        if done is None:
            lines.append((name, *"-----", "failed" if outcome.failed else "done before"))
            continue
        speed = f"{done.seconds / outcome.took:.1f}" if done.seconds and outcome.took else "-"
        lines.append(
            (
                name,
                str(done.n_frames),
                str(done.n_with_face),
                str(done.n_faces),
                f"{done.seconds:.1f}",
                speed,
                "with problems" if done.problems else "done",
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

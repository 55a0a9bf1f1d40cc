"""Annotating many recordings in worker processes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from clips import moved, shrunk, write_recording
from waiting import PATIENCE_S

import livefan
from livefan.annotation import batch
from livefan.annotation.batch import Outcome, Task, best_jobs, run_batch
from livefan.annotation.outputs import Outputs
from livefan.annotation.settings import AnnotationSettings
from livefan.cli.main import main
from livefan.core.folder_lock import locked


@pytest.mark.slow
def test_folder_is_annotated_and_failures_are_reported(
    tmp_path: Path,
    talks: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    caplog.set_level("INFO", "livefan")
    tmp_path = tmp_path / "annotated"  # created by the command
    arguments = ["annotate", str(talks), "-o", str(tmp_path), "--no-video", "--jobs", "2", "--quiet"]
    assert main([*arguments, "--weights", "mobilefan-half-300w"]) == 2
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert [line.split()[0] for line in lines] == [
        *("recording", "a2.mp4", "a10.mkv", "b.webm.mkv", "broken.mp4")
    ]
    assert lines[1].split()[1:4] == ["4", "4", "1"]
    assert [line.split()[-1] for line in lines[1:]] == ["done", "done", "done", "failed"]
    assert printed.err.count("\n") == 1
    assert "broken.mp4: not a video" in printed.err
    assert livefan.load_annotations(tmp_path / "a10.csv").num_rows == 6
    assert livefan.load_annotations(tmp_path / "b.webm.csv").num_rows == 5
    assert len(list(tmp_path.iterdir())) == 6
    runtime = "mobilefan-half-300w.safetensors: openvino float32, CPU threads 1"
    assert f"{talks / 'a2.mp4'}: {runtime}" in [record.getMessage() for record in caplog.records]

    monkeypatch.setattr(batch, "annotate", None)  # a second run skips finished recordings
    tasks = [
        Task(recording, outputs, AnnotationSettings())
        for recording, outputs in zip([str(talks / "a2.mp4")], [Outputs(tmp_path / "a2", None)], strict=True)
    ]
    assert batch.run_task(tasks[0]) == Outcome(str(talks / "a2.mp4"))
    (tmp_path / "a2.csv").unlink()
    assert batch.run_task(tasks[0]).failed


@pytest.mark.slow
def test_problems_of_a_recording_are_named_again_when_it_is_done_before(
    tmp_path: Path, photo: np.ndarray, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "in").mkdir()
    cut = write_recording(tmp_path / "in" / "cut.mkv", [moved(shrunk(photo), n) for n in range(24)])
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 9 // 10])
    arguments = ["annotate", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--no-video", "--quiet"]
    printed = []
    for _ in range(2):
        assert main([*arguments, "--weights", "mobilefan-fast-300w"]) == 2
        printed.append(capsys.readouterr())
    assert printed[0].out.splitlines()[1].endswith("  with problems")
    assert printed[1].out.splitlines()[1].endswith("  done before, with problems")
    assert printed[0].err == printed[1].err
    assert "ends early" in printed[1].err


def test_output_of_other_settings_does_not_count_as_done(tmp_path: Path, talks: Path):
    task = Task(str(talks / "a2.mp4"), Outputs(tmp_path / "x", None), AnnotationSettings())
    assert batch.run_task(task).result
    assert batch.run_task(task) == Outcome(task.recording)
    other = Task(task.recording, task.outputs, AnnotationSettings(max_faces=2))
    problem = batch.run_task(other).problem
    assert problem.startswith(f"{task.recording}: its outputs exist already, from other settings, ")
    assert problem.endswith("; add --overwrite to annotate it again")
    assert batch.run_task(Task(other.recording, other.outputs, other.settings, overwrite=True)).result


def test_recording_that_changed_is_named_as_changed(tmp_path: Path, talks: Path):
    recording = shutil.copy(talks / "a2.mp4", tmp_path)
    task = Task(str(recording), Outputs(tmp_path / "x", None), AnnotationSettings())
    assert batch.run_task(task).result
    later = task.outputs.metadata.stat().st_mtime + 1
    os.utime(recording, (later, later))
    problem = batch.run_task(task).problem
    assert problem == (
        f"{recording}: the recording changed after x.livefan.json was written; "
        "add --overwrite to annotate it again"
    )


def test_second_batch_into_a_folder_is_refused(
    tmp_path: Path, talks: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = ["annotate", str(talks), "-o", str(tmp_path), "--no-video", "--quiet"]
    with locked(tmp_path):
        assert main(arguments) == 2
    message = f"{tmp_path}: another livefan is at work here; wait for it, stop it, or choose another OUT"
    assert capsys.readouterr().err == f"livefan: {message}\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("cores", "free_gib", "jobs"),
    [(1, 64, 1), (2, 64, 2), (3, 64, 2), (8, 64, 6), (8, 2, 2), (8, 0.5, 1), (8, None, 6), (None, 64, 1)],
)
def test_number_of_jobs_follows_from_cores_and_free_memory(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, free_gib: float | None, jobs: int
):
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    free = None if free_gib is None else int(free_gib * 2**30)
    monkeypatch.setattr("livefan.annotation.batch.free_bytes", lambda: free)
    assert best_jobs() == jobs


@pytest.mark.parametrize("died_clearing", [False, True])
def test_work_folder_of_a_process_that_died_at_the_end_is_removed(
    tmp_path: Path, talks: Path, monkeypatch: pytest.MonkeyPatch, died_clearing: bool
):
    def die(*_: object) -> None:
        raise KeyboardInterrupt  # like a kill: no later line runs

    task = Task(str(talks / "a2.mp4"), Outputs(tmp_path / "x", None), AnnotationSettings())
    with monkeypatch.context() as patched:
        patched.setattr(*((shutil, "rmtree") if died_clearing else (Outputs, "clear")), die)
        with pytest.raises(KeyboardInterrupt):
            batch.run_task(task)
    assert task.outputs.placing
    assert batch.run_task(task) == Outcome(task.recording)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.csv", "x.livefan.json"]


def test_work_folder_of_another_run_is_left_alone(tmp_path: Path, talks: Path):
    task = Task(str(talks / "a2.mp4"), Outputs(tmp_path / "x", None), AnnotationSettings())
    assert batch.run_task(task).result
    task.outputs.work.mkdir()
    assert batch.run_task(task) == Outcome(task.recording)
    assert task.outputs.work.is_dir()


@pytest.mark.slow
def test_worker_that_dies_costs_only_its_recording(
    tmp_path: Path, talks: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """The log has the traceback of a failure in the next worker."""
    monkeypatch.setattr(batch, "run_task", dying_task)
    tasks = [
        Task(str(talks / name), Outputs(tmp_path / name, None), AnnotationSettings())
        for name in ("a2.mp4", "a10.mkv", "b.webm.mkv")
    ]
    first, died, failed = run_batch(tasks, 1)
    assert not first.failed
    assert "died" in died.problem
    assert failed.problem.endswith("b.webm.mkv: ZeroDivisionError: division by zero")
    record = caplog.records[-1]
    assert (record.name, record.levelname) == ("livefan.annotation.batch", "ERROR")
    lines = record.getMessage().splitlines()
    assert lines[0] == failed.problem
    assert lines[1] == "Traceback (most recent call last):"
    assert any("in divide_by_zero" in line for line in lines)


def dying_task(task: Task) -> Outcome:
    """End the process at one of the recordings, like a crash in a decoder; fail at another."""

    def divide_by_zero(*_: object, **__: object) -> float:
        return 1 / 0

    if os.name != "nt":  # Ctrl+C is for the parent: a worker that still imports would print a traceback
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    if task.recording.endswith("a10.mkv"):
        os._exit(11)
    if task.recording.endswith("b.webm.mkv"):
        batch.annotate = divide_by_zero  # type: ignore[assignment]
        return batch.run_task(task)
    return Outcome(task.recording)


def test_pool_that_cannot_be_created_is_a_one_line_error(
    tmp_path: Path, talks: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Without semaphores, as where /dev/shm is not writable; an error must not leave the command waiting."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(batch, "ProcessPoolExecutor", refuse)
    arguments = ["annotate", str(talks), "-o", str(tmp_path), "--no-video", "--jobs", "2"]
    with ThreadPoolExecutor(1) as thread:
        code = thread.submit(main, arguments).result(timeout=PATIENCE_S)
    error = capsys.readouterr().err
    assert (code, error.count("\n")) == (2, 1)
    assert error.startswith("livefan: no worker process can start (Permission denied); check that /dev/shm")


_ENDLESS = """
import os, sys, time
from pathlib import Path
from livefan.annotation import batch
from livefan.annotation.outputs import Outputs
from livefan.annotation.settings import AnnotationSettings

def endless(task):
    Path(task.recording).write_text(str(os.getpid()))
    time.sleep(600)

if __name__ == "__main__":
    batch.run_task = endless
    names = sys.argv[1:]
    tasks = [batch.Task(name, Outputs(Path(name), None), AnnotationSettings()) for name in names]
    list(batch.run_batch(tasks, len(tasks)))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_workers_end_with_a_killed_parent(tmp_path: Path):
    script = tmp_path / "endless.py"
    script.write_text(_ENDLESS)
    files = [tmp_path / "0", tmp_path / "1"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    parent = subprocess.Popen([sys.executable, script, *files], env=environment)
    try:
        while not all(file.exists() and file.read_text() for file in files):
            assert parent.poll() is None
            time.sleep(0.05)
    finally:
        parent.kill()
        parent.wait()
    workers = [int(file.read_text()) for file in files]
    until = time.monotonic() + PATIENCE_S
    try:
        while any(map(is_running, workers)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(map(is_running, workers))
    finally:
        for worker in filter(is_running, workers):
            os.kill(worker, signal.SIGKILL)


def is_running(process: int) -> bool:
    """Whether a process exists and is not a zombie that nobody has waited for."""
    try:
        os.kill(process, 0)
        status = Path(f"/proc/{process}/status")
        return not (status.exists() and "State:\tZ" in status.read_text())
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_stopped_batch_continues(tmp_path: Path, talks: Path, capsys: pytest.CaptureFixture[str]):
    """Ctrl+C reaches the command and its worker, which waits for a recording from a pipe."""
    pipe, out = tmp_path / "b2.mkv", tmp_path / "out"
    os.mkfifo(pipe)
    recordings = [talks / "a2.mp4", pipe, talks / "a10.mkv", talks / "broken.mp4"]
    options = ["-o", out, "--no-video", "--quiet", "--jobs", "1", "--weights", "mobilefan-half-300w"]
    arguments = ["annotate", *map(str, recordings), *map(str, options)]
    # A shell ignores Ctrl+C for tests in the background, and child processes would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    running = subprocess.Popen(
        [sys.executable, "main.py", *arguments],
        cwd=Path(__file__).parents[2],
        start_new_session=True,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    signal.signal(signal.SIGINT, before)
    while not (out / "a2.csv").exists() and running.poll() is None:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)
    _, stderr = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 130, stderr
    assert stderr.decode().splitlines()[-1] == "livefan: stopped"
    pipe.unlink()
    shutil.copy(talks / "a10.mkv", pipe)
    assert main(arguments) == 2
    words = [line.split()[-1] for line in capsys.readouterr().out.splitlines()[1:]]
    assert words == ["before", "done", "done", "failed"]
    assert livefan.load_annotations(out / "a10.csv").num_rows == 6

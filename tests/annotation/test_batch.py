"""Many recordings: named, done in processes or on a cluster, each once, and told of in a table."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from clips import moved, shrunk, write_recording

import livefan
from livefan.annotation import batch
from livefan.annotation import cluster as cluster_module
from livefan.annotation.batch import Outcome, Task, run_batch
from livefan.annotation.cluster import run_on_cluster
from livefan.annotation.outputs import Outputs
from livefan.annotation.settings import AnnotationSettings
from livefan.cli.main import main
from livefan.core.errors import LivefanError


def test_a_folder_is_done_and_what_failed_is_told(
    tmp_path: Path, talks: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    tmp_path = tmp_path / "annotated"  # is made
    arguments = ["annotate", str(talks), "-o", str(tmp_path), "--no-video", "--jobs", "2", "--quiet"]
    assert main(arguments) == 2
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines] == [
        *("recording", "a2.mp4", "a10.mkv", "b.webm.mkv", "broken.mp4")
    ]
    assert lines[1].split()[1:4] == ["4", "4", "1"]
    assert [line.split()[-1] for line in lines[1:]] == ["done", "done", "done", "failed"]
    assert said.err.count("\n") == 1
    assert "broken.mp4: not a video" in said.err
    assert livefan.load_annotations(tmp_path / "a10.csv").num_rows == 6
    assert livefan.load_annotations(tmp_path / "b.webm.csv").num_rows == 5
    assert len(list(tmp_path.iterdir())) == 6

    monkeypatch.setattr(batch, "annotate", None)  # given again, what is done is not done again
    tasks = [
        Task(recording, outputs, AnnotationSettings())
        for recording, outputs in zip([str(talks / "a2.mp4")], [Outputs(tmp_path / "a2", None)], strict=True)
    ]
    assert batch.run_task(tasks[0]) == Outcome(str(talks / "a2.mp4"))
    (tmp_path / "a2.csv").unlink()
    assert batch.run_task(tasks[0]).failed


def test_an_output_of_something_else_is_not_taken_for_done(tmp_path: Path, talks: Path):
    task = Task(str(talks / "a2.mp4"), Outputs(tmp_path / "x", None), AnnotationSettings())
    assert batch.run_task(task).result
    assert batch.run_task(task) == Outcome(task.recording)
    other = Task(task.recording, task.outputs, AnnotationSettings(max_faces=2))
    assert "exists already; add --overwrite" in batch.run_task(other).problem
    assert batch.run_task(Task(other.recording, other.outputs, other.settings, overwrite=True)).result


@pytest.mark.parametrize("died_clearing", [False, True])
def test_what_a_process_left_that_died_with_its_outputs_in_place_is_cleared_up(
    tmp_path: Path, talks: Path, monkeypatch: pytest.MonkeyPatch, died_clearing: bool
):
    def die(*_: object) -> None:
        raise KeyboardInterrupt  # stands for the kill: nothing behind it is done

    task = Task(str(talks / "a2.mp4"), Outputs(tmp_path / "x", None), AnnotationSettings())
    with monkeypatch.context() as patched:
        patched.setattr(*((shutil, "rmtree") if died_clearing else (Outputs, "clear")), die)
        with pytest.raises(KeyboardInterrupt):
            batch.run_task(task)
    assert task.outputs.placing
    assert batch.run_task(task) == Outcome(task.recording)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.csv", "x.livefan.json"]


def test_the_work_of_another_run_on_an_output_is_left_alone(tmp_path: Path, talks: Path):
    task = Task(str(talks / "a2.mp4"), Outputs(tmp_path / "x", None), AnnotationSettings())
    assert batch.run_task(task).result
    task.outputs.work.mkdir()
    assert batch.run_task(task) == Outcome(task.recording)
    assert task.outputs.work.is_dir()


def test_a_process_that_dies_takes_only_its_recording_with_it(
    tmp_path: Path, talks: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(batch, "run_task", dying_task)
    tasks = [
        Task(str(talks / name), Outputs(tmp_path / name, None), AnnotationSettings())
        for name in ("a2.mp4", "a10.mkv", "b.webm.mkv")
    ]
    outcomes = {Path(outcome.recording).name: outcome for outcome in run_batch(tasks, 1)}
    assert "died" in outcomes["a10.mkv"].problem
    assert not outcomes["a2.mp4"].failed
    assert not outcomes["b.webm.mkv"].failed


def dying_task(task: Task) -> Outcome:
    """Dies of one of the recordings, as of a fault in a decoder."""
    if task.recording.endswith("a10.mkv"):
        os._exit(11)
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
        code = thread.submit(main, arguments).result(timeout=30)
    error = capsys.readouterr().err
    assert (code, error.count("\n")) == (2, 1)
    assert error.startswith("livefan: no worker process can start (Permission denied); check that /dev/shm")


def test_log_has_the_traceback_of_a_failure(
    tmp_path: Path, talks: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(batch, "run_task", failing_task)
    task = Task(str(talks / "a2.mp4"), Outputs(tmp_path / "x", None), AnnotationSettings())
    (outcome,) = run_batch([task], 1)
    assert outcome.problem.endswith("a2.mp4: ZeroDivisionError: division by zero")
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("livefan.annotation", "ERROR")
    lines = record.getMessage().splitlines()
    assert lines[0] == outcome.problem
    assert lines[1] == "Traceback (most recent call last):"
    assert any("in divide_by_zero" in line for line in lines)


def failing_task(task: Task) -> Outcome:
    """Run a task, in a worker, whose annotation fails."""

    def divide_by_zero(*_: object, **__: object) -> float:
        return 1 / 0

    batch.annotate = divide_by_zero  # type: ignore[assignment]
    return batch.run_task(task)


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
    until = time.monotonic() + 10
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


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A Dask scheduler on a free port of loopback, and two workers without nannies."""
    pytest.importorskip("distributed")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    told = tmp_path_factory.mktemp("cluster") / "scheduler.json"
    apart = ["--scheduler-file", str(told), "--host", "127.0.0.1", "--no-dashboard"]
    commands = [
        ["distributed.cli.dask_scheduler", *apart, "--port", "0", "--no-show"],
        *[["distributed.cli.dask_worker", *apart, "--nthreads", "1", "--no-nanny"]] * 2,
    ]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        for command in commands
    ]
    while not (told.is_file() and told.read_text().endswith("}")):
        assert started[0].poll() is None
        time.sleep(0.05)
    yield json.loads(told.read_text())["address"], started[1:]
    for process in started:
        process.kill()
        process.wait()


def test_a_cluster_does_each_recording_once_though_a_worker_is_killed(
    tmp_path: Path, photo: np.ndarray, cluster: tuple[str, list[subprocess.Popen[bytes]]]
):
    address, workers = cluster
    small = shrunk(photo)
    tasks = []
    for number in range(4):
        clip = write_recording(tmp_path / f"{number}.mkv", [moved(small, n) for n in range(20 + number)])
        tasks.append(Task(str(clip), Outputs(tmp_path / f"out{number}", None), AnnotationSettings()))
    outcomes = []
    for outcome in run_on_cluster(tasks, address):
        outcomes.append(outcome)
        if len(outcomes) == 1:
            workers[0].send_signal(signal.SIGKILL)
    assert sorted(outcome.recording for outcome in outcomes) == [task.recording for task in tasks]
    assert [outcome.problem for outcome in outcomes] == [""] * 4
    for number, task in enumerate(tasks):
        assert livefan.load_annotations(task.outputs.tables[0]).num_rows == 20 + number
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_scheduler_that_is_not_there_is_one_line(
    tmp_path: Path, talks: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("distributed")
    task = Task(str(talks / "a2.mp4"), Outputs(tmp_path / "x", None), AnnotationSettings())
    monkeypatch.setattr(cluster_module, "_CONNECT_S", 1)
    with pytest.raises(LivefanError, match="no Dask scheduler answers"):
        list(run_on_cluster([task], "tcp://127.0.0.1:9"))


def test_missing_dask_error_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(LivefanError, match=r"pip install livefan\[cluster\]$"):
        list(run_on_cluster([], "tcp://127.0.0.1:9"))
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert any("distributed" in each for each in project["optional-dependencies"]["cluster"])


def test_a_batch_that_is_stopped_goes_on(tmp_path: Path, talks: Path, photo: np.ndarray):
    """Ctrl+C reaches the command and its workers alike."""
    folder, out = tmp_path / "in", tmp_path / "out"
    shutil.copytree(talks, folder)
    out.mkdir()
    # Long enough to be stopped in, after the first is done.
    write_recording(folder / "b2.mkv", [shrunk(photo)] * 1200)
    arguments = [sys.executable, "main.py", "annotate", folder, "-o", out, "--no-video", "--quiet"]
    root = Path(__file__).parents[2]
    # Where the tests run in the background of a shell it is ignored, and what they start would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    running = subprocess.Popen(
        arguments, cwd=root, start_new_session=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    signal.signal(signal.SIGINT, before)
    while not (out / "a2.csv").exists() and running.poll() is None:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert said.decode().splitlines()[-1] == "livefan: stopped"
    done = subprocess.run(arguments, cwd=root, check=False, capture_output=True, text=True)
    words = [line.split()[-1] for line in done.stdout.splitlines()[1:]]
    assert words[0] == "before"
    assert words[-1] == "failed"
    assert livefan.load_annotations(out / "a10.csv").num_rows == 6

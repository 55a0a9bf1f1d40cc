"""Annotating recordings on a Dask cluster."""

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from clips import moved, shrunk, write_recording

import livefan
from livefan.annotation import cluster as cluster_module
from livefan.annotation.batch import Task
from livefan.annotation.cluster import run_on_cluster
from livefan.annotation.outputs import Outputs
from livefan.annotation.settings import AnnotationSettings
from livefan.core.errors import LivefanError


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A Dask scheduler on a free port of loopback, and two workers without nannies in another folder."""
    pytest.importorskip("distributed")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    scheduler_file = tmp_path_factory.mktemp("cluster") / "scheduler.json"
    options = ["--scheduler-file", str(scheduler_file), "--host", "127.0.0.1", "--no-dashboard"]
    commands = [
        ["distributed.cli.dask_scheduler", *options, "--port", "0", "--no-show"],
        *[["distributed.cli.dask_worker", *options, "--nthreads", "1", "--no-nanny"]] * 2,
    ]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=scheduler_file.parent,
        )
        for command in commands
    ]
    while not (scheduler_file.is_file() and scheduler_file.read_text().endswith("}")):
        assert started[0].poll() is None
        time.sleep(0.05)
    yield json.loads(scheduler_file.read_text())["address"], started[1:]
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_cluster_annotates_each_recording_once_after_a_worker_is_killed(
    tmp_path: Path,
    photo: np.ndarray,
    cluster: tuple[str, list[subprocess.Popen[bytes]]],
    monkeypatch: pytest.MonkeyPatch,
):
    """The paths are relative to a folder in which the workers do not run."""
    address, workers = cluster
    monkeypatch.chdir(tmp_path)
    small = shrunk(photo)
    tasks = []
    for number in range(3):
        clip = write_recording(tmp_path / f"{number}.mkv", [moved(small, n) for n in range(10 + number)])
        tasks.append(Task(clip.name, Outputs(Path(f"out{number}"), None), AnnotationSettings()))
    outcomes = []
    for outcome in run_on_cluster(tasks, address):
        outcomes.append(outcome)
        if len(outcomes) == 1:
            workers[0].send_signal(signal.SIGKILL)
    assert sorted(outcome.recording for outcome in outcomes) == [task.recording for task in tasks]
    assert [outcome.problem for outcome in outcomes] == [""] * 3
    for number, task in enumerate(tasks):
        assert livefan.load_annotations(task.outputs.tables[0]).num_rows == 10 + number
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_missing_scheduler_gives_one_line_error(tmp_path: Path, talks: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("distributed")
    task = Task(str(talks / "a2.mp4"), Outputs(tmp_path / "x", None), AnnotationSettings())
    monkeypatch.setattr(cluster_module, "CONNECT_S", 1)
    with pytest.raises(LivefanError, match="no Dask scheduler answers"):
        list(run_on_cluster([task], "tcp://127.0.0.1:9"))


def test_missing_dask_error_names_the_package(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(LivefanError, match=r"pip install distributed$"):
        list(run_on_cluster([], "tcp://127.0.0.1:9"))
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert any("distributed" in each for each in project["optional-dependencies"]["cluster"])

"""Training in several processes."""

import os
import socket
import subprocess
import sys
import time

import pytest

FAILS = """
import os, sys, time
from livefan.core.errors import LivefanError
from livefan.training.distributed import join
failing, kind = sys.argv[1:]
with join() as processes:
    assert processes.mean({"loss": 2.0 * processes.rank}) == {"loss": 1.0}
with join() as processes:  # the next stage of a recipe
    mean = processes.mean({"loss": float(processes.rank)})
    print(processes.rank, processes.count, processes.first, mean, flush=True)
    if str(processes.rank) == failing:
        raise {"known": LivefanError("best: disk full"), "unknown": ValueError("shapes")}[kind]
    if kind == "known":
        processes.wait()  # blocks inside gloo
    time.sleep(60)
"""


def start_processes(code: str, *arguments: str) -> list[subprocess.Popen[str]]:
    """Start two processes that find each other by the environment variables of torchrun."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [
        subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            env=os.environ | shared | {"RANK": str(rank), "CUDA_VISIBLE_DEVICES": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("failing", "kind", "message"), [(0, "known", "best: disk full"), (1, "unknown", "shapes")]
)
def test_processes_share_a_mean_and_end_with_the_message_of_a_failed_one(
    failing: int, kind: str, message: str
):
    """Process 0 holds the store through which the message travels, so each of the two fails once."""
    started = time.monotonic()
    processes = start_processes(FAILS, str(failing), kind)
    outputs, errors = zip(*[process.communicate(timeout=50) for process in processes], strict=True)
    assert outputs == ("0 2 True {'loss': 0.5}\n", "1 2 False {'loss': 0.5}\n")
    assert time.monotonic() - started < 40  # the blocked process would wait for minutes
    assert message in errors[failing]
    assert processes[failing].returncode == 1  # the exception; the command line turns it into 2
    ended = 1 - failing
    assert processes[ended].returncode == 2
    last = errors[ended].splitlines()[-1]
    assert last.startswith(f"livefan: process {ended} ends, because process {failing} failed: ")
    assert last.endswith(message)

"""Training in several processes."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from marked_faces import SMALL, write_faces

from livefan.cli.main import main
from livefan.training.config import to_toml

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
]

PAIRS = """
import gc, json, os, sys, time
from pathlib import Path
import torch._dynamo, torch.distributed  # for all processes; an optimiser imports the first
from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.training.distributed import join

def fail(failing, kind):
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

def start(name, port, rank):
    process = os.fork()
    if process:
        return process
    for number, stream in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{name}.{rank}.{stream}", os.O_WRONLY | os.O_CREAT), number)
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    if arguments[0] == "train":
        os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "True"
        sys.exit(main(arguments))
    sys.exit(fail(*arguments))

pairs = json.loads(sys.argv[1])
gc.freeze()  # else each process looks through the modules of torch once more when it ends
processes = {}
for name, (port, arguments) in pairs.items():
    for rank in (0, 1):
        processes[name, rank] = start(name, port, rank)
# As torchrun does. After the forks, since a store runs a thread.
store = torch.distributed.TCPStore("127.0.0.1", pairs["train"][0], is_master=True, wait_for_workers=False)
for (name, rank), process in processes.items():
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    Path(f"{name}.{rank}.code").write_text(str(code))
"""
"""Start pairs of processes with the variables of torchrun; write their output and exit codes.

Each is forked from one process, which imports torch once.
"""

FAILURES = [("0", "known", "best: disk full"), ("1", "unknown", "shapes")]
"""Process 0 holds the store through which the message travels, so each of the two fails once."""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of three pairs of processes that have ended: two that fail, and one that trains."""
    folder = tmp_path_factory.mktemp("pairs")
    for name in ("lfpw/trainset", "helen/trainset", "afw"):
        write_faces(folder / name, 8)  # one of them is held out
    (folder / "run.toml").write_text(to_toml(replace(SMALL, input_sizes=(64,))))
    pairs = {kind: (free_port(), [failing, kind]) for failing, kind, _ in FAILURES}
    pairs["train"] = (free_port(), [*train_command(folder), "--threads", "1"])
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(
        [sys.executable, "-c", PAIRS, json.dumps(pairs)], cwd=folder, env=environment, check=True, timeout=300
    )
    return folder


def train_command(folder: Path) -> list[str]:
    options = {"--root": folder, "--config": folder / "run.toml", "--out": folder / "run"}
    return ["train", *[str(word) for option in options.items() for word in option], "--quiet"]


def of_both(ended: Path, name: str, kind: str) -> list[str]:
    return [(ended / f"{name}.{rank}.{kind}").read_text() for rank in (0, 1)]


@pytest.mark.parametrize(("failing", "kind", "message"), FAILURES)
def test_processes_share_a_mean_and_end_with_the_message_of_a_failed_one(
    ended: Path, failing: str, kind: str, message: str
):
    assert of_both(ended, kind, "out") == ["0 2 True {'loss': 0.5}\n", "1 2 False {'loss': 0.5}\n"]
    failed, other = int(failing), 1 - int(failing)
    errors, codes = of_both(ended, kind, "err"), of_both(ended, kind, "code")
    assert message in errors[failed]
    assert codes[failed] == "1"  # the exception; the command line turns it into 2
    assert codes[other] == "2"  # else it would have waited to its end
    last = errors[other].splitlines()[-1]
    assert last.startswith(f"livefan: process {other} ends, because process {failed} failed: ")
    assert last.endswith(message)


def test_two_processes_share_a_run(ended: Path):
    assert of_both(ended, "train", "code") == ["0", "0"], of_both(ended, "train", "err")
    outputs = of_both(ended, "train", "out")
    assert "".join(outputs).count("validation NME") == 1, "only one process reports"
    history = json.loads((ended / "run/history.json").read_text())
    assert [entry["epoch"] for entry in history] == [1, 2]
    # Resumed by a single process: nothing is left to do, and nothing changes.
    assert main([*train_command(ended), "--threads", "1"]) == 0
    assert json.loads((ended / "run/history.json").read_text()) == history

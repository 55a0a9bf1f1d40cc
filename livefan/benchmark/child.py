"""Python in a process of its own, for a measurement that needs one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from livefan.core.errors import LivefanError


def output_of(
    what: str,
    arguments: Sequence[str],
    variables: Mapping[str, str] | None = None,
    time_limit_s: float | None = None,
) -> str:
    """Run this Python, where it finds this livefan, and return its standard output.

    It keeps compiled modules, as an interpreter does by default: a start does not compile them again.

    Args:
        what: begins the error, such as "the window cannot be measured".
        arguments: arguments of the interpreter.
        variables: further variables of the environment.
        time_limit_s: seconds after which the process is ended.

    Raises:
        LivefanError: if the process fails, with the last line of its standard error, its signal or its exit
            code; or if it does not end in time.
    """
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, **(variables or {}), "PYTHONPATH": path}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, timeout=time_limit_s
        )
    except subprocess.TimeoutExpired as error:
        raise LivefanError(f"{what}: its process did not end within {time_limit_s:g} s") from error
    if done.returncode:
        raise LivefanError(f"{what}: {_reason(done)}")
    return done.stdout


def _reason(failed: subprocess.CompletedProcess[str]) -> str:
    lines = failed.stderr.strip().splitlines()
    if lines:
        return lines[-1].removeprefix("livefan: ")
    if failed.returncode < 0:
        return f"its process was ended by {signal.Signals(-failed.returncode).name}"
    return f"its process ended with exit code {failed.returncode} and no message"

"""The lock on an output folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from livefan.core.errors import LivefanError
from livefan.core.folder_lock import LOCK_NAME, locked

_HOLD = """
import os, sys
from pathlib import Path
from livefan.core.folder_lock import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_folder_has_one_owner_at_a_time(tmp_path: Path):
    with locked(tmp_path):
        with pytest.raises(LivefanError, match="another livefan is at work here"), locked(tmp_path):
            pytest.fail("locked twice")
        assert (tmp_path / LOCK_NAME).exists()
    assert not list(tmp_path.iterdir())
    with locked(tmp_path):
        pass


def test_killed_process_leaves_no_lock(tmp_path: Path):
    command = [sys.executable, "-c", _HOLD, str(tmp_path)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        with pytest.raises(LivefanError, match="another livefan"), locked(tmp_path):
            pytest.fail("locked twice")
        owner.kill()
    with locked(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_locked_is_used_without_a_lock(tmp_path: Path):
    with locked(tmp_path / "gone"):
        pass

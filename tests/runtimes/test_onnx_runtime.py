import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_onnx_runtime_writes_nothing_into_the_home_folder(tmp_path: Path):
    """Left to itself it leaves a number for this machine in the home folder, and what it is to tell."""
    pytest.importorskip("onnxruntime")
    home, code = (
        tmp_path / "home",
        (
            "from livefan.runtimes.base import RuntimeChoice\n"
            "from livefan.runtimes.selection import open_runtime\n"
            "from livefan.runtimes.self_check import check_crops\n"
            "runtime = open_runtime('mobilefan-300w', RuntimeChoice('onnxruntime', 'float32'))\n"
            "print(runtime.run(check_crops(runtime.input_size)).shape)"
        ),
    )
    home.mkdir()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "ORT_"))}
    environment |= {"HOME": str(home), "USERPROFILE": str(home), "LOCALAPPDATA": str(home)}
    environment["LIVEFAN_CACHE"] = str(tmp_path / "cache")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "(3, 68, 4)\n", done.stderr
    assert list(home.rglob("*")) == []

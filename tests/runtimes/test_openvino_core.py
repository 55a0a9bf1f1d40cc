import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_import_leaves_the_modules_of_the_host_alone():
    code = (
        "import sys; from livefan.runtimes.openvino_core import openvino; openvino(); "
        "print([name for name, module in sys.modules.items() if module is None]); "
        "import openvino_telemetry, openvino.tools.ovc"
    )
    root = Path(__file__).parents[2]
    environment = os.environ | {"CI": "true"}  # the telemetry sends nothing
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=root, env=environment
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr

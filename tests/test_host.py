"""The library leaves the program that imports it alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from livefan.core.resources import bundled_clip

_CODE = """
import json, os, sys
import importlib, pkgutil
import numpy, cv2, scipy.linalg, torch
from threadpoolctl import threadpool_info

torch.set_num_threads(2)
cv2.setNumThreads(2)

def state():
    pools = sorted((pool["filepath"], pool["num_threads"]) for pool in threadpool_info())
    threads = {"pools": pools, "torch": torch.get_num_threads(), "cv2": cv2.getNumThreads()}
    return {"environment": dict(os.environ), **threads}

before = state()
import livefan
from livefan.runtimes.base import RuntimeChoice
with livefan.open_source(sys.argv[1]) as source:
    frame = next(iter(source))
after = {}
for choice in ("openvino", "float32"), ("torch", "float32"), ("auto", "auto"):
    with livefan.Pipeline("mobilefan-half-300w", runtime=RuntimeChoice(*choice)) as pipeline:
        after[choice[0]] = len(pipeline.process(frame)), state()
import livefan.training
for found in pkgutil.walk_packages(livefan.training.__path__, "livefan.training."):
    importlib.import_module(found.name)
after["imports"] = 1, state()
print(json.dumps({"before": before, "after": after}))
"""


@pytest.mark.slow
def test_pipeline_changes_neither_environment_nor_threads_of_the_host(tmp_path: Path):
    """With OpenVINO, torch and a chosen runtime, and after the import of all training modules."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "LIVEFAN_CACHE": str(tmp_path)}
    environment.pop("OPENBLAS_NUM_THREADS", None)
    done = subprocess.run(
        [sys.executable, "-c", _CODE, str(bundled_clip())],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["after"]) == 4
    assert (found["before"]["torch"], found["before"]["cv2"]) == (2, 2)
    found["before"]["environment"].pop("ORT_DISABLE_TELEMETRY", None)
    for faces, state in found["after"].values():
        assert faces == 1
        state["environment"].pop("ORT_DISABLE_TELEMETRY", None)  # a documented variable of ONNX Runtime
        assert state == found["before"]

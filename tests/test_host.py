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
import numpy, cv2, scipy.linalg, torch
from threadpoolctl import threadpool_info

def state():
    pools = sorted((pool["filepath"], pool["num_threads"]) for pool in threadpool_info())
    threads = {"pools": pools, "torch": torch.get_num_threads(), "cv2": cv2.getNumThreads()}
    return {"environment": dict(os.environ), **threads}

before = state()
import livefan
with livefan.open_source(sys.argv[1]) as source:
    frame = next(iter(source))
with livefan.Pipeline(runtime=livefan.tracking.pipeline.RuntimeChoice(*sys.argv[2:])) as pipeline:
    faces = pipeline.process(frame)
print(json.dumps({"before": before, "after": state(), "faces": len(faces)}))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "choice", [("openvino", "float32"), ("torch", "float32"), ("auto", "auto")], ids=lambda choice: choice[0]
)
def test_pipeline_changes_neither_environment_nor_threads_of_the_host(
    tmp_path: Path, choice: tuple[str, str]
):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "LIVEFAN_CACHE": str(tmp_path)}
    environment.pop("OPENBLAS_NUM_THREADS", None)
    done = subprocess.run(
        [sys.executable, "-c", _CODE, str(bundled_clip()), *choice],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    found = json.loads(done.stdout)
    assert found["faces"] == 1
    for state in found["before"], found["after"]:  # "auto" may try ONNX Runtime, whose variable is documented
        state["environment"].pop("ORT_DISABLE_TELEMETRY", None)
    assert found["after"] == found["before"]

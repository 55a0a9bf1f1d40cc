import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from untrained import SIZE

from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.networks.checkpoint import load_weights
from livefan.runtimes import openvino_runtime as open_vino
from livefan.runtimes import selection
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.onnx_graph import as_onnx
from livefan.runtimes.selection import open_runtime
from livefan.runtimes.self_check import check_crops

OPENVINO = RuntimeChoice("openvino", "float32")


def test_batch_equals_single_crops(crops: np.ndarray):
    runtime = open_runtime(DEFAULT_WEIGHTS, OPENVINO)
    together = runtime.run(crops).copy()
    apart = np.concatenate([runtime.run(crop[None]).copy() for crop in crops])
    assert np.array_equal(together, apart)


@pytest.mark.slow
def test_compiled_network_is_kept_and_compiled_again_if_damaged(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    crops = check_crops(SIZE)
    first = open_runtime(small, OPENVINO, cache=tmp_path).run(crops).copy()
    (compiled,) = tmp_path.glob("*/*.blob")
    read_model, made = selection.openvino_model, []
    monkeypatch.setattr(selection, "openvino_model", lambda *given: made.append(1) or read_model(*given))

    def leave_memory() -> None:
        """Forget the loaded networks, as in a new process; there is no public way."""
        monkeypatch.setattr(open_vino, "_LOADED", {})

    leave_memory()
    assert np.array_equal(open_runtime(small, OPENVINO, cache=tmp_path).run(crops), first)
    assert made == []
    for times, damaged in enumerate((compiled.read_bytes()[:-1000], b""), start=1):
        compiled.write_bytes(damaged)
        leave_memory()
        assert np.array_equal(open_runtime(small, OPENVINO, cache=tmp_path).run(crops), first)
        assert made == times * [1]


@pytest.mark.slow
def test_last_used_networks_stay_in_memory(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    read: list[str] = []
    # Private: only the loads from the cache folder tell whether a network was in memory.
    from_store = open_vino._from_store
    monkeypatch.setattr(open_vino, "_LOADED", {})
    monkeypatch.setattr(open_vino, "_MOST_LOADED", 4)  # private: fewer than in use, to load fewer
    monkeypatch.setattr(
        open_vino, "_from_store", lambda name, *rest: read.append(name) or from_store(name, *rest)
    )

    def times_read(*threads: int) -> int:
        read.clear()
        for each in threads:
            open_runtime(small, RuntimeChoice("openvino", "float32", each), cache=tmp_path)
        return len(read)

    assert times_read(1, 2, 3, 4) == 4
    assert times_read(1, 4, 3, 1) == 0
    assert times_read(5) == 1
    assert times_read(1, 3, 4, 5) == 0
    assert times_read(2) == 1  # used longest ago, and let go
    assert times_read(2) == 0

    read.clear()
    monkeypatch.setattr(open_vino, "_cores", lambda: 2)  # private: several crops use a copy for each core
    runtimes = [open_runtime(small, OPENVINO, cache=tmp_path, copy=copy) for copy in (0, 1, 0)]
    assert len(read) == 2, "each copy is loaded once"
    crops = np.concatenate([check_crops(SIZE)] * 3)
    landmarks = [runtime.run(crops).copy() for runtime in runtimes]
    assert len(read) == 2, "several crops use the copies that are there"
    assert np.array_equal(landmarks[0], landmarks[1])


@pytest.mark.slow
def test_interrupted_save_leaves_no_mixed_model(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    model = open_vino.from_onnx(as_onnx(load_weights(small)))
    path = tmp_path / "a.xml"
    open_vino.save_model(model, path, {"number": "1"})
    assert open_vino.read_metadata(open_vino.read_model(path)) == {"number": "1"}
    replace_file = os.replace

    def die_after_numbers(source: Path, target: Path) -> None:
        if target.suffix == ".xml":
            raise KeyboardInterrupt
        replace_file(source, target)

    monkeypatch.setattr(os, "replace", die_after_numbers)
    with pytest.raises(KeyboardInterrupt):
        open_vino.save_model(model, path, {"number": "2"})
    assert [each.name for each in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.slow
def test_threads_that_need_one_network_load_it_once(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    open_runtime(small, OPENVINO, cache=tmp_path)
    loads: list[str] = []
    from_store = open_vino._from_store  # private, as above

    def load_slowly(name: str, *rest: object) -> object:
        loads.append(name)
        time.sleep(0.2)
        return from_store(name, *rest)

    monkeypatch.setattr(open_vino, "_LOADED", {})
    monkeypatch.setattr(open_vino, "_from_store", load_slowly)
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: open_runtime(small, OPENVINO, cache=tmp_path), range(4)))
    assert len(loads) == 1
    assert len({runtime.run(check_crops(SIZE)).tobytes() for runtime in opened}) == 1


@pytest.mark.slow
def test_import_leaves_the_modules_of_the_host_alone():
    code = (
        "import sys; from livefan.runtimes.openvino_runtime import openvino; openvino(); "
        "print([name for name, module in sys.modules.items() if module is None]); "
        "import openvino_telemetry, openvino.tools.ovc"
    )
    root = Path(__file__).parents[2]
    environment = os.environ | {"CI": "true"}  # the telemetry sends nothing
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=root, env=environment
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr

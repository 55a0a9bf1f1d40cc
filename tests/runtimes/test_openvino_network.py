import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from untrained import SIZE

from livefan.runtimes import openvino_network, openvino_runtime, selection
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.runtimes.self_check import check_crops

OPENVINO = RuntimeChoice("openvino", "float32")


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
        monkeypatch.setattr(openvino_network, "_LOADED", {})

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
    from_store = openvino_network._from_store
    monkeypatch.setattr(openvino_network, "_LOADED", {})
    monkeypatch.setattr(openvino_network, "_MOST_LOADED", 2)  # private: fewer than in use, to load fewer
    monkeypatch.setattr(
        openvino_network, "_from_store", lambda name, *rest: read.append(name) or from_store(name, *rest)
    )

    def times_read(*threads: int) -> int:
        read.clear()
        for each in threads:
            open_runtime(small, RuntimeChoice("openvino", "float32", each), cache=tmp_path)
        return len(read)

    assert times_read(1, 2) == 2
    assert times_read(2, 1) == 0
    assert times_read(3) == 1
    assert times_read(1, 3) == 0
    assert times_read(2) == 1  # used longest ago, and let go
    assert times_read(2) == 0

    read.clear()
    monkeypatch.setattr(openvino_runtime, "_cores", lambda: 2)  # private: a copy for each core
    runtimes = [open_runtime(small, OPENVINO, cache=tmp_path, copy=copy) for copy in (0, 1, 0)]
    assert len(read) == 2, "each copy is loaded once"
    crops = np.concatenate([check_crops(SIZE)] * 3)
    landmarks = [runtime.run(crops).copy() for runtime in runtimes]
    assert len(read) == 2, "several crops use the copies that are there"
    assert np.array_equal(landmarks[0], landmarks[1])


@pytest.mark.slow
def test_threads_that_need_one_network_load_it_once(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    open_runtime(small, OPENVINO, cache=tmp_path)
    loads: list[str] = []
    from_store = openvino_network._from_store  # private, as above

    def load_slowly(name: str, *rest: object) -> object:
        loads.append(name)
        time.sleep(0.2)
        return from_store(name, *rest)

    monkeypatch.setattr(openvino_network, "_LOADED", {})
    monkeypatch.setattr(openvino_network, "_from_store", load_slowly)
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: open_runtime(small, OPENVINO, cache=tmp_path), range(4)))
    assert len(loads) == 1
    assert len({runtime.run(check_crops(SIZE)).tobytes() for runtime in opened}) == 1

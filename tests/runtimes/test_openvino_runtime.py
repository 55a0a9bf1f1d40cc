"""Crops that OpenVINO runs in parallel."""

import threading
from typing import Any

import numpy as np
import pytest

from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.runtimes import openvino_runtime, selection
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.selection import open_runtime

OPENVINO = RuntimeChoice("openvino", "float32")


def test_batch_equals_single_crops(crops: np.ndarray):
    runtime = open_runtime(DEFAULT_WEIGHTS, OPENVINO)
    together = runtime.run(crops).copy()
    apart = np.concatenate([runtime.run(crop[None]).copy() for crop in crops])
    assert np.array_equal(together, apart)


@pytest.mark.parametrize("threads", [1, 2])
def test_expected_crops_load_nothing_when_they_come(
    crops: np.ndarray, monkeypatch: pytest.MonkeyPatch, threads: int
):
    loaded_in: list[threading.Thread] = []
    load = selection._openvino_network

    def noted(variant: Any) -> Any:
        loaded_in.append(threading.current_thread())
        return load(variant)

    monkeypatch.setattr(openvino_runtime, "_cores", lambda: 2)
    runtime = open_runtime(DEFAULT_WEIGHTS, RuntimeChoice("openvino", "float32", threads), heads=())
    alone = np.concatenate([runtime.run(crop[None]).copy() for crop in crops])
    monkeypatch.setattr(selection, "_openvino_network", noted)
    runtime.expect_several()
    assert np.allclose(runtime.run(crops), alone, atol=1e-3)
    assert len(loaded_in) == threads  # with one thread, the network itself takes every second crop
    assert threading.current_thread() not in loaded_in


def test_other_heads_expect_several_crops_too(crops: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(openvino_runtime, "_cores", lambda: 2)
    runtime = open_runtime(DEFAULT_WEIGHTS, OPENVINO, heads=())
    runtime.expect_several()
    runtime.run(crops)
    runtime.want_heads(["expressions"])
    runtime._loading.result()  # type: ignore[attr-defined]
    assert runtime.run(crops).shape[0] == len(crops)
    assert runtime.expressions is not None
    assert len(runtime.expressions) == len(crops)
    assert runtime._loading_lanes is not None  # type: ignore[attr-defined]

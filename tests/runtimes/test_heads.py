"""Heads that run on demand: the landmarks do not depend on them."""

import time

import numpy as np
import pytest

from livefan.networks.checkpoint import load_weights
from livefan.runtimes.base import HEADS, RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.runtimes.self_check import check_crops
from livefan.runtimes.torch_runtime import TorchRuntime

HALF = "mobilefan-half-300w"
SIZE = 192


@pytest.mark.parametrize("name", ["openvino", "onnxruntime", "torch"])
def test_landmarks_are_equal_without_heads_and_outputs_of_other_heads_are_missing(name: str):
    pytest.importorskip(name)
    choice = RuntimeChoice(name, "float32")
    crop = check_crops(SIZE)[:1]
    with_all = open_runtime(HALF, choice)
    landmarks = with_all.run(crop).copy()
    assert with_all.heads == set(HEADS)
    none = open_runtime(HALF, choice, heads=())
    assert np.array_equal(none.run(crop), landmarks)
    assert none.expressions is none.pupils_crop is None
    assert none.occluded is none.presence is none.expected_error_crop is None


def test_network_with_other_heads_is_loaded_in_a_thread():
    crop = check_crops(SIZE)[:1]
    runtime = open_runtime(HALF, RuntimeChoice("openvino", "float32"), heads=())
    landmarks = runtime.run(crop).copy()
    runtime.want_heads(["reliability"])
    for _ in range(900):
        assert np.array_equal(runtime.run(crop), landmarks)
        if runtime.heads:
            break
        assert runtime.occluded is None
        time.sleep(0.1)
    assert runtime.heads == {"reliability"}
    assert runtime.occluded.shape == (1, 68)
    assert runtime.expressions is None


def test_want_that_is_taken_back_changes_nothing():
    runtime = open_runtime(HALF, RuntimeChoice("openvino", "float32"), heads=())
    runtime.want_heads(["reliability"])
    runtime.want_heads([])
    for _ in range(3):
        runtime.run(check_crops(SIZE)[:1])
        time.sleep(0.1)
    assert runtime.heads == set()


def test_loaded_weights_run_the_heads_that_are_wanted():
    runtime = TorchRuntime(load_weights(HALF), heads=["expressions"])
    runtime.run(check_crops(SIZE)[:1])
    assert runtime.expressions is not None
    assert runtime.occluded is None
    runtime.want_heads(["reliability"])
    runtime.run(check_crops(SIZE)[:1])
    assert runtime.expressions is None
    assert runtime.occluded is not None


@pytest.mark.slow
def test_int8_network_that_shares_a_constant_with_a_head_runs_its_heads():
    exact, rounded = (open_runtime("fast", RuntimeChoice("openvino", each)) for each in ("float32", "int8"))
    crops = check_crops(exact.input_size)
    for runtime in (exact, rounded):
        runtime.run(crops)
    assert rounded.precision == "int8"
    assert np.abs(rounded.expressions - exact.expressions).mean() < 0.02
    assert np.abs(rounded.occluded - exact.occluded).mean() < 0.05

"""Heads that run on demand: the landmarks do not depend on them."""

import time

import numpy as np
import pytest

from livefan.networks.checkpoint import load_weights
from livefan.networks.checkpoint_info import read_weight_file
from livefan.runtimes.base import HEADS, RuntimeChoice
from livefan.runtimes.cache import Store
from livefan.runtimes.network_files import openvino_model
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


def test_convolution_of_a_head_reads_the_bytes_of_an_int8_network():
    file = read_weight_file("fast")
    model = openvino_model(file, "int8", Store(file.sha256, 1), ["expressions"])
    of_head = [
        node
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Convolution" and node.get_friendly_name().startswith("/expressions/")
    ]
    assert len(of_head) == 1
    rounded_map, scaled = (place.get_source_output().get_node() for place in of_head[0].inputs())
    steps, scales = (place.get_source_output().get_node() for place in scaled.inputs())
    assert rounded_map.get_type_name() == "FakeQuantize"
    weights = load_weights("fast").expression_head.reduce.weight.numpy()
    found = steps.input(0).get_source_output().get_node().get_data()[:, :, 0, 0]
    assert found.dtype == np.int8
    assert np.abs(found).max() == 63
    assert np.allclose(found * scales.get_data()[:, :, 0, 0], weights, atol=scales.get_data().max() / 2)


@pytest.mark.slow
def test_int8_network_that_shares_a_constant_with_a_head_runs_its_heads():
    exact, rounded = (open_runtime("fast", RuntimeChoice("openvino", each)) for each in ("float32", "int8"))
    crops = check_crops(exact.input_size)
    for runtime in (exact, rounded):
        runtime.run(crops)
    assert rounded.precision == "int8"
    assert np.abs(rounded.expressions - exact.expressions).mean() < 0.02
    assert np.abs(rounded.occluded - exact.occluded).mean() < 0.05

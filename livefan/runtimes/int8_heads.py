"""Add the heads to an int8 network; only their convolutions are quantised."""

from __future__ import annotations

from typing import Any

import numpy as np

from livefan.core.errors import LivefanError
from livefan.runtimes.openvino_core import openvino

_NETWORK = "/network/"
"""Prefix of the names of the network's nodes in a graph of :mod:`livefan.runtimes.onnx_graph`."""
_ROUNDED = "/fq_output_0"
"""NNCF's suffix of the name of a rounded map."""
_STEPS = 63
"""Largest rounded weight. With 127, sums of two products overflow on CPUs without VNNI."""


def with_heads(model: Any, complete: Any) -> Any:
    """Return an int8 model with the heads of the float32 model of the same weights.

    The landmarks of the int8 model stay the same. Both models must not be used any more.

    Args:
        model: the int8 model, of one crop; landmarks are its only output.
        complete: the float32 model, of one crop.

    Raises:
        LivefanError: if the int8 model lacks a map that a head needs.
    """
    landmarks, *of_heads = complete.get_results()
    maps = {node.get_friendly_name(): node.output(0) for node in model.get_ordered_ops()}
    # The rounded maps, so that the convolutions before them still write bytes.
    known = {
        name: maps.get(name + _ROUNDED, found) for name, found in maps.items() if name.startswith(_NETWORK)
    }
    known[_source(landmarks.input(0))] = model.get_results()[0].input(0).get_source_output()
    waiting = list(of_heads)
    done: set[str] = set()
    while waiting:
        for place in waiting.pop().inputs():
            name = _source(place)
            if name in known:
                place.replace_source_output(known[name])
            elif place.get_source_output().get_node().get_type_name() == "Constant":
                continue  # of the head, or one of the network that OpenVINO shares with the head
            elif name.startswith(_NETWORK):
                raise LivefanError(
                    f"the int8 network has no map {name}; make it again with 'livefan quantise'"
                )
            elif name not in done:
                done.add(name)
                node = place.get_source_output().get_node()
                waiting.append(node)
                if node.get_type_name() == "Convolution":
                    _round_weights(node)
    return openvino().Model([*model.get_results(), *of_heads], model.get_parameters())


def _round_weights(convolution: Any) -> None:
    """Round the weights of a convolution, so that it reads the bytes of a rounded map."""
    from openvino import opset13 as ops

    constant = _input(convolution, 1)
    while constant.get_type_name() != "Constant":  # the graph converts and reshapes stored tensors
        constant = _input(constant, 0)
    shape = convolution.input(1).get_partial_shape().to_shape()
    weights = constant.get_data().astype(np.float32).reshape(shape)
    scales = np.maximum(np.abs(weights).max(axis=(1, 2, 3), keepdims=True), 1e-12) / _STEPS
    rounded = ops.convert(ops.constant(np.round(weights / scales).astype(np.int8)), "f32")
    scaled = ops.multiply(rounded, ops.constant(scales))
    convolution.input(1).replace_source_output(scaled.output(0))


def _input(node: Any, number: int) -> Any:
    """Return the node that gives a node its input of a number."""
    return node.input(number).get_source_output().get_node()


def _source(place: Any) -> str:
    """Return the name of the node that gives an input its value."""
    return place.get_source_output().get_node().get_friendly_name()

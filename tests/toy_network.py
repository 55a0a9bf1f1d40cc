"""A network that returns the same points for every crop, and its description."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino
from openvino import opset13 as ops

SIZE = 32


def save_constant_network(
    path: Path, *outputs: np.ndarray, channels: int = 3, kind: type = np.float32
) -> Path:
    """Write an OpenVINO network (.xml) with an input of ``(1, 32, 32, channels)``.

    Args:
        path: the file.
        outputs: values of the outputs, which are named ``out_0`` and so on.
        kind: type of the input.
    """
    taken = ops.parameter([1, SIZE, SIZE, channels], kind, name="image")
    taken.output(0).set_names({"image"})
    nothing = ops.multiply(ops.reduce_mean(ops.convert(taken, "f32"), [0, 1, 2, 3]), np.float32(0))
    results: list[Any] = []
    for number, values in enumerate(outputs):
        made = ops.add(ops.constant(values.astype(np.float32)), nothing)
        made.output(0).set_names({f"out_{number}"})
        results.append(made)
    openvino.save_model(openvino.Model(results, [taken]), str(path), compress_to_fp16=False)
    return path


DESCRIPTION = """\
model = "net.xml"
[input]
layout = "NHWC"
size = 32
colour = "RGB"
mean = 0.0
std = 255.0
[crop]
box = "landmarks"
side = 1.25
upright = true
[output]
name = "out_0"
kind = "coordinates"
range = "unit"
values = 2
[landmarks]
scheme = "300w-68"
"""
"""Of a network ``net.xml`` with 68 points."""


def save_described(folder: Path, *outputs: np.ndarray, description: str = DESCRIPTION) -> Path:
    """Write a network and its description into a folder; return the path of the description."""
    save_constant_network(folder / "net.xml", *outputs)
    path = folder / "net.toml"
    path.write_text(description)
    return path

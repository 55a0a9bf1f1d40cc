"""Draft the description of a network from the shapes of its inputs and outputs."""

from __future__ import annotations

import os
from math import prod
from pathlib import Path

import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.landmarks import MEDIAPIPE_478, SCHEMES
from livefan.external_models.description import ABSENT, MAP_PARTS, RANGES
from livefan.external_models.network_file import NetworkFile, Tensor
from livefan.runtimes.openvino_network import load_network

_WHOLE_NUMBERS = frozenset({"u8", "u16", "i32", "i64"})
"""Types of inputs whose pixels have no range from 0 to 1."""
_USUAL_SIZE = 256
_SMALLEST_MAP = 8
"""Least height and width of heatmaps; smaller maps are features."""
_GREY = 127
_VALUES = range(2, 6)
"""Possible numbers of a landmark: x, y, and perhaps depth, confidence and width."""


def draft_description(network: NetworkFile, path: Path) -> str:
    """Return the text of a description, with a comment at each value that the file does not tell.

    Args:
        network: the network.
        path: the description; the network is named relative to its folder.

    Raises:
        LivefanError: if the network does not take one square image.
    """
    if [len(each.shape) for each in network.inputs] != [4]:
        raise _undescribable(network, "only networks with one input of four sides, an image, can run")
    layout, size, channels, input_lines = _input(network)
    shape = (1, size, size, channels) if layout == "NHWC" else (1, channels, size, size)
    try:
        outputs = network.outputs_for(shape)
    except RuntimeError as error:
        raise _undescribable(network, f"it refuses a square image, {list(shape)}") from error
    chosen = max(range(len(outputs)), key=lambda index: _n_numbers(outputs[index]))
    model = Path(os.path.relpath(network.path, path.parent)).as_posix()
    return "\n".join(
        [
            "# Description of a landmark network for livefan; docs/compare.md explains the keys.",
            "# Check every value that has a comment: the file of the network does not tell it.",
            *(f"# input {tensor}" for tensor in network.inputs),
            *(f"# output {tensor}" for tensor in network.outputs),
            f"model = {_quoted(model)}",
            "",
            *input_lines,
            "",
            "[crop]",
            'box = "landmarks"  # box of the last landmarks; or "detector": the box of the face detector',
            "side = 1.25  # side of the crop, as a multiple of the longer side of the box",
            "upright = true  # rotate the crop with the head",
            "",
            *_output(network, outputs, chosen, shape),
            "",
        ]
    )


def _undescribable(network: NetworkFile, problem: str) -> LivefanError:
    return LivefanError(
        f"{network.path}: cannot be described: {problem}; name a landmark network; this one has "
        f"{network.shapes}"
    )


def _input(network: NetworkFile) -> tuple[str, int, int, list[str]]:
    """Return layout, size and channels of the input, and the lines that describe it."""
    shape = network.inputs[0].shape
    layout = "NHWC" if shape[3] in (1, 3) else "NCHW"
    sides = dict(zip(layout, shape, strict=True))
    size, channels = sides["H"] or sides["W"] or _USUAL_SIZE, sides["C"] or 3
    colour = '"grey"' if channels == 1 else '"RGB"  # or "BGR"'
    is_open = sides["H"] is None and sides["W"] is None
    takes_pixels = network.inputs[0].kind in _WHOLE_NUMBERS
    lines = [
        "[input]",
        f"layout = {_quoted(layout)}",
        f"size = {size}" + ("  # the file leaves the size open" if is_open else ""),
        f"colour = {colour}",
        "mean = 0.0  # subtracted from pixels of 0 to 255; a number, or one for each colour",
        f"std = {1.0 if takes_pixels else 255.0}  # divides the difference",
    ]
    return layout, size, channels, lines


def _output(network: NetworkFile, outputs: list[Tensor], chosen: int, shape: tuple[int, ...]) -> list[str]:
    """Return the lines that describe the outputs and the landmarks."""
    tensor = outputs[chosen]
    sides = [side or 0 for side in tensor.shape]
    lines = ["[output]", *([f"name = {_quoted(tensor.name)}"] if tensor.name else [])]
    maps = _heatmap_layout(sides)
    scores = [each for index, each in enumerate(outputs) if index != chosen and _n_numbers(each) == 1]
    for_grey = _for_grey(network, shape) if maps is None or scores else []
    if maps is not None:
        n_points = sides[maps.index("C")]
        lines += [
            'kind = "heatmaps"',
            f"layout = {_quoted(maps)}",
            'decoder = "argmax"  # for maps with a peak of 1; "soft-argmax" for logits',
        ]
    else:
        n_points, values = _points(sides)
        lines += [
            'kind = "coordinates"',
            f"range = {_quoted(_range(for_grey[chosen]))}  # one of {', '.join(RANGES)}",
            f"values = {values}  # numbers for each landmark; x and y come first",
        ]
    if scores and scores[0].name:
        lines += [
            "",
            "[score]  # of a face; remove the table if this output is something else",
            f"name = {_quoted(scores[0].name)}",
            _score_kind(for_grey[outputs.index(scores[0])]),
            "least = 0.5",
        ]
    return [*lines, "", *_landmarks(n_points)]


def _score_kind(for_grey: np.ndarray) -> str:
    """Return the line with the likely kind of a score, from its value for a grey crop."""
    if 0 <= for_grey.min(initial=0.5) <= 1:
        return 'kind = "probability"  # or "logit"'
    return 'kind = "logit"  # or "probability"'


def _heatmap_layout(sides: list[int]) -> str | None:
    """Return the layout of heatmaps of this shape; None if the output holds coordinates."""
    if len(sides) != 4:
        return None
    if sides[1] == sides[2] != sides[3] and sides[1] >= _SMALLEST_MAP:
        return "NHWC"
    return "NCHW" if min(sides[2:]) >= _SMALLEST_MAP else None


def _points(sides: list[int]) -> tuple[int, int]:
    """Return the likely number of points of an output of coordinates, and the numbers of each point."""
    if len(sides) > 1 and sides[-1] in _VALUES and sides[-2] > sides[-1]:
        return prod(sides[:-1]), sides[-1]
    n_numbers = prod(sides)
    known = [scheme.n_points for scheme in (*SCHEMES.values(), MEDIAPIPE_478)]
    for values in (2, 3):
        if n_numbers % values == 0 and n_numbers // values in known:
            return n_numbers // values, values
    values = 2 if n_numbers % 2 == 0 else 3
    return n_numbers // values, values


def _range(for_grey: np.ndarray) -> str:
    """Return the likely range of the coordinates, from the output for a grey crop."""
    if np.abs(for_grey).max(initial=0.0) > 2.0:
        return "pixels"
    return "signed" if for_grey.min(initial=0.0) < -0.2 else "unit"


def _landmarks(n_points: int) -> list[str]:
    for scheme in (*SCHEMES.values(), MEDIAPIPE_478):
        if scheme.n_points == n_points:
            return ["[landmarks]", f"scheme = {_quoted(scheme.name)}  # of {n_points} points"]
    parts = [f"{part} = {[ABSENT] * count}" for part, count in MAP_PARTS.items()]
    return [
        "# For each landmark of 300W the number of the network's point; "
        f"{ABSENT} for none. The points are 0 to {n_points - 1}.",
        "# Instead of the map, scheme in [landmarks] may name a landmark scheme, or its .toml file.",
        "[landmarks.map]",
        *parts,
    ]


def _n_numbers(tensor: Tensor) -> int:
    return prod(side or 0 for side in tensor.shape)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _for_grey(network: NetworkFile, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Return the outputs for a grey crop."""
    compiled = load_network("draft", lambda: network.for_input(shape), "float32", 1)
    kind = compiled.input(0).get_element_type().to_dtype()
    grey = np.full(shape, _GREY / 255 if np.issubdtype(kind, np.floating) else _GREY, kind)
    return [np.asarray(output, np.float64) for output in compiled(grey).values()]

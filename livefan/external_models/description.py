"""Descriptions of other projects' networks: input, crop, output and landmarks of a network, as a TOML file.

``docs/compare.md`` explains every key and shows two complete examples.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from livefan.core.common_landmarks import subset
from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68, LandmarkScheme, register, scheme_by_name
from livefan.core.scheme_file import read_scheme
from livefan.external_models.network_file import NETWORK_SUFFIXES, NetworkFile, Tensor

SUFFIX = ".toml"
LAYOUTS = ("NHWC", "NCHW")
COLOURS = ("RGB", "BGR", "grey")
BOXES = ("landmarks", "detector")
KINDS = ("coordinates", "heatmaps")
RANGES = ("pixels", "corner-pixels", "unit", "signed")
DECODERS = ("argmax", "soft-argmax")
SCORES = ("logit", "probability")
MAP_PARTS = {
    part: sum(name.rpartition("_")[0] == part for name in IBUG_68.point_names)
    for part in dict.fromkeys(name.rpartition("_")[0] for name in IBUG_68.point_names)
}
"""Number of 300W's landmarks in each part that ``[landmarks.map]`` may have."""
ABSENT = -1
"""Number in ``[landmarks.map]`` for a landmark that the network does not give."""
_TABLES = {
    "input": ("layout", "size", "colour", "mean", "std"),
    "crop": ("box", "side", "upright"),
    "output": ("name", "kind", "range", "values", "layout", "decoder"),
    "score": ("name", "kind", "least"),
    "landmarks": ("scheme", "map"),
}


@dataclass(frozen=True)
class InputFormat:
    """Input of a network.

    Attributes:
        layout: one of :data:`LAYOUTS`.
        size: side of the square input in pixels.
        colour: one of :data:`COLOURS`.
        mean, std: ``(channels,)`` in the order of ``colour``; the input is ``(pixel - mean) / std``, with
            pixels from 0 to 255.
    """

    layout: str
    size: int
    colour: str
    mean: np.ndarray
    std: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the input for one crop."""
        channels = 1 if self.colour == "grey" else 3
        if self.layout == "NHWC":
            return 1, self.size, self.size, channels
        return 1, channels, self.size, self.size


@dataclass(frozen=True)
class CropFormat:
    """Crop of a face.

    Attributes:
        box: one of :data:`BOXES`: the box of the landmarks of the last frame, or that of the face detector.
        side: side of the crop as a multiple of the longer side of the box.
        upright: whether the crop is rotated with the head.
    """

    box: str
    side: float
    upright: bool


@dataclass(frozen=True)
class OutputFormat:
    """Output with the landmarks.

    Attributes:
        index: number of the output.
        kind: one of :data:`KINDS`.
        range: one of :data:`RANGES`, of coordinates.
        values: numbers for each landmark, of coordinates; the first two are x and y.
        layout: one of :data:`LAYOUTS`, of heatmaps.
        decoder: one of :data:`DECODERS`, of heatmaps.
    """

    index: int
    kind: str
    range: str = RANGES[0]
    values: int = 2
    layout: str = "NCHW"
    decoder: str = DECODERS[0]


@dataclass(frozen=True)
class ScoreFormat:
    """Output with the score of a face: number of the output, one of :data:`SCORES`, and the least score."""

    index: int
    kind: str
    least: float


@dataclass(frozen=True)
class ModelDescription:
    """How a network takes a face and gives landmarks.

    Attributes:
        path: the description.
        network: the network.
        input, crop, output, score: see their classes; ``score`` is None if the network has none.
        scheme: landmark scheme of the faces.
        indices: ``(n,)`` for each landmark of ``scheme`` the number of the network's point.
    """

    path: Path
    network: NetworkFile
    input: InputFormat
    crop: CropFormat
    output: OutputFormat
    score: ScoreFormat | None
    scheme: LandmarkScheme
    indices: np.ndarray


def is_described(path: str | Path) -> bool:
    """Return whether a model is named by a network file, or by a description."""
    return Path(path).suffix.lower() in (*NETWORK_SUFFIXES, SUFFIX)


def description_path(path: Path) -> Path:
    """Return the description of a network file: the file of the same name that ends in ``.toml``."""
    return path if path.suffix.lower() == SUFFIX else path.with_suffix(SUFFIX)


def read_description(path: Path) -> ModelDescription:
    """Read a description, and compare it with its network.

    Args:
        path: the description, or its network, which has the description beside it.

    Raises:
        LivefanError: if a file is missing or unreadable, or the description does not fit the network. The
            message names file, key, and the shapes of the network.
    """
    described = description_path(path)
    if not described.is_file():
        raise LivefanError(
            f"{described}: no such file; write a draft with 'livefan describe-model {path} -o {described}'"
        )
    try:
        table = tomllib.loads(described.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LivefanError(f"{described}: cannot be read as a description ({error})") from error
    named = table.pop("model", None)
    if not isinstance(named, str):
        raise LivefanError(f'{described}: model: missing; name the network, such as model = "net.onnx"')
    return _Reader(described, table, NetworkFile(described.parent / named)).description()


class _Reader:
    """Reads the values of a description; every error names file, key and the shapes of the network."""

    def __init__(self, path: Path, table: Mapping[str, Any], network: NetworkFile) -> None:
        self._path = path
        self._table = table
        self._network = network

    def description(self) -> ModelDescription:
        self._check_keys()
        input_format = self._input()
        outputs = self._outputs(input_format)
        output, n_points = self._output(outputs)
        scheme, indices = self._landmarks(n_points)
        crop = CropFormat(
            self._choice("crop", "box", BOXES),
            self._number("crop", "side", 0.1, 10.0),
            self._flag("crop", "upright"),
        )
        if crop.upright and not scheme.mouth:
            raise self._wrong(
                "crop", "upright", "an upright crop needs landmarks of the mouth; set it to false"
            )
        score = self._score(outputs) if "score" in self._table else None
        return ModelDescription(self._path, self._network, input_format, crop, output, score, scheme, indices)

    def _wrong(self, table: str, key: str, problem: str) -> LivefanError:
        where = f"[{table}] {key}" if key else f"[{table}]"
        return LivefanError(
            f"{self._path}: {where}: {problem}; {self._network.path.name} has {self._network.shapes}"
        )

    def _check_keys(self) -> None:
        for name, keys in _TABLES.items():
            if name == "score" and name not in self._table:
                continue
            if not isinstance(self._table.get(name), dict):
                raise self._wrong(name, "", "missing")
            for key in self._table[name]:
                if key not in keys:
                    raise self._wrong(name, key, f"unknown; known are {', '.join(keys)}")
        for name in self._table:
            if name not in _TABLES:
                raise self._wrong(name, "", f"unknown; known are {', '.join(_TABLES)}")

    def _value(self, table: str, key: str) -> Any:
        try:
            return self._table[table][key]
        except KeyError:
            raise self._wrong(table, key, "missing") from None

    def _choice(self, table: str, key: str, known: Sequence[str]) -> str:
        value = self._value(table, key)
        if value not in known:
            raise self._wrong(table, key, f"{value!r} is none of {', '.join(known)}")
        return str(value)

    def _number(self, table: str, key: str, low: float, high: float) -> float:
        value = self._value(table, key)
        if not _is_number(value) or not low <= value <= high:
            raise self._wrong(table, key, f"{value!r} is not a number from {low:g} to {high:g}")
        return float(value)

    def _flag(self, table: str, key: str) -> bool:
        value = self._value(table, key)
        if not isinstance(value, bool):
            raise self._wrong(table, key, f"{value!r} is neither true nor false")
        return value

    def _whole(self, table: str, key: str, low: int, high: int) -> int:
        value = self._value(table, key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._wrong(table, key, f"{value!r} is not a whole number from {low} to {high}")
        return value

    def _by_channel(self, key: str, channels: int) -> np.ndarray:
        value = self._value("input", key)
        values = value if isinstance(value, list) else [value] * channels
        if len(values) != channels or not all(map(_is_number, values)):
            raise self._wrong("input", key, f"{value!r} is neither a number nor a list of {channels} numbers")
        return np.array(values, np.float32)

    def _input(self) -> InputFormat:
        if len(self._network.inputs) != 1:
            raise self._wrong("input", "", "the network has several inputs; only networks with one can run")
        colour = self._choice("input", "colour", COLOURS)
        channels = 1 if colour == "grey" else 3
        found = InputFormat(
            self._choice("input", "layout", LAYOUTS),
            self._whole("input", "size", 8, 2048),
            colour,
            self._by_channel("mean", channels),
            self._by_channel("std", channels),
        )
        if not found.std.all():
            raise self._wrong("input", "std", "must not be zero")
        self._check_input(found)
        return found

    def _check_input(self, found: InputFormat) -> None:
        """Raise an error that names the first key that does not fit the input of the network."""
        actual = self._network.inputs[0].shape
        keys = {"N": "", "H": "size", "W": "size", "C": "colour"}
        if len(actual) != 4:
            raise self._wrong("input", "", "the input of the network has not four sides")
        for side, has, wants in zip(found.layout, actual, found.shape, strict=True):
            if has is not None and has != wants:
                permuted = sorted(map(str, actual[1:])) == sorted(map(str, found.shape[1:]))
                key = "layout" if permuted else keys[side] or "layout"
                raise self._wrong("input", key, f"gives {list(found.shape)}")

    def _outputs(self, input_format: InputFormat) -> list[Tensor]:
        try:
            return self._network.outputs_for(input_format.shape)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise self._wrong(
                "input", "size", f"the network refuses {list(input_format.shape)} ({reason})"
            ) from error

    def _output_index(self, table: str) -> int:
        names = [tensor.name for tensor in self._network.outputs]
        if "name" not in self._table[table] and len(names) == 1:
            return 0
        return names.index(self._choice(table, "name", names))

    def _output(self, outputs: list[Tensor]) -> tuple[OutputFormat, int]:
        """Return the format of the output and its number of points."""
        index, kind = self._output_index("output"), self._choice("output", "kind", KINDS)
        shape = outputs[index].shape
        if any(side is None for side in shape):
            raise self._wrong("output", "name", "the file leaves the shape of this output open")
        sides = [side for side in shape if side is not None]
        if kind == "heatmaps":
            layout = self._choice("output", "layout", LAYOUTS)
            if len(sides) != 4:
                raise self._wrong("output", "kind", f"heatmaps have four sides, this output {len(sides)}")
            decoder = self._choice("output", "decoder", DECODERS)
            return OutputFormat(index, kind, layout=layout, decoder=decoder), sides[layout.index("C")]
        values = self._whole("output", "values", 2, 5)
        if prod(sides) % values:
            raise self._wrong("output", "values", f"{prod(sides)} numbers cannot be divided by {values}")
        return OutputFormat(index, kind, self._choice("output", "range", RANGES), values), prod(
            sides
        ) // values

    def _score(self, outputs: list[Tensor]) -> ScoreFormat:
        index = self._output_index("score")
        if prod(side or 0 for side in outputs[index].shape) != 1:
            raise self._wrong("score", "name", "this output is not a single number")
        return ScoreFormat(
            index, self._choice("score", "kind", SCORES), self._number("score", "least", 0.0, 1.0)
        )

    def _landmarks(self, n_points: int) -> tuple[LandmarkScheme, np.ndarray]:
        """Return the landmark scheme, and for each of its landmarks the number of the network's point."""
        table = self._table["landmarks"]
        if ("scheme" in table) == ("map" in table):
            raise self._wrong("landmarks", "", "give either scheme or map")
        if "map" in table:
            return self._mapped(table["map"], n_points)
        scheme = self._scheme(self._value("landmarks", "scheme"))
        if scheme.n_points != n_points:
            raise self._wrong(
                "landmarks", "scheme", f"{scheme.name} has {scheme.n_points} landmarks, the output {n_points}"
            )
        return scheme, np.arange(n_points)

    def _scheme(self, name: Any) -> LandmarkScheme:
        if not isinstance(name, str):
            raise self._wrong("landmarks", "scheme", f"{name!r} is not a name")
        try:
            if name.endswith(SUFFIX):
                return read_scheme(self._path.parent / name)
            return scheme_by_name(name)
        except LivefanError as error:
            raise self._wrong("landmarks", "scheme", str(error)) from error

    def _mapped(self, table: Any, n_points: int) -> tuple[LandmarkScheme, np.ndarray]:
        """Return the part of 300W's scheme that the map has."""
        if not isinstance(table, dict):
            raise self._wrong("landmarks", "map", f"is not a table of {', '.join(MAP_PARTS)}")
        numbers = np.full(IBUG_68.n_points, ABSENT)
        for part, values in table.items():
            key = f"map.{part}"
            if part not in MAP_PARTS:
                raise self._wrong("landmarks", key, f"unknown; known are {', '.join(MAP_PARTS)}")
            count = MAP_PARTS[part]
            if (
                not isinstance(values, list)
                or len(values) != count
                or not all(type(n) is int for n in values)
            ):
                raise self._wrong("landmarks", key, f"is not a list of {count} whole numbers")
            if not all(ABSENT <= number < n_points for number in values):
                raise self._wrong("landmarks", key, f"the points of the output are 0 to {n_points - 1}")
            first = IBUG_68.point_names.index(f"{part}_0")
            numbers[first : first + count] = values
        given = tuple(int(index) for index in np.flatnonzero(numbers != ABSENT))
        if not set(IBUG_68.normaliser) <= set(given):
            raise self._wrong("landmarks", "map", "lacks the first of right_eye or the fourth of left_eye")
        if len(given) == IBUG_68.n_points:
            return IBUG_68, numbers
        names = tuple(IBUG_68.point_names[index] for index in given)
        scheme = subset(IBUG_68, f"{self._path.stem}-{len(given)}", names, given)
        return register(scheme, self._path), numbers[list(given)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf

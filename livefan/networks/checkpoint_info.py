"""Metadata of weight files, read without their tensors and without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from safetensors import SafetensorError, safe_open

from livefan.core.errors import LivefanError
from livefan.core.landmarks import LandmarkScheme, scheme_by_name
from livefan.core.resources import DEFAULT_WEIGHTS, bundled_folder, find_weights
from livefan.core.scheme_file import scheme_from
from livefan.networks.confidence_calibration import ConfidenceCalibration
from livefan.networks.sigma_calibration import SigmaCalibration

INPUT_SIZE = 256
"""Largest side in pixels of a network's crops; the detector's crops are calibrated for this side."""
SIDE_STEP = 32
"""Sides of crops are multiples of this number of pixels, the coarsest stride of the networks."""
INPUT_SIZES = range(2 * SIDE_STEP, INPUT_SIZE + 1, SIDE_STEP)
CONFIDENCE_RADIUS = 3.0
"""Radius in heatmap cells. The probability within it around a landmark is the confidence of its heatmap."""
DECODERS = ("soft-argmax", "argmax")
"""Names of the decoders; :data:`livefan.networks.heatmaps.DECODERS` holds their functions."""
Head = Literal["expressions", "reliability"]
HEADS: tuple[Head, ...] = get_args(Head)
"""Names of the heads, in the order of the network's outputs."""
EXPRESSION_OUTPUTS = ("expressions", "pupils")
"""Names of the outputs of the expression head; see :mod:`livefan.networks.expression_head`."""
RELIABILITY_OUTPUTS = ("occluded", "presence", "expected_error")
"""Names of the outputs of the reliability head; see :mod:`livefan.networks.reliability_head`."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_PICKLE_SUFFIXES = {".pth", ".pt", ".pkl", ".pickle", ".ckpt", ".bin"}


@dataclass(frozen=True)
class WeightsInfo:
    """Metadata of a weight file.

    Attributes:
        architecture: network family, one of :data:`livefan.networks.mobilefan.ARCHITECTURES`.
        width: width multiplier of the encoder.
        scheme: name of the landmark scheme the network was trained for.
        decoder: decoder that its validation figures were measured with, one of :data:`DECODERS`.
        input_size, colour_order, mean, std: input of the network.
        mirror_offset: offset of the landmarks to the right, in plain and mirrored faces alike, as a share of
            the crop's side; see :class:`livefan.training.config.TrainConfig`.
        sigma: calibration of sigma, see :mod:`livefan.networks.sigma_calibration`; None if the weights are
            not calibrated.
        confidence: calibration of the confidence, see :mod:`livefan.networks.confidence_calibration`; None
            likewise.
        landmarks: definition of a user's scheme, see :mod:`livefan.core.scheme_file`; None for built-in ones.
        training: text by key. ``data``, ``terms``, ``validation``, ``settings``, ``seed``, ``epoch``,
            ``command``, ``commit`` and ``torch`` describe the training; for an average, that of its best or
            first file. ``averaged``, ``averaged_by``, ``refiner``, ``refined_by``, ``expressions`` and
            ``expressions_by``, ``reliability`` and ``reliability_by`` describe later steps.
        expressions: names of the coefficients of the expression head; None without one.
        reliability: True if the file has a reliability head; see :mod:`livefan.networks.reliability_head`.
    """

    scheme: str
    width: float = 1.0
    architecture: str = "mobilefan"
    decoder: str = "soft-argmax"
    input_size: int = INPUT_SIZE
    colour_order: str = "RGB"
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    mirror_offset: float = 0.0
    training: Mapping[str, str] = field(default_factory=dict)
    landmarks: Mapping[str, Any] | None = None
    sigma: Mapping[str, Any] | None = None
    confidence: Mapping[str, Any] | None = None
    expressions: tuple[str, ...] | None = None
    reliability: bool | None = None

    @property
    def heads(self) -> frozenset[Head]:
        """The heads of the network."""
        held = {"expressions": self.expressions is not None, "reliability": bool(self.reliability)}
        return frozenset(head for head in HEADS if held[head])

    @property
    def further_outputs(self) -> tuple[str, ...]:
        """Names of the outputs of the network's heads, in order, after its landmarks."""
        return outputs_of(self.heads)


def outputs_of(heads: Collection[Head]) -> tuple[str, ...]:
    """Return the names of the outputs of some heads, in the order of the network."""
    return (EXPRESSION_OUTPUTS if "expressions" in heads else ()) + (
        RELIABILITY_OUTPUTS if "reliability" in heads else ()
    )


@dataclass(frozen=True)
class WeightFile:
    """A weight file whose metadata was read and checked."""

    path: Path
    info: WeightsInfo
    scheme: LandmarkScheme

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the whole file, in hexadecimal."""
        return sha256_of(self.path)


def sha256_of(*paths: Path) -> str:
    """Return the SHA-256 of files one after the other, in hexadecimal; they are read in blocks."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(1 << 16):
                digest.update(chunk)
    return digest.hexdigest()


def refuse_pickle(path: Path) -> None:
    """Raise an error if a file is missing or a pickle.

    Raises:
        LivefanError: if the file is missing, unreadable or a pickle.
    """
    if not path.is_file():
        raise LivefanError(f"{path}: no such weight file; check the path")
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise LivefanError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    # The first eight bytes of a safetensors file are a length, which may look like a pickle's first bytes.
    is_pickle = head[8:] != b"{" and (head[:2] == b"PK" or head[:1] == b"\x80")
    if is_pickle or path.suffix in _PICKLE_SUFFIXES:
        raise LivefanError(
            f"{path}: pickled weights are refused, since loading them can run code; convert what you trust "
            f"to safetensors by the lines of Python in {bundled_folder('weights') / 'convert-pickles.md'}"
        )


def unreadable(path: Path, error: Exception) -> LivefanError:
    """Return the error for a file that cannot be read as safetensors, by its suffix."""
    if path.suffix.lower() == ".safetensors":
        return LivefanError(f"{path}: not a whole safetensors file ({error}); copy it again")
    return LivefanError(
        f"{path}: not a safetensors file, as livefan's own weights are; give networks of other projects to "
        "'compare', 'live' or 'evaluate', see docs/compare.md"
    )


def read_info(path: Path, metadata: Mapping[str, str]) -> WeightsInfo:
    """Return the metadata of a weight file; errors name ``path``.

    Raises:
        LivefanError: if livefan's entry is absent or unreadable.
    """
    try:
        values = json.loads(metadata["livefan"])
        values["mean"], values["std"] = tuple(values["mean"]), tuple(values["std"])
        values["width"] = float(values["width"])
        if "expressions" in values:
            values["expressions"] = tuple(map(str, values["expressions"]))
        return WeightsInfo(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise LivefanError(
            f"{path}: carries no livefan metadata; use weights written by 'livefan train'"
        ) from error


def read_weight_file(name_or_path: str | Path = DEFAULT_WEIGHTS) -> WeightFile:
    """Return a weight file with its metadata, by its path or the name of a bundled one.

    Raises:
        LivefanError: if the file is missing, a pickle, damaged, or of another input or scheme.
    """
    path = find_weights(name_or_path)
    refuse_pickle(path)
    try:
        with safe_open(path, framework="np") as opened:
            metadata = opened.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise unreadable(path, error) from error
    info = read_info(path, metadata)
    known_input = ("RGB", IMAGENET_MEAN, IMAGENET_STD)
    if info.input_size not in INPUT_SIZES or (info.colour_order, info.mean, info.std) != known_input:
        raise LivefanError(
            f"{path}: expects another input than RGB of {INPUT_SIZES[0]} to {INPUT_SIZE} pixels, in steps of "
            f"{SIDE_STEP}, with ImageNet normalisation"
        )
    try:
        scheme = scheme_from(info.landmarks, path) if info.landmarks else scheme_by_name(info.scheme)
    except LivefanError as error:
        if info.landmarks:  # the error names the file
            raise
        raise LivefanError(f"{path}: {error}; use weights of a known scheme") from error
    try:
        SigmaCalibration.read(info.sigma, scheme.n_points)
        ConfidenceCalibration.read(info.confidence)
    except ValueError as error:
        raise LivefanError(f"{path}: {error}; run calibrate-sigma again") from error
    return WeightFile(path, info, scheme)

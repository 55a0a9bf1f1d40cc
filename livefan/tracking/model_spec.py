"""The specification of a model: weights or an external model, its runtime, and whether it is smoothed."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from safetensors import safe_open

from livefan.core.errors import LivefanError
from livefan.core.landmarks import LandmarkScheme
from livefan.core.resources import DEFAULT_WEIGHTS, find_weights, full_name, shipped_models
from livefan.external_models.description import is_described
from livefan.external_models.open import (
    check_external,
    external_file,
    external_scheme,
    external_sha256,
    is_external,
    open_finder,
)
from livefan.networks.checkpoint_info import HEADS, Head, WeightFile, read_weight_file
from livefan.runtimes.base import AUTO, CPU, DEVICES, PRECISIONS, RUNTIMES, RuntimeChoice
from livefan.runtimes.selection import check_choice
from livefan.tracking.external_pipeline import ExternalPipeline
from livefan.tracking.kalman import DEFAULT_STRENGTH
from livefan.tracking.landmark_model import LandmarkModel
from livefan.tracking.pipeline import Pipeline

RAW = "raw"


@dataclass(frozen=True)
class ModelChoice:
    """A model to run or to compare.

    Attributes:
        weights: a weight file, or the name of a bundled one; or an external model, see
            :func:`livefan.external_models.open.open_finder`.
        runtime, precision: see :class:`livefan.runtimes.base.RuntimeChoice`; external models have no choice.
        raw: leave the landmarks unsmoothed at every strength of smoothing.
        threads: CPU threads for one inference.
        device: see :class:`livefan.runtimes.base.RuntimeChoice`.
    """

    weights: str = DEFAULT_WEIGHTS
    runtime: str = AUTO
    precision: str = AUTO
    raw: bool = False
    threads: int = 1
    device: str = CPU

    @classmethod
    def parse(cls, spec: str, threads: int = 1) -> ModelChoice:
        """Parse ``MODEL`` or ``MODEL@WORD,WORD``.

        A word is a runtime, a precision, a device or ``raw``, as in ``mobilefan-300w@openvino,int8,raw`` and
        ``mobilefan-300w@gpu``. An @ in the name of a folder or of an existing file is part of the path.

        Raises:
            LivefanError: if a word is unknown, is a runtime, a precision or a device of an external model, or
                the runtime cannot use the device.
        """
        weights, words = _apart(spec)
        runtime, precision, device, raw = AUTO, AUTO, CPU, False
        for word in filter(None, words.split(",")):
            if word in RUNTIMES:
                runtime = word
            elif word in PRECISIONS:
                precision = word
            elif word == CPU or word in DEVICES:
                device = word
            elif word == RAW:
                raw = True
            else:
                known = ", ".join((*RUNTIMES, *PRECISIONS, CPU, *DEVICES, RAW))
                raise LivefanError(f"{spec}: {word!r} after the @ is none of {known}")
        choice = cls(full_name(weights), runtime, precision, raw, threads, device)
        choice._check_runtime()
        return choice

    @property
    def spec(self) -> str:
        """The specification as text; :meth:`parse` reads it back."""
        return f"{self.weights}@{self._words}" if self._words else self.weights

    @property
    def label(self) -> str:
        """The specification without folders, for images and tables."""
        path = Path(self.weights)
        is_file = path.suffix == ".safetensors" or self.is_described
        name = path.stem if is_file else self.weights
        return f"{name}@{self._words}" if self._words else name

    @property
    def _words(self) -> str:
        words = [word for word in (self.runtime, self.precision, self.device) if word not in (AUTO, CPU)]
        return ",".join([*words, RAW] if self.raw else words)

    @cached_property
    def file(self) -> WeightFile:
        """The header of the weight file; raises LivefanError if the file is not valid."""
        return read_weight_file(self.weights)

    @property
    def n_bytes(self) -> int:
        """Size of the file with the weights."""
        path = external_file(self.weights) if self.is_external else self.file.path
        return path.stat().st_size

    @property
    def sha256(self) -> str:
        """SHA-256 of the file with the weights, in hexadecimal."""
        return external_sha256(self.weights) if self.is_external else self.file.sha256

    @property
    def is_external(self) -> bool:
        """Whether the model is of another project: it has neither heatmaps nor a choice of runtimes."""
        return is_external(self.weights)

    @property
    def is_described(self) -> bool:
        """Whether the model is a network file with a description."""
        return is_described(self.weights)

    @cached_property
    def scheme(self) -> LandmarkScheme:
        """The landmark scheme; raises LivefanError if the model is not valid."""
        return external_scheme(self.weights) if self.is_external else self.file.scheme

    def having_weights(self, weights: str) -> ModelChoice:
        """Return this choice with another model; the runtime of an external one is automatic, on the CPU."""
        choice = replace(self, weights=weights)
        return replace(choice, runtime=AUTO, precision=AUTO, device=CPU) if choice.is_external else choice

    def check(self) -> None:
        """Raise a LivefanError if the model is missing or its file is not valid."""
        self._check_runtime()
        if self.is_external:
            check_external(self.weights)
        else:
            find_weights(self.weights)

    def _check_runtime(self) -> None:
        if self.is_external and (self.runtime, self.precision, self.device) != (AUTO, AUTO, CPU):
            raise LivefanError(
                f"{self.weights}: has no choice of runtimes, precisions and devices; leave {self._words} out"
            )
        check_choice(self.runtime_choice)

    @property
    def runtime_choice(self) -> RuntimeChoice:
        """The choice of the runtime."""
        return RuntimeChoice(self.runtime, self.precision, self.threads, self.device)

    @cached_property
    def n_parameters(self) -> int | None:
        """Number of trained parameters, without the statistics of batch normalisation; None if unknown."""
        if self.is_external:
            return None
        with safe_open(self.file.path, framework="np") as tensors:
            names = [name for name in tensors.keys() if "running_" not in name and "num_batches" not in name]  # noqa: SIM118
            return sum(math.prod(tensors.get_slice(name).get_shape()) for name in names)

    def pipeline(
        self,
        *,
        smoothing: float = DEFAULT_STRENGTH,
        max_faces: int = 5,
        background: bool = False,
        heads: Collection[Head] = HEADS,
        log: Callable[[str], None] = lambda text: None,
    ) -> LandmarkModel:
        """Return the model, ready to run; see :class:`livefan.tracking.pipeline.Pipeline`.

        Raises:
            LivefanError: if the weights or the runtime cannot be used.
        """
        smoothing = 0.0 if self.raw else smoothing
        if self.is_external:
            self._check_runtime()
            finder = open_finder(self.weights, self.threads)
            return ExternalPipeline(finder, smoothing=smoothing, max_faces=max_faces)
        return Pipeline(
            self.weights,
            smoothing=smoothing,
            max_faces=max_faces,
            background=background,
            runtime=self.runtime_choice,
            heads=heads,
            log=log,
        )


def _apart(spec: str) -> tuple[str, str]:
    """Split a specification into weights and words; the name of an existing file is not split."""
    weights, at, words = spec.rpartition("@")
    if not at or "/" in words or "\\" in words or os.path.isfile(spec):
        return spec, ""
    return weights, words


def rival(first: ModelChoice) -> ModelChoice:
    """Return the default model to compare with: a shipped teacher, or the same weights without smoothing."""
    teachers = [name for name in shipped_models() if name.startswith("teacher")]
    if teachers and first.weights != teachers[0]:
        return ModelChoice(teachers[0], threads=first.threads, device=first.device)
    return replace(first, raw=not first.raw)

"""Specification of a model: weight file, runtime, precision, and whether landmarks are smoothed."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from safetensors import safe_open

from livefan.core.errors import LivefanError
from livefan.core.resources import DEFAULT_WEIGHTS, shipped_models
from livefan.networks.checkpoint_info import WeightFile, read_weight_file
from livefan.runtimes.base import AUTO, PRECISIONS, RUNTIMES, RuntimeChoice
from livefan.tracking.kalman import DEFAULT_STRENGTH
from livefan.tracking.pipeline import Pipeline

RAW = "raw"


@dataclass(frozen=True)
class ModelChoice:
    """A model to run or to compare.

    Attributes:
        weights: a weight file, or the name of a bundled one.
        runtime, precision: see :class:`livefan.runtimes.base.RuntimeChoice`.
        raw: leave the landmarks unsmoothed at every strength of smoothing.
        threads: CPU threads for one inference.
    """

    weights: str = DEFAULT_WEIGHTS
    runtime: str = AUTO
    precision: str = AUTO
    raw: bool = False
    threads: int = 1

    @classmethod
    def parse(cls, spec: str, threads: int = 1) -> ModelChoice:
        """Parse ``WEIGHTS`` or ``WEIGHTS@WORD,WORD``.

        A word is a runtime, a precision or ``raw``, as in ``mobilefan-300w@openvino,int8,raw``. An @ in the
        name of a folder or of an existing file is part of the path.

        Raises:
            LivefanError: if a word is unknown.
        """
        weights, words = _apart(spec)
        runtime, precision, raw = AUTO, AUTO, False
        for word in filter(None, words.split(",")):
            if word in RUNTIMES:
                runtime = word
            elif word in PRECISIONS:
                precision = word
            elif word == RAW:
                raw = True
            else:
                known = ", ".join((*RUNTIMES, *PRECISIONS, RAW))
                raise LivefanError(f"{spec}: {word!r} after the @ is none of {known}")
        return cls(weights, runtime, precision, raw, threads)

    @property
    def spec(self) -> str:
        """The specification as text; :meth:`parse` reads it back."""
        return f"{self.weights}@{self._words}" if self._words else self.weights

    @property
    def label(self) -> str:
        """The specification without folders, for images and tables."""
        name = Path(self.weights).stem if Path(self.weights).suffix == ".safetensors" else self.weights
        return f"{name}@{self._words}" if self._words else name

    @property
    def _words(self) -> str:
        words = [word for word in (self.runtime, self.precision) if word != AUTO]
        return ",".join([*words, RAW] if self.raw else words)

    @cached_property
    def file(self) -> WeightFile:
        """The header of the weight file; raises LivefanError if the file is not valid."""
        return read_weight_file(self.weights)

    @property
    def n_bytes(self) -> int:
        """Size of the weight file."""
        return self.file.path.stat().st_size

    @cached_property
    def n_parameters(self) -> int:
        """Number of trained parameters, without the statistics of batch normalisation."""
        with safe_open(self.file.path, framework="np") as tensors:
            names = [name for name in tensors.keys() if "running_" not in name and "num_batches" not in name]  # noqa: SIM118
            return sum(math.prod(tensors.get_slice(name).get_shape()) for name in names)

    def pipeline(
        self,
        *,
        smoothing: float = DEFAULT_STRENGTH,
        max_faces: int = 5,
        background: bool = False,
        log: Callable[[str], None] = lambda text: None,
    ) -> Pipeline:
        """Return a pipeline that runs the model; see :class:`livefan.tracking.pipeline.Pipeline`.

        Raises:
            LivefanError: if the weights or the runtime cannot be used.
        """
        return Pipeline(
            self.weights,
            smoothing=0.0 if self.raw else smoothing,
            max_faces=max_faces,
            background=background,
            runtime=RuntimeChoice(self.runtime, self.precision, self.threads),
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
        return ModelChoice(teachers[0], threads=first.threads)
    return ModelChoice(first.weights, first.runtime, first.precision, not first.raw, first.threads)

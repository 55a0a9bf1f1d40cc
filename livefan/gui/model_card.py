"""Facts about a model that its file states: size, validation error, runtimes and precisions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from livefan.runtimes.base import AUTO, PRECISIONS, RUNTIMES
from livefan.runtimes.choice_rule import Candidate
from livefan.runtimes.selection import unavailable
from livefan.tracking.model_spec import ModelChoice


@dataclass(frozen=True)
class ModelCard:
    """Facts about a model.

    Attributes:
        n_parameters: number of trained parameters; None if unknown.
        n_bytes: size of the weight file.
        validation: description of the validation error; empty if the file states none.
        candidates: the runtimes and precisions that can run the model on this machine; none for an external
            model.
    """

    n_parameters: int | None
    n_bytes: int
    validation: str
    candidates: frozenset[tuple[str, str]]

    @property
    def error(self) -> float | None:
        """Validation error in percent; None if the file states none."""
        found = re.match(r"([0-9.]+) % NME", self.validation)
        return float(found[1]) if found else None

    def allows(self, runtime: str, precision: str) -> bool:
        """Return whether a runtime can run the model in a precision; either may be ``auto``."""
        return any(runtime in (AUTO, one) and precision in (AUTO, other) for one, other in self.candidates)


def read_card(choice: ModelChoice) -> ModelCard:
    """Read the card of a model; slow for a large file.

    Raises:
        LivefanError: if the weight file is missing or damaged.
        OSError: if the file cannot be read.
    """
    if choice.is_external:
        return ModelCard(choice.n_parameters, choice.n_bytes, "", frozenset())
    file = choice.file
    candidates = frozenset(
        (runtime, precision)
        for runtime in RUNTIMES
        for precision in PRECISIONS
        if unavailable(file, Candidate(runtime, precision)) is None
    )
    validation = str(file.info.training.get("validation", ""))
    return ModelCard(choice.n_parameters, choice.n_bytes, validation, candidates)

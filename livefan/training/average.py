"""Average the weights of several networks that were trained from the same initial weights.

The greedy soup (Wortsman et al., "Model soups", arXiv 2203.05482) starts with the best network. Further
networks are added in the order of their own errors, each only if the validation error falls. The mean of a
network before and after fine-tuning keeps much of both (Wortsman et al., arXiv 2109.01903). Validation faces
of the first kind alone do not show this, so all candidates can be averaged without selection too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from livefan.core.errors import LivefanError
from livefan.core.provenance import made_by
from livefan.datasets import FaceSet, print_skipped
from livefan.networks.checkpoint import Weights, load_weights, save_weights
from livefan.networks.mobilefan import build_alike
from livefan.training.augmentation.augment import EvaluationFaces
from livefan.training.engine import validate
from livefan.training.run import validation_text


def mean_state(states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of state dicts, tensor by tensor, batch-norm statistics included."""
    return {
        key: torch.stack([state[key].double() for state in states]).mean(0).to(first.dtype)
        for key, first in states[0].items()
    }


def average(
    candidates: list[Path], validation: FaceSet, output: Path, *, greedy: bool = True, half: bool = False
) -> tuple[list[Path], float]:
    """Average weight files and write the result.

    Args:
        candidates: weight files of one kind, for example the epochs of one run. A file that is named twice
            counts twice. The mean gets the metadata of the best chosen candidate, or of the first candidate
            if not ``greedy``.
        validation: labelled faces that decide.
        output: the weight file to write.
        greedy: leave out candidates that do not lower the validation error.
        half: write float16.

    Returns:
        The averaged files, and the validation NME of their mean in percent.

    Raises:
        LivefanError: if the candidates differ in architecture, scheme, input size or decoder, no validation
            face can be used, or the error is not finite.
    """
    loaded = [load_weights(path, scheme=validation.scheme.name) for path in candidates]
    kind = _kind(loaded[0])
    for other in loaded[1:]:
        if _kind(other) != kind:
            raise LivefanError(
                f"{other.path}: {_kind(other)}, but {loaded[0].path} is {kind}; average networks of one kind"
            )
    info = loaded[0].info
    faces = EvaluationFaces(validation.faces, info.input_size)
    skipped = [*validation.skipped, *faces.skipped]
    if not len(faces):
        raise validation.unusable(skipped)
    print_skipped(skipped)
    mean = build_alike(loaded[0].model, validation.scheme.n_points)

    def error_of(states: list[dict[str, Tensor]]) -> float:
        mean.load_state_dict(mean_state(states))
        return validate(mean, faces, validation.scheme, torch.device("cpu"), info.decoder).nme

    paths = [weights.path for weights in loaded]
    states = {weights.path: weights.model.state_dict() for weights in loaded}
    if greedy:
        chosen, best = _greedy_soup(paths, states, error_of)
    else:
        chosen, best = paths, error_of([states[path] for path in paths])
    if not math.isfinite(best):
        raise LivefanError(
            f"{', '.join(map(str, candidates))}: the validation error is {best}; check the labels for faces "
            "whose eye corners coincide, or average other files"
        )
    first = next(weights for weights in loaded if weights.path == chosen[0])
    offsets = sorted({weights.info.mirror_offset for weights in loaded if weights.path in chosen})
    if len(offsets) > 1:
        listed = " and ".join(map(str, offsets))
        print(f"mirror offsets are {listed}; the mean gets {first.info.mirror_offset}, from {first.path}")
    mean.load_state_dict(mean_state([states[path] for path in chosen]))
    # A candidate's refiner does not fit the mean, so none is written.
    training = dict(first.info.training)
    training["averaged"] = ", ".join("/".join(path.with_suffix("").parts[-2:]) for path in chosen)
    training["averaged_by"] = made_by()
    training["validation"] = validation_text(best, validation)
    save_weights(output, mean, replace(first.info, training=training, sigma=None, confidence=None), half=half)
    return chosen, best


def _greedy_soup(
    paths: list[Path],
    states: dict[Path, dict[str, Tensor]],
    error_of: Callable[[list[dict[str, Tensor]]], float],
) -> tuple[list[Path], float]:
    """Return the files of the greedy soup and its error in percent; print each step."""
    alone = {path: error_of([state]) for path, state in states.items()}
    chosen: list[Path] = []
    best = float("inf")
    for path in sorted(paths, key=lambda path: (math.isnan(alone[path]), alone[path])):
        error = error_of([states[each] for each in (*chosen, path)])
        print(f"{path}: alone {alone[path]:.3f} %, in the mean {error:.3f} %")
        if error < best:
            chosen, best = [*chosen, path], error
    return chosen, best


def _kind(weights: Weights) -> str:
    """Return a description that is equal for networks that can be averaged."""
    info = weights.info
    size = sum(parameter.numel() for parameter in weights.model.parameters())
    return (
        f"a {info.architecture} of width {info.width} for {info.input_size} pixels and {info.decoder}, of "
        f"{size} parameters"
    )

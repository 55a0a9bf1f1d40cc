"""The runtimes that measured the annotations in a folder; landmarks of two precisions differ slightly."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from livefan.annotation.batch import Task
from livefan.core.errors import LivefanError
from livefan.formats.metadata import METADATA_SUFFIX
from livefan.networks.checkpoint_info import read_weight_file
from livefan.runtimes.selection import candidates


def runtimes_in(folder: Path, weights_sha256: str) -> Counter[str]:
    """Return how many annotations in a folder were measured with each runtime and the given weights."""
    found: Counter[str] = Counter()
    for path in sorted(folder.glob(f"*{METADATA_SUFFIX}")):
        try:
            model = json.loads(path.read_text(encoding="utf-8"))["model"]
            if model["sha256"] == weights_sha256:
                found[str(model["runtime"])] += 1
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not an annotation of livefan
    return found


def note_on_other_runtimes(tasks: Sequence[Task]) -> str:
    """Return a line if the output folder holds annotations of other runtimes than a batch would use.

    Annotations that the batch replaces count too. Empty if there are none, or if the weights are unusable.
    """
    if not tasks:
        return ""
    folder, settings = tasks[0].outputs.base.parent, tasks[0].settings
    try:
        weights = read_weight_file(settings.weights)
        chosen = str(candidates(weights, settings.runtime)[0])
    except LivefanError:  # reported where the runtime is opened
        return ""
    others = runtimes_in(folder, weights.sha256)
    others.pop(chosen, None)
    if not others:
        return ""
    listed = ", ".join(f"{count} with {name}" for name, count in others.most_common())
    runtime, precision = others.most_common(1)[0][0].split()[:2]
    return (
        f"{folder}: holds annotations measured otherwise ({listed}); this batch measures with {chosen}; add "
        f"--runtime {runtime} --precision {precision} for the same landmarks"
    )

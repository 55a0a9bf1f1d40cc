"""Benchmark on pictures without faces: how often a program finds a face where none is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from livefan.benchmark.baselines import MEDIAPIPE
from livefan.core.frame import Frame
from livefan.external_models.mediapipe_finder import MeshFinder
from livefan.io.images import ImageSource, images_in
from livefan.runtimes.base import Runtime
from livefan.tracking.pipeline import Pipeline

_FPS = 30.0
_N_FRAMES = 6
"""Frames of a picture that is shown as a recording. Uncertain faces are located again on the first three."""


@dataclass
class FalseFaces:
    """Pictures in which a program finds a face.

    Attributes:
        n_pictures: number of pictures.
        photographs: names of the pictures with a face, each taken for a photograph.
        recordings: names of the pictures with a face on any frame, each taken for a recording at rest.
        skipped: a line for each picture that cannot be read.
    """

    n_pictures: int = 0
    photographs: list[str] = field(default_factory=list)
    recordings: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def benchmark_empty(
    folder: Path, runtime: Runtime, log: Callable[[str], None] = lambda text: None
) -> dict[str, FalseFaces]:
    """Return the false faces by program.

    Args:
        folder: folder of pictures that show no face.
        runtime: the network of livefan.
        log: receives the progress.

    Raises:
        LivefanError: if the folder holds no picture that can be read.
    """
    results = {}
    with Pipeline(runtime) as pipeline, closing(MeshFinder()) as mediapipe:
        finders: dict[str, tuple[Finder, Finder | None]] = {
            "livefan": (pipeline.process_image, lambda image: _show(pipeline, image)),
            MEDIAPIPE: (lambda image: mediapipe.find_alone(image, 1), None),
        }
        for name, (photograph, recording) in finders.items():
            log(name)
            results[name] = count_false_faces(folder, photograph, recording)
    return results


Finder = Callable[[np.ndarray], list]
"""Returns the faces in a ``(height, width, 3)`` uint8 BGR image."""


def count_false_faces(folder: Path, photograph: Finder, recording: Finder | None = None) -> FalseFaces:
    """Return the pictures of a folder in which a program finds a face.

    Args:
        folder: folder of pictures that show no face.
        photograph: finds faces in a picture by itself.
        recording: finds faces in a recording that shows only this picture; None to leave this out.

    Raises:
        LivefanError: if the folder holds no picture that can be read.
    """
    counted = FalseFaces()
    with ImageSource(images_in(folder), folder.name, photographs=True) as source:
        for frame in source:
            counted.n_pictures += 1
            if photograph(frame.image):
                counted.photographs.append(frame.image_name)
            if recording is not None and recording(frame.image):
                counted.recordings.append(frame.image_name)
        counted.skipped = list(source.warnings)
    return counted


def _show(pipeline: Pipeline, image: np.ndarray) -> list:
    """Return the faces of all frames of a recording at rest."""
    pipeline.reset()
    frames = [Frame(image, number, 0.0, number / _FPS) for number in range(_N_FRAMES)]
    return [face for frame in frames for face in pipeline.process(frame)]


def as_lines(results: dict[str, FalseFaces]) -> list[str]:
    """Return the report: a line for each program and for each picture with a false face."""
    lines = []
    for name, counted in results.items():
        found = list(dict.fromkeys(counted.photographs + counted.recordings))
        lines.append(f"{name}: false faces in {len(found)} of {counted.n_pictures} pictures")
        lines += [f"  {picture}" for picture in found]
    return lines + next(iter(results.values())).skipped

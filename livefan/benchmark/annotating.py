"""Speed of ``annotate`` relative to real time and to MediaPipe's FaceLandmarker on the same clip."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from livefan.annotation.annotate import annotate
from livefan.annotation.outputs import Outputs
from livefan.annotation.settings import AnnotationSettings
from livefan.benchmark.baselines import MEDIAPIPE, mediapipe_face_landmarker
from livefan.benchmark.old_face_mesh import FACE_MESH, face_mesh
from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.io.open import open_source
from livefan.runtimes.base import RuntimeChoice

WITH_VIDEO, DATA_ONLY = "livefan, video and data", "livefan, data only"


@dataclass(frozen=True)
class AnnotationSpeed:
    """Speed of annotating one clip.

    Attributes:
        clip: name of the clip.
        clip_seconds: its duration.
        frames: number of its frames.
        seconds: median time for the whole clip, by task.
    """

    clip: str
    clip_seconds: float
    frames: int
    seconds: dict[str, float]

    def real_time(self, name: str) -> float:
        """Return the speed of a task as a multiple of real time."""
        return self.clip_seconds / self.seconds[name]


def benchmark_annotate(
    clip: str | Path,
    weights: str = DEFAULT_WEIGHTS,
    choice: RuntimeChoice | None = None,
    *,
    repeats: int = 3,
    mesh_python: Path | None = None,
) -> AnnotationSpeed:
    """Annotate a clip with and without a video, and track it with MediaPipe's FaceLandmarker, in turn.

    The loading of the networks does not count: livefan annotates the clip once before the rounds, and the
    others are loaded before. Decoding counts for all.

    Args:
        clip: recording that shows a face.
        weights: name or path of a weight file.
        choice: runtime and precision.
        repeats: number of rounds.
        mesh_python: interpreter that has MediaPipe's old face mesh, which then tracks the clip too.

    Raises:
        LivefanError: if the clip cannot be read.
    """
    settings = AnnotationSettings(weights=weights, runtime=choice or RuntimeChoice())
    with open_source(clip) as source:
        frames = [frame.source_time for frame in source]
        length = frames[-1] + (1 / source.fps if source.fps else 0.0)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        track = stack.enter_context(mediapipe_face_landmarker())
        base = Path(folder) / "out"
        tasks: dict[str, Callable[[], object]] = {
            WITH_VIDEO: lambda: annotate(clip, Outputs(base), settings, overwrite=True),
            DATA_ONLY: lambda: annotate(clip, Outputs(base, None), settings, overwrite=True),
            MEDIAPIPE: lambda: [track(image) for image in _images(clip)],
        }
        if mesh_python is not None:
            version, mesh = stack.enter_context(face_mesh(mesh_python))
            tasks[f"{FACE_MESH} {version}"] = lambda: [mesh(image) for image in _images(clip)]
        for name in (WITH_VIDEO, DATA_ONLY):
            tasks[name]()
        taken: dict[str, list[float]] = {name: [] for name in tasks}
        for _ in range(repeats):
            for name, task in tasks.items():
                begun = time.perf_counter()
                task()
                taken[name].append(time.perf_counter() - begun)
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    return AnnotationSpeed(Path(clip).name, length, len(frames), medians)


def _images(clip: str | Path) -> Iterator:
    with open_source(clip) as source:
        for frame in source:
            yield frame.image


def as_lines(speed: AnnotationSpeed) -> Iterator[str]:
    """Return the measurement as the lines of a table."""
    yield f"{speed.clip}: {speed.clip_seconds:.1f} s, {speed.frames} frames"
    yield f"{'':26}{'seconds':>9}{'x real time':>13}{'/ MediaPipe':>13}"
    for name, seconds in speed.seconds.items():
        ratio = seconds / speed.seconds[MEDIAPIPE]
        yield f"{name:26}{seconds:9.2f}{speed.real_time(name):13.1f}{ratio:13.2f}"

"""How fast recordings are annotated, against their length and MediaPipe's face mesh over the same clip."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from livefan.annotation.annotate import annotate
from livefan.annotation.outputs import Outputs
from livefan.annotation.settings import AnnotationSettings
from livefan.benchmark.baselines import MEDIAPIPE, mediapipe_face_mesh
from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.io.open import open_source
from livefan.runtimes.base import RuntimeChoice

WITH_VIDEO, DATA_ONLY = "livefan, video and data", "livefan, data only"


@dataclass(frozen=True)
class AnnotationSpeed:
    """What was measured on a clip.

    Attributes:
        clip: its name.
        clip_seconds: how long it lasts.
        frames: how many it has.
        seconds: median time for the whole clip, by what was done with it.
    """

    clip: str
    clip_seconds: float
    frames: int
    seconds: dict[str, float]

    def real_time(self, name: str) -> float:
        """How many times faster than the clip plays."""
        return self.clip_seconds / self.seconds[name]


def benchmark_annotate(
    clip: str | Path,
    weights: str = DEFAULT_WEIGHTS,
    choice: RuntimeChoice | None = None,
    *,
    repeats: int = 3,
) -> AnnotationSpeed:
    """Annotate a clip with and without a video, and send it through MediaPipe's face mesh, in turn.

    Loading the networks and the face mesh counts for neither, since the median leaves out the first of
    several recordings; decoding counts for all.

    Raises:
        LivefanError: if the clip cannot be read.
    """
    settings = AnnotationSettings(weights=weights, runtime=choice or RuntimeChoice())
    with open_source(clip) as source:
        frames = [frame.source_time for frame in source]
        length = frames[-1] + (1 / source.fps if source.fps else 0.0)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "out"
        mesh = mediapipe_face_mesh()
        ways: dict[str, Callable[[], object]] = {
            WITH_VIDEO: lambda: annotate(clip, Outputs(base), settings, overwrite=True),
            DATA_ONLY: lambda: annotate(clip, Outputs(base, None), settings, overwrite=True),
            MEDIAPIPE: lambda: [mesh(image) for image in _images(clip)],
        }
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(repeats):
            for name, way in ways.items():
                begun = time.perf_counter()
                way()
                taken[name].append(time.perf_counter() - begun)
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    return AnnotationSpeed(Path(clip).name, length, len(frames), medians)


def _images(clip: str | Path) -> Iterator:
    with open_source(clip) as source:
        for frame in source:
            yield frame.image


def as_lines(speed: AnnotationSpeed) -> Iterator[str]:
    """The measurement as a table."""
    yield f"{speed.clip}: {speed.clip_seconds:.1f} s, {speed.frames} frames"
    yield f"{'':26}{'seconds':>9}{'x real time':>13}{'/ face mesh':>13}"
    for name, seconds in speed.seconds.items():
        ratio = seconds / speed.seconds[MEDIAPIPE]
        yield f"{name:26}{seconds:9.2f}{speed.real_time(name):13.1f}{ratio:13.2f}"

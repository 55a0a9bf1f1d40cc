"""Memory and start-up time of each program, measured in a separate process."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

from livefan.benchmark.baselines import MEDIAPIPE, mediapipe_problem
from livefan.benchmark.child import output_of
from livefan.runtimes.base import RuntimeChoice

_FRAMES = 60

_LIVEFAN = """
import itertools, sys, time
from livefan.io.open import open_source
from livefan.tracking.pipeline import Pipeline
from livefan.runtimes.base import RuntimeChoice
choice = RuntimeChoice(*sys.argv[4:6], int(sys.argv[6]), sys.argv[7])
pipeline = Pipeline(sys.argv[3], max_faces=1, runtime=choice, heads=())
run = pipeline.process
"""
_BASELINE = """
import itertools, sys, time
from contextlib import ExitStack
from livefan.benchmark.baselines import mediapipe_face_landmarker
from livefan.io.open import open_source
stack = ExitStack()
track = stack.enter_context(mediapipe_face_landmarker())
run = lambda frame: track(frame.image)
"""
_REST = """
with open_source(sys.argv[1]) as source:
    first = None
    for frame in itertools.islice(source, int(sys.argv[2])):
        run(frame)
        first = first or time.time()
from livefan.benchmark.footprint import peak_mebibytes
import json
print(json.dumps([first, peak_mebibytes()]))
if "stack" in globals():
    stack.close()
"""


@dataclass(frozen=True)
class Footprint:
    """Memory and start-up time of a program that tracks one face through a clip.

    Attributes:
        name: the program.
        start_seconds: from starting its process to the landmarks of the first frame.
        peak_mebibytes: peak resident memory, or None where the system does not report it.
    """

    name: str
    start_seconds: float
    peak_mebibytes: float | None


def peak_mebibytes() -> float | None:
    """Return the peak resident memory of this process in MiB, or None where the system does not report it."""
    if sys.platform.startswith("linux"):
        return _linux_mebibytes("VmHWM")  # getrusage of a forked process includes the memory of its parent
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def held_mebibytes() -> float | None:
    """Return the resident memory of this process in MiB; without Linux, :func:`peak_mebibytes`."""
    return _linux_mebibytes("VmRSS") if sys.platform.startswith("linux") else peak_mebibytes()


def _linux_mebibytes(field: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in status if line.startswith(field)).split()[1]) / 1024


def footprints(clip: str | Path, weights: Mapping[str, str | Path], choice: RuntimeChoice) -> list[Footprint]:
    """Measure livefan with each weight file, and MediaPipe if it runs here, on the first frames of a clip.

    Args:
        weights: weight file by program name.

    Raises:
        LivefanError: if a process fails.
    """
    measured = []
    for name, each in weights.items():
        given = [str(clip), str(_FRAMES), str(each), *map(str, astuple(choice))]
        measured.append(_footprint(name, _LIVEFAN, given))
    if mediapipe_problem() is None:
        measured.append(_footprint(MEDIAPIPE, _BASELINE, [str(clip), str(_FRAMES)]))
    return measured


def _footprint(name: str, code: str, given: list[str]) -> Footprint:
    begun = time.time()
    printed = output_of(f"{name} cannot be measured in a separate process", ["-c", code + _REST, *given])
    first, peak = json.loads(printed.splitlines()[-1])
    return Footprint(name, first - begun, peak)

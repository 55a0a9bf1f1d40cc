"""Memory and start-up, each measured in a process of its own that does nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from livefan.benchmark.baselines import MEDIAPIPE
from livefan.core.errors import LivefanError
from livefan.runtimes.base import RuntimeChoice

_FRAMES = 60

_LIVEFAN = """
import itertools, sys, time
from livefan.io.open import open_source
from livefan.tracking.pipeline import Pipeline
from livefan.runtimes.base import RuntimeChoice
pipeline = Pipeline(sys.argv[3], max_faces=1, runtime=RuntimeChoice(*sys.argv[4:6], int(sys.argv[6])))
run = pipeline.process
"""
_PEER = """
import itertools, sys, time
from livefan.benchmark.baselines import mediapipe_face_mesh
from livefan.io.open import open_source
find = mediapipe_face_mesh()
run = lambda frame: find(frame.image)
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
"""


@dataclass(frozen=True)
class Footprint:
    """What a program takes to follow one face through a clip.

    Attributes:
        name: the program.
        start_seconds: from starting its process to the landmarks of the first frame.
        peak_mebibytes: the most memory it held, or None where the system does not tell.
    """

    name: str
    start_seconds: float
    peak_mebibytes: float | None


def peak_mebibytes() -> float | None:
    """The most memory that this process has held so far, in MiB; None where the system does not tell."""
    if sys.platform.startswith("linux"):
        # A process that was forked from a large one counts that one's memory too, in getrusage.
        status = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def footprints(clip: str | Path, weights: Mapping[str, str | Path], choice: RuntimeChoice) -> list[Footprint]:
    """Footprints of livefan, with each weight file, and of MediaPipe's face mesh on a clip's first frames.

    Args:
        weights: by the name of the program that uses them.

    Raises:
        LivefanError: if a process fails.
    """
    taken = []
    for name, each in weights.items():
        given = [str(clip), str(_FRAMES), str(each), choice.runtime, choice.precision, str(choice.threads)]
        taken.append(_footprint(name, _LIVEFAN, given))
    return [*taken, _footprint(MEDIAPIPE, _PEER, [str(clip), str(_FRAMES)])]


def _footprint(name: str, code: str, given: list[str]) -> Footprint:
    package = Path(__file__).parent.parent.parent
    path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
    begun = time.time()
    done = subprocess.run(
        [sys.executable, "-c", code + _REST, *given],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LivefanError(f"{name} could not be measured in a process of its own: {reason}")
    first, peak = json.loads(done.stdout.splitlines()[-1])
    return Footprint(name, first - begun, peak)

"""The time of each step of a frame, as minima of CPU time, which other programs hardly change.

Usage: ``python -m livefan.benchmark.budget``. Each step runs after the network of another frame, so that the
CPU caches are as in use.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator

from livefan.benchmark.frames import read_from_first_face, there_and_back
from livefan.core.crop import upright_crop
from livefan.core.resources import DEFAULT_WEIGHTS, bundled_clip
from livefan.runtimes.base import Runtime, RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.tracking.cut_detector import CutDetector
from livefan.tracking.kalman import KalmanSmoother
from livefan.tracking.landmarker import locate
from livefan.tracking.pipeline import Pipeline

WHOLE, REST = "whole frame", "rest, mostly Python"
_FRAMES, _REPEATS = 30, 150


def budget(runtime: Runtime, clip: str, repeats: int = _REPEATS) -> dict[str, float]:
    """Return the smallest CPU time of each step in milliseconds, the whole frame first.

    Args:
        runtime: the network; with one thread, or CPU time of other threads does not count.
        clip: recording that shows a face.
        repeats: number of measurements of each step.
    """
    frames = there_and_back(read_from_first_face(clip, runtime, _FRAMES), repeats)
    with Pipeline(runtime, smoothing=0.0, max_faces=1) as pipeline:
        face = pipeline.process_image(frames[0].image)[0]
    scheme, cuts, smoother = runtime.scheme, CutDetector(), KalmanSmoother()
    width_px = face.width_px
    assert width_px is not None  # every measured face has widths
    crop, pixels = upright_crop(face.points_px, scheme).sized(runtime.input_size), runtime.buffer(1)
    with Pipeline(runtime, max_faces=1) as whole:
        steps: dict[str, Callable[[int], object]] = {
            WHOLE: lambda n: whole.process(frames[n]),
            "cut detector": lambda n: cuts.update(frames[n].image),
            "place of the crop": lambda n: upright_crop(face.points_px, scheme).sized(runtime.input_size),
            "crop": lambda n: crop.cut(frames[n].image, pixels[0]),
            "network and decoder": lambda n: runtime.run(pixels),
            "crop, network, decoder, map back": lambda n: locate(runtime, frames[n].image, [crop]),
            "smoothing": lambda n: smoother.update(face.points_px, width_px, frames[n].source_time),
        }
        return {name: 1000 * _least(step, runtime, repeats) for name, step in steps.items()}


def _least(step: Callable[[int], object], runtime: Runtime, repeats: int) -> float:
    times = []
    for number in range(repeats):
        runtime.run(runtime.buffer(1))
        begun = time.thread_time()
        step(number)
        times.append(time.thread_time() - begun)
    return min(times)


def as_lines(milliseconds: dict[str, float]) -> Iterator[str]:
    """Yield the lines of a table: milliseconds, and shares of the whole frame."""
    whole = milliseconds[WHOLE]
    parts = ("cut detector", "place of the crop", "crop, network, decoder, map back", "smoothing")
    rest = {REST: whole - sum(milliseconds[name] for name in parts)}
    for name, value in (milliseconds | rest).items():
        yield f"{name:34}{value:9.3f} ms{value / whole:8.1%}"


def main() -> None:
    """Print the budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--precision", default="auto")
    arguments = parser.parse_args()
    choice = RuntimeChoice(arguments.runtime, arguments.precision)
    runtime = open_runtime(arguments.weights, choice, heads=())
    print(runtime.label)
    print("\n".join(as_lines(budget(runtime, str(bundled_clip())))))


if __name__ == "__main__":
    main()

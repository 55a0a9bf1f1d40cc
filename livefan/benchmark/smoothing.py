"""Benchmark of smoothing: filters on the landmarks of real faces that are moved by known motions.

    python -m livefan.benchmark.smoothing [--root DIR] [--faces N] [--json FILE]

Without --root the faces are three frames of the bundled clip; with --root, N faces of 300W's validation split
are added. The application's pipeline measures each motion once. All filters get the same measurements; frames
without a found face give no measurement.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Protocol

import numpy as np

from livefan.benchmark.moving_faces import EYES, Motion, MovingFace, camera, motions, quantised
from livefan.core.frame import Face, Frame
from livefan.core.resources import bundled_clip
from livefan.datasets import load_300w
from livefan.io.video import VideoSource
from livefan.runtimes.base import RuntimeChoice
from livefan.tracking.kalman import KalmanSmoother
from livefan.tracking.pipeline import Pipeline
from livefan.tracking.rts import smooth_recording

CLIP_FRAMES = (200, 300, 380)
RATES = (30.0, 60.0)
_DERIVATIVE_CUTOFF = 1.0
"""Cutoff frequency of the velocity in the One-Euro filter, in Hz."""
SETTLED = 1.0
"""Seconds at the beginning of a motion that are not evaluated."""


class Filter(Protocol):
    """A filter of the landmarks of one face."""

    def update(self, points_px: np.ndarray, sigma_px: np.ndarray, time: float) -> np.ndarray:
        """Add a measurement and return the filtered landmarks, both ``(n, 2)``; ``time`` in seconds."""


class Unfiltered:
    """No filter: the measured landmarks."""

    def update(self, points_px: np.ndarray, sigma_px: np.ndarray, time: float) -> np.ndarray:
        """Return the measured landmarks."""
        return points_px


class ConstantVelocity:
    """A Kalman filter of each coordinate, with position and velocity.

    Args:
        noise: standard deviation of a measurement, as a fraction of the face size.
        acceleration: root of the spectral density of the acceleration, in face sizes.
    """

    def __init__(self, noise: float = 0.0015, acceleration: float = 2.0) -> None:
        self._noise, self._acceleration = noise, acceleration
        self._state: np.ndarray | None = None

    def update(self, points_px: np.ndarray, sigma_px: np.ndarray, time: float) -> np.ndarray:
        """Predict and update all coordinates."""
        # Takes a second, since it loads scipy.stats.
        from filterpy.common import Q_continuous_white_noise

        if self._state is None:
            size = np.ptp(points_px, axis=0).max()
            self._variance, self._density = (self._noise * size) ** 2, (self._acceleration * size) ** 2
            self._state = np.stack([points_px, np.zeros_like(points_px)], -1)
            self._covariance = np.diag([self._variance, size**2])
            self._time = time
            return points_px
        elapsed, self._time = time - self._time, time
        transition = np.array([[1, elapsed], [0, 1]])
        covariance = transition @ self._covariance @ transition.T
        covariance += Q_continuous_white_noise(2, elapsed, self._density)
        state = self._state @ transition.T
        gain = covariance[:, 0] / (covariance[0, 0] + self._variance)
        self._state = state + (points_px - state[..., 0])[..., None] * gain
        self._covariance = covariance - np.outer(gain, covariance[0])
        return self._state[..., 0].copy()


class OneEuro:
    """The 1 euro filter (Casiez, Roussel and Vogel, CHI 2012); velocities in face sizes, as in MediaPipe.

    Args:
        min_cutoff: cutoff frequency at rest in Hz; the defaults are those of MediaPipe for face landmarks.
        beta: increase of the cutoff frequency with speed.
    """

    def __init__(self, min_cutoff: float = 0.05, beta: float = 80.0) -> None:
        self._min_cutoff, self._beta = min_cutoff, beta
        self._filtered: np.ndarray | None = None
        self._velocity = self._measured = np.empty((0, 2))
        self._time = 0.0

    def update(self, points_px: np.ndarray, sigma_px: np.ndarray, time: float) -> np.ndarray:
        """Apply one step of the low-pass filter; its cutoff rises with the speed."""
        if self._filtered is None:
            self._filtered, self._velocity = points_px, np.zeros_like(points_px)
        else:
            elapsed = time - self._time
            size = np.ptp(points_px, axis=0).mean()
            velocity = (points_px - self._measured) / size / elapsed
            self._velocity += _share(_DERIVATIVE_CUTOFF, elapsed) * (velocity - self._velocity)
            share = _share(self._min_cutoff + self._beta * np.abs(self._velocity), elapsed)
            self._filtered = self._filtered + share * (points_px - self._filtered)
        self._measured, self._time = points_px, time
        return self._filtered


def _share(cutoff: np.ndarray | float, elapsed: float) -> np.ndarray:
    """Return the weight of a new value in a low-pass filter."""
    return np.asarray(1 / (1 + 1 / (2 * np.pi * cutoff * elapsed)))


FILTERS: dict[str, Callable[[], Filter]] = {
    "none": Unfiltered,
    "constant velocity": ConstantVelocity,
    "One-Euro, MediaPipe's": OneEuro,
    "One-Euro, tuned": lambda: OneEuro(1.0, 320.0),
    "livefan": KalmanSmoother,
}
BOTH_WAYS = "livefan, both ways"


@dataclass(frozen=True)
class Recording:
    """Measured and true landmarks of a moving face.

    Attributes:
        points_px: ``(frames, 68, 2)`` measured.
        sigma_px: ``(frames, 68)`` standard deviation of the measurement.
        truth_px: ``(frames, 68, 2)``: the mean measurement of the face at rest, moved by the known motion.
        annotated_px: the labels, moved by the known motion; None without labels.
        fps: frames a second of the camera.
    """

    motion: Motion
    points_px: np.ndarray
    sigma_px: np.ndarray
    truth_px: np.ndarray
    annotated_px: np.ndarray | None
    fps: float


@dataclass(frozen=True)
class Score:
    """One filter on one motion; errors are roots of mean squares over all coordinates, in pixels.

    Attributes:
        jitter: standard deviation over time of a face at rest, relative to the measurement's.
        error: error without the network's constant error, relative to the measurement's.
        lag: delay behind the measurement, in frames.
        kept: range of the eye or mouth opening, relative to the measurement's.
        annotated: mean distance from the labels over the distance of the outer eye corners, in percent.
    """

    error: float
    jitter: float | None = None
    lag: float | None = None
    kept: float | None = None
    annotated: float | None = None


def follow(
    pipeline: Pipeline, pictures: Iterable[np.ndarray], times: np.ndarray, start_px: np.ndarray
) -> dict[int, Face]:
    """Track the face nearest to ``start_px``; return it by the number of each image on which it was found."""
    pipeline.reset()
    followed: dict[int, Face] = {}
    wanted = None
    for number, (picture, taken_at) in enumerate(zip(pictures, times, strict=True)):
        found = pipeline.process(Frame(picture, number, 0.0, float(taken_at)))
        if wanted is None and found:
            wanted = min(found, key=lambda face: np.linalg.norm(face.points_px - start_px)).track_id
        followed.update((number, face) for face in found if face.track_id == wanted)
    return followed


def record(pipeline: Pipeline, face: MovingFace, labelled: bool, seed: int) -> Iterator[Recording]:
    """Measure every motion of a face at every frame rate."""
    rng = np.random.default_rng(seed)
    still = follow(pipeline, (camera(face.photo, rng) for _ in range(25)), np.arange(25) / 30, face.points_px)
    at_rest = np.mean([seen.points_px for number, seen in still.items() if number >= 3], axis=0)
    for fps in RATES:
        for motion in motions(fps):
            start_px = face.truth(quantised(motion.pose(float(motion.times[0]))), face.points_px)
            seen = follow(pipeline, face.frames(motion, seed), motion.times, start_px)
            times = motion.times[list(seen)]
            poses = [quantised(motion.pose(float(taken_at))) for taken_at in times]
            truth = np.array([face.truth(pose, at_rest) for pose in poses])
            annotated = np.array([face.truth(pose, face.points_px) for pose in poses]) if labelled else None
            points_px, sigma_px = (
                np.array([getattr(each, name) for each in seen.values()])
                for name in ("points_px", "width_px")
            )
            yield Recording(replace(motion, times=times), points_px, sigma_px, truth, annotated, fps)


def faces(pipeline: Pipeline, root: Path | None, count: int) -> Iterator[tuple[MovingFace, bool]]:
    """Yield the faces to move, and whether their landmarks are labelled by hand."""
    with VideoSource(str(bundled_clip()), "clip") as source:
        for frame in source:
            if frame.index in CLIP_FRAMES:
                yield MovingFace(frame.image, pipeline.process_image(frame.image)[0].points_px), False
    if root is not None:
        chosen = [face for face in load_300w(root, "validation").faces if _suits(face.points_px)]
        order = np.random.default_rng(0).permutation(len(chosen))[:count]
        for index in order:
            yield MovingFace(chosen[index].read_image(), chosen[index].points_px), True


def _suits(points_px: np.ndarray) -> bool:
    """Return whether a labelled face is large, upright, and has open eyes."""
    eyes = points_px[45] - points_px[36]
    return bool(
        np.ptp(points_px, axis=0).max() >= 120
        and abs(eyes[1]) < 0.15 * abs(eyes[0])
        and eye_opening(points_px) > 0.28 * np.linalg.norm(points_px[39] - points_px[36])
    )


def eye_opening(points_px: np.ndarray) -> np.ndarray:
    """Return the mean distance of the lids of ``(..., 68, 2)`` landmarks."""
    upper = [index for eye in EYES for index in eye.upper[1:-1]]
    lower = [index for eye in EYES for index in eye.lower[1:-1]]
    return np.linalg.norm(points_px[..., upper, :] - points_px[..., lower, :], axis=-1).mean(axis=-1)


def mouth_opening(points_px: np.ndarray) -> np.ndarray:
    """Return the mean distance of the inner lips of ``(..., 68, 2)`` landmarks."""
    apart = points_px[..., [61, 62, 63], :] - points_px[..., [67, 66, 65], :]
    return np.linalg.norm(apart, axis=-1).mean(axis=-1)


def score(recording: Recording, filtered_px: np.ndarray) -> Score:
    """Compare the output of a filter with the truth of a recording."""
    times = recording.motion.times
    counts = times >= SETTLED
    measured, truth, filtered = (
        points[counts] for points in (recording.points_px, recording.truth_px, filtered_px)
    )
    constant = (measured - truth).mean(axis=0)
    name, jitter, lag, kept, annotated = recording.motion.name, None, None, None, None
    if name == "still":
        jitter = float(filtered.std(axis=0).mean() / measured.std(axis=0).mean())
    if name in ("slow pan", "fast nod", "talk", "dropped frames"):
        velocity = np.gradient(recording.truth_px, times, axis=0)[counts]
        lag = float(-((filtered - measured) * velocity).sum() / (velocity**2).sum() * recording.fps)
    if name in ("blink", "talk"):
        opening = eye_opening if name == "blink" else mouth_opening
        kept = _range(opening(filtered), opening(truth)) / _range(opening(measured), opening(truth))
    if recording.annotated_px is not None:
        marked = recording.annotated_px[counts]
        eyes = np.linalg.norm(marked[:, 45] - marked[:, 36], axis=-1)
        annotated = float((np.linalg.norm(filtered - marked, axis=-1).mean(axis=1) / eyes).mean() * 100)
    return Score(
        rms(filtered - truth - constant) / rms(measured - truth - constant), jitter, lag, kept, annotated
    )


def _range(opening: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean opening of the most open 15 % of the true range minus that of the least open."""
    part = (truth - truth.min()) / np.ptp(truth)
    return float(opening[part > 0.85].mean() - opening[part < 0.15].mean())


def rms(error: np.ndarray) -> float:
    """Return the root mean square."""
    return float(np.sqrt((error**2).mean()))


def run(filter_: Filter, recording: Recording) -> np.ndarray:
    """Return the landmarks of a recording after a filter, ``(frames, 68, 2)``."""
    return np.array(
        [
            filter_.update(points, sigma, float(time))
            for points, sigma, time in zip(
                recording.points_px, recording.sigma_px, recording.motion.times, strict=True
            )
        ]
    )


def cost_us(recording: Recording, repeats: int = 7) -> float:
    """Return the median CPU time of one update of livefan's filter in microseconds."""

    def once() -> float:
        begun = time.process_time()
        run(KalmanSmoother(), recording)
        return (time.process_time() - begun) / len(recording.points_px)

    return median(once() for _ in range(repeats)) * 1e6


def table(scores: dict[str, list[tuple[str, float, Score]]]) -> list[dict[str, object]]:
    """Print the means over the faces as a Markdown table, and return its rows; a cell has all frame rates."""
    print("| motion | figure | " + " | ".join(scores) + " |")
    print("| --- | --- |" + " --- |" * len(scores))
    rows: list[dict[str, object]] = []
    names = dict.fromkeys(name for name, _, _ in next(iter(scores.values())))
    for name, figure in itertools.product(names, Score.__dataclass_fields__):
        by_rate = {fps: _means(scores, name, fps, figure) for fps in RATES}
        rows += [
            {"motion": name, "fps": fps, "figure": figure, **means} for fps, means in by_rate.items() if means
        ]
        cells = [[f"{value:.2f}" for value in means.values()] for means in by_rate.values() if means]
        if cells:
            print(f"| {name} | {figure} | {' | '.join(map('; '.join, zip(*cells, strict=True)))} |")
    return rows


def _means(
    scores: dict[str, list[tuple[str, float, Score]]], name: str, fps: float, figure: str
) -> dict[str, float]:
    """Return the mean of a figure over the faces by filter; empty if the motion does not have the figure."""
    values = {
        filter_name: [
            value
            for motion, rate, one in all_scores
            if (motion, rate) == (name, fps) and (value := asdict(one)[figure]) is not None
        ]
        for filter_name, all_scores in scores.items()
    }
    return {filter_name: float(np.mean(each)) for filter_name, each in values.items() if each}


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, help="folder that holds 300W's image sets")
    parser.add_argument("--faces", type=int, default=5, help="labelled faces to add (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    arguments = parser.parse_args()
    pipeline = Pipeline(smoothing=0, runtime=RuntimeChoice("openvino", "int8"))
    scores: dict[str, list[tuple[str, float, Score]]] = {name: [] for name in (*FILTERS, BOTH_WAYS)}
    raw = []
    for seed, (face, labelled) in enumerate(faces(pipeline, arguments.root, arguments.faces)):
        for recording in record(pipeline, face, labelled, seed):
            filtered = {name: run(make(), recording) for name, make in FILTERS.items()}
            filtered[BOTH_WAYS] = smooth_recording(
                recording.points_px, recording.sigma_px, recording.motion.times
            )
            for name, points in filtered.items():
                scores[name].append((recording.motion.name, recording.fps, score(recording, points)))
            if recording.motion.name == "still":
                raw.append(float(recording.points_px.std(axis=0).mean() / face.size * 100))
    pipeline.close()
    rows = table(scores)
    microseconds = cost_us(recording)
    print(f"\njitter measured at rest: {np.mean(raw):.3f} % of the face's size")
    print(f"one update of livefan's filter: {microseconds:.0f} us")
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"rows": rows, "update_us": microseconds}, indent=1) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()

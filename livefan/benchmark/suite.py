"""Everything that is measured, in one report."""

from __future__ import annotations

import itertools
import os
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from livefan.benchmark.baselines import DLIB, MEDIAPIPE, dlib_landmarks, mediapipe_face_mesh
from livefan.benchmark.footprint import Footprint, footprints
from livefan.benchmark.frames import (
    crowd,
    read_frames,
    read_from_first_face,
    rewritten,
    scaled,
    there_and_back,
    write_frames,
)
from livefan.benchmark.timing import Stopwatch, Timing, summarise, time_in_blocks, time_in_turn
from livefan.core.crop import upright_crop
from livefan.core.errors import LivefanError
from livefan.core.frame import Face, Frame
from livefan.core.provenance import commit
from livefan.detection.detector import FaceDetector
from livefan.drawing.faces import draw_faces
from livefan.io.open import open_source
from livefan.networks.checkpoint_info import read_weight_file
from livefan.runtimes.base import Runtime, RuntimeChoice
from livefan.runtimes.cache import Store, installed_version
from livefan.runtimes.openvino_runtime import layer_seconds
from livefan.runtimes.selection import open_runtime, openvino_model
from livefan.tracking.kalman import KalmanSmoother
from livefan.tracking.landmarker import locate
from livefan.tracking.pipeline import Pipeline

WHOLE_WAY = "livefan"
SIZES = ((640, 480), (1280, 720), (1920, 1080), (3840, 2160))
FACES = (1, 2, 5, 10)
_SURROUNDINGS = 2.0
_FEWEST = 20
_FEWEST_SHOWN = 10
"""Frames that have to show the face: of each stage the first five times are not counted."""
_ROUNDS = 3
"""How often the frames are gone through, there and back, beside the peers."""
_COUNTED = 60
_FEW = 12
"""Frames kept in each of several sizes."""


@dataclass(frozen=True)
class FaceCount:
    """How long a frame takes with so many faces on it; ``found`` is how many were followed, on average."""

    faces: int
    found: float
    frame: Timing


@dataclass(frozen=True)
class FrameSize:
    """How long a frame of a size takes while its one face is followed."""

    width: int
    height: int
    frame: Timing


@dataclass(frozen=True)
class Program:
    """What a livefan that was measured ran: weights by name or path, their hash, and what ran the network."""

    weights: str
    weights_sha256: str
    runtime: str
    precision: str


@dataclass(frozen=True)
class Report:
    """What was measured.

    Attributes:
        machine, versions, commit: where and with what.
        clip: what was watched.
        threads: for the network. All programs were held to so many cores, where the system can do that.
        programs: livefan with each of the weights, by the name that its figures have; the one named
            :data:`WHOLE_WAY` is what all but ``in_turn`` and ``footprints`` are of.
        in_turn: the whole way from a 640 x 480 frame to smoothed landmarks, with further weights too, and the
            peers, in blocks of frames in turn.
        stages: one step at a time, on the same frames.
        end_to_end: from asking for the clip's next frame until its landmarks were found and drawn.
        faces: by the number of faces, on 1280 x 720.
        sizes: by the size of the frame.
        footprints: memory and start-up, in processes of their own.
    """

    machine: str
    versions: dict[str, str]
    commit: str
    clip: str
    threads: int
    programs: dict[str, Program]
    in_turn: dict[str, Timing]
    stages: dict[str, Timing]
    end_to_end: Timing
    faces: list[FaceCount]
    sizes: list[FrameSize]
    footprints: list[Footprint]
    notes: list[str] = field(default_factory=list)

    def peers(self) -> list[str]:
        """Programs other than livefan."""
        return [name for name in self.in_turn if not name.startswith(WHOLE_WAY)]

    def ratio(self, peer: str, own: str = WHOLE_WAY) -> float:
        """Livefan's median time as a multiple of a peer's."""
        return self.in_turn[own].median / self.in_turn[peer].median

    def processor_ratio(self, peer: str, own: str = WHOLE_WAY) -> float:
        """Livefan's mean processor time as a multiple of a peer's."""
        return self.in_turn[own].processor / self.in_turn[peer].processor


def benchmark(
    clip: str | Path,
    weights: str | Path,
    choice: RuntimeChoice,
    *,
    also: Sequence[str] = (),
    count: int = 100,
    dlib_model: Path | None = None,
    log: Callable[[str], None] = lambda text: None,
) -> Report:
    """Measure everything.

    Args:
        clip: a recording that shows a face. One that begins without, or has too few frames, is written anew
            from its first face on, there and back.
        weights: name or path of a weight file.
        choice: what runs the network.
        also: further weight files, to run beside them.
        count: frames to measure on.
        dlib_model: dlib's shape predictor, to measure dlib too.
        say: told in words what is being measured.

    Raises:
        LivefanError: if the clip shows no face or hardly ever one, too few frames are asked for, or a peer
            cannot be loaded.
    """
    if count < _FEWEST:
        raise LivefanError(f"--frames {count}: at least {_FEWEST} are needed to measure")
    for each in (weights, *also):
        open_runtime(each, choice)  # a first use is not what start-up is about
    names = short_names([str(weights), *also])
    named = {WHOLE_WAY: str(weights)} | {f"{WHOLE_WAY}, {names[each]}": each for each in also}
    with tempfile.TemporaryDirectory(prefix="livefan-benchmark-") as folder:
        usable, notes = from_first_face(clip, open_runtime(weights, choice), count, Path(folder))
        report = _measure(usable, named, choice, count, dlib_model, log)
    return replace(report, clip=Path(clip).name, notes=notes + report.notes)


def _measure(
    clip: str | Path,
    weights: Mapping[str, str],
    choice: RuntimeChoice,
    count: int,
    dlib_model: Path | None,
    log: Callable[[str], None],
) -> Report:
    """What :func:`benchmark` does, on a clip that begins with a face and has frames enough.

    Args:
        weights: by the name of the program that uses them.
    """
    notes = _hold_to_cores(choice.threads)  # and with it every process that is begun from here on
    log("start-up and memory")
    sizes_of_processes = footprints(clip, weights, choice)
    frames = read_frames(clip, count)
    runtimes = {name: open_runtime(each, choice) for name, each in weights.items()}
    runtime = runtimes[WHOLE_WAY]
    face, standard = _first_face(runtime, frames[0]), scaled(frames, 640, 480)
    log("in turn with its peers")
    in_turn = _in_turn(runtimes, there_and_back(standard, _ROUNDS * count), dlib_model)
    log("stages")
    stages = {"capture": _time_capture(clip, count)} | _stages(runtime, standard)
    stages |= _model_and_decode(weights[WHOLE_WAY], runtime, choice)
    log("numbers of faces")
    few = frames[:_FEW]
    centre, side = (face.box_px[:2] + face.box_px[2:]) / 2, float((face.box_px[2:] - face.box_px[:2]).max())
    crowds = {str(n): (n, crowd(few, centre, _SURROUNDINGS * side, n)) for n in FACES}
    faces = [
        FaceCount(int(name), found, timing)
        for name, (timing, found) in _kinds_in_turn(runtime, crowds, count).items()
    ]
    log("frame sizes")
    by_size = {str(size): (1, scaled(few, *size)) for size in SIZES}
    followed = _kinds_in_turn(runtime, by_size, count).values()
    sizes = [FrameSize(*size, timing) for size, (timing, _) in zip(SIZES, followed, strict=True)]
    return Report(
        machine=machine(),
        versions={
            name: installed_version(name) for name in ("openvino", "onnxruntime", "torch", "mediapipe")
        },
        commit=commit(),
        clip=Path(clip).name,
        threads=choice.threads,
        programs={
            name: Program(weights[name], read_weight_file(weights[name]).sha256, each.name, each.precision)
            for name, each in runtimes.items()
        },
        in_turn=in_turn,
        stages=stages,
        end_to_end=_end_to_end(runtime, clip, count),
        faces=faces,
        sizes=sizes,
        footprints=sizes_of_processes,
        notes=notes,
    )


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """By path, its end without the suffix: no longer than it takes to tell all of them apart."""
    ends = {path: Path(path).with_suffix("").parts for path in paths}
    for length in range(1, max(map(len, ends.values()), default=0) + 1):
        names = {path: "/".join(parts[-length:]) for path, parts in ends.items()}
        if len(set(names.values())) == len(names):
            return names
    return {path: path for path in paths}


def _hold_to_cores(threads: int) -> list[str]:
    """Hold this process to as many cores as threads were asked for; what cannot be is noted."""
    if not hasattr(os, "sched_setaffinity"):
        return ["programs could not be held to the same number of cores on this system"]
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:threads])
    if len(cores) < threads:
        return [f"{threads} threads were asked for, but there are {len(cores)} cores"]
    return []


def from_first_face(
    clip: str | Path, runtime: Runtime, count: int, folder: Path
) -> tuple[str | Path, list[str]]:
    """The clip, or one in a folder that begins with its first face and has frames enough; and what was done.

    Raises:
        LivefanError: if it cannot be read, or shows no face or hardly ever one.
    """
    frames, notes = read_from_first_face(clip, runtime, count), []
    measured = there_and_back(frames, count)
    pipeline = Pipeline(runtime, max_faces=1)
    shown = sum(bool(pipeline.process(frame)) for frame in scaled(measured, 640, 480))
    pipeline.close()
    if shown < _FEWEST_SHOWN:
        raise LivefanError(
            f"{clip}: {shown} of the {count} frames to measure on show a face, and at least {_FEWEST_SHOWN} "
            "are needed; choose a recording that shows one for longer"
        )
    if frames[0].index:
        notes.append(f"measured from frame {frames[0].index} of the clip on, the first with a face")
    if len(frames) < count:
        notes.append(f"only {len(frames)} frames, which were gone through there and back")
    if not notes:
        return clip, notes
    made = folder / "clip.mp4"
    write_frames(made, measured)
    return made, notes


def _first_face(runtime: Runtime, frame: Frame) -> Face:
    pipeline = Pipeline(runtime, max_faces=1)
    faces = pipeline.process_image(frame.image)
    pipeline.close()
    if not faces:
        raise LivefanError("the clip's only face is hardly one; choose a recording that shows one clearly")
    return faces[0]


def _in_turn(runtimes: dict[str, Runtime], frames: list[Frame], dlib_model: Path | None) -> dict[str, Timing]:
    pipelines = {name: Pipeline(runtime, max_faces=1) for name, runtime in runtimes.items()}
    mesh = mediapipe_face_mesh()
    tasks: dict[str, Callable[[Frame], object]] = {
        name: pipeline.process for name, pipeline in pipelines.items()
    }
    tasks[MEDIAPIPE] = lambda frame: mesh(frame.image)
    if dlib_model is not None:
        find = dlib_landmarks(dlib_model)
        tasks[DLIB] = lambda frame: find(frame.image)
    timings = time_in_blocks(tasks, frames, fresh=rewritten)
    for pipeline in pipelines.values():
        pipeline.close()
    return timings


def _model_and_decode(weights: str | Path, runtime: Runtime, choice: RuntimeChoice) -> dict[str, Timing]:
    """Network and decoder apart, by OpenVINO's counters; nothing where something else runs them."""
    if runtime.name != "openvino":
        return {}
    file = read_weight_file(weights)
    model = openvino_model(file, runtime.precision, Store(file.sha256, choice.threads))
    apart = layer_seconds(model, runtime.precision, choice.threads, _COUNTED)
    return {
        name: summarise(seconds, seconds)
        for name, seconds in zip(("model", "decode"), zip(*apart, strict=True), strict=True)
    }


def _end_to_end(runtime: Runtime, clip: str | Path, count: int) -> Timing:
    pipeline, watch = Pipeline(runtime, max_faces=1), Stopwatch()
    with open_source(str(clip)) as source:
        watch.begin()
        for frame in itertools.islice(source, count):
            draw_faces(frame.image, pipeline.process(frame), runtime.scheme)
            watch.end()
            watch.begin()
    pipeline.close()
    return watch.timing(warm_up=5)


def _stages(runtime: Runtime, frames: list[Frame]) -> dict[str, Timing]:
    """Every step by itself, on frames where the face is known."""
    pipeline = Pipeline(runtime, smoothing=False, max_faces=1)
    faces = [(frame, pipeline.process(frame)) for frame in frames]
    pipeline.close()
    known = [(frame, found[0]) for frame, found in faces if found]
    smoother, scheme = KalmanSmoother(), runtime.scheme
    pixels = runtime.buffer(1)

    def cut(frame: Frame, face: Face) -> None:
        upright_crop(face.points_px, scheme).sized(runtime.input_size).cut(frame.image, pixels[0])

    with FaceDetector() as detector:
        return time_in_turn(
            {
                "detect": lambda item: detector.detect(item[0].image),
                "crop": lambda item: cut(*item),
                "model and decode": lambda item: runtime.run(pixels),
                "crop, model, decode, map back": lambda item: locate(
                    runtime, item[0].image, [upright_crop(item[1].points_px, scheme)]
                ),
                "smooth": lambda item: smoother.update(
                    item[1].points_px, _spread(item[1]), item[0].source_time
                ),
                "draw": lambda item: draw_faces(item[0].image, [item[1]], scheme),
            },
            known,
        )


def _spread(face: Face) -> np.ndarray:
    assert face.sigma_px is not None  # every measured face has it
    return face.sigma_px


def _time_capture(clip: str | Path, count: int) -> Timing:
    """Decoding a frame, as the clip holds it."""
    watch = Stopwatch()
    with open_source(str(clip)) as source:
        watch.begin()
        for _ in itertools.islice(source, count):
            watch.end()
            watch.begin()
    return watch.timing(warm_up=5)


def _kinds_in_turn(
    runtime: Runtime, kinds: Mapping[str, tuple[int, list[Frame]]], count: int
) -> dict[str, tuple[Timing, float]]:
    """Follow the faces on several kinds of frames, block after block of each in turn.

    Args:
        kinds: by name, how many faces to follow at most, and some frames, gone through there and back.
        count: frames of each kind to measure on.

    Returns:
        The time of a frame by kind, and how many faces were followed on average.
    """
    pipelines = {name: Pipeline(runtime, max_faces=most) for name, (most, _) in kinds.items()}
    runs = {name: there_and_back(frames, count) for name, (_, frames) in kinds.items()}
    found: dict[str, list[int]] = {name: [] for name in kinds}

    def follow(name: str, number: int) -> None:
        found[name].append(len(pipelines[name].process(runs[name][number])))

    timings = time_in_blocks({name: partial(follow, name) for name in kinds}, range(count))
    for pipeline in pipelines.values():
        pipeline.close()
    return {name: (timings[name], float(np.mean(found[name]))) for name in kinds}


def machine() -> str:
    """The processor, its cores, the system and Python."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.split(": ", 1)[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration, IndexError):
        pass
    return f"{processor}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"

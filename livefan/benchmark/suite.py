"""The main benchmark: stages, several faces, frame sizes, memory, and other programs, in one report."""

from __future__ import annotations

import itertools
import os
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from livefan.benchmark.baselines import DLIB, MEDIAPIPE, mediapipe_face_landmarker, mediapipe_problem
from livefan.benchmark.budget import budget_of
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
from livefan.benchmark.old_face_mesh import FACE_MESH, face_mesh
from livefan.benchmark.timing import Stopwatch, Timing, summarise, time_in_blocks, time_in_turn
from livefan.core.crop import upright_crop
from livefan.core.errors import LivefanError
from livefan.core.frame import Face, Frame
from livefan.core.provenance import commit, without_folder
from livefan.detection.detector import FaceDetector
from livefan.drawing.faces import draw_faces
from livefan.external_models.dlib_finder import DlibFinder
from livefan.external_models.open import is_external
from livefan.io.open import open_source
from livefan.networks.checkpoint_info import read_weight_file
from livefan.runtimes.base import CPU, Runtime, RuntimeChoice
from livefan.runtimes.cache import Store, installed_version
from livefan.runtimes.network_files import openvino_model
from livefan.runtimes.openvino_network import layer_seconds
from livefan.runtimes.selection import open_runtime
from livefan.tracking.cut_detector import CutDetector
from livefan.tracking.kalman import KalmanSmoother
from livefan.tracking.landmark_model import LandmarkModel
from livefan.tracking.landmarker import locate
from livefan.tracking.model_spec import ModelChoice
from livefan.tracking.pipeline import Pipeline

LIVEFAN = "livefan"
SIZES = ((640, 480), (1280, 720), (1920, 1080), (3840, 2160))
FACES = (1, 2, 5, 10)
_SURROUNDINGS = 2.0
_FEWEST_SHOWN = 10
"""Minimum number of frames that show the face; the first five measurements of each stage do not count."""
_ROUNDS = 3
"""How often the comparison with other programs plays the frames, forwards and backwards in turn."""
_COUNTED = 60
_SHOWN_LAYERS = 12
_FEW = 12
"""Frames kept in each frame size."""


@dataclass(frozen=True)
class FaceCount:
    """Time of a frame with a number of faces; ``found`` is the mean number of tracked faces."""

    faces: int
    found: float
    frame: Timing


@dataclass(frozen=True)
class FrameSize:
    """Time of a frame of one size with one face."""

    width: int
    height: int
    frame: Timing


@dataclass(frozen=True)
class Program:
    """Weights (name, or path without its folders), their hash, runtime and precision of a configuration."""

    weights: str
    weights_sha256: str
    runtime: str
    precision: str


@dataclass(frozen=True)
class Report:
    """All figures of a benchmark.

    Attributes:
        machine: processor, cores, system, Python.
        versions: versions of the packages that matter.
        commit: commit of livefan.
        clip: name of the recording.
        threads: CPU threads of the network. All programs are pinned to as many cores where the system can.
        programs: configurations of livefan by name. All fields but ``in_turn`` and ``footprints`` describe
            the one named :data:`LIVEFAN`.
        in_turn: from a 640 x 480 frame to smoothed landmarks, of every configuration and baseline, in
            alternating blocks of frames.
        stages: one step at a time, on the same frames.
        end_to_end: from requesting the next frame of the clip until its landmarks are drawn.
        faces: time by number of faces, on 1280 x 720.
        sizes: time by frame size.
        footprints: memory and start-up time, in separate processes.
        notes: deviations from the requested measurement.
        layers: milliseconds of the network's slowest layers, without the decoder, by OpenVINO's counters.
        budget: milliseconds of each step within a frame; see :mod:`livefan.benchmark.budget`. Empty with
            several threads, since it holds the CPU time of one.
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
    layers: dict[str, float] = field(default_factory=dict)
    budget: dict[str, float] = field(default_factory=dict)

    def baselines(self) -> list[str]:
        """Return the names of the programs other than livefan."""
        return [name for name in self.in_turn if not name.startswith(LIVEFAN)]

    def ratio(self, baseline: str, own: str = LIVEFAN) -> float:
        """Return the median time of livefan as a multiple of a baseline's."""
        return self.in_turn[own].median / self.in_turn[baseline].median

    def processor_ratio(self, baseline: str, own: str = LIVEFAN) -> float:
        """Return the mean CPU time of livefan as a multiple of a baseline's."""
        return self.in_turn[own].processor / self.in_turn[baseline].processor


def benchmark(
    clip: str | Path,
    weights: str | Path,
    choice: RuntimeChoice,
    *,
    also: Sequence[str] = (),
    count: int = 100,
    dlib_model: Path | None = None,
    mesh_python: Path | None = None,
    log: Callable[[str], None] = lambda text: None,
) -> Report:
    """Run the main benchmark. livefan measures landmarks alone, as the other programs do; no head runs.

    Args:
        clip: recording that shows a face. If it starts without one or has too few frames, a temporary copy is
            made that starts at the first face and plays forwards and backwards.
        weights: name or path of a weight file.
        choice: runtime and precision.
        also: further weight files, or models of other projects, measured beside the first.
        count: number of frames, at least 20.
        dlib_model: dlib's shape predictor, to measure dlib too.
        mesh_python: interpreter that has MediaPipe's old face mesh, to measure it too.
        log: receives the name of each part as it starts.

    Raises:
        LivefanError: if too few frames show a face, or a baseline cannot be loaded.
    """
    external = [ModelChoice(each, threads=choice.threads) for each in also if is_external(each)]
    own = [each for each in also if not is_external(each)]
    for each in (weights, *own):
        open_runtime(each, choice, heads=())  # the first use fills the cache, which start-up does not measure
    for model in external:
        model.check()
    names = short_names([str(weights), *own])
    named = {LIVEFAN: str(weights)} | {f"{LIVEFAN}, {names[each]}": each for each in own}
    with tempfile.TemporaryDirectory(prefix="livefan-benchmark-") as folder:
        usable, notes = from_first_face(clip, open_runtime(weights, choice, heads=()), count, Path(folder))
        report = _measure(usable, named, external, choice, count, (dlib_model, mesh_python), log)
    return replace(report, clip=Path(clip).name, notes=notes + report.notes)


def _measure(
    clip: str | Path,
    weights: Mapping[str, str],
    external: Sequence[ModelChoice],
    choice: RuntimeChoice,
    count: int,
    further: tuple[Path | None, Path | None],
    log: Callable[[str], None],
) -> Report:
    """Measure on a clip that starts with a face and has enough frames.

    Args:
        weights: weight file by configuration name.
        external: models of other projects.
        further: dlib's shape predictor, and the interpreter with the face mesh, if any.
    """
    notes = _pin_to_cores(choice.threads)  # child processes inherit the cores
    if (problem := mediapipe_problem()) is not None:
        notes.append(f"without MediaPipe: {problem}")
    log("start-up and memory")
    sizes_of_processes = footprints(clip, weights, choice)
    frames = read_frames(clip, count)
    runtimes = {name: open_runtime(each, choice, heads=()) for name, each in weights.items()}
    runtime = runtimes[LIVEFAN]
    face, standard = _first_face(runtime, frames[0]), scaled(frames, 640, 480)
    log("other programs")
    in_turn = _in_turn(runtimes, external, there_and_back(standard, _ROUNDS * count), *further)
    log("stages")
    stages = {"capture": _time_frames(clip, count)} | _stages(runtime, standard)
    counted, layers = _layers(weights[LIVEFAN], runtime, choice)
    stages |= counted
    budget = budget_of(runtime, there_and_back(standard, count)) if choice.threads == 1 else {}
    log("several faces")
    few = frames[:_FEW]
    in_crowds = track_in_turn(runtime, crowds(few, face, FACES), count)
    faces = [FaceCount(int(name), found, timing) for name, (timing, found) in in_crowds.items()]
    log("frame sizes")
    by_size = {str(size): (1, scaled(few, *size)) for size in SIZES}
    followed = track_in_turn(runtime, by_size, count).values()
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
            name: Program(
                without_folder(weights[name]),
                read_weight_file(weights[name]).sha256,
                each.name,
                each.precision,
            )
            for name, each in runtimes.items()
        }
        | {model.label: _external_program(model) for model in external},
        in_turn=in_turn,
        stages=stages,
        end_to_end=_end_to_end(runtime, clip, count),
        faces=faces,
        sizes=sizes,
        footprints=sizes_of_processes,
        notes=notes,
        layers=layers,
        budget=budget,
    )


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """Return for each path the shortest end, without suffix, that is unique among all."""
    ends = {path: Path(path).with_suffix("").parts for path in paths}
    for length in range(1, max(map(len, ends.values()), default=0) + 1):
        names = {path: "/".join(parts[-length:]) for path, parts in ends.items()}
        if len(set(names.values())) == len(names):
            return names
    return {path: path for path in paths}


def _pin_to_cores(threads: int) -> list[str]:
    """Pin this process to as many cores as threads; return notes on what is not possible."""
    if not hasattr(os, "sched_setaffinity"):
        return ["this system cannot pin programs to the same number of cores"]
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:threads])
    if len(cores) < threads:
        return [f"{threads} threads on {len(cores)} cores"]
    return []


def from_first_face(
    clip: str | Path, runtime: Runtime, count: int, folder: Path
) -> tuple[str | Path, list[str]]:
    """Return the clip, or a copy in ``folder`` that starts at its first face and is long enough; and notes.

    Raises:
        LivefanError: if the clip cannot be read or too few frames show a face.
    """
    frames, notes = read_from_first_face(clip, runtime, count), []
    measured = there_and_back(frames, count)
    with Pipeline(runtime, max_faces=1) as pipeline:
        shown = sum(bool(pipeline.process(frame)) for frame in scaled(measured, 640, 480))
    if shown < _FEWEST_SHOWN:
        raise LivefanError(
            f"{clip}: only {shown} of {count} frames show a face and {_FEWEST_SHOWN} are needed; choose a "
            "recording that shows a face for longer"
        )
    if frames[0].index:
        notes.append(f"measured from frame {frames[0].index} of the clip, the first with a face")
    if len(frames) < count:
        notes.append(f"only {len(frames)} frames, played forwards and backwards")
    if not notes:
        return clip, notes
    made = folder / "clip.mp4"
    write_frames(made, measured)
    return made, notes


def _first_face(runtime: Runtime, frame: Frame) -> Face:
    with Pipeline(runtime, max_faces=1) as pipeline:
        faces = pipeline.process_image(frame.image)
    if not faces:
        raise LivefanError("the clip's only face is unclear; choose a recording that shows a face clearly")
    return faces[0]


def _external_program(model: ModelChoice) -> Program:
    with closing(model.pipeline()) as pipeline:
        return Program(without_folder(model.weights), model.sha256, pipeline.ran_by, "")


def _in_turn(
    runtimes: dict[str, Runtime],
    external: Sequence[ModelChoice],
    frames: list[Frame],
    dlib_model: Path | None,
    mesh_python: Path | None,
) -> dict[str, Timing]:
    pipelines: dict[str, LandmarkModel] = {
        name: Pipeline(runtime, max_faces=1) for name, runtime in runtimes.items()
    }
    pipelines |= {model.label: model.pipeline(max_faces=1) for model in external}
    tasks: dict[str, Callable[[Frame], object]] = {
        name: pipeline.process for name, pipeline in pipelines.items()
    }
    with ExitStack() as stack:
        for pipeline in pipelines.values():
            stack.callback(pipeline.close)
        if mesh_python is not None:
            version, mesh = stack.enter_context(face_mesh(mesh_python))
            tasks[f"{FACE_MESH} {version}"] = lambda frame: mesh(frame.image)
        if dlib_model is not None:
            dlib = DlibFinder(dlib_model)
            tasks[DLIB] = lambda frame: dlib.find_alone(frame.image, 1)
        if mediapipe_problem() is None:
            track = stack.enter_context(mediapipe_face_landmarker())
            tasks[MEDIAPIPE] = lambda frame: track(frame.image)
        return time_in_blocks(tasks, frames, fresh=rewritten)


def _layers(
    weights: str | Path, runtime: Runtime, choice: RuntimeChoice
) -> tuple[dict[str, Timing], dict[str, float]]:
    """Return the times of network and decoder from OpenVINO's counters, and those of the slowest layers.

    The layers are in milliseconds. Both are empty for other runtimes and devices.
    """
    if runtime.name != "openvino" or runtime.device != CPU:
        return {}, {}
    file = read_weight_file(weights)
    model = openvino_model(file, runtime.precision, Store(file.sha256, choice.threads), runtime.heads)
    network, decoder = layer_seconds(model, runtime.precision, choice.threads, _COUNTED)
    totals = {
        "model": sum(seconds for _, seconds in network),
        "decode": sum(seconds for _, seconds in decoder),
    }
    stages = {name: summarise([seconds], [seconds]) for name, seconds in totals.items()}
    slowest = sorted(network, key=lambda layer: -layer[1])[:_SHOWN_LAYERS]
    return stages, {name: 1000 * seconds for name, seconds in slowest}


def _end_to_end(runtime: Runtime, clip: str | Path, count: int) -> Timing:
    with Pipeline(runtime, max_faces=1) as pipeline:
        return _time_frames(
            clip, count, lambda frame: draw_faces(frame.image, pipeline.process(frame), runtime.scheme)
        )


def _stages(runtime: Runtime, frames: list[Frame]) -> dict[str, Timing]:
    """Return the time of each step alone, on frames with a known face."""
    with Pipeline(runtime, smoothing=0.0, max_faces=1) as pipeline:
        faces = [(frame, pipeline.process(frame)) for frame in frames]
    known = [(frame, found[0]) for frame, found in faces if found]
    smoother, scheme, cuts = KalmanSmoother(), runtime.scheme, CutDetector()
    pixels = runtime.buffer(1)

    def cut(frame: Frame, face: Face) -> None:
        upright_crop(face.points_px, scheme).sized(runtime.input_size).cut(frame.image, pixels[0])

    with FaceDetector() as detector:
        return time_in_turn(
            {
                "detect": lambda item: detector.detect(item[0].image),
                "cut detector": lambda item: cuts.update(item[0].image),
                "crop": lambda item: cut(*item),
                "model and decode": lambda item: runtime.run(pixels),
                "crop, model, decode, map back": lambda item: locate(
                    runtime, item[0].image, [upright_crop(item[1].points_px, scheme)]
                ),
                "smooth": lambda item: smoother.update(
                    item[1].points_px, _width(item[1]), item[0].source_time
                ),
                "draw": lambda item: draw_faces(item[0].image, [item[1]], scheme),
            },
            known,
        )


def _width(face: Face) -> np.ndarray:
    assert face.width_px is not None  # every measured face has widths
    return face.width_px


def _time_frames(
    clip: str | Path, count: int, work: Callable[[Frame], object] = lambda frame: None
) -> Timing:
    """Return the time of decoding a frame of the clip, and of some work on it."""
    watch = Stopwatch()
    with open_source(str(clip)) as source:
        watch.begin()
        for frame in itertools.islice(source, count):
            work(frame)
            watch.end()
            watch.begin()
    return watch.timing(warm_up=5)


def crowds(
    frames: Sequence[Frame], face: Face, counts: Sequence[int], *, dense: bool = False
) -> dict[str, tuple[int, list[Frame]]]:
    """Return frames that show a face several times, for :func:`track_in_turn`; see :func:`crowd`."""
    centre, side = (face.box_px[:2] + face.box_px[2:]) / 2, float((face.box_px[2:] - face.box_px[:2]).max())
    return {str(n): (n, crowd(frames, centre, _SURROUNDINGS * side, n, dense=dense)) for n in counts}


def track_in_turn(
    runtime: Runtime, kinds: Mapping[str, tuple[int, list[Frame]]], count: int
) -> dict[str, tuple[Timing, float]]:
    """Track the faces on several kinds of frames, in alternating blocks.

    Args:
        runtime: network.
        kinds: maximum number of faces and frames, by name.
        count: number of frames of each kind.

    Returns:
        Time of a frame and mean number of tracked faces, by name.
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
    """Return processor, number of cores, system and Python version."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.split(": ", 1)[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration, IndexError):
        pass
    return f"{processor}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"

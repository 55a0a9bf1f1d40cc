"""Annotate one recording: measure it, and write data and video right behind. A stopped run continues."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from livefan.annotation.fingerprint import files_of, journal_identity, request_digest, runtime_of
from livefan.annotation.frame_buffer import FrameBuffer, capacity_for
from livefan.annotation.journal import Journal, reserved
from livefan.annotation.measure import measure, measure_photographs
from livefan.annotation.mux import mux
from livefan.annotation.outputs import Outputs, remove
from livefan.annotation.postprocess import annotated_frames
from livefan.annotation.recordings import (
    Recording,
    can_be_read_once,
    name_of,
    open_recording,
    spool,
)
from livefan.annotation.renderer import ImageRenderer, Renderer, VideoRenderer
from livefan.annotation.settings import AnnotationSettings
from livefan.core.errors import LivefanError, StoppedError
from livefan.core.frame import Frame
from livefan.core.version import __version__
from livefan.detection.detector import load_detectors
from livefan.formats.metadata import Metadata, ModelInfo, recording_name
from livefan.formats.records import AnnotatedFrame
from livefan.formats.registry import format_of
from livefan.io.source import Source
from livefan.io.video import VideoSource
from livefan.networks.checkpoint_info import Head, WeightFile, read_weight_file
from livefan.runtimes.base import Runtime
from livefan.runtimes.selection import open_runtime
from livefan.tracking.lookahead import LookingAhead
from livefan.tracking.noise_model import SmootherSettings
from livefan.tracking.pipeline import Pipeline

_JOURNAL = "journal.sqlite"
_AHEAD = 2
"""Frames that the network processes at a time."""


@dataclass(frozen=True)
class AnnotationResult:
    """The result of an annotation.

    Attributes:
        recording: name of the recording.
        n_frames: number of frames read; each of them is in the data.
        n_with_face: number of frames with a face.
        n_faces: number of different faces in the recording.
        seconds: time from the first frame to the last.
        problems: warnings for the user, one line each: a truncated recording, no face at all.
        notes: information for the user, one line each, that leaves the outputs as asked for.
    """

    recording: str
    n_frames: int
    n_with_face: int
    n_faces: int
    seconds: float
    problems: list[str]
    notes: list[str] = field(default_factory=list)


OnProgress = Callable[[int, float, int | None], None]
"""Called with the number of frames done, the seconds of the recording they cover, and the total if known."""


def annotate(
    recording: Recording,
    outputs: Outputs,
    settings: AnnotationSettings | None = None,
    *,
    overwrite: bool = False,
    on_progress: OnProgress = lambda done, seconds, total: None,
) -> AnnotationResult:
    """Write the landmarks of a recording as data and, if asked for, draw them.

    The outputs appear at the end, all of them or none. If the call is stopped or killed, a hidden folder
    beside the output keeps the work, and the same call continues to the same result. If only the video
    fails, the data appear without it, and a problem of the result says so. After another failure the folder
    stays if it holds measured frames, and the error names it.

    Args:
        recording: a video, an image, a folder of images, a tuple of images, a pipe, or ``"-"`` for standard
            input. Images are independent photographs unless ``settings.sequence`` is true.
        overwrite: replace existing outputs.

    Raises:
        StoppedError: if the same call can continue: the disk is full, or another process works on the output.
        LivefanError: if the recording cannot be read or an output cannot be written.
    """
    settings = settings or AnnotationSettings()
    outputs.check(
        files_of(recording),
        settings.video.codec,
        overwrite=overwrite or outputs.placing,
    )
    weights = read_weight_file(settings.weights)
    _check_measures(settings, weights)
    annotation = _Annotation(recording, outputs, settings, weights, on_progress)
    try:
        return annotation.run()
    except (KeyboardInterrupt, StoppedError):
        raise
    except OSError as error:
        raise StoppedError(
            f"{outputs.main.parent}: cannot be written ({error.strerror or error}); make room on the disk "
            "and give the same command again; it continues there"
        ) from error
    except LivefanError as error:
        if annotation.n_measured:
            raise LivefanError(
                f"{error}; the {annotation.n_measured} measured frames are kept in {outputs.work}, and the "
                "same command continues with them"
            ) from error
        if not annotation.has_earlier_work:
            shutil.rmtree(outputs.work, ignore_errors=True)
        raise


def _check_measures(settings: AnnotationSettings, weights: WeightFile) -> None:
    """Raise a LivefanError if the weights cannot give a measure that is asked for."""
    if set(settings.measures) - {"occlusion"} and weights.info.expressions is None:
        raise LivefanError(
            f"{weights.path}: has no expression head, which --measures needs; choose other "
            "weights, or fit a head with 'livefan fit-expressions'"
        )
    if "occlusion" in settings.measures and not weights.info.reliability:
        raise LivefanError(
            f"{weights.path}: has no reliability head, which --measures occlusion needs; choose other "
            "weights, or fit a head with 'livefan fit-reliability'"
        )


def heads_to_run(outputs: Outputs, settings: AnnotationSettings) -> set[Head]:
    """Return the heads of the network whose outputs are written or drawn."""
    measures, style, draws = set(settings.measures), settings.style, outputs.picture is not None
    heads: set[Head] = set()
    if measures - {"occlusion"} or (draws and style.gaze):
        heads.add("expressions")
    if "occlusion" in measures or (draws and style.points):
        heads.add("reliability")
    return heads


def problems_before(recording: Recording, outputs: Outputs, settings: AnnotationSettings) -> list[str] | None:
    """Return the problems of the recording if its outputs exist already, from the same settings; else None.

    Raises:
        LivefanError: if the weight file does not exist.
    """
    if can_be_read_once(recording) or not all(path.exists() for path in outputs):
        return None
    try:
        metadata = json.loads(outputs.metadata.read_text(encoding="utf-8"))
        weights = read_weight_file(settings.weights)
        is_same = metadata["request"] == request_digest(recording, "", outputs, settings, weights)
        return list(metadata.get("problems", ())) if is_same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def spare_threads() -> int:
    """Return the best number of threads for each of the networks that work on one recording."""
    return max(1, min(2, (os.cpu_count() or 1) // 2))


class _Annotation:
    """The annotation of one recording, from opening it to moving the outputs into place."""

    def __init__(
        self,
        recording: Recording,
        outputs: Outputs,
        settings: AnnotationSettings,
        weights: WeightFile,
        on_progress: OnProgress,
    ) -> None:
        self.recording, self.outputs, self.settings = recording, outputs, settings
        self.weights, self.on_progress = weights, on_progress
        self.n_with_face = 0
        self._n_faces = 0
        self.ids: set[int] = set()
        self.seconds = 0.0
        self.request = ""
        self.n_measured = 0
        self.has_earlier_work = outputs.work.exists()
        self.video_failure = ""
        self.buffer: FrameBuffer | None = None

    def run(self) -> AnnotationResult:
        """Annotate the recording."""
        recording = self.recording
        if not can_be_read_once(recording):
            # Most unreadable recordings fail here, before any file is written.
            self._open(recording).close()
        self.outputs.work.mkdir(exist_ok=True)
        name = name_of(recording)
        content = ""
        with ExitStack() as stack:
            with ExitStack() as beginning:
                if can_be_read_once(recording):
                    # Another process must not write the copy that this one reads.
                    beginning.enter_context(reserved(self.outputs.work / _JOURNAL))
                    copy = self.outputs.work / "standard-input"
                    content = spool(recording, copy)
                    recording = copy
                self.request = request_digest(recording, content, self.outputs, self.settings, self.weights)
                runtime, ahead = self._load_networks()
                identity = journal_identity(recording, content, self.settings, self.weights, runtime)
                journal = stack.enter_context(Journal(self.outputs.work / _JOURNAL, identity))
            notes = self._notes(journal, runtime)
            try:
                problems = self._annotate(recording, name, journal, runtime, ahead)
            finally:
                n_frames = self.n_measured = journal.n_frames
                self.has_earlier_work = n_frames > 0
        if self.video_failure and self.outputs.picture is not None:
            # An earlier video, which was to be replaced, does not belong to the new data.
            remove(self.outputs.picture)
        self.outputs.place()
        return AnnotationResult(
            name, n_frames, self.n_with_face, len(self.ids), self.seconds, problems, notes
        )

    def _load_networks(self) -> tuple[Runtime, list[Runtime]]:
        """Return the network and its copies that work ahead; they and the detectors load at the same time."""
        weights, choice, heads = (
            self.weights,
            self.settings.runtime,
            heads_to_run(self.outputs, self.settings),
        )
        with ThreadPoolExecutor(_AHEAD + 1, "livefan-load") as threads:
            threads.submit(load_detectors)  # an error is raised where the detectors are used
            copies = [
                threads.submit(open_runtime, weights, choice, copy=copy, heads=heads)
                for copy in range(_AHEAD)
            ]
            for table in self.outputs.tables:  # the import would hold up the first frames
                format_of(table).load()
            ahead = [copy.result() for copy in copies]
        return open_runtime(weights, choice, heads=heads), ahead

    def _notes(self, journal: Journal, runtime: Runtime) -> list[str]:
        """Return a line if unfinished work is not continued because another runtime measured it."""
        earlier = runtime_of(journal.replaced or "")
        if earlier in ("", runtime.label):
            return []
        return [
            f"{self.outputs.main}: the unfinished work was measured with {earlier}; it was begun again with "
            f"{runtime.label}"
        ]

    def _open(self, recording: Recording) -> Source:
        return open_recording(recording, sequence=self.settings.sequence)

    def _annotate(
        self, recording: Recording, name: str, journal: Journal, runtime: Runtime, ahead: list[Runtime]
    ) -> list[str]:
        """Measure in this thread, write outputs in another; return the problems of the recording."""
        pipeline = LookingAhead(runtime, ahead, smoothing=0.0, max_faces=self.settings.max_faces)
        with ExitStack() as stack:
            stack.callback(pipeline.close)
            source = stack.enter_context(self._open(recording))
            source.name = name
            metadata = self._metadata(source, name, pipeline)
            self.buffer = self._frame_buffer(source, journal)
            renderer = self._renderer(recording, source, journal, pipeline)
            if renderer is not None:
                stack.callback(renderer.close)
            thread = ThreadPoolExecutor(1, thread_name_prefix="annotate")
            stack.callback(thread.shutdown)
            stack.callback(journal.close)
            stack.callback(self._release_frames)
            writing = thread.submit(self._write, journal, metadata, pipeline, renderer, source)

            def pass_on(frame: Frame) -> None:
                _raise_if_failed(writing)
                if self.buffer is not None:
                    self.buffer.put(frame, lambda: _raise_if_failed(writing))

            if not journal.complete and source.photographs:
                measure_photographs(source, pipeline, journal, pass_on)
            elif not journal.complete:
                measure(source, pipeline, journal, pass_on)
            writing.result()
            return self._problems_of_data(name, journal) + self._finish_video(journal, source)

    def _problems_of_data(self, name: str, journal: Journal) -> list[str]:
        """Return what is wrong with the recording, once all of it is measured."""
        if self.n_with_face:
            return journal.warnings
        return [*journal.warnings, f"{name}: no face was found on any of its {journal.n_frames} frames"]

    def _finish_video(self, journal: Journal, source: Source) -> list[str]:
        """Write the video file, if there is one; return the problems of the video."""
        picture = self.outputs.picture
        if picture is None:
            return []
        problems: list[str] = []
        if not self.outputs.image:
            self._draw(lambda: problems.extend(self._mux(journal, source, picture)))
        if self.video_failure:
            remove(self.outputs.work / picture.name)
            written = ", ".join(str(path) for path in self.outputs.tables)
            problems.append(f"{self.video_failure}; the data are complete in {written}")
        return problems

    def _mux(self, journal: Journal, source: Source, picture: Path) -> list[str]:
        location = source.location if isinstance(source, VideoSource) else None
        return mux(journal, source, location, self.outputs.work / picture.name, self.settings.video)

    def _draw(self, step: Callable[[], None]) -> None:
        """Take a step of the video; an error ends the video, but not the data."""
        if self.video_failure:
            return
        try:
            step()
        except StoppedError:
            raise
        except LivefanError as error:
            if not self.outputs.tables:
                raise
            self.video_failure = str(error)
            self._release_frames()

    def _frame_buffer(self, source: Source, journal: Journal) -> FrameBuffer | None:
        """Return a buffer that spares decoding the recording twice; None where it is decoded again."""
        if self.outputs.picture is None or self.outputs.image or source.photographs or journal.complete:
            return None
        capacity = capacity_for(source.size, self.settings.longest_gap, source.fps)
        return None if capacity is None else FrameBuffer(capacity)

    def _release_frames(self) -> None:
        """Drop buffered frames, so that no thread waits for another one that has ended."""
        if self.buffer is not None:
            self.buffer.stop()

    def _renderer(
        self, recording: Recording, measured: Source, journal: Journal, pipeline: Pipeline
    ) -> Renderer | None:
        picture, settings = self.outputs.picture, self.settings
        if picture is None:
            return None
        source = measured if self.buffer is not None else self._open(recording)
        if self.outputs.image:
            if (source.n_frames or 2) > 1:
                source.close()
                raise LivefanError(f"{picture}: the source has several frames; name a video for the output")
            return ImageRenderer(source, self.outputs.work / picture.name, pipeline.scheme, settings.style)
        coding = [asdict(settings.video), asdict(settings.style), picture.suffix]
        journal.begin_encoding(json.dumps([*coding, settings.smoothing, settings.longest_gap]))
        return VideoRenderer(
            source, journal, picture, pipeline.scheme, settings.style, settings.video, self.buffer
        )

    def _write(
        self,
        journal: Journal,
        metadata: Metadata,
        pipeline: Pipeline,
        renderer: Renderer | None,
        source: Source,
    ) -> None:
        """Write data and pictures until the journal is complete."""
        settings, work = self.settings, self.outputs.work
        with ExitStack() as stack:
            writers = []
            for path in self.outputs.tables:
                remove(work / path.name)
                writers.append(stack.enter_context(format_of(path).writer(work / path.name, metadata)))
            chunks = annotated_frames(
                journal,
                pipeline.scheme,
                time_base=source.time_base,
                strength=settings.smoothing,
                longest_gap=settings.longest_gap,
                fps=source.fps,
                pixel_aspect=float(source.pixel_aspect),
                photographs=source.photographs,
                with_measures=bool(settings.measures) or (renderer is not None and settings.style.gaze),
                neutral=settings.neutral,
            )
            for chunk in chunks:
                for writer in writers:
                    writer.write(chunk)
                for frame in chunk:
                    if renderer is not None:
                        self._draw(partial(renderer.write, frame))
                    self._count(frame)
                    self.on_progress(frame.info.index + 1, self.seconds, source.n_frames)
            if renderer is not None:
                self._draw(partial(renderer.finish, journal.n_frames))
        path = work / self.outputs.metadata.name
        problems = self._problems_of_data(metadata.recording, journal)
        counts = {"n_frames": journal.n_frames, "n_faces": self._n_faces}
        metadata.write(path, **counts, problems=problems, request=self.request)

    def _count(self, frame: AnnotatedFrame) -> None:
        self.n_with_face += bool(frame.faces)
        self._n_faces += len(frame.faces)
        self.ids.update(face.track_id for face in frame.faces)
        self.seconds = frame.info.seconds

    def _metadata(self, source: Source, name: str, pipeline: Pipeline) -> Metadata:
        return Metadata(
            livefan=__version__,
            recording=recording_name(name),
            width=source.size[0],
            height=source.size[1],
            fps=source.fps,
            time_base=source.time_base,
            clock_start=source.clock_start,
            scheme=pipeline.scheme.name,
            model=ModelInfo.of(self.weights, pipeline.ran_by),
            smoothing=_smoothing(self.settings.smoothing),
            longest_gap_s=self.settings.longest_gap,
            fps_assumed=source.rate_assumed,
            photographs=source.photographs,
            measures=self.settings.measures,
            neutral=self.settings.neutral and not source.photographs,
        )


def _smoothing(strength: float) -> dict[str, Any]:
    """Return the description of the smoothing in the metadata."""
    if strength <= 0:
        return {"method": "none"}
    return {
        "method": "Kalman filter of the face and of its parts, and Rauch-Tung-Striebel smoother",
        "strength": strength,
        **asdict(SmootherSettings()),
    }


def _raise_if_failed(writing: Future[None]) -> None:
    """Raise the error of the other thread as soon as there is one."""
    if writing.done():
        writing.result()

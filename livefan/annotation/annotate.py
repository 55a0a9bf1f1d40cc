"""Annotate one recording: measure it, and right behind write data and video; if stopped, take it up again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

import cv2

from livefan.annotation.encoder import VideoFormat, VideoStage, as_face
from livefan.annotation.journal import Journal
from livefan.annotation.measure import follow
from livefan.annotation.mux import mux
from livefan.annotation.outputs import Outputs, remove
from livefan.annotation.postprocess import annotated_frames
from livefan.core.errors import LivefanError, StoppedError
from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.core.version import __version__
from livefan.drawing.faces import OverlayStyle, draw_faces
from livefan.formats.metadata import Metadata, ModelInfo, recording_name
from livefan.formats.records import AnnotatedFrame
from livefan.formats.registry import format_of
from livefan.io.images import ImageSource
from livefan.io.open import display_name, open_source, recorded_files
from livefan.io.source import Source
from livefan.io.stream import is_url
from livefan.networks.checkpoint_info import WeightFile, read_weight_file
from livefan.runtimes.base import Runtime, RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.tracking.kalman import DEFAULT_STRENGTH, SmootherSettings
from livefan.tracking.lookahead import LookingAhead
from livefan.tracking.pipeline import Pipeline

STANDARD_INPUT = "-"
_JOURNAL = "journal.sqlite"
_AHEAD = 2
"""Frames that are looked at at a time."""


@dataclass(frozen=True)
class AnnotationSettings:
    """How a recording is annotated.

    Attributes:
        weights: of the network, a path or a bundled name.
        runtime: what runs it.
        smoothing: strength of the smoothing, from 0, none, to 1.
        max_faces: follow at most so many.
        longest_gap: fill gaps up to so many seconds.
        style: what is drawn.
        video: how it is encoded.
    """

    weights: str = DEFAULT_WEIGHTS
    runtime: RuntimeChoice = field(default_factory=RuntimeChoice)
    smoothing: float = DEFAULT_STRENGTH
    max_faces: int = 5
    longest_gap: float = 0.5
    style: OverlayStyle = field(default_factory=OverlayStyle)
    video: VideoFormat = field(default_factory=VideoFormat)


@dataclass(frozen=True)
class Annotated:
    """What an annotation came to.

    Attributes:
        recording: its name.
        n_frames: frames read, each of them in the data.
        n_with_face: those with a face.
        n_faces: how many faces there are in the recording.
        seconds: from the first frame to the last.
        problems: what the user should know, one line each: a cut recording, no face at all.
    """

    recording: str
    n_frames: int
    n_with_face: int
    n_faces: int
    seconds: float
    problems: list[str]


OnProgress = Callable[[int, float, int | None], None]
"""Called with the number of frames done, the seconds of the recording they cover, and how many there are."""


def annotate(
    recording: str | Path,
    outputs: Outputs,
    settings: AnnotationSettings | None = None,
    *,
    overwrite: bool = False,
    on_progress: OnProgress = lambda done, seconds, total: None,
) -> Annotated:
    """Write a recording's landmarks as data, and drawn; all of it or nothing.

    If it is stopped or killed, what was done stays in a hidden folder beside the output, and the same call
    goes on with it to the same result.

    Args:
        recording: a video, an image, a folder of images, or ``"-"`` for standard input.
        overwrite: replace what is there.

    Raises:
        StoppedError: if it can be taken up: the disk is full, or another process is at work on the output.
        LivefanError: if the recording cannot be read or an output cannot be written.
    """
    settings = settings or AnnotationSettings()
    outputs.check(
        _files(recording),
        settings.video.codec,
        overwrite=overwrite or outputs.placing,
    )
    weights = read_weight_file(settings.weights)
    try:
        return _Annotation(recording, outputs, settings, weights, on_progress).run()
    except (KeyboardInterrupt, StoppedError):
        raise
    except OSError as error:
        raise StoppedError(
            f"{outputs.main.parent}: cannot be written ({error.strerror or error}); make room on the disk "
            "and give the same command again, it goes on where it was"
        ) from error
    except LivefanError:
        shutil.rmtree(outputs.work, ignore_errors=True)
        raise


def done_before(recording: str | Path, outputs: Outputs, settings: AnnotationSettings) -> bool:
    """Whether the outputs are there already, from the same recording and settings.

    Raises:
        LivefanError: if the weights are not there.
    """
    if recording == STANDARD_INPUT or not all(path.exists() for path in outputs):
        return False
    try:
        header = json.loads(outputs.header.read_text(encoding="utf-8"))
        weights = read_weight_file(settings.weights)
        return bool(header["request"] == _request(recording, "", outputs, settings, weights))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def spare_threads() -> int:
    """How many threads the network is best given for each of the two frames of a recording it works on."""
    return max(1, min(2, (os.cpu_count() or 1) // 2))


def _measuring(
    recording: str | Path, fingerprint: str, settings: AnnotationSettings, weights: WeightFile
) -> str:
    """Says which recording is measured and how: what a journal must agree in to be taken up."""
    return json.dumps(
        {
            "livefan": __version__,
            "recording": fingerprint or _state(recording),
            "weights": weights.sha256,
            "runtime": asdict(settings.runtime),
            "max_faces": settings.max_faces,
        }
    )


def _state(recording: str | Path) -> object:
    """Tells a recording from another, and from what it was before it was replaced."""
    states = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in _files(recording)]
    return states or str(recording)


def _files(recording: str | Path) -> list[Path]:
    """The files that are read, but for dead links; none where they are no files, or not there."""
    if recording == STANDARD_INPUT or (isinstance(recording, str) and is_url(recording)):
        return []
    try:
        return [file for file in recorded_files(recording) if file.exists()]
    except LivefanError:  # told of when it is opened
        return []


def _request(
    recording: str | Path,
    fingerprint: str,
    outputs: Outputs,
    settings: AnnotationSettings,
    weights: WeightFile,
) -> str:
    """A digest of all that decides what the outputs hold."""
    names = [path.name for path in outputs]
    text = _measuring(recording, fingerprint, settings, weights) + json.dumps([asdict(settings), names])
    return hashlib.sha256(text.encode()).hexdigest()


class _Stage(Protocol):
    """What takes annotated frames and makes pictures of them."""

    def write(self, annotated: AnnotatedFrame) -> None: ...

    def finish(self, n_frames: int) -> None: ...

    def close(self) -> None: ...


class _ImageStage:
    """Draws a recording of one frame as an image."""

    def __init__(self, source: Source, path: Path, pipeline: Pipeline, style: OverlayStyle) -> None:
        self._source, self._path, self._scheme, self._style = source, path, pipeline.scheme, style

    def write(self, annotated: AnnotatedFrame) -> None:
        frame = self._source.read()
        if frame is None or annotated.info.index:
            raise LivefanError(
                f"{self._path.name}: the source has several frames; name a video for the output"
            )
        draw_faces(frame.image, [as_face(face) for face in annotated.faces], self._scheme, self._style)
        encoded, data = cv2.imencode(self._path.suffix, frame.image)
        if not encoded:
            raise LivefanError(f"{self._path.name}: the image could not be encoded; choose .png or .jpg")
        self._path.write_bytes(data.tobytes())

    def finish(self, n_frames: int) -> None:
        """Nothing is left to do."""

    def close(self) -> None:
        self._source.close()


class _Annotation:
    """The annotation of one recording, from its opening to the files in their places."""

    def __init__(
        self,
        recording: str | Path,
        outputs: Outputs,
        settings: AnnotationSettings,
        weights: WeightFile,
        on_progress: OnProgress,
    ) -> None:
        self.recording, self.outputs, self.settings = recording, outputs, settings
        self.weights, self.on_progress = weights, on_progress
        self.n_with_face = 0
        self.ids: set[int] = set()
        self.seconds = 0.0
        self.request = ""

    def run(self) -> Annotated:
        """Do all of it."""
        recording = self.recording
        if recording != STANDARD_INPUT:
            # Before anything is made: most recordings that cannot be read show it here.
            self._open(recording).close()
        self.outputs.work.mkdir(exist_ok=True)
        name = display_name(recording)
        fingerprint = ""
        if recording == STANDARD_INPUT:
            name, recording = "standard input", self.outputs.work / "standard-input"
            fingerprint = _spool(sys.stdin.buffer, recording)
        self.request = _request(recording, fingerprint, self.outputs, self.settings, self.weights)
        runtime = open_runtime(self.weights, self.settings.runtime)
        identity = _measuring(recording, fingerprint, self.settings, self.weights)
        identity += f"{runtime.name} {runtime.precision}"
        with Journal(self.outputs.work / _JOURNAL, identity) as journal:
            problems = self._annotate(recording, name, journal, runtime)
            n_frames = journal.n_frames
        self.outputs.place()
        if not self.n_with_face:
            problems.append(f"{name}: no face was found on any of its {n_frames} frames")
        return Annotated(name, n_frames, self.n_with_face, len(self.ids), self.seconds, problems)

    def _open(self, recording: str | Path) -> Source:
        source = open_source(recording)
        if source.live:
            source.close()
            raise LivefanError(f"{display_name(recording)}: is a live source; annotate takes a recording")
        return source

    def _annotate(self, recording: str | Path, name: str, journal: Journal, runtime: Runtime) -> list[str]:
        ahead = [open_runtime(self.weights, self.settings.runtime) for _ in range(_AHEAD)]
        pipeline = LookingAhead(runtime, ahead, smoothing=0.0, max_faces=self.settings.max_faces)
        with ExitStack() as open_things:
            open_things.callback(pipeline.close)
            source = open_things.enter_context(self._open(recording))
            source.name = name
            header = self._header(source, name, pipeline)
            stage = self._stage(recording, journal, pipeline)
            if stage is not None:
                open_things.callback(stage.close)
            work = ThreadPoolExecutor(1, thread_name_prefix="annotate")
            open_things.callback(work.shutdown)
            open_things.callback(journal.close)
            writing = work.submit(self._write, journal, header, pipeline, stage, source)
            if not journal.complete:
                follow(source, pipeline, journal, lambda _: _raise_if_failed(writing))
            writing.result()
            problems = journal.warnings
            if self.outputs.picture is not None and not self.outputs.image:
                location = (
                    None
                    if Path(recording).is_dir() or isinstance(source, ImageSource)
                    else f"file:{recording}"
                )
                path = self.outputs.work / self.outputs.picture.name
                problems += mux(journal, source, location, path, self.settings.video)
        return problems

    def _stage(self, recording: str | Path, journal: Journal, pipeline: Pipeline) -> _Stage | None:
        picture = self.outputs.picture
        if picture is None:
            return None
        path = self.outputs.work / picture.name
        source = self._open(recording)
        if self.outputs.image:
            if (source.n_frames or 2) > 1:
                source.close()
                raise LivefanError(f"{picture}: the source has several frames; name a video for the output")
            return _ImageStage(source, path, pipeline, self.settings.style)
        coding = json.dumps([asdict(self.settings.video), asdict(self.settings.style), picture.suffix])
        journal.begin_encoding(coding + json.dumps([self.settings.smoothing, self.settings.longest_gap]))
        return VideoStage(source, journal, picture, pipeline.scheme, self.settings.style, self.settings.video)

    def _write(
        self, journal: Journal, header: Metadata, pipeline: Pipeline, stage: _Stage | None, source: Source
    ) -> None:
        """Write data and pictures as the journal grows, to its end."""
        settings, work = self.settings, self.outputs.work
        with ExitStack() as tables:
            sinks = []
            for path in self.outputs.tables:
                remove(work / path.name)
                sinks.append(tables.enter_context(format_of(path).writer(work / path.name, header)))
            chunks = annotated_frames(
                journal,
                pipeline.scheme,
                strength=settings.smoothing,
                longest_gap=settings.longest_gap,
                fps=source.fps,
                pixel_aspect=float(source.pixel_aspect),
            )
            for chunk in chunks:
                for sink in sinks:
                    sink.write(chunk)
                for frame in chunk:
                    if stage is not None:
                        stage.write(frame)
                    self._count(frame)
                    self.on_progress(frame.info.index + 1, self.seconds, source.n_frames)
            if stage is not None:
                stage.finish(journal.n_frames)
        path = work / self.outputs.header.name
        header.write(path, n_frames=journal.n_frames, request=self.request)

    def _count(self, frame: AnnotatedFrame) -> None:
        self.n_with_face += bool(frame.faces)
        self.ids.update(face.track_id for face in frame.faces)
        self.seconds = frame.info.seconds

    def _header(self, source: Source, name: str, pipeline: Pipeline) -> Metadata:
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
        )


def _smoothing(strength: float) -> dict[str, Any]:
    """What the header says of the smoothing."""
    if strength <= 0:
        return {"method": "none"}
    return {
        "method": "Kalman filter of the face and of its parts, and Rauch-Tung-Striebel smoother",
        "strength": strength,
        **asdict(SmootherSettings()),
    }


def _raise_if_failed(writing: Future[None]) -> None:
    """Learn early that the other thread failed."""
    if writing.done():
        writing.result()


def _spool(stream: IO[bytes], path: Path) -> str:
    """Copy all of a stream into a file, which unlike it can be read twice; returns its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        while block := stream.read(1 << 20):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()

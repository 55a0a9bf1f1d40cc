"""Annotate one recording: measure it, and write data and video right behind. A stopped run continues."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from livefan.annotation.fingerprint import STANDARD_INPUT, files_of, journal_identity, request_digest
from livefan.annotation.journal import Journal
from livefan.annotation.measure import measure
from livefan.annotation.mux import mux
from livefan.annotation.outputs import Outputs, remove
from livefan.annotation.postprocess import annotated_frames
from livefan.annotation.renderer import ImageRenderer, Renderer, VideoRenderer
from livefan.annotation.settings import AnnotationSettings
from livefan.core.errors import LivefanError, StoppedError
from livefan.core.version import __version__
from livefan.formats.metadata import Metadata, ModelInfo, recording_name
from livefan.formats.records import AnnotatedFrame
from livefan.formats.registry import format_of
from livefan.io.images import ImageSource
from livefan.io.open import display_name, open_source
from livefan.io.source import Source
from livefan.networks.checkpoint_info import WeightFile, read_weight_file
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
    """

    recording: str
    n_frames: int
    n_with_face: int
    n_faces: int
    seconds: float
    problems: list[str]


OnProgress = Callable[[int, float, int | None], None]
"""Called with the number of frames done, the seconds of the recording they cover, and the total if known."""


def annotate(
    recording: str | Path,
    outputs: Outputs,
    settings: AnnotationSettings | None = None,
    *,
    overwrite: bool = False,
    on_progress: OnProgress = lambda done, seconds, total: None,
) -> AnnotationResult:
    """Write the landmarks of a recording as data and, if asked for, draw them.

    The outputs appear at the end, all of them or none. If the call is stopped or killed, a hidden folder
    beside the output keeps the work, and the same call continues to the same result.

    Args:
        recording: a video, an image, a folder of images, or ``"-"`` for standard input.
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
    try:
        return _Annotation(recording, outputs, settings, weights, on_progress).run()
    except (KeyboardInterrupt, StoppedError):
        raise
    except OSError as error:
        raise StoppedError(
            f"{outputs.main.parent}: cannot be written ({error.strerror or error}); make room on the disk "
            "and give the same command again; it continues there"
        ) from error
    except LivefanError:
        shutil.rmtree(outputs.work, ignore_errors=True)
        raise


def done_before(recording: str | Path, outputs: Outputs, settings: AnnotationSettings) -> bool:
    """Return whether the outputs exist already, from the same recording and settings.

    Raises:
        LivefanError: if the weight file does not exist.
    """
    if recording == STANDARD_INPUT or not all(path.exists() for path in outputs):
        return False
    try:
        metadata = json.loads(outputs.metadata.read_text(encoding="utf-8"))
        weights = read_weight_file(settings.weights)
        return bool(metadata["request"] == request_digest(recording, "", outputs, settings, weights))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def spare_threads() -> int:
    """Return the best number of threads for each of the networks that work on one recording."""
    return max(1, min(2, (os.cpu_count() or 1) // 2))


class _Annotation:
    """The annotation of one recording, from opening it to moving the outputs into place."""

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

    def run(self) -> AnnotationResult:
        """Annotate the recording."""
        recording = self.recording
        if recording != STANDARD_INPUT:
            # Most unreadable recordings fail here, before any file is written.
            self._open(recording).close()
        self.outputs.work.mkdir(exist_ok=True)
        name = display_name(recording)
        content = ""
        if recording == STANDARD_INPUT:
            name, recording = "standard input", self.outputs.work / "standard-input"
            content = _spool(sys.stdin.buffer, recording)
        self.request = request_digest(recording, content, self.outputs, self.settings, self.weights)
        runtime = open_runtime(self.weights, self.settings.runtime)
        identity = journal_identity(recording, content, self.settings, self.weights, runtime)
        with Journal(self.outputs.work / _JOURNAL, identity) as journal:
            problems = self._annotate(recording, name, journal, runtime)
            n_frames = journal.n_frames
        self.outputs.place()
        if not self.n_with_face:
            problems.append(f"{name}: no face was found on any of its {n_frames} frames")
        return AnnotationResult(name, n_frames, self.n_with_face, len(self.ids), self.seconds, problems)

    def _open(self, recording: str | Path) -> Source:
        source = open_source(recording)
        if source.live:
            source.close()
            raise LivefanError(f"{display_name(recording)}: is a live source; annotate takes a recording")
        return source

    def _annotate(self, recording: str | Path, name: str, journal: Journal, runtime: Runtime) -> list[str]:
        """Measure in this thread, write outputs in another; return the problems of the recording."""
        ahead = [open_runtime(self.weights, self.settings.runtime) for _ in range(_AHEAD)]
        pipeline = LookingAhead(runtime, ahead, smoothing=0.0, max_faces=self.settings.max_faces)
        with ExitStack() as stack:
            stack.callback(pipeline.close)
            source = stack.enter_context(self._open(recording))
            source.name = name
            metadata = self._metadata(source, name, pipeline)
            renderer = self._renderer(recording, journal, pipeline)
            if renderer is not None:
                stack.callback(renderer.close)
            thread = ThreadPoolExecutor(1, thread_name_prefix="annotate")
            stack.callback(thread.shutdown)
            stack.callback(journal.close)
            writing = thread.submit(self._write, journal, metadata, pipeline, renderer, source)
            if not journal.complete:
                measure(source, pipeline, journal, lambda _: _raise_if_failed(writing))
            writing.result()
            return journal.warnings + self._mux(recording, journal, source)

    def _mux(self, recording: str | Path, journal: Journal, source: Source) -> list[str]:
        """Write the video file, if there is one; return the streams that were left out."""
        if self.outputs.picture is None or self.outputs.image:
            return []
        has_streams = not (Path(recording).is_dir() or isinstance(source, ImageSource))
        location = f"file:{recording}" if has_streams else None
        path = self.outputs.work / self.outputs.picture.name
        return mux(journal, source, location, path, self.settings.video)

    def _renderer(self, recording: str | Path, journal: Journal, pipeline: Pipeline) -> Renderer | None:
        picture, settings = self.outputs.picture, self.settings
        if picture is None:
            return None
        source = self._open(recording)
        if self.outputs.image:
            if (source.n_frames or 2) > 1:
                source.close()
                raise LivefanError(f"{picture}: the source has several frames; name a video for the output")
            return ImageRenderer(source, self.outputs.work / picture.name, pipeline.scheme, settings.style)
        coding = [asdict(settings.video), asdict(settings.style), picture.suffix]
        journal.begin_encoding(json.dumps([*coding, settings.smoothing, settings.longest_gap]))
        return VideoRenderer(source, journal, picture, pipeline.scheme, settings.style, settings.video)

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
                strength=settings.smoothing,
                longest_gap=settings.longest_gap,
                fps=source.fps,
                pixel_aspect=float(source.pixel_aspect),
            )
            for chunk in chunks:
                for writer in writers:
                    writer.write(chunk)
                for frame in chunk:
                    if renderer is not None:
                        renderer.write(frame)
                    self._count(frame)
                    self.on_progress(frame.info.index + 1, self.seconds, source.n_frames)
            if renderer is not None:
                renderer.finish(journal.n_frames)
        path = work / self.outputs.metadata.name
        metadata.write(path, n_frames=journal.n_frames, request=self.request)

    def _count(self, frame: AnnotatedFrame) -> None:
        self.n_with_face += bool(frame.faces)
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


def _spool(stream: IO[bytes], path: Path) -> str:
    """Copy a stream into a file, which can be read twice; return its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        while block := stream.read(1 << 20):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()

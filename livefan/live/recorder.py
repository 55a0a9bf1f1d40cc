"""Record a live session: the picture as shown, or clean frames with their landmarks as data files."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write, check_folder
from livefan.core.frame import Face
from livefan.core.landmarks import LandmarkScheme
from livefan.core.version import __version__
from livefan.formats.metadata import METADATA_SUFFIX, Metadata, ModelInfo, recording_name
from livefan.formats.records import AnnotatedFace, AnnotatedFrame, FrameInfo
from livefan.formats.registry import FORMATS
from livefan.io.video_writer import TICKS, VIDEO_SUFFIXES, VideoWriter
from livefan.live.result import Result
from livefan.measures.aspect_ratios import aspect_ratios
from livefan.measures.head_pose import head_pose
from livefan.tracking.model_spec import ModelChoice

_LOG = logging.getLogger(__name__)

MAX_WAITING = 32
"""Largest number of frames that wait for the encoder; further frames are left out."""
_CUT_S = 1 / 30
"""Seconds between the last frame before a jump in the source and the first frame after it."""


@dataclass(frozen=True)
class Recorded:
    """A finished recording.

    Attributes:
        path: the video.
        n_frames: number of its frames.
        seconds: time from its first frame to its last.
        left_out: number of frames that came while too many waited for the encoder.
    """

    path: Path
    n_frames: int
    seconds: float
    left_out: int


def data_paths(video: Path) -> tuple[Path, Path]:
    """Return the paths of a recording's landmark table and metadata."""
    return video.with_suffix(".csv"), video.with_suffix(METADATA_SUFFIX)


def check_recording(video: Path, *, data: bool) -> None:
    """Raise a LivefanError if a recording cannot be written, or must not replace a file.

    Args:
        video: the recording.
        data: whether its landmarks are written too.

    Raises:
        LivefanError: naming the first file at fault.
    """
    if video.suffix.lower() not in VIDEO_SUFFIXES:
        raise LivefanError(f"{video}: end the name in {', '.join(VIDEO_SUFFIXES)} for a recording")
    check_folder(video.parent)
    for path in (video, *data_paths(video)) if data else (video,):
        if path.is_dir():
            raise LivefanError(f"{path}: is a folder; name a file for the recording")
        if path.exists():
            raise LivefanError(f"{path}: exists already; choose another name for the recording, or remove it")


class Recorder:
    """Encodes pictures in its own thread; :meth:`add` never waits.

    The video is H.264. Its frames keep the time differences of their capture; jumps in the source are cut
    out. With data, ``NAME.csv`` and ``NAME.livefan.json`` are written as by ``annotate``, with a row for each
    face of each frame of the video. All files appear complete, at the end. A crash leaves the hidden video
    with ``.partial`` in its name, which can be played except for its last seconds.

    Args:
        path: the video; .mp4, .mov or .mkv.
        model: the model of the landmarks; None to write no data.
        on_end: called once, from the thread, with the finished recording, or with the error that prevents it;
            then there are no files.

    Raises:
        LivefanError: if the files cannot be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        model: ModelChoice | None = None,
        on_end: Callable[[Recorded | LivefanError], None] = lambda end: None,
    ) -> None:
        check_recording(path, data=model is not None)
        self._path = path
        self._model = model
        self._on_end = on_end
        self._waiting: queue.Queue[tuple[Result, np.ndarray] | None] = queue.Queue(MAX_WAITING + 1)
        self._stopping = False
        self._left_out = 0
        self._n_frames = 0
        self._clock = _Clock()
        self._smoothing: dict[str, Any] = {
            "method": "Kalman filter of the face and of its parts, live",
            "strengths": [],
        }
        self._thread = threading.Thread(target=self._run, name="livefan-recorder", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def seconds(self) -> float:
        """Time from the first frame to the last one so far, in the video."""
        return self._clock.tick / TICKS

    def add(self, result: Result, picture: np.ndarray) -> None:
        """Add the next frame.

        Args:
            result: the result of the frame.
            picture: ``(height, width, 3)`` uint8 BGR; it must not be changed afterwards.
        """
        if self._waiting.qsize() < MAX_WAITING:
            self._waiting.put((result, picture))
        else:
            self._left_out += 1

    def stop(self) -> None:
        """Ask the thread to encode the waiting frames and to finish the files; return at once."""
        if not self._stopping:
            self._stopping = True
            self._waiting.put(None)

    def join(self, timeout: float | None = None) -> None:
        """Wait until a stopped recorder has finished."""
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            self._write_all()
        except LivefanError as error:
            self._on_end(error)
        except (OSError, av.FFmpegError) as error:
            reason = error.strerror or str(error)
            self._on_end(LivefanError(f"{self._path}: cannot be written ({reason}); is the disk full?"))
        except Exception as failure:
            _LOG.exception("the recorder failed")
            reason = f"internal error: {type(failure).__name__}: {failure}"
            self._on_end(LivefanError(f"{self._path}: cannot be written ({reason})"))
        else:
            self._on_end(Recorded(self._path, self._n_frames, self.seconds, self._left_out))

    def _write_all(self) -> None:
        with ExitStack() as files:
            table, neutral = None, False
            if self._model is not None:
                table_path, metadata_path = data_paths(self._path)
                metadata_file = files.enter_context(atomic_write(metadata_path))
                table_file = files.enter_context(atomic_write(table_path))
            video = files.enter_context(VideoWriter(self._path, fragmented=True))
            while (entry := self._waiting.get()) is not None:
                result, picture = entry
                tick = self._clock.at(result)
                video.write(picture, tick / TICKS)
                if self._model is not None:
                    if table is None:
                        table = files.enter_context(
                            FORMATS["csv"].writer(table_file, self._metadata(self._model, result))
                        )
                    table.write([_annotated(result, self._n_frames, tick)])
                    self._note_strength(result.smoothing)
                    neutral = neutral or result.neutral
                self._n_frames += 1
            if not self._n_frames:
                raise LivefanError(f"{self._path}: no frame came during the recording; play the source first")
            if table is not None:
                replace(table.metadata, neutral=neutral).write(metadata_file, n_frames=self._n_frames)

    def _note_strength(self, strength: float) -> None:
        strengths = self._smoothing["strengths"]
        if strength not in strengths:
            strengths.append(strength)

    def _metadata(self, model: ModelChoice, result: Result) -> Metadata:
        height, width = result.frame.image.shape[:2]
        return Metadata(
            livefan=__version__,
            recording=recording_name(self._path),
            width=width,
            height=height,
            fps=None,
            time_base=Fraction(1, TICKS),
            clock_start=Fraction(0),
            scheme=result.scheme.name,
            model=_model_info(model, result.runtime),
            smoothing=self._smoothing,
            longest_gap_s=0.0,
            measures=_measures(model),
        )


def _measures(model: ModelChoice) -> tuple[str, ...]:
    """Return the measures that a model gives beside landmarks."""
    if model.is_external:
        return ()
    of_expressions = () if model.file.info.expressions is None else ("expressions", "gaze")
    return (*of_expressions, *(("occlusion",) if model.file.info.reliability else ()))


def _model_info(model: ModelChoice, ran_by: str) -> ModelInfo:
    if model.is_external:
        return ModelInfo(model.label, model.sha256, "foreign", ran_by)
    return ModelInfo.of(model.file, ran_by)


class _Clock:
    """Timestamps of a recorded video, in ticks, strictly increasing."""

    def __init__(self) -> None:
        self.tick = 0
        self._seconds: float | None = None
        self._epoch = 0

    def at(self, result: Result) -> int:
        """Return the timestamp of the next frame."""
        seconds = result.frame.source_time
        if self._seconds is not None:
            passed = seconds - self._seconds if result.epoch == self._epoch else _CUT_S
            self.tick += max(1, round(passed * TICKS))
        self._seconds, self._epoch = seconds, result.epoch
        return self.tick


def _annotated(result: Result, index: int, tick: int) -> AnnotatedFrame:
    height, width = result.frame.image.shape[:2]
    info = FrameInfo(index, tick, tick / TICKS, result.frame.damage, width, height)
    return AnnotatedFrame(
        info, tuple(_annotated_face(face, result.scheme, width, height) for face in result.faces)
    )


def _annotated_face(face: Face, scheme: LandmarkScheme, width: int, height: int) -> AnnotatedFace:
    unknown = np.full_like(face.points_px, np.nan)
    return AnnotatedFace(
        track_id=face.track_id,
        found="forwards",
        box_px=face.box_px,
        points_px=face.points_px,
        raw_points_px=unknown if face.raw_points_px is None else face.raw_points_px,
        confidence=face.confidence,
        pose=head_pose(face.points_px, scheme, width, height),
        aspect_ratios=aspect_ratios(face.points_px, scheme),
        expressions=face.expressions,
        pupils_px=face.pupils_px,
        gaze=face.gaze,
        occluded=face.occluded,
        presence=face.presence,
    )

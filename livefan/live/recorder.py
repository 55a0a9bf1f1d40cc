"""Records a live session: what is seen, or the clean frames with their landmarks as data beside them."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
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
from livefan.formats.csv import Writer as CsvWriter
from livefan.formats.metadata import METADATA_SUFFIX, Metadata, ModelInfo, recording_name
from livefan.formats.records import AnnotatedFace, AnnotatedFrame, FrameInfo
from livefan.io.video_writer import TICKS, VIDEO_SUFFIXES, VideoWriter
from livefan.live.result import Result
from livefan.measures.aspect_ratios import aspect_ratios
from livefan.measures.head_pose import head_pose
from livefan.tracking.model_spec import ModelChoice

_LOG = logging.getLogger(__name__)

WAITING = 32
"""Frames that wait for the encoder at most; while so many do, further ones are left out."""
_CUT_S = 1 / 30
"""From the last frame before a jump in a recording to the first one after it."""


@dataclass(frozen=True)
class Recorded:
    """What a recording has become.

    Attributes:
        path: the video.
        n_frames: how many frames it has.
        seconds: from its first frame to its last.
        left_out: frames that came while too many waited for the encoder.
    """

    path: Path
    n_frames: int
    seconds: float
    left_out: int


def data_beside(video: Path) -> tuple[Path, Path]:
    """Where the landmarks of a recorded video are: the table, and the file that says what is in it."""
    return video.with_suffix(".csv"), video.with_suffix(METADATA_SUFFIX)


def check_recording(video: Path, *, data: bool, overwrite: bool = False) -> None:
    """Refuse what cannot be written, or must not be.

    Args:
        video: the recording.
        data: whether its landmarks are written beside it.
        overwrite: whether files that exist may be replaced.

    Raises:
        LivefanError: naming the first file at fault.
    """
    if video.suffix.lower() not in VIDEO_SUFFIXES:
        raise LivefanError(f"{video}: end the name in {', '.join(VIDEO_SUFFIXES)} for a recording")
    check_folder(video.parent)
    for path in (video, *data_beside(video)) if data else (video,):
        if path.is_dir():
            raise LivefanError(f"{path}: is a folder; name a file for the recording")
        if path.exists() and not overwrite:
            raise LivefanError(f"{path}: exists already; choose another name for the recording, or remove it")


class Recorder:
    """Encodes pictures in a thread of its own; whoever adds them never waits.

    The video is H.264, its frames as far apart in time as they were captured; a jump in the recording that
    is watched is cut out. With data, ``NAME.csv`` and ``NAME.livefan.json`` beside it are as ``annotate``
    writes them, a row for each face of each frame of the video. All appear whole, at the end; of a crash the
    hidden video with ``.partial`` in its name remains, and can be played up to the last seconds.

    Args:
        path: the video; .mp4, .mov or .mkv.
        model: what measures the landmarks; None to write no data.
        overwrite: whether files that exist may be replaced.
        on_end: called once, from the thread: with what was recorded, or why nothing can be written; then
            there are no files.

    Raises:
        LivefanError: if the files cannot be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        model: ModelChoice | None = None,
        overwrite: bool = False,
        on_end: Callable[[Recorded | LivefanError], None] = lambda end: None,
    ) -> None:
        check_recording(path, data=model is not None, overwrite=overwrite)
        self._path = path
        self._model = model
        self._on_end = on_end
        self._waiting: queue.Queue[tuple[Result, np.ndarray] | None] = queue.Queue(WAITING + 1)
        self._stopping = False
        self._left_out = 0
        self._n_frames = 0
        self._clock = _Clock()
        self._smoothing: dict[str, Any] = {
            "method": "Kalman filter of the face and of its parts, live",
            "strengths": [],
        }
        self._thread = threading.Thread(target=self._run, name="livefan-recorder", daemon=True)
        self._thread.start()

    def add(self, result: Result, picture: np.ndarray) -> None:
        """Take the next frame.

        Args:
            result: what is known of it.
            picture: ``(height, width, 3)`` uint8 BGR, not to be changed afterwards.
        """
        if self._waiting.qsize() < WAITING:
            self._waiting.put((result, picture))
        else:
            self._left_out += 1

    def stop(self) -> None:
        """Encode what waits and put the files in their places, in the thread; returns at once."""
        if not self._stopping:
            self._stopping = True
            self._waiting.put(None)

    def join(self, timeout: float | None = None) -> None:
        """Wait until a recorder that was stopped has finished."""
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
            self._on_end(Recorded(self._path, self._n_frames, self._clock.tick / TICKS, self._left_out))

    def _write_all(self) -> None:
        with ExitStack() as files:
            table = None
            if self._model is not None:
                table_path, header_path = data_beside(self._path)
                header_file = files.enter_context(atomic_write(header_path))
                table_file = files.enter_context(atomic_write(table_path))
            video = files.enter_context(VideoWriter(self._path, fragmented=True))
            while (entry := self._waiting.get()) is not None:
                result, picture = entry
                tick = self._clock.at(result)
                video.write(picture, tick / TICKS)
                if self._model is not None:
                    if table is None:
                        table = files.enter_context(CsvWriter(table_file, self._header(self._model, result)))
                    table.write([_annotated(result, self._n_frames, tick)])
                    self._note(result.smoothing)
                self._n_frames += 1
            if table is not None:
                table.metadata.write(header_file, n_frames=self._n_frames)

    def _note(self, strength: float) -> None:
        strengths = self._smoothing["strengths"]
        if strength not in strengths:
            strengths.append(strength)

    def _header(self, model: ModelChoice, result: Result) -> Metadata:
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
            model=ModelInfo.of(model.file, result.runtime),
            smoothing=self._smoothing,
            longest_gap_s=0.0,
        )


class _Clock:
    """Places in a recorded video, in ticks, each later than the one before."""

    def __init__(self) -> None:
        self.tick = 0
        self._seconds: float | None = None
        self._epoch = 0

    def at(self, result: Result) -> int:
        """The place of the next frame."""
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
    )

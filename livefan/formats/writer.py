"""The writer that every data format extends."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from livefan.formats.metadata import Metadata
from livefan.formats.records import AnnotatedFrame


class TableWriter(AbstractContextManager[Any]):
    """Writes annotated frames to a file. The file is complete when the context ends.

    Args:
        path: the file to write.
        metadata: the description of the recording.

    Attributes:
        stack: closes its entries when the context ends, also after an error.
    """

    def __init__(self, path: Path, metadata: Metadata) -> None:
        self.path = path
        self.metadata = metadata
        self.stack = ExitStack()
        self._n_points = metadata.landmark_scheme.n_points
        self._n_frames = 0

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        with self.stack:
            if error is None:
                self.finish()
        return None

    def write(self, frames: Sequence[AnnotatedFrame]) -> None:
        """Append the next frames.

        Raises:
            ValueError: if a frame is missing or repeated, or a face has another number of landmarks than
                the scheme of the metadata.
        """
        for frame in frames:
            self._check(frame)
        self.append(frames)

    def _check(self, frame: AnnotatedFrame) -> None:
        if frame.info.index != self._n_frames:
            raise ValueError(f"{self.path}: frame {frame.info.index} where {self._n_frames} is next")
        self._n_frames += 1
        for face in frame.faces:
            for points in (face.points_px, face.raw_points_px):
                if points.shape != (self._n_points, 2):
                    raise ValueError(f"{self.path}: landmarks of shape {points.shape}, not {self._n_points}")
            if face.confidence.shape != (self._n_points,):
                raise ValueError(f"{self.path}: confidence of shape {face.confidence.shape}")

    @abstractmethod
    def open(self) -> None:
        """Open the file and write all that precedes the frames."""

    @abstractmethod
    def append(self, frames: Sequence[AnnotatedFrame]) -> None:
        """Append frames that :meth:`write` has checked."""

    def finish(self) -> None:
        """Write all that follows the last frame."""
        return

"""The journal of an annotation: all observations so far, on disk, so that a stopped annotation continues.

The journal is an SQLite database in exclusive WAL mode. One transaction adds a batch of frames and the state
of the pipeline after them. After a kill or on a full disk the journal ends with the last complete batch.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from livefan.annotation.observations import AppearanceSample, Observation
from livefan.core.errors import LivefanError, StoppedError
from livefan.core.folder_lock import locked
from livefan.formats.records import FrameInfo

_TABLES = """
create table notes (name text primary key, value text);
create table frames (frame integer primary key, pts integer, seconds real, damage text,
                     width integer, height integer, image text, cut integer);
create table faces (frame integer, track integer, points blob, confidence blob, width blob,
                    face_score real, backwards integer, expressions blob, pupils blob, occluded blob,
                    presence real, primary key (frame, track));
create table samples (frame integer, track integer, descriptor blob, primary key (frame, track));
create table packets (number integer primary key, pts integer, key integer, data blob);
"""


@dataclass(frozen=True)
class EncodedPacket:
    """A packet of encoded video: its presentation timestamp, and whether decoding can begin at it."""

    pts: int
    key: bool
    data: bytes


class Journal:
    """The journal of one annotation; safe to use from several threads.

    Args:
        path: the database. A missing or damaged one, and one of another annotation, is made anew.
        annotation: identity of the annotation; see :func:`livefan.annotation.fingerprint.journal_identity`.

    Attributes:
        n_frames: number of frames in the journal. They are final, except for faces that are tracked back.
        complete: whether the journal has all frames of the recording.
        replaced: identity of the other annotation that the journal held before; None if it held none.

    Raises:
        StoppedError: if another process uses the journal, or it cannot be written.
    """

    def __init__(self, path: Path, annotation: str) -> None:
        self.path = path
        self.n_frames = 0
        self.complete = False
        self.replaced: str | None = None
        self._changed = threading.Condition()
        self._closed = False
        self._database = self._open(annotation)
        (self.n_frames,) = self._database.execute("select count(*) from frames").fetchone()
        self.complete = self.note("complete") is not None

    def _open(self, annotation: str) -> sqlite3.Connection:
        database = _connect(self.path)
        try:
            (known,) = database.execute("select value from notes where name = 'annotation'").fetchone()
            (sound,) = database.execute("pragma quick_check(1)").fetchone()
            if known == annotation and sound == "ok":
                return database
            self.replaced = str(known)
        except (sqlite3.Error, TypeError) as error:
            if "locked" in str(error):
                database.close()
                raise _in_use(self.path) from error
        database.close()
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        database = _connect(self.path)
        with self._one_line_errors():
            database.executescript(f"begin; {_TABLES} commit;")
            database.execute("insert into notes values ('annotation', ?)", (annotation,))
        return database

    def close(self) -> None:
        """Close the database; a thread that waits in :meth:`wait_for` gets an error."""
        with self._changed:
            self._closed = True
            self._database.close()
            self._changed.notify_all()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def note(self, name: str) -> str | None:
        """Return the note of a name, or None."""
        with self._changed, self._one_line_errors():
            row = self._database.execute("select value from notes where name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_note(self, name: str, value: str) -> None:
        """Store a note under a name."""
        with self._transaction() as database:
            database.execute("insert or replace into notes values (?, ?)", (name, value))

    def add(
        self,
        frames: Sequence[FrameInfo],
        faces: Sequence[Observation],
        samples: Sequence[AppearanceSample],
        state: str,
    ) -> None:
        """Add the next frames, the faces on them and on earlier ones, and the state of the pipeline."""
        with self._transaction() as database:
            database.executemany(
                "insert into frames values (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        frame.index,
                        frame.pts,
                        frame.seconds,
                        frame.damage,
                        frame.width,
                        frame.height,
                        frame.image_name,
                        frame.cut,
                    )
                    for frame in frames
                ],
            )
            database.executemany(
                "insert or replace into faces values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        face.frame,
                        face.track,
                        face.points_px.tobytes(),
                        face.confidence.tobytes(),
                        face.width_px.tobytes(),
                        face.face_score,
                        face.backwards,
                        None if face.expressions is None else face.expressions.tobytes(),
                        None if face.pupils_px is None else face.pupils_px.tobytes(),
                        None if face.occluded is None else face.occluded.tobytes(),
                        face.presence,
                    )
                    for face in faces
                ],
            )
            database.executemany(
                "insert into samples values (?, ?, ?)",
                [(sample.frame, sample.track, sample.descriptor.tobytes()) for sample in samples],
            )
            database.execute("insert or replace into notes values ('state', ?)", (state,))
        with self._changed:
            self.n_frames += len(frames)
            self._changed.notify_all()

    def finish(self, warnings: Sequence[str], end: Fraction | None = None) -> None:
        """Store the warnings of the recording and mark the journal as complete.

        Args:
            end: time in seconds at which the last frame ends, as the note ``end``; None if unknown.
        """
        self.set_note("warnings", json.dumps(list(warnings)))
        if end is not None:
            self.set_note("end", str(end))
        self.set_note("complete", "yes")
        with self._changed:
            self.complete = True
            self._changed.notify_all()

    @property
    def warnings(self) -> list[str]:
        """The warnings that :meth:`finish` stored."""
        return list(json.loads(self.note("warnings") or "[]"))

    def wait_for(self, n_frames: int) -> int:
        """Wait for ``n_frames`` frames or the end of the recording; return how many of them there are.

        Raises:
            InterruptedError: if the journal is closed meanwhile.
        """
        with self._changed:
            while self.n_frames < n_frames and not self.complete and not self._closed:
                self._changed.wait(0.5)
            if self._closed:
                raise InterruptedError
            return min(self.n_frames, n_frames)

    def frames(self, first: int, end: int) -> list[FrameInfo]:
        """Return the frames from ``first`` to ``end``, ``end`` excluded."""
        rows = self._rows("select * from frames where frame >= ? and frame < ? order by frame", first, end)
        return [replace(FrameInfo(*row), cut=bool(row[-1])) for row in rows]

    def faces(self, first: int, end: int) -> list[Observation]:
        """Return the faces on the frames from ``first`` to ``end``, by frame and then by track."""
        rows = self._rows(
            "select * from faces where frame >= ? and frame < ? order by frame, track", first, end
        )
        return [
            Observation(
                frame,
                track,
                np.frombuffer(points, np.float64).reshape(-1, 2),
                np.frombuffer(confidence, np.float64),
                np.frombuffer(width, np.float64),
                face_score,
                bool(backwards),
                None if expressions is None else np.frombuffer(expressions, np.float32),
                None if pupils is None else np.frombuffer(pupils, np.float64).reshape(2, 2),
                None if occluded is None else np.frombuffer(occluded, np.float32),
                presence,
            )
            for (
                frame,
                track,
                points,
                confidence,
                width,
                face_score,
                backwards,
                expressions,
                pupils,
                occluded,
                presence,
            ) in rows
        ]

    def samples(self, first: int, end: int) -> list[AppearanceSample]:
        """Return the appearance samples of the frames from ``first`` to ``end``, in the same order."""
        rows = self._rows(
            "select * from samples where frame >= ? and frame < ? order by frame, track", first, end
        )
        return [
            AppearanceSample(frame, track, np.frombuffer(descriptor, np.float32))
            for frame, track, descriptor in rows
        ]

    def begin_encoding(self, coding: str) -> None:
        """Keep the encoded video if its coding is the same, else delete it."""
        if self.note("coding") != coding:
            with self._transaction() as database:
                database.execute("delete from packets")
                database.execute("delete from notes where name = 'encoded'")
                database.execute("insert or replace into notes values ('coding', ?)", (coding,))

    def add_segment(self, packets: Sequence[EncodedPacket], end: int) -> None:
        """Add a segment of encoded video: the frames before ``end``. It decodes on its own."""
        with self._transaction() as database:
            database.executemany(
                "insert into packets (pts, key, data) values (?, ?, ?)",
                [(packet.pts, packet.key, packet.data) for packet in packets],
            )
            database.execute("insert or replace into notes values ('encoded', ?)", (str(end),))

    @property
    def n_encoded(self) -> int:
        """Number of frames in the encoded video."""
        return int(self.note("encoded") or 0)

    def packets(self) -> Iterator[EncodedPacket]:
        """Yield the packets of the encoded video."""
        number = 0
        while rows := self._rows("select * from packets where number > ? order by number limit 64", number):
            number = rows[-1][0]
            for _, pts, key, data in rows:
                yield EncodedPacket(pts, bool(key), data)

    def _rows(self, query: str, *values: int) -> list[tuple]:
        with self._changed, self._one_line_errors():
            return self._database.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a block as one transaction."""
        with self._changed, self._one_line_errors():
            self._database.execute("begin immediate")
            try:
                yield self._database
                self._database.execute("commit")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("rollback")
                raise

    @contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        """Raise errors of SQLite as errors of one line."""
        try:
            yield
        except sqlite3.ProgrammingError as error:  # closed by another thread
            raise InterruptedError from error
        except sqlite3.Error as error:
            raise StoppedError(
                f"{self.path.parent.parent}: cannot be written ({error}); make room on the disk and "
                "give the same command again; it continues there"
            ) from error


@contextmanager
def reserved(path: Path) -> Iterator[None]:
    """Keep other processes from beginning on an annotation, until its journal is open and does so.

    Args:
        path: the journal.

    Raises:
        StoppedError: if another process has reserved the annotation or uses the journal.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(path.parent))
        except LivefanError as error:
            raise _in_use(path) from error
        if path.exists():
            _connect(path).close()
        yield


def _connect(path: Path) -> sqlite3.Connection:
    # Autocommit: `_transaction` begins and ends transactions.
    database = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
    try:
        database.execute("pragma locking_mode = exclusive")
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = normal")
        database.execute("begin exclusive")  # takes the lock now, not at the first write
        database.execute("commit")
    except sqlite3.Error as error:
        if "locked" in str(error):
            database.close()
            raise _in_use(path) from error
    return database


def _in_use(path: Path) -> StoppedError:
    return StoppedError(f"{path.parent}: another livefan is at work on this output; wait for it or stop it")

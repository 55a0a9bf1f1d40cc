"""What was measured so far, kept beside the output so that a stopped annotation can be taken up again.

An SQLite database in exclusive WAL mode: each batch of frames goes in with the state of the follow
after it, wholly or not at all, and what a kill or a full disk leaves is the last whole batch.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from livefan.annotation.observations import AppearanceSample, Observation
from livefan.core.errors import StoppedError
from livefan.formats.records import FrameInfo

_TABLES = """
create table notes (name text primary key, value text);
create table frames (frame integer primary key, tick integer, seconds real, damage text,
                     width integer, height integer);
create table faces (frame integer, track integer, points blob, confidence blob, spread blob,
                    backwards integer, primary key (frame, track));
create table looks (frame integer, track integer, colours blob, primary key (frame, track));
create table packets (number integer primary key, tick integer, key integer, data blob);
"""


@dataclass(frozen=True)
class EncodedPacket:
    """A packet of encoded video: its timestamp in ticks, and whether decoding can begin at it."""

    tick: int
    key: bool
    data: bytes


class Journal:
    """The journal of one annotation; safe to use from several threads.

    Args:
        path: the database; made where it is absent, damaged, or of another annotation.
        annotation: says which recording is annotated, and how; a journal of another is begun anew.

    Attributes:
        n_frames: how many frames are in it, all of them final but for faces followed back into the last ones.
        complete: whether these are all frames of the recording.

    Raises:
        LivefanError: if another process uses it, or it cannot be written.
    """

    def __init__(self, path: Path, annotation: str) -> None:
        self.path = path
        self.n_frames = 0
        self.complete = False
        self._changed = threading.Condition()
        self._abandoned = False
        self._database = self._open(annotation)
        (self.n_frames,) = self._database.execute("select count(*) from frames").fetchone()
        self.complete = self.note("complete") is not None

    def _open(self, annotation: str) -> sqlite3.Connection:
        database = self._connect()
        try:
            (known,) = database.execute("select value from notes where name = 'annotation'").fetchone()
            (sound,) = database.execute("pragma quick_check(1)").fetchone()
            if known == annotation and sound == "ok":
                return database
        except (sqlite3.Error, TypeError) as error:
            if "locked" in str(error):
                database.close()
                raise StoppedError(
                    f"{self.path.parent}: another livefan is at work on this output; wait for it or stop it"
                ) from error
        database.close()
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        database = self._connect()
        with self._spoken_of():
            database.executescript(f"begin; {_TABLES} commit;")
            database.execute("insert into notes values ('annotation', ?)", (annotation,))
        return database

    def _connect(self) -> sqlite3.Connection:
        # Autocommit: transactions are begun and ended by hand, in `_whole`.
        database = sqlite3.connect(self.path, timeout=1.0, isolation_level=None, check_same_thread=False)
        try:
            database.execute("pragma locking_mode = exclusive")
            database.execute("pragma journal_mode = wal")
            database.execute("pragma synchronous = normal")
            database.execute("begin exclusive")  # takes the lock now, not at the first write
            database.execute("commit")
        except sqlite3.Error as error:
            if "locked" in str(error):
                database.close()
                raise StoppedError(
                    f"{self.path.parent}: another livefan is at work on this output; wait for it or stop it"
                ) from error
        return database

    def close(self) -> None:
        """Let go of the file; whoever waits in :meth:`wait_for` gets an error."""
        with self._changed:
            self._abandoned = True
            self._database.close()
            self._changed.notify_all()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def note(self, name: str) -> str | None:
        """What was noted under a name."""
        with self._changed, self._spoken_of():
            row = self._database.execute("select value from notes where name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_note(self, name: str, value: str) -> None:
        """Note something under a name."""
        with self._whole() as database:
            database.execute("insert or replace into notes values (?, ?)", (name, value))

    def add(
        self,
        moments: Sequence[FrameInfo],
        faces: Sequence[Observation],
        looks: Sequence[AppearanceSample],
        state: str,
    ) -> None:
        """Add the next frames, the faces on them and on earlier ones, and the follow's state after them."""
        with self._whole() as database:
            database.executemany(
                "insert into frames values (?, ?, ?, ?, ?, ?)",
                [(m.index, m.pts, m.seconds, m.damage, m.width, m.height) for m in moments],
            )
            database.executemany(
                "insert into faces values (?, ?, ?, ?, ?, ?)",
                [
                    (
                        face.frame,
                        face.track,
                        face.points_px.tobytes(),
                        face.confidence.tobytes(),
                        face.sigma_px.tobytes(),
                        face.backwards,
                    )
                    for face in faces
                ],
            )
            database.executemany(
                "insert into looks values (?, ?, ?)",
                [(look.frame, look.track, look.descriptor.tobytes()) for look in looks],
            )
            database.execute("insert or replace into notes values ('state', ?)", (state,))
        with self._changed:
            self.n_frames += len(moments)
            self._changed.notify_all()

    def finish(self, warnings: Sequence[str]) -> None:
        """Note that the recording is at its end, and what there is to say of it."""
        self.set_note("warnings", json.dumps(list(warnings)))
        self.set_note("complete", "yes")
        with self._changed:
            self.complete = True
            self._changed.notify_all()

    @property
    def warnings(self) -> list[str]:
        """What :meth:`finish` was told."""
        return list(json.loads(self.note("warnings") or "[]"))

    def wait_for(self, n_frames: int) -> int:
        """Wait until so many frames are there, or all of the recording's; returns how many of them are.

        Raises:
            InterruptedError: if the journal was closed meanwhile.
        """
        with self._changed:
            while self.n_frames < n_frames and not self.complete and not self._abandoned:
                self._changed.wait(0.5)
            if self._abandoned:
                raise InterruptedError
            return min(self.n_frames, n_frames)

    def moments(self, first: int, end: int) -> list[FrameInfo]:
        """The frames from ``first`` up to ``end``, without it."""
        rows = self._rows("select * from frames where frame >= ? and frame < ? order by frame", first, end)
        return [FrameInfo(*row) for row in rows]

    def faces(self, first: int, end: int) -> list[Observation]:
        """The faces on the frames from ``first`` up to ``end``, by frame and then by track."""
        rows = self._rows(
            "select * from faces where frame >= ? and frame < ? order by frame, track", first, end
        )
        return [
            Observation(
                frame,
                track,
                np.frombuffer(points, np.float64).reshape(-1, 2),
                np.frombuffer(confidence, np.float64),
                np.frombuffer(sigma, np.float64),
                bool(backwards),
            )
            for frame, track, points, confidence, sigma, backwards in rows
        ]

    def looks(self, first: int, end: int) -> list[AppearanceSample]:
        """The looks taken on the frames from ``first`` up to ``end``, by frame and then by track."""
        rows = self._rows(
            "select * from looks where frame >= ? and frame < ? order by frame, track", first, end
        )
        return [
            AppearanceSample(frame, track, np.frombuffer(colours, np.float32))
            for frame, track, colours in rows
        ]

    def begin_encoding(self, coding: str) -> None:
        """Keep the encoded video if it is coded in this way, else begin it anew."""
        if self.note("coding") != coding:
            with self._whole() as database:
                database.execute("delete from packets")
                database.execute("delete from notes where name = 'encoded'")
                database.execute("insert or replace into notes values ('coding', ?)", (coding,))

    def add_segment(self, packets: Sequence[EncodedPacket], end: int) -> None:
        """Add the encoded video of the frames up to ``end``, which decodes on its own."""
        with self._whole() as database:
            database.executemany(
                "insert into packets (tick, key, data) values (?, ?, ?)",
                [(packet.tick, packet.key, packet.data) for packet in packets],
            )
            database.execute("insert or replace into notes values ('encoded', ?)", (str(end),))

    @property
    def n_encoded(self) -> int:
        """How many frames are in the encoded video so far."""
        return int(self.note("encoded") or 0)

    def packets(self) -> Iterator[EncodedPacket]:
        """The encoded video, packet by packet."""
        number = 0
        while rows := self._rows("select * from packets where number > ? order by number limit 64", number):
            number = rows[-1][0]
            for _, tick, key, data in rows:
                yield EncodedPacket(tick, bool(key), data)

    def _rows(self, query: str, *values: int) -> list[tuple]:
        with self._changed, self._spoken_of():
            return self._database.execute(query, values).fetchall()

    @contextmanager
    def _whole(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it, or nothing."""
        with self._changed, self._spoken_of():
            self._database.execute("begin immediate")
            try:
                yield self._database
                self._database.execute("commit")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("rollback")
                raise

    @contextmanager
    def _spoken_of(self) -> Iterator[None]:
        """SQLite's errors as one line for the user."""
        try:
            yield
        except sqlite3.ProgrammingError as error:  # closed by another thread
            raise InterruptedError from error
        except sqlite3.Error as error:
            raise StoppedError(
                f"{self.path.parent.parent}: cannot be written ({error}); make room on the disk and "
                "give the same command again, it goes on where it was"
            ) from error

"""The outputs of the window's sessions to other programs."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from PyQt6.QtCore import QObject, pyqtSignal

from livefan.core.errors import LivefanError
from livefan.drawing.faces import OverlayStyle, draw_faces
from livefan.live.result import Result
from livefan.outputs.base import Read
from livefan.outputs.frame_result import FrameResult
from livefan.outputs.output_group import OutputGroup
from livefan.outputs.sender import Statistics


class LiveOutputs(QObject):
    """Opens and closes outputs in threads, since a name may resolve slowly, and passes results on to them.

    Attributes:
        style: parts of the faces that are drawn for a virtual camera.
        previewed: whether a head is drawn from :attr:`newest`.
        newest: the newest result of the session; None before the first.
    """

    changed = pyqtSignal()
    """Emitted when an output was opened or closed."""
    failed = pyqtSignal(str)
    """Emitted with an error; may be emitted from any thread."""

    def __init__(self) -> None:
        super().__init__()
        self.style = OverlayStyle()
        self.previewed = False
        self.newest: FrameResult | None = None
        self._group = OutputGroup()
        self._lock = threading.Lock()

    @property
    def reads(self) -> frozenset[Read]:
        """The parts of results that the outputs and the drawn head read."""
        return self._group.reads | ({"expressions"} if self.previewed else set())

    def adopt(self, group: OutputGroup) -> None:
        """Take over outputs that are open already, as those of the command line."""
        self._group = group
        self.changed.emit()

    def open(self, address: str) -> None:
        """Open an output; an error is emitted."""
        self._start(lambda: self._group.open_all([address]))

    def close_one(self, address: str) -> None:
        """Close the output of an address."""
        self._start(lambda: self._group.close_one(address))

    def statistics(self) -> list[Statistics]:
        """Return the state of each output."""
        return self._group.statistics()

    def add_result(self, result: Result) -> None:
        """Send a result; called from the thread of a session."""
        style = self.style

        def draw() -> np.ndarray:
            image = result.frame.image.copy()
            draw_faces(image, result.faces, result.scheme, style)
            return image

        self.newest = FrameResult(result.frame, tuple(result.faces), result.scheme, result.finished_at, draw)
        self._group.offer(self.newest)

    def forget(self) -> None:
        """Forget the newest result, as of a session that has ended."""
        self.newest = None

    def report_ended(self) -> None:
        """Emit the error of each output that has ended by itself, and close it."""
        for each in self.statistics():
            if each.ended:
                self.failed.emit(each.error)
                self.close_one(each.address)

    def close(self) -> None:
        """Close all outputs."""
        self._group.close()

    def _start(self, work: Callable[[], None]) -> None:
        threading.Thread(target=self._run, args=(work,), name="livefan-outputs", daemon=True).start()

    def _run(self, work: Callable[[], None]) -> None:
        with self._lock:
            try:
                work()
            except LivefanError as error:
                self.failed.emit(str(error))
        self.changed.emit()

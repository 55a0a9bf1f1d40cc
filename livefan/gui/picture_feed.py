"""The painter of a player's pictures: its view, the newest picture, and drawings at full size."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from PyQt6.QtCore import QObject, pyqtSignal

from livefan.live.paint_thread import Painted, Painter
from livefan.live.view_state import View


class PictureFeed(QObject):
    """Paints results in a thread and keeps the newest picture.

    Pictures do not queue up before a slow window: only the newest waits, and :attr:`painted` is emitted
    once for all pictures since the last :meth:`take`.

    Args:
        view: how pictures are drawn.
        on_painted: receives every picture, from the painter's thread.

    Attributes:
        painter: receives the results.
    """

    painted = pyqtSignal()
    failed = pyqtSignal(str)
    """Emitted with a message when a picture could not be painted."""

    def __init__(self, view: View, on_painted: Callable[[Painted], None]) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._newest: Painted | None = None
        self._drawings: list[threading.Thread] = []
        self._on_painted = on_painted
        self.painter = Painter(self._keep, self.failed.emit)  # last: it calls back at once
        self.painter.look(view)

    @property
    def view(self) -> View:
        """How pictures are drawn."""
        return self.painter.view

    @property
    def has_frame(self) -> bool:
        """Whether there is a frame to show."""
        return self.painter.shown.first is not None

    def resize(self, width: int, height: int) -> None:
        """Paint pictures of this size in pixels."""
        self.painter.resize(width, height)

    def follow_face(self, track_id: int) -> None:
        """Follow this face in the close-up."""
        self.painter.follow_face(track_id)

    def take(self) -> Painted | None:
        """Return the newest picture once; None if there is none since the last call."""
        with self._lock:
            newest, self._newest = self._newest, None
        return newest

    def draw_full_size(self, then: Callable[[np.ndarray], object]) -> bool:
        """Draw the picture as shown, at the frame's own size, in a thread.

        Args:
            then: gets the picture, ``(height, width, 3)`` uint8 BGR, in that thread.

        Returns:
            Whether there is a picture to draw.
        """
        if not self.has_frame:
            return False
        drawing = threading.Thread(target=self._draw, args=(then,), name="livefan-snapshot")
        self._drawings = [*(each for each in self._drawings if each.is_alive()), drawing]
        drawing.start()
        return True

    def close(self) -> None:
        """End all threads."""
        self.painter.stop()
        for drawing in self._drawings:
            drawing.join()

    def _draw(self, then: Callable[[np.ndarray], object]) -> None:
        drawn = self.painter.draw_full_size()
        if drawn is not None:
            then(drawn)

    def _keep(self, painted: Painted) -> None:
        """Keep a picture for :meth:`take`; called from the painter's thread."""
        self._on_painted(painted)
        with self._lock:
            waiting, self._newest = self._newest is not None, painted
        if not waiting:
            self.painted.emit()

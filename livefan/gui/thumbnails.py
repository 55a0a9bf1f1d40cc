"""Load thumbnails of photographs in a thread."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from PyQt6.QtCore import QObject, QSize, pyqtSignal
from PyQt6.QtGui import QImage

from livefan.core.errors import LivefanError
from livefan.io.image_file import read_image_file
from livefan.live.priority import WORKER_NICENESS, lower_priority

THUMBNAIL_SIZE = QSize(108, 72)


class Thumbnails(QObject):
    """Loads the thumbnails that are requested, one after another.

    The thread ends when nothing is left to load.
    """

    loaded = pyqtSignal(object, QImage)
    """Emitted with a path and its thumbnail; a null image for a file that cannot be read."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._waiting: list[Path] = []
        self._working = False

    def request(self, paths: Sequence[Path]) -> None:
        """Load these thumbnails; earlier requests that are not loaded yet are dropped."""
        with self._lock:
            self._waiting = list(paths)
            if self._waiting and not self._working:
                self._working = True
                threading.Thread(target=self._run, name="livefan-thumbnails", daemon=True).start()

    def _run(self) -> None:
        lower_priority(WORKER_NICENESS)
        with suppress(RuntimeError):  # the window is closed
            while (path := self._next()) is not None:
                self.loaded.emit(path, thumbnail(path))

    def _next(self) -> Path | None:
        with self._lock:
            self._working = bool(self._waiting)
            return self._waiting.pop(0) if self._waiting else None


def thumbnail(path: Path) -> QImage:
    """Return an image file at the size of a thumbnail or smaller; a null image if it cannot be read."""
    try:
        pixels = read_image_file(path).image
    except LivefanError:
        return QImage()
    height, width = pixels.shape[:2]
    scale = min(THUMBNAIL_SIZE.width() / width, THUMBNAIL_SIZE.height() / height, 1.0)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.ascontiguousarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    image = QImage(
        small.data,  # type: ignore[call-overload]  # any buffer will do
        size[0],
        size[1],
        3 * size[0],
        QImage.Format.Format_BGR888,
    )
    return image.copy()  # QImage does not own the memory of `small`

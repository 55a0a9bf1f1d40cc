"""The picture in the window."""

from __future__ import annotations

import time
from collections import deque

import numpy as np
from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QImage, QPainter, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from livefan.live import RateMeter


class FrameView(QWidget):
    """Shows one image at a time, scaled to fit, and measures how old it was when painted."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = QImage()
        self._pixels: np.ndarray | None = None
        self._captured_at = 0.0
        self._painted = True
        self._message = ""
        self._latencies: deque[float] = deque(maxlen=60)
        self._rate = RateMeter()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(320, 240)
        self.setAccessibleName("video")

    @property
    def fps(self) -> float:
        """Frames painted a second."""
        return self._rate.rate()

    @property
    def latency(self) -> float:
        """Median seconds from capture to paint over the last frames; 0.0 before the first."""
        return float(np.median(self._latencies)) if self._latencies else 0.0

    @property
    def pixels(self) -> np.ndarray | None:
        """The ``(height, width, 3)`` uint8 BGR image that is shown, or None."""
        return self._pixels

    def sizeHint(self) -> QSize:  # noqa: N802
        """Large enough for a webcam's picture."""
        return QSize(960, 540)

    def show_frame(self, pixels: np.ndarray, captured_at: float) -> None:
        """Show a contiguous ``(height, width, 3)`` uint8 BGR image, captured at that perf_counter time."""
        height, width = pixels.shape[:2]
        self._pixels = pixels  # QImage does not own its memory
        self._image = QImage(
            pixels.data,  # type: ignore[call-overload]  # any buffer will do
            width,
            height,
            3 * width,
            QImage.Format.Format_BGR888,
        )
        self._captured_at, self._painted, self._message = captured_at, False, ""
        self.update()

    def show_message(self, text: str) -> None:
        """Say something over the picture, or in its place."""
        self._message = text
        self.update()

    def clear(self) -> None:
        """Show nothing, and forget what was measured."""
        self._image, self._pixels = QImage(), None
        self._latencies.clear()
        self._message = ""
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Draw the image, then the message."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        if not self._image.isNull():
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self._target(), self._image)
        if self._message:
            self._draw_message(painter)
        painter.end()
        if not self._painted:
            self._painted = True
            self._rate.tick()
            self._latencies.append(time.perf_counter() - self._captured_at)

    def _target(self) -> QRectF:
        """Where the image goes: as large as fits, centred."""
        size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        x, y = (self.width() - size.width()) / 2, (self.height() - size.height()) / 2
        return QRectF(x, y, size.width(), size.height())

    def _draw_message(self, painter: QPainter) -> None:
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * 1.3)
        painter.setFont(font)
        area = QRectF(self.rect()).adjusted(40, 40, -40, -40)
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        text = painter.boundingRect(area, flags, self._message)
        painter.fillRect(text.adjusted(-18, -12, 18, 12), Qt.GlobalColor.black)
        painter.setPen(Qt.GlobalColor.white)
        painter.drawText(area, flags, self._message)

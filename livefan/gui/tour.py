"""A tour of three hints at the first start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PyQt6.QtCore import QEvent, QObject, QPoint, pyqtSignal
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from livefan.gui.space_key import PressedBySpace

_WIDTH_PX = 300
_GAP_PX = 8


@dataclass(frozen=True)
class Hint:
    """A short text beside a widget."""

    text: str
    target: QWidget


class Tour(QFrame):
    """Shows hints one after another, each beside its widget; the window stays usable.

    Args:
        window: the window that holds all targets.
        hints: the hints in order.
    """

    ended = pyqtSignal()
    """Emitted once, after the last hint or when the user skips the rest."""

    def __init__(self, window: QWidget, hints: Sequence[Hint]) -> None:
        super().__init__(window)
        self._window = window
        self._hints = hints
        self._step = 0
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAutoFillBackground(True)
        self.setFixedWidth(_WIDTH_PX)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.count = QLabel()
        self.skip = QPushButton(self.tr("Skip"))
        self.next = QPushButton()
        for button in (self.skip, self.next):
            PressedBySpace(button)  # other keys still control the picture
        self.skip.clicked.connect(self._end)
        self.next.clicked.connect(self._go_on)
        row = QHBoxLayout()
        row.addWidget(self.count, stretch=1)
        row.addWidget(self.skip)
        row.addWidget(self.next)
        column = QVBoxLayout(self)
        column.addWidget(self.text)
        column.addLayout(row)
        window.installEventFilter(self)
        self._show_step()

    def _show_step(self) -> None:
        last = self._step == len(self._hints) - 1
        self.text.setText(self._hints[self._step].text)
        self.count.setText(self.tr("{} of {}").format(self._step + 1, len(self._hints)))
        self.next.setText(self.tr("Done") if last else self.tr("Next"))
        self.skip.setVisible(not last)
        self._place()
        self.show()
        self.raise_()

    def _place(self) -> None:
        """Move below the target, or above it where there is no room below."""
        self.adjustSize()
        target = self._hints[self._step].target
        if not target.isVisible():
            self.move(
                (self._window.width() - self.width()) // 2, (self._window.height() - self.height()) // 2
            )
            return
        corner = target.mapTo(self._window, QPoint(0, 0))
        top = corner.y() + target.height() + _GAP_PX
        if top + self.height() > self._window.height():
            top = corner.y() - self.height() - _GAP_PX
        left = min(max(corner.x(), _GAP_PX), self._window.width() - self.width() - _GAP_PX)
        self.move(max(left, 0), max(top, 0))

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Stay beside the target when the window changes its size; hide in full screen."""
        changes = (QEvent.Type.Resize, QEvent.Type.LayoutRequest, QEvent.Type.WindowStateChange)
        if event is not None and event.type() in changes:
            self.setVisible(not self._window.isFullScreen())
            self._place()
        return False

    def _go_on(self) -> None:
        if self._step == len(self._hints) - 1:
            self._end()
            return
        self._step += 1
        self._show_step()

    def _end(self) -> None:
        self._window.removeEventFilter(self)
        self.hide()
        self.ended.emit()
        self.deleteLater()

"""The page of the window before a source is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QIcon, QShowEvent
from PyQt6.QtWidgets import QGridLayout, QLabel, QPushButton, QStyle, QToolButton, QVBoxLayout, QWidget

from livefan.gui.action_context import Action
from livefan.gui.actions.sources import OpenFile, OpenFolder, OpenStream, Watch
from livefan.io.open import display_name
from livefan.io.stream import is_address

_ICON_PX = 48
_BUTTON_SIZE = QSize(150, 110)
_SHOWN_RECENT = 6
_ICONS = (
    QStyle.StandardPixmap.SP_ComputerIcon,
    QStyle.StandardPixmap.SP_FileIcon,
    QStyle.StandardPixmap.SP_DirIcon,
    QStyle.StandardPixmap.SP_DriveNetIcon,
)


class StartPage(QWidget):
    """Large buttons for the kinds of sources, and the recent sources."""

    chosen = pyqtSignal(object)
    """Emitted with the :class:`~livefan.gui.action_context.Action` of a button."""

    def __init__(self) -> None:
        super().__init__()
        self.message = QLabel()
        self.message.setTextFormat(Qt.TextFormat.PlainText)  # a file name may look like HTML
        self.message.setWordWrap(True)
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.buttons = [
            self._button(self.tr("Camera"), Watch(0)),
            self._button(self.tr("Video or image"), OpenFile()),
            self._button(self.tr("Folder of images"), OpenFolder()),
            self._button(self.tr("Stream"), OpenStream()),
        ]
        row = QGridLayout()
        row.setSpacing(16)
        for column, button in enumerate(self.buttons):
            row.addWidget(button, 0, column)
        self._recent = QVBoxLayout()
        self._recent.setSpacing(0)
        page = QVBoxLayout(self)
        page.addStretch(2)
        heading = QLabel(self.tr("<h2>Show face landmarks of …</h2>"))
        page.addWidget(heading, alignment=Qt.AlignmentFlag.AlignHCenter)
        page.addLayout(row)
        page.setAlignment(row, Qt.AlignmentFlag.AlignHCenter)
        hint = QLabel(self.tr("or drop files here"))
        page.addWidget(hint, alignment=Qt.AlignmentFlag.AlignHCenter)
        page.addWidget(self.message)
        page.addStretch(1)
        page.addLayout(self._recent)
        page.addStretch(2)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """Draw the icons: a window that starts with a source does not wait for them."""
        super().showEvent(event)
        style = self.style()
        assert style is not None
        smooth = Qt.TransformationMode.SmoothTransformation
        for button, icon in zip(self.buttons, _ICONS, strict=True):
            pixmap = style.standardIcon(icon).pixmap(_ICON_PX)
            button.setIcon(QIcon(pixmap.scaled(_ICON_PX, _ICON_PX, transformMode=smooth)))  # some are smaller

    def _button(self, text: str, action: Action) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setIconSize(QSize(_ICON_PX, _ICON_PX))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setFixedSize(_BUTTON_SIZE)
        button.clicked.connect(lambda: self.chosen.emit(action))
        return button

    def show_recent(self, sources: Sequence[str]) -> None:
        """List recent sources as links."""
        while (item := self._recent.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        if sources:
            heading = QLabel(self.tr("<b>Recent</b>"))
            self._recent.addWidget(heading, alignment=Qt.AlignmentFlag.AlignHCenter)
        for source in sources[:_SHOWN_RECENT]:
            link = QPushButton(source_name(source))
            link.setFlat(True)
            link.setToolTip(source)
            link.clicked.connect(partial(self.chosen.emit, Watch(source)))
            self._recent.addWidget(link, alignment=Qt.AlignmentFlag.AlignHCenter)


def source_name(source: str) -> str:
    """Return a short name of a path or an address, without secrets."""
    return display_name(source) if is_address(source) else Path(source).name or source

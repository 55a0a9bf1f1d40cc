"""Dialogs that ask the user for files, folders and addresses."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PyQt6.QtCore import QObject, QSize, Qt, QUrl
from PyQt6.QtGui import QDesktopServices
from PyQt6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QInputDialog,
    QLabel,
    QLineEdit,
    QMainWindow,
    QMessageBox,
    QScrollArea,
    QStyle,
    QToolButton,
    QVBoxLayout,
)

from livefan.external_models.description import SUFFIX as DESCRIPTION_SUFFIX
from livefan.external_models.network_file import NETWORK_SUFFIXES
from livefan.gui import help as help_texts
from livefan.gui.icons import text_icon
from livefan.gui.preferences import Preferences
from livefan.io.images import IMAGE_SUFFIXES
from livefan.io.video import RECORDING_SUFFIXES
from livefan.outputs.address import KINDS

_SOURCES, _MODELS, _REPORTS = "sources", "models", "reports"
_ARROWS = {
    "backButton": QStyle.StandardPixmap.SP_ArrowBack,
    "forwardButton": QStyle.StandardPixmap.SP_ArrowForward,
    "toParentButton": QStyle.StandardPixmap.SP_FileDialogToParent,
}
"""Buttons of Qt's file dialog whose icons are black in every theme."""
_AROUND_PX = 40
"""Room for margins and spacing around the text of a dialog."""
_SYSTEM_FRAME = QSize(8, 40)
"""Room for the system's window frame, which is absent until the dialog is shown."""
_MODEL_SUFFIXES = (".safetensors", *NETWORK_SUFFIXES, DESCRIPTION_SUFFIX)


class WindowDialogs(QObject):
    """Dialogs over a window; see :class:`livefan.gui.action_context.Dialogs`."""

    def __init__(self, window: QMainWindow, preferences: Preferences) -> None:
        super().__init__(window)
        self._preferences = preferences
        self._window = window

    def choose_file(self) -> str:
        """Return the path of a video or an image; empty if cancelled."""
        videos, images = _pattern(RECORDING_SUFFIXES), _pattern(IMAGE_SUFFIXES)
        filters = (
            self.tr("Videos and images ({} {})").format(videos, images),
            self.tr("Videos ({})").format(videos),
            self.tr("Images ({})").format(images),
            self.tr("All files (*)"),
        )
        return self._choose(_SOURCES, self.tr("Open a video or an image"), filters)

    def choose_model(self) -> str:
        """Return the path of a weight file, a network or its description; empty if cancelled."""
        models = self.tr("Models ({})").format(_pattern(_MODEL_SUFFIXES))
        return self._choose(_MODELS, self.tr("Open model"), (models,))

    def choose_folder(self) -> str:
        """Return the path of a folder of images; empty if cancelled."""
        return self._choose(_SOURCES, self.tr("Open a folder of images"))

    def choose_report_folder(self) -> str:
        """Return the path of a folder for a report; empty if cancelled."""
        return self._choose(_REPORTS, self.tr("Folder for the report"))

    def _choose(self, purpose: str, title: str, filters: Iterable[str] = ()) -> str:
        """Return the path of a file that passes a filter, or of a folder if there are no filters.

        The dialog opens in the last folder for this purpose.
        """
        dialog = QFileDialog(self._window, title, self._preferences.last_folder(purpose))
        if filters:
            dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
            dialog.setNameFilters(filters)
        else:
            dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        for name, icon in _ARROWS.items():
            button = dialog.findChild(QToolButton, name)
            if button is not None:  # the platform's own dialog has none
                button.setIcon(text_icon(self._window, icon))
        path = dialog.selectedFiles()[0] if dialog.exec() else ""
        dialog.deleteLater()
        if path:
            self._preferences.save_folder(purpose, path if purpose == _REPORTS else str(Path(path).parent))
        return path

    def enter_address(self) -> str:
        """Return the address of a stream; empty if cancelled."""
        question = self.tr("Address (rtsp:// or http://):")
        title, echo = self.tr("Open stream"), QLineEdit.EchoMode.Normal
        return QInputDialog.getText(self._window, title, question, echo)[0].strip()

    def enter_output(self) -> str:
        """Return the address of an output; empty if cancelled."""
        question = self.tr("Send to the address, such as {}:").format(
            ", ".join(kind.example for kind in KINDS.values())
        )
        title, echo = self.tr("Output to another program"), QLineEdit.EchoMode.Normal
        return QInputDialog.getText(self._window, title, question, echo)[0].strip()

    def show_folder(self, folder: Path) -> None:
        """Open a folder in the file manager."""
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def show_shortcuts(self) -> None:
        """Open the list of shortcuts."""
        bar = self._window.menuBar()
        assert bar is not None
        sheet = _Sheet(self._window, help_texts.shortcut_sheet(bar))
        sheet.setWindowTitle(self.tr("Keyboard and mouse"))
        sheet.open()

    def show_about(self) -> None:
        """Open the description of livefan."""
        about = QMessageBox(self._window)
        about.setWindowTitle(self.tr("About livefan"))
        about.setTextFormat(Qt.TextFormat.RichText)
        about.setText(help_texts.about())
        about.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        about.open()


class _Sheet(QDialog):
    """Shows a wide text, with scroll bars on a small screen; a message box would cut it.

    Args:
        window: the window below; it stays up to date.
        text: the text, as HTML.
    """

    def __init__(self, window: QMainWindow, text: str) -> None:
        super().__init__(window)
        label, area = QLabel(text), QScrollArea()
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(label)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok)
        buttons.accepted.connect(self.accept)
        column = QVBoxLayout(self)
        column.addWidget(area)
        column.addWidget(buttons)
        screen = window.screen()
        assert screen is not None
        around = QSize(_AROUND_PX, buttons.sizeHint().height() + _AROUND_PX)
        self.resize((label.sizeHint() + around).boundedTo(screen.availableSize() - _SYSTEM_FRAME))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)


def _pattern(suffixes: Iterable[str]) -> str:
    return " ".join(f"*{suffix}" for suffix in sorted(suffixes))

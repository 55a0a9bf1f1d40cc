"""The table of the models of a session: size, time, frame rate and jitter."""

from __future__ import annotations

import math
import threading
from contextlib import suppress
from enum import IntEnum

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from livefan.core.errors import LivefanError
from livefan.gui.theme import hex_colour
from livefan.live.labels import FIRST_COLOUR, SECOND_COLOUR
from livefan.live.session import LiveSession
from livefan.live.statistics import Gauges
from livefan.tracking.model_spec import ModelChoice

_ROW_PX = 22
_BORDER_PX = 3


class Column(IntEnum):
    """Columns of the table."""

    PARAMETERS = 0
    FILE_SIZE = 1
    TIME = 2
    FRAME_RATE = 3
    JITTER = 4


class ModelTable(QTableWidget):
    """One row for each model, marked by the colour of the model."""

    _sized = pyqtSignal(int, object, str, str)

    def __init__(self) -> None:
        super().__init__(2, len(Column))
        self._choices: list[ModelChoice | None] = [None, None]
        self._sized.connect(self._show_size)
        headings = {
            Column.PARAMETERS: (self.tr("params"), self.tr("Number of parameters")),
            Column.FILE_SIZE: (self.tr("file"), self.tr("Size of the weight file")),
            Column.TIME: (
                self.tr("time"),
                self.tr("Time for a frame, from detection to smoothing; median of the last 30 seconds"),
            ),
            Column.FRAME_RATE: (self.tr("fps"), self.tr("Frames processed in a second")),
            Column.JITTER: (
                self.tr("jitter"),
                self.tr(
                    "Movement of landmarks from frame to frame that is no movement of the face, in percent "
                    "of the distance between the outer eye corners; median"
                ),
            ),
        }
        for column, (name, meaning) in headings.items():
            heading = QTableWidgetItem(name)
            heading.setToolTip(meaning)
            self.setHorizontalHeaderItem(column, heading)
        self.setAccessibleName(self.tr("models in numbers"))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._set_sizes()
        self._fill()

    def _set_sizes(self) -> None:
        header, rows = self.horizontalHeader(), self.verticalHeader()
        assert header is not None
        assert rows is not None
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(Column.JITTER, QHeaderView.ResizeMode.Stretch)
        rows.setDefaultSectionSize(_ROW_PX)

    def _fill(self) -> None:
        for row, colour in enumerate((FIRST_COLOUR, SECOND_COLOUR)):
            mark = QTableWidgetItem("■")
            mark.setForeground(QColor(hex_colour(colour)))
            self.setVerticalHeaderItem(row, mark)
            for column in Column:
                item = QTableWidgetItem()
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                self.setItem(row, column, item)

    def show_models(self, first: ModelChoice, second: ModelChoice | None) -> None:
        """Show names and sizes of the models; the row of a missing second model is hidden."""
        self.setRowHidden(1, second is None)
        header = self.horizontalHeader()
        assert header is not None
        n_rows = 1 if second is None else 2
        self.setFixedHeight(header.sizeHint().height() + n_rows * _ROW_PX + _BORDER_PX)
        for row, choice in enumerate((first, second)):
            if choice != self._choices[row]:
                self._show_model(row, choice)

    def show_figures(self, gauges: Gauges, session: LiveSession | None) -> None:
        """Show time, frame rate and jitter of both models."""
        rates = (session.worker_fps, session.second_fps) if session else (0.0, 0.0)
        for row, (model, rate) in enumerate(zip(gauges.models, rates, strict=True)):
            self._put(row, Column.TIME, _short(1000 * model.seconds.median(), "ms"))
            self._put(row, Column.FRAME_RATE, f"{rate:.0f}")
            self._put(row, Column.JITTER, _short(model.jitter.median(), "%", 2))

    def _show_model(self, row: int, choice: ModelChoice | None) -> None:
        self._choices[row] = choice
        mark = self.verticalHeaderItem(row)
        if mark is not None:
            mark.setToolTip(choice.label if choice else "")
        for column in (Column.PARAMETERS, Column.FILE_SIZE):
            self._put(row, column, "")
        if choice is not None:
            # Reading a large weight file takes longer than an event handler may.
            threading.Thread(
                target=self._read_size, args=(row, choice), name="livefan-sizes", daemon=True
            ).start()

    def _read_size(self, row: int, choice: ModelChoice) -> None:
        try:
            n_parameters = choice.n_parameters
            parameters = "-" if n_parameters is None else f"{n_parameters / 1e6:.2f} M"
            size = _short(choice.n_bytes / 2**20, "MiB")
        except (LivefanError, OSError):
            parameters, size = "", self.tr("unreadable")
        with suppress(RuntimeError):  # the window is closed
            self._sized.emit(row, choice, parameters, size)

    def _show_size(self, row: int, choice: ModelChoice, parameters: str, size: str) -> None:
        if choice == self._choices[row]:
            self._put(row, Column.PARAMETERS, parameters)
            self._put(row, Column.FILE_SIZE, size)

    def _put(self, row: int, column: Column, text: str) -> None:
        item = self.item(row, column)
        if item is not None and item.text() != text:
            item.setText(text)


def _short(value: float, unit: str, places: int = 1) -> str:
    """Return a value with its unit; a dash for NaN."""
    if math.isnan(value):
        return "-"
    return f"{value:.{places}f} {unit}" if value < 10 else f"{value:.0f} {unit}"

"""The table of the models of a session: size and jitter."""

from __future__ import annotations

import math
from enum import IntEnum

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from livefan.gui.model_card import ModelCard
from livefan.gui.theme import hex_colour
from livefan.live.labels import FIRST_COLOUR, SECOND_COLOUR
from livefan.live.statistics import Gauges
from livefan.tracking.model_spec import ModelChoice

_ROW_PX = 22
_BORDER_PX = 3


class Column(IntEnum):
    """Columns of the table."""

    PARAMETERS = 0
    FILE_SIZE = 1
    JITTER = 2


class ModelTable(QTableWidget):
    """One row for each model, marked by the colour of the model."""

    def __init__(self) -> None:
        super().__init__(2, len(Column))
        headings = {
            Column.PARAMETERS: (self.tr("params"), self.tr("Number of parameters")),
            Column.FILE_SIZE: (self.tr("file"), self.tr("Size of the weight file")),
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
            mark = self.verticalHeaderItem(row)
            if mark is not None:
                mark.setToolTip(choice.label if choice else "")

    def show_jitter(self, gauges: Gauges) -> None:
        """Show the jitter of both models."""
        for row, model in enumerate(gauges.models):
            self._put(row, Column.JITTER, short_text(model.jitter.median(), "%", 2))

    def clear_size(self, row: int) -> None:
        """Show no size, until the card of the model is read."""
        for column in (Column.PARAMETERS, Column.FILE_SIZE):
            self._put(row, column, "")

    def show_size(self, row: int, card: ModelCard | None) -> None:
        """Show the size of a model, or that its file is unreadable."""
        parameters, size = "", self.tr("unreadable")
        if card is not None:
            parameters = "-" if card.n_parameters is None else f"{card.n_parameters / 1e6:.2f} M"
            size = short_text(card.n_bytes / 2**20, "MiB")
        self._put(row, Column.PARAMETERS, parameters)
        self._put(row, Column.FILE_SIZE, size)

    def _put(self, row: int, column: Column, text: str) -> None:
        item = self.item(row, column)
        if item is not None and item.text() != text:
            item.setText(text)


def short_text(value: float, unit: str, places: int = 1) -> str:
    """Return a value with its unit; a dash for NaN."""
    if math.isnan(value):
        return "-"
    return f"{value:.{places}f} {unit}" if value < 10 else f"{value:.0f} {unit}"

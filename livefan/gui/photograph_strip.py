"""A strip of thumbnails of the photographs in a folder, with their results."""

from __future__ import annotations

import os
from pathlib import Path

from PyQt6.QtCore import QAbstractListModel, QModelIndex, QRect, QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QColor, QImage, QPainter, QPalette, QPixmap, QResizeEvent
from PyQt6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QListView,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from livefan.gui.space_key import PressedBySpace
from livefan.gui.thumbnails import THUMBNAIL_SIZE, Thumbnails
from livefan.io.source import PHOTOGRAPH_SECONDS
from livefan.live.photographs import Photograph, Photographs
from livefan.live.result import Result

_MARGIN_PX = 4
_NAME_PX = 18
_CELL = QSize(THUMBNAIL_SIZE.width() + 2 * _MARGIN_PX, THUMBNAIL_SIZE.height() + _NAME_PX + 2 * _MARGIN_PX)
_SCROLL_BAR_PX = 18
_PLATE_COLOUR = QColor(20, 20, 20, 200)
_ALERT_COLOUR = QColor(176, 48, 48, 220)
_SETTLE_MS = 60
"""Delay after scrolling before thumbnails are loaded."""


class PhotographModel(QAbstractListModel):
    """The photographs in the order of the strip, with the thumbnails loaded so far."""

    def __init__(self) -> None:
        super().__init__()
        self.photographs: list[Photograph] = []
        self.folder = Path()
        self.thumbnails: dict[Path, QPixmap] = {}

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Return the number of photographs."""
        return len(self.photographs)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the name of a photograph, or its name and result as a tool tip."""
        photograph = self.photographs[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return photograph.name
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join([photograph.name, *photograph.badges])
        return None

    def path(self, row: int) -> Path:
        """Return the file of a photograph."""
        return self.folder / self.photographs[row].name

    def badges(self, row: int) -> tuple[str, ...]:
        """Return the texts on a thumbnail."""
        thumbnail = self.thumbnails.get(self.path(row))
        unreadable = thumbnail is not None and thumbnail.isNull()
        return (self.tr("unreadable"),) if unreadable else self.photographs[row].badges

    def show(self, photographs: list[Photograph], folder: Path) -> None:
        """Show photographs of a folder; selection and position stay if the order is the same."""
        if folder != self.folder:
            self.thumbnails = {}
        same = folder == self.folder and [each.name for each in photographs] == [
            each.name for each in self.photographs
        ]
        if not same:
            self.beginResetModel()
        self.photographs, self.folder = photographs, folder
        if not same:
            self.endResetModel()
        elif photographs:
            self.dataChanged.emit(self.index(0), self.index(len(photographs) - 1))

    def row_of(self, index: int) -> int:
        """Return the row of the photograph with this frame index; -1 if there is none."""
        rows = (row for row, each in enumerate(self.photographs) if each.index == index)
        return next(rows, -1)


class _Thumbnail(QStyledItemDelegate):
    """Draws a thumbnail with its badges and its name."""

    def __init__(self, model: PhotographModel) -> None:
        super().__init__()
        self._model = model
        self.current = -1  # frame index of the photograph on the screen

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802
        """Return the size of a cell."""
        return _CELL

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw a cell; the photograph on the screen has a coloured ground."""
        assert painter is not None
        photograph = self._model.photographs[index.row()]
        current = photograph.index == self.current
        if current:
            painter.fillRect(option.rect, option.palette.highlight())
        area = option.rect.adjusted(_MARGIN_PX, _MARGIN_PX, -_MARGIN_PX, -_MARGIN_PX)
        room = area.adjusted(0, 0, 0, -_NAME_PX)
        pixmap = self._model.thumbnails.get(self._model.path(index.row()))
        if pixmap is None or pixmap.isNull():
            painter.fillRect(room, option.palette.alternateBase())
        else:
            place = pixmap.rect()
            place.moveCenter(room.center())
            painter.drawPixmap(place, pixmap)
        self._draw_badges(painter, room, index.row())
        painter.setPen(option.palette.color(option.palette.currentColorGroup(), _text_role(current)))
        name = option.fontMetrics.elidedText(photograph.name, Qt.TextElideMode.ElideMiddle, area.width())
        bottom = QRect(area.left(), room.bottom() + 2, area.width(), _NAME_PX)
        painter.drawText(bottom, Qt.AlignmentFlag.AlignCenter, name)

    def _draw_badges(self, painter: QPainter, room: QRect, row: int) -> None:
        """Write the badges on plates at the lower left of a thumbnail; red ones where no face was found."""
        colour = _PLATE_COLOUR if self._model.photographs[row].n_faces else _ALERT_COLOUR
        bottom = room.bottomLeft()
        for text in reversed(self._model.badges(row)):
            plate = painter.fontMetrics().boundingRect(text).adjusted(-5, -2, 5, 2)
            plate.moveBottomLeft(bottom)
            painter.fillRect(plate, colour)
            painter.setPen(Qt.GlobalColor.white)
            painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)
            bottom = plate.topLeft()


class PhotographStrip(QWidget):
    """Shows the photographs of a folder; a click goes to one.

    Args:
        photographs: names and results.
    """

    sought = pyqtSignal(float)
    """Emitted with the position of the chosen photograph, in seconds."""
    measure_all = pyqtSignal(bool)
    """Emitted with True to measure all photographs, and False to stop."""

    def __init__(self, photographs: Photographs) -> None:
        super().__init__()
        self._photographs = photographs
        self._version = -1
        self._thumbnails = Thumbnails()
        self._thumbnails.loaded.connect(self._add_thumbnail)
        self.model = PhotographModel()
        self._delegate = _Thumbnail(self.model)
        self.view = self._make_view()
        self.measure = QPushButton(self.tr("Measure all"))
        self.measure.setCheckable(True)
        self.measure.setToolTip(self.tr("Run the models on all photographs, then return to this one"))
        self.measure.clicked.connect(self.measure_all)
        self.sort = QCheckBox(self.tr("Sort by disagreement"))
        self.sort.setToolTip(self.tr("Photographs on which the two models are farthest apart come first"))
        self.sort.toggled.connect(self._sort)
        for button in (self.measure, self.sort):
            PressedBySpace(button)
        column = QVBoxLayout()
        column.addStretch(1)
        column.addWidget(self.measure)
        column.addWidget(self.sort)
        column.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 2, 6, 0)
        row.addLayout(column)
        row.addWidget(self.view, stretch=1)
        self._load_later = QTimer(self)
        self._load_later.setSingleShot(True)
        self._load_later.setInterval(_SETTLE_MS)
        self._load_later.timeout.connect(self._load_visible)
        self.hide()

    def _make_view(self) -> QListView:
        view = QListView()
        view.setModel(self.model)
        view.setItemDelegate(self._delegate)
        view.setFlow(QListView.Flow.LeftToRight)
        view.setWrapping(False)
        view.setUniformItemSizes(True)
        view.setFixedHeight(_CELL.height() + _SCROLL_BAR_PX)
        view.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        view.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setSelectionMode(QListView.SelectionMode.NoSelection)
        view.setFrameShape(QListView.Shape.NoFrame)
        view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        view.setAccessibleName(self.tr("photographs"))
        view.clicked.connect(self._choose)
        bar = view.horizontalScrollBar()
        assert bar is not None
        bar.valueChanged.connect(lambda value: self._load_later.start())
        return view

    def show_state(self, result: Result | None, source: str | int | None, *, measuring: bool) -> None:
        """Show the photographs around the one on the screen; hide the strip for other sources.

        Args:
            result: the result on the screen.
            source: the folder of the photographs.
            measuring: whether all photographs are being measured.
        """
        window = self.window()
        alone = window is not None and window.isFullScreen()  # the picture
        if alone or result is None or len(result.photographs) < 2 or not isinstance(source, str):
            self.hide()
            return
        self.show()
        self.measure.setChecked(measuring)
        self.measure.setText(self.tr("Stop measuring") if measuring else self.tr("Measure all"))
        folder = Path(os.path.expanduser(source))
        changed = self._photographs.version != self._version or folder != self.model.folder
        if changed:
            self._version = self._photographs.version
            self._list(folder=folder)
        if changed or result.frame.index != self._delegate.current:
            self._delegate.current = result.frame.index
            self._scroll_to_current()

    def _sort(self, on: bool) -> None:
        self._photographs.by_disagreement = on
        self._list()
        self._scroll_to_current()

    def _list(self, *, folder: Path | None = None) -> None:
        self.model.show(self._photographs.all(), folder or self.model.folder)
        self._load_later.start()

    def _scroll_to_current(self) -> None:
        row = self.model.row_of(self._delegate.current)
        if row >= 0:
            self.view.scrollTo(self.model.index(row))
        viewport = self.view.viewport()
        assert viewport is not None
        viewport.update()

    def _choose(self, index: QModelIndex) -> None:
        self.sought.emit(self.model.photographs[index.row()].index * PHOTOGRAPH_SECONDS)

    def _load_visible(self) -> None:
        """Request the thumbnails that are in view and not loaded."""
        viewport = self.view.viewport()
        bar = self.view.horizontalScrollBar()
        assert viewport is not None
        assert bar is not None
        first = bar.value() // _CELL.width()
        last = min((bar.value() + viewport.width()) // _CELL.width() + 1, self.model.rowCount())
        paths = (self.model.path(row) for row in range(first, last))
        self._thumbnails.request([path for path in paths if path not in self.model.thumbnails])

    def _add_thumbnail(self, path: Path, image: QImage) -> None:
        if path.parent == self.model.folder:
            self.model.thumbnails[path] = QPixmap.fromImage(image)
            viewport = self.view.viewport()
            assert viewport is not None
            viewport.update()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Keep the present thumbnail in view, and load those that came into it."""
        super().resizeEvent(event)
        self._scroll_to_current()
        self._load_later.start()


def _text_role(current: bool) -> QPalette.ColorRole:
    return QPalette.ColorRole.HighlightedText if current else QPalette.ColorRole.Text

"""Which models are at work, and how far they are apart: pickers, a table, and where they disagree most."""

from __future__ import annotations

import math
import threading
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QPalette
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QGridLayout,
    QHeaderView,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QScrollArea,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from livefan.comparison import REGIONS
from livefan.errors import LivefanError
from livefan.gui.player import Player
from livefan.gui.transport import in_words
from livefan.live.gauges import Gauges
from livefan.live.scene import FIRST_COLOUR, SECOND_COLOUR
from livefan.model_choice import ModelChoice, shipped_models
from livefan.runtimes.base import AUTO, PRECISIONS, RUNTIMES

_BROWSE = object()
_WORST_COLOUR = "#e04040"
_BAR_STEPS = 1000
_LEAST_TOP = 5.0
"""Percent that a whole bar stands for, at least."""
_PACKAGES = {"openvino": "openvino", "onnxruntime": "onnxruntime", "torch": "torch"}


def hex_colour(bgr: tuple[int, int, int]) -> str:
    """A BGR colour as Qt and pyqtgraph read it."""
    return "#{2:02x}{1:02x}{0:02x}".format(*bgr)


class RegionBars(QWidget):
    """How far two models are apart in each region of the face, a bar for each, the longest in red."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("disagreement by region"))
        self._worst = ""
        self.bars: dict[str, QProgressBar] = {}
        rows = QFormLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setVerticalSpacing(2)
        for region in REGIONS:
            bar = QProgressBar()
            bar.setMaximumHeight(16)
            bar.setRange(0, _BAR_STEPS)
            self.bars[region] = bar
            rows.addRow(region, bar)
        self.show_regions({})

    def show_regions(self, percent: dict[str, float]) -> None:
        """Show each region's NME in percent; a region that is not named has none."""
        longest = max(percent.values(), default=0.0)
        top = max(_LEAST_TOP, longest)
        self.setUpdatesEnabled(False)  # or else each bar draws the whole window anew at once
        for region, bar in self.bars.items():
            value = percent.get(region)
            bar.setValue(0 if value is None else round(_BAR_STEPS * value / top))
            bar.setFormat("-" if value is None else f"{value:.1f} %")
        worst = max(percent, key=lambda region: percent[region], default="")
        if worst != self._worst:
            red = QPalette()
            red.setColor(QPalette.ColorRole.Highlight, QColor(_WORST_COLOUR))
            for region, palette in ((self._worst, QPalette()), (worst, red)):
                if region:
                    self.bars[region].setPalette(palette)
            self._worst = worst
        self.setUpdatesEnabled(True)


class ModelPicker(QFrame):
    """Chooses a weight file, what runs it, in which numbers, and smoothed or raw."""

    chosen = pyqtSignal(object)
    """Emitted with a :class:`~livefan.model_choice.ModelChoice`."""

    def __init__(self, title: str, choice: ModelChoice, colour: str) -> None:
        super().__init__()
        self._choice = choice
        heading = QLabel(f'<b style="color: {colour}">{title}</b>')
        self.weights = QComboBox()
        self.weights.setAccessibleName(self.tr("weights"))
        self.weights.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.weights.setMinimumContentsLength(12)
        for name in shipped_models():
            self.weights.addItem(name, name)
        self.weights.insertSeparator(self.weights.count())
        self.weights.addItem(self.tr("Open weights …"), _BROWSE)
        self.runtime = QComboBox()
        self.runtime.setAccessibleName(self.tr("runtime"))
        self.runtime.addItem(self.tr("fastest runtime"), AUTO)
        for name in RUNTIMES:
            if find_spec(_PACKAGES[name]):
                self.runtime.addItem(name, name)
        self.precision = QComboBox()
        self.precision.setAccessibleName(self.tr("precision"))
        self.precision.addItem(self.tr("fastest precision"), AUTO)
        for name in PRECISIONS:
            self.precision.addItem(name, name)
        self.raw = QCheckBox(self.tr("raw"))
        self.raw.setToolTip(self.tr("Landmarks as they were measured, without smoothing"))
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(3)
        grid.addWidget(heading, 0, 0)
        grid.addWidget(self.raw, 0, 1)
        grid.addWidget(self.weights, 1, 0, 1, 2)
        grid.addWidget(self.runtime, 2, 0)
        grid.addWidget(self.precision, 2, 1)
        self.weights.activated.connect(self._weights_chosen)
        for box in (self.runtime, self.precision):
            box.activated.connect(self._choose)
        self.raw.clicked.connect(self._choose)
        self.show_choice(choice)

    def show_choice(self, choice: ModelChoice) -> None:
        """Show a model as the chosen one."""
        self._choice = choice
        index = self.weights.findData(choice.weights)
        if index < 0:
            self.weights.insertItem(0, replace(choice, runtime=AUTO, precision=AUTO, raw=False).label)
            self.weights.setItemData(0, choice.weights)
            index = 0
        self.weights.setCurrentIndex(index)
        self.weights.setToolTip(choice.weights)
        self.runtime.setCurrentIndex(max(0, self.runtime.findData(choice.runtime)))
        self.precision.setCurrentIndex(max(0, self.precision.findData(choice.precision)))
        self.raw.setChecked(choice.raw)

    def _weights_chosen(self) -> None:
        if self.weights.currentData() is not _BROWSE:
            self._choose()
            return
        path, _ = QFileDialog.getOpenFileName(
            self, self.tr("Open weights"), filter=self.tr("Weights (*.safetensors)")
        )
        self.show_choice(replace(self._choice, weights=path) if path else self._choice)
        if path:
            self.chosen.emit(self._choice)

    def _choose(self) -> None:
        self.show_choice(
            replace(
                self._choice,
                weights=self.weights.currentData(),
                runtime=self.runtime.currentData(),
                precision=self.precision.currentData(),
                raw=self.raw.isChecked(),
            )
        )
        self.chosen.emit(self._choice)


class ModelsPanel(QScrollArea):
    """The models at work; with two of them, what tells them apart."""

    _sized = pyqtSignal(int, object, str, str)

    def __init__(self, player: Player) -> None:
        super().__init__()
        self._player = player
        self._named: list[ModelChoice | None] = [None, None]
        self._sized.connect(self._show_size)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.first = ModelPicker(self.tr("Model"), player.wanted.first, hex_colour(FIRST_COLOUR))
        self.first.chosen.connect(player.choose_first)
        self.second = ModelPicker(
            self.tr("Compared with"), player.wanted.second or player.wanted.first, hex_colour(SECOND_COLOUR)
        )
        self.second.chosen.connect(player.choose_second)
        self.table = self._make_table()
        self.apart = QLabel()
        self.apart.setToolTip(
            self.tr(
                "Mean distance between the landmarks of both models on the same frame, in percent of the "
                "distance between the outer eye corners"
            )
        )
        self.regions = RegionBars()
        self.worst = QListWidget()
        self.worst.setAccessibleName(self.tr("greatest disagreements"))
        self.worst.setToolTip(self.tr("Click to go there"))
        self.worst.setMinimumHeight(90)
        self.worst.itemClicked.connect(self._go_to)
        self._compared = [
            self.second,
            self.apart,
            self.regions,
            QLabel(self.tr("Greatest disagreements")),
            self.worst,
        ]
        inside = QWidget()
        column = QVBoxLayout(inside)
        for widget in (self.first, self.second, self.table, *self._compared[1:]):
            column.addWidget(widget)
        column.addStretch(1)
        self.setWidget(inside)
        self.setMinimumWidth(270)
        player.changed.connect(self._show_choices)
        self._show_choices()

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(5, 2)
        table.setVerticalHeaderLabels(
            [
                self.tr("parameters"),
                self.tr("file"),
                self.tr("time"),
                self.tr("frames / s"),
                self.tr("jitter"),
            ]
        )
        table.setAccessibleName(self.tr("models in numbers"))
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        header = table.horizontalHeader()
        assert header is not None
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        header.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        rows = table.verticalHeader()
        assert rows is not None
        rows.setDefaultSectionSize(22)
        table.setSizeAdjustPolicy(QTableWidget.SizeAdjustPolicy.AdjustToContents)
        table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for row in range(5):
            for column in range(2):
                table.setItem(row, column, QTableWidgetItem())
        return table

    def sizeHint(self) -> QSize:  # noqa: N802
        """Leaves room for the picture."""
        return QSize(300, 400)

    def _show_choices(self) -> None:
        wanted = self._player.wanted
        self.first.show_choice(wanted.first)
        if wanted.second is not None:
            self.second.show_choice(wanted.second)
        comparing = wanted.second is not None
        for widget in self._compared:
            widget.setVisible(comparing)
        self.table.setColumnHidden(1, not comparing)
        for column, choice in enumerate((wanted.first, wanted.second)):
            if choice != self._named[column]:
                self._show_name(column, choice)

    def _show_name(self, column: int, choice: ModelChoice | None) -> None:
        self._named[column] = choice
        label = choice.label if choice else ""
        header = QTableWidgetItem(label)
        header.setToolTip(label)
        self.table.setHorizontalHeaderItem(column, header)
        for row in range(2):
            self._put(row, column, "")
        if choice is not None:
            # Opening a large weight file can take longer than the window may be held up.
            threading.Thread(
                target=self._look_up_size, args=(column, choice), name="livefan-sizes", daemon=True
            ).start()

    def _look_up_size(self, column: int, choice: ModelChoice) -> None:
        try:
            parameters, size = f"{choice.n_parameters / 1e6:.2f} M", f"{choice.n_bytes / 2**20:.1f} MiB"
        except (LivefanError, OSError):
            parameters, size = "", self.tr("unreadable")
        with suppress(RuntimeError):  # the window was closed meanwhile
            self._sized.emit(column, choice, parameters, size)

    def _show_size(self, column: int, choice: ModelChoice, parameters: str, size: str) -> None:
        if choice == self._named[column]:
            self._put(0, column, parameters)
            self._put(1, column, size)

    def _put(self, row: int, column: int, text: str) -> None:
        item = self.table.item(row, column)
        if item is not None and item.text() != text:
            item.setText(text)

    def show_figures(self) -> None:
        """Show what the gauges say now."""
        gauges, session = self._player.gauges, self._player.session
        rates = (session.worker_fps, session.second_fps) if session else (0.0, 0.0)
        for column, (of_model, rate) in enumerate(zip(gauges.models, rates, strict=True)):
            self._put(2, column, _number(1000 * of_model.seconds.median(), "{:.1f} ms"))
            self._put(3, column, f"{rate:.0f}")
            self._put(4, column, _number(of_model.jitter.median(), "{:.3f} %"))
        if self._player.wanted.second is not None:
            self._show_apart(gauges)
            self._show_worst(gauges)

    def _show_apart(self, gauges: Gauges) -> None:
        newest = gauges.newest
        if newest is None or not newest.disagreements:
            differ = newest is not None and newest.first.scheme != newest.second.scheme
            self.apart.setText(
                self.tr("These models have different landmarks: look at them side by side.")
                if differ
                else self.tr("No face that both see.")
            )
            self.apart.setWordWrap(True)
            self.regions.show_regions({})
            return
        now = newest.disagreements[0]
        self.apart.setText(
            self.tr("Apart now {:.2f} %, median {:.2f} %").format(now.overall, gauges.apart.median())
        )
        self.regions.show_regions(now.by_region(newest.first.scheme))

    def _show_worst(self, gauges: Gauges) -> None:
        worst = gauges.worst
        for row, each in enumerate(worst):
            item = self.worst.item(row) or QListWidgetItem(self.worst)
            newest = gauges.newest
            region = ""
            if newest is not None and len(each.points) == newest.first.scheme.n_points:
                by_region = each.by_region(newest.first.scheme)
                region = max(by_region, key=lambda name: by_region[name])
            item.setText(f"{each.overall:5.2f} %   {in_words(each.time_s)}   {region}")
            item.setData(Qt.ItemDataRole.UserRole, each.time_s)
        while self.worst.count() > len(worst):
            self.worst.takeItem(self.worst.count() - 1)

    def _go_to(self, item: QListWidgetItem) -> None:
        session = self._player.session
        if session is not None and session.seekable:
            self._player.pause(True)
            self._player.seek(item.data(Qt.ItemDataRole.UserRole))


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else form.format(value)

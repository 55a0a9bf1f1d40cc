"""Which models are at work, and how far they are apart: pickers, a table, and where they disagree most."""

from __future__ import annotations

import math
import threading
from contextlib import suppress

from PyQt6.QtCore import QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QColor, QHideEvent, QPalette, QShowEvent
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QFormLayout,
    QHeaderView,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QScrollArea,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from livefan.core.agreement import REGIONS
from livefan.core.errors import LivefanError
from livefan.gui.model_picker import ModelPicker
from livefan.gui.player import Player
from livefan.gui.plots import LivePlot
from livefan.gui.theme import hex_colour
from livefan.gui.transport import clock_text
from livefan.live.render import FIRST_COLOUR, SECOND_COLOUR
from livefan.live.statistics import Gauges
from livefan.tracking.model_spec import ModelChoice

ALL = "all"
"""The face as a whole, beside its regions."""
_WORST_COLOUR = "#e04040"
_BAR_STEPS = 1000
_PLOT_PX, _ROW_PX = 84, 22
_LET_DRAW_MS = 20
"""From one part of the panel to the next: to lay out and draw all at once would hold the window up."""
_LEAST_TOP = 3.0
"""Percent that a whole bar stands for, at least."""


class ApartBars(QWidget):
    """How far two models usually are apart, in all and in each region, the worst of them in red."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("how far apart, by region"))
        self._worst = ""
        self.bars: dict[str, QProgressBar] = {}
        names = {
            ALL: self.tr("all"),
            "jaw": self.tr("jaw"),
            "brows": self.tr("brows"),
            "nose": self.tr("nose"),
            "eyes": self.tr("eyes"),
            "mouth": self.tr("mouth"),
        }
        rows = QFormLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setVerticalSpacing(2)
        for region in (ALL, *REGIONS):
            bar = QProgressBar()
            bar.setMaximumHeight(16)
            bar.setRange(0, _BAR_STEPS)
            self.bars[region] = bar
            rows.addRow(names[region], bar)
        self.show_regions({}, {})

    def show_regions(self, usual: dict[str, float], now: dict[str, float]) -> None:
        """Show NMEs in percent, by region; one that is not named has none.

        Args:
            usual: how long the bars are.
            now: on the newest frame.
        """
        top = max(_LEAST_TOP, *usual.values(), 0.0)
        self.setUpdatesEnabled(False)  # or else each bar draws the whole window anew at once
        for region, bar in self.bars.items():
            value = usual.get(region)
            bar.setValue(0 if value is None else round(_BAR_STEPS * value / top))
            latest = self.tr("   now {:.1f}").format(now[region]) if region in now else ""
            bar.setFormat("-" if value is None else f"{value:.1f} %{latest}")
        by_region = {region: value for region, value in usual.items() if region != ALL}
        worst = max(by_region, key=lambda region: by_region[region], default="")
        if worst != self._worst:
            red = QPalette()
            red.setColor(QPalette.ColorRole.Highlight, QColor(_WORST_COLOUR))
            for region, palette in ((self._worst, QPalette()), (worst, red)):
                if region:
                    self.bars[region].setPalette(palette)
            self._worst = worst
        self.setUpdatesEnabled(True)


class ModelPanel(QScrollArea):
    """The models at work; with two of them, what tells them apart."""

    _sized = pyqtSignal(int, object, str, str)

    def __init__(self, player: Player) -> None:
        super().__init__()
        self._player = player
        self._named: list[ModelChoice | None] = [None, None]
        self._sized.connect(self._show_size)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.first = ModelPicker(self.tr("Model"), player.config.first, hex_colour(FIRST_COLOUR))
        self.first.chosen.connect(player.choose_first)
        self.second = ModelPicker(
            self.tr("Against"), player.config.second or player.config.first, hex_colour(SECOND_COLOUR)
        )
        self.second.chosen.connect(player.choose_second)
        self.table = self._make_table((hex_colour(FIRST_COLOUR), hex_colour(SECOND_COLOUR)))
        self.apart = QLabel()
        self.apart.setWordWrap(True)
        self.apart.setToolTip(
            self.tr(
                "Mean distance between the landmarks of both models on the same frame, in percent of the "
                "distance between the outer eye corners. Bars: the median of late; the longest region is red."
            )
        )
        self.regions = ApartBars()
        self.over_time = LivePlot(self.tr("over time"), "{:.1f} %", [_WORST_COLOUR])
        self.over_time.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.over_time.setFixedHeight(_PLOT_PX)
        self.worst = QListWidget()
        self.worst.setAccessibleName(self.tr("greatest disagreements"))
        self.worst.setToolTip(self.tr("Click to go there"))
        self.worst.setMinimumHeight(70)
        self.worst.itemClicked.connect(self._go_to)
        self._differences = QWidget()
        rows = QVBoxLayout(self._differences)
        rows.setContentsMargins(0, 0, 0, 0)
        furthest = QLabel(self.tr("<b>Furthest apart</b> (click to go there)"))
        for part in (self.apart, self.regions, self.over_time, furthest, self.worst):
            rows.addWidget(part)
        self._choices = QWidget()
        rows = QVBoxLayout(self._choices)
        rows.setContentsMargins(0, 0, 0, 0)
        for chooser in (self.first, self.second, self.table):
            rows.addWidget(chooser)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(6, 4, 6, 4)
        for widget in (self._choices, self._differences):
            column.addWidget(widget)
            widget.hide()
        column.addStretch(1)
        self.setWidget(inside)
        # It scrolls downwards alone, and the bar takes room too.
        scroll_bar = self.verticalScrollBar()
        assert scroll_bar is not None
        margins = column.contentsMargins()
        beside = margins.left() + margins.right() + 2 * self.frameWidth() + scroll_bar.sizeHint().width()
        self.setMinimumWidth(max(270, self._choices.minimumSizeHint().width() + beside))
        player.changed.connect(self._show_choices)
        self._show_choices()

    def _make_table(self, colours: tuple[str, str]) -> QTableWidget:
        """A row for each model, marked by its colour."""
        columns = {
            self.tr("params"): self.tr("Numbers that were trained"),
            self.tr("file"): self.tr("Size of the weight file"),
            self.tr("time"): self.tr(
                "For a frame, from detection to smoothing; median of the last half minute"
            ),
            self.tr("fps"): self.tr("Frames that it finishes a second"),
            self.tr("jitter"): self.tr(
                "Shaking from frame to frame, in % of the distance between the outer eye corners; median"
            ),
        }
        table = QTableWidget(2, len(columns))
        for column, (name, meaning) in enumerate(columns.items()):
            heading = QTableWidgetItem(name)
            heading.setToolTip(meaning)
            table.setHorizontalHeaderItem(column, heading)
        table.setAccessibleName(self.tr("models in numbers"))
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        header, rows = table.horizontalHeader(), table.verticalHeader()
        assert header is not None
        assert rows is not None
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(len(columns) - 1, QHeaderView.ResizeMode.Stretch)
        rows.setDefaultSectionSize(_ROW_PX)
        table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for row, colour in enumerate(colours):
            mark = QTableWidgetItem("■")
            mark.setForeground(QColor(colour))
            table.setVerticalHeaderItem(row, mark)
            for column in range(len(columns)):
                item = QTableWidgetItem()
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                table.setItem(row, column, item)
        return table

    def sizeHint(self) -> QSize:  # noqa: N802
        """Leaves room for the picture."""
        return QSize(max(300, self.minimumWidth()), 400)

    def _show_choices(self) -> None:
        wanted = self._player.config
        self.first.show_choice(wanted.first)
        if wanted.second is not None:
            self.second.show_choice(wanted.second)
        comparing = wanted.second is not None
        self.second.setVisible(comparing)
        if self.isVisible():
            QTimer.singleShot(_LET_DRAW_MS, self._show_differences)
        self.table.setRowHidden(1, not comparing)
        header = self.table.horizontalHeader()
        assert header is not None
        self.table.setFixedHeight(header.sizeHint().height() + (2 if comparing else 1) * _ROW_PX + 3)
        for row, choice in enumerate((wanted.first, wanted.second)):
            if choice != self._named[row]:
                self._show_name(row, choice)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """Show one part after the other."""
        super().showEvent(event)
        QTimer.singleShot(_LET_DRAW_MS, self._choices.show)
        QTimer.singleShot(2 * _LET_DRAW_MS, self._show_differences)

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802
        """Have every part wait for its turn when the panel is shown again."""
        super().hideEvent(event)
        self._choices.hide()
        self._differences.hide()

    def _show_differences(self) -> None:
        self._differences.setVisible(self._player.config.second is not None)

    def _show_name(self, row: int, choice: ModelChoice | None) -> None:
        self._named[row] = choice
        mark = self.table.verticalHeaderItem(row)
        if mark is not None:
            mark.setToolTip(choice.label if choice else "")
        for column in range(2):
            self._put(row, column, "")
        if choice is not None:
            # Opening a large weight file can take longer than the window may be held up.
            threading.Thread(
                target=self._look_up_size, args=(row, choice), name="livefan-sizes", daemon=True
            ).start()

    def _look_up_size(self, row: int, choice: ModelChoice) -> None:
        try:
            parameters = f"{choice.n_parameters / 1e6:.2f} M"
            size = _short(choice.n_bytes / 2**20, "MiB")
        except (LivefanError, OSError):
            parameters, size = "", self.tr("unreadable")
        with suppress(RuntimeError):  # the window was closed meanwhile
            self._sized.emit(row, choice, parameters, size)

    def _show_size(self, row: int, choice: ModelChoice, parameters: str, size: str) -> None:
        if choice == self._named[row]:
            self._put(row, 0, parameters)
            self._put(row, 1, size)

    def _put(self, row: int, column: int, text: str) -> None:
        item = self.table.item(row, column)
        if item is not None and item.text() != text:
            item.setText(text)

    def apply_palette(self) -> None:
        """Use the colours of the window's theme."""
        self.over_time.apply_palette()

    def show_figures(self) -> None:
        """Show what the gauges say now."""
        gauges, session = self._player.gauges, self._player.session
        rates = (session.worker_fps, session.second_fps) if session else (0.0, 0.0)
        for row, (of_model, rate) in enumerate(zip(gauges.models, rates, strict=True)):
            self._put(row, 2, _short(1000 * of_model.seconds.median(), "ms"))
            self._put(row, 3, f"{rate:.0f}")
            self._put(row, 4, _short(of_model.jitter.median(), "%", 2))
        if self._player.config.second is not None:
            self._show_apart(gauges)
            self._show_worst(gauges)

    def show_plot(self) -> None:
        """Show how far apart the models were in the last half minute."""
        self.over_time.show_values([self._player.gauges.apart.recent()])

    def _show_apart(self, gauges: Gauges) -> None:
        newest = gauges.newest
        if newest is None:
            self.apart.setText(self.tr("Waiting for the second model …"))
            self.regions.show_regions({}, {})
            return
        scheme = newest.first.scheme
        if scheme != newest.second.scheme:
            self.apart.setText(self.tr("These models have different landmarks: look at them side by side."))
        elif newest.disagreements:
            self.apart.setText(self.tr("<b>Apart</b>: median, in % of the eyes' distance"))
        else:
            self.apart.setText(self.tr("No face that both see."))
        overall, by_region = gauges.usually_apart(scheme)
        now = newest.apart
        self.regions.show_regions(
            {ALL: overall, **by_region} if by_region else {},
            {ALL: now.overall, **now.by_region(scheme)} if now else {},
        )

    def _show_worst(self, gauges: Gauges) -> None:
        worst, session = gauges.worst, self._player.session
        photographs = session.photographs if session else ()
        for row, each in enumerate(worst):
            item = self.worst.item(row) or QListWidgetItem(self.worst)
            newest = gauges.newest
            region = ""
            if newest is not None and len(each.points) == newest.first.scheme.n_points:
                by_region = each.by_region(newest.first.scheme)
                region = max(by_region, key=lambda name: by_region[name])
            place = photographs[each.frame] if photographs else clock_text(each.time_s)
            item.setText(f"{each.overall:5.2f} %   {place}   {region}")
            item.setData(Qt.ItemDataRole.UserRole, each.time_s)
        while self.worst.count() > len(worst):
            self.worst.takeItem(self.worst.count() - 1)

    def _go_to(self, item: QListWidgetItem) -> None:
        session = self._player.session
        if session is not None and session.seekable:
            self._player.pause(True)
            self._player.seek(item.data(Qt.ItemDataRole.UserRole))


def _short(value: float, unit: str, places: int = 1) -> str:
    """A value in few letters; a dash for NaN."""
    if math.isnan(value):
        return "-"
    return f"{value:.{places}f} {unit}" if value < 10 else f"{value:.0f} {unit}"

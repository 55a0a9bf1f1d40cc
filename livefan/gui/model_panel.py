"""The panel of models: their choice, their figures, and the distance between two of them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QHideEvent, QShowEvent
from PyQt6.QtWidgets import (
    QLabel,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from livefan.core.agreement import Disagreement
from livefan.gui.card_reader import CardReader
from livefan.gui.comparison_progress import ComparisonProgress
from livefan.gui.controls import Controls
from livefan.gui.deferred import Deferred
from livefan.gui.model_card import ModelCard
from livefan.gui.model_picker import ModelPicker
from livefan.gui.model_table import ModelTable, short_text
from livefan.gui.player import Player
from livefan.gui.plots import LivePlot
from livefan.gui.region_bars import ALL_REGIONS, WORST_COLOUR, RegionBars
from livefan.gui.scales import clock_text
from livefan.gui.theme import hex_colour
from livefan.live.labels import FIRST_COLOUR, SECOND_COLOUR
from livefan.live.statistics import Gauges

_PLOT_HEIGHT_PX = 100
_LIST_HEIGHT_PX = 70
_SMALLEST_WIDTH_PX, _PREFERRED_WIDTH_PX = 270, 300
_LET_DRAW_MS = 20
"""Delay between two parts of the panel: laying out and drawing all at once would delay other events."""


class ModelPanel(QScrollArea):
    """Chooses the models and shows their figures; with two models also the distance between them.

    Args:
        player: runs the models.
        controls: actions of the buttons.
        ask: asks for the path of a model; empty if cancelled.

    Attributes:
        parts: the parts that are hidden with the panel, and shown one after another.
    """

    def __init__(self, player: Player, controls: Controls, ask: Callable[[], str]) -> None:
        super().__init__()
        self._player = player
        self._cards = CardReader()
        self._rates = 0.0, 0.0  # while the session last played
        self._card_of: list[ModelCard | None] = [None, None]
        self._worst_shown: list[tuple[int, float]] = []  # frames and distances
        self._cards.read.connect(self._show_card)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        config = player.config
        self.first = ModelPicker(self.tr("Model"), config.first, hex_colour(FIRST_COLOUR), ask)
        self.first.chosen.connect(player.choose_first)
        second = config.second or config.first
        self.second = ModelPicker(self.tr("Against"), second, hex_colour(SECOND_COLOUR), ask)
        self.second.chosen.connect(player.choose_second)
        self._pickers = (self.first, self.second)
        self.table = ModelTable()
        self.progress = ComparisonProgress(player, controls)
        self.apart = QLabel()
        self.apart.setWordWrap(True)
        self.apart.setToolTip(
            self.tr(
                "Mean distance between the landmarks of both models on the same frame, in percent of the "
                "distance between the outer eye corners. Bars show the median; the worst region is red."
            )
        )
        self.regions = RegionBars()
        self.over_time = LivePlot(self.tr("over time"), "{:.1f} %", [WORST_COLOUR])
        self.over_time.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.over_time.setFixedHeight(_PLOT_HEIGHT_PX)
        self.worst = QListWidget()
        self.worst.setAccessibleName(self.tr("largest distances"))
        self.worst.setToolTip(self.tr("Click to go to the frame"))
        self.worst.setMinimumHeight(_LIST_HEIGHT_PX)
        self.worst.itemClicked.connect(self._go_to)
        self.worst.itemActivated.connect(self._go_to)  # by the keyboard
        heading = QLabel(self.tr("<b>Largest distances</b> (click to go there)"))
        self._choices = _column(self.first, self.second, self.table)
        self._differences = _column(self.progress, self.apart, self.regions)
        self._history = _column(self.over_time, heading, self.worst)
        self.parts = (self._choices, self.second, self.table, self._differences, self._history)
        self._lay_out()
        self._steps: deque[Callable[[], None]] = deque()
        self._next_step = Deferred(self, self._show_next, _LET_DRAW_MS)
        self._choices_later = Deferred(self, self._show_choices, _LET_DRAW_MS)
        player.changed.connect(self._choices_later.request)
        self._show_choices()

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(6, 4, 6, 4)
        for part in (self._choices, self._differences, self._history):
            column.addWidget(part)
            part.hide()
        column.addStretch(1)
        self.setWidget(inside)
        scroll_bar = self.verticalScrollBar()
        assert scroll_bar is not None
        margins = column.contentsMargins()
        around = margins.left() + margins.right() + 2 * self.frameWidth() + scroll_bar.sizeHint().width()
        self.setMinimumWidth(max(_SMALLEST_WIDTH_PX, self._choices.minimumSizeHint().width() + around))
        self.second.hide()
        self.table.hide()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a width that leaves room for the picture."""
        return QSize(max(_PREFERRED_WIDTH_PX, self.minimumWidth()), 400)

    def _show_choices(self) -> None:
        config = self._player.config
        self.first.show_choice(config.first)
        if config.second is not None:
            self.second.show_choice(config.second)
        if self.table.isVisible():  # else the panel is closed, or opens part by part
            self._show_second()
            self._show_in_turn(self._show_differences, self._show_history)
        self.table.show_models(config.first, config.second)
        for side, (picker, choice) in enumerate(
            zip(self._pickers, (config.first, config.second), strict=True)
        ):
            if self._cards.request(side, choice):
                self._card_of[side] = None
                self.table.clear_size(side)
                picker.show_card(None)
            elif (card := self._card_of[side]) is not None:
                picker.show_card(card)  # another runtime allows other precisions
        self.progress.show_state()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """Show the parts one after another."""
        super().showEvent(event)
        self._show_in_turn(
            self._choices.show,
            self._show_second,
            self.table.show,
            self._show_differences,
            self._show_history,
        )

    def _show_in_turn(self, *steps: Callable[[], None]) -> None:
        """Show parts one after another: each waits until the one before is drawn, however long that takes."""
        self._steps.extend(steps)
        self._next_step.request()

    def _show_next(self) -> None:
        if self._steps:
            self._steps.popleft()()
            self._next_step.request()

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802
        """Hide the parts, which :meth:`showEvent` shows one after another."""
        super().hideEvent(event)
        self._steps.clear()
        for part in self.parts:
            part.hide()

    def _show_second(self) -> None:
        self.second.setVisible(self._player.config.second is not None)

    def _show_differences(self) -> None:
        self._differences.setVisible(self._player.config.second is not None)

    def _show_history(self) -> None:
        session = self._player.session
        self._history.setVisible(self._player.config.second is not None)
        # The controller below the picture shows the distance along a recording.
        self.over_time.setVisible(session is None or session.live is not False)

    def show_figures(self) -> None:
        """Show the present figures of the models."""
        gauges, session = self._player.gauges, self._player.session
        self.table.show_jitter(gauges)
        if session is not None and not self._player.paused:
            self._rates = session.worker_fps, session.second_fps
        for side, picker in enumerate(self._pickers):
            picker.figures.setText(self._figures_text(side))
        self.progress.show_figures()

    def show_distances(self) -> None:
        """Show the present distances between the models."""
        if self._player.config.second is not None:
            self._show_distance(self._player.gauges)
            self._show_worst(self._player.gauges)

    def _show_card(self, side: int, card: ModelCard | None) -> None:
        self._card_of[side] = card
        self.table.show_size(side, card)
        self._pickers[side].show_card(card)
        self._pickers[side].figures.setToolTip(card.validation if card is not None else "")

    def _figures_text(self, side: int) -> str:
        """Return runtime, precision, time, rate and validation error of a model."""
        gauge, card = self._player.gauges.models[side], self._card_of[side]
        figures = [gauge.runtime] if gauge.runtime else []
        seconds, rate = gauge.seconds.median(), self._rates[side]
        if not math.isnan(seconds):
            figures.append(short_text(1000 * seconds, "ms"))
        if gauge.runtime and rate > 0:
            figures.append(self.tr("{:.0f} fps").format(rate))
        if card is not None and card.error is not None:
            figures.append(self.tr("validation error {:.2f} %").format(card.error))
        return ", ".join(figures)

    def show_plot(self) -> None:
        """Plot the distance over the last 30 seconds."""
        self.over_time.show_values([self._player.gauges.apart.recent()])

    def _show_distance(self, gauges: Gauges) -> None:
        newest = gauges.newest
        if newest is None:
            session = self._player.session
            self.apart.setText(self.tr("Waiting for the second model …") if session is not None else "")
            self.regions.show_distances({}, {})
            return
        scheme = newest.common.scheme
        if newest.disagreements:
            text = self.tr("<b>Distance</b>: median, in % of the distance of the eyes")
            if newest.first.scheme != newest.second.scheme:
                text += self.tr(", on {} common landmarks").format(scheme.n_points)
            self.apart.setText(text)
        else:
            self.apart.setText(self.tr("No face that both models found."))
        overall, by_region = gauges.usually_apart(scheme)
        apart = newest.apart
        self.regions.show_distances(
            {ALL_REGIONS: overall, **by_region} if by_region else {},
            {ALL_REGIONS: apart.overall, **apart.by_region(scheme)} if apart else {},
        )

    def _show_worst(self, gauges: Gauges) -> None:
        worst = gauges.worst
        shown = [(each.frame, each.overall) for each in worst]
        if shown == self._worst_shown:
            return
        self._worst_shown = shown
        chosen = self.worst.currentItem()
        chosen_s = chosen.data(Qt.ItemDataRole.UserRole) if chosen is not None else None
        for row, disagreement in enumerate(worst):
            item = self.worst.item(row) or QListWidgetItem(self.worst)
            item.setText(self._worst_text(disagreement, gauges))
            item.setData(Qt.ItemDataRole.UserRole, disagreement.time_s)
        while self.worst.count() > len(worst):
            self.worst.takeItem(self.worst.count() - 1)
        times_s = [each.time_s for each in worst]
        self.worst.setCurrentRow(times_s.index(chosen_s) if chosen_s in times_s else -1)

    def _worst_text(self, disagreement: Disagreement, gauges: Gauges) -> str:
        """Return distance, position and worst region of one disagreement."""
        session, newest = self._player.session, gauges.newest
        photographs = session.photographs if session else ()
        region = ""
        if newest is not None and len(disagreement.points) == newest.common.scheme.n_points:
            by_region = disagreement.by_region(newest.common.scheme)
            region = max(by_region, key=lambda name: by_region[name])
        place = photographs[disagreement.frame] if photographs else clock_text(disagreement.time_s)
        return f"{disagreement.overall:5.2f} %   {place}   {region}"

    def _go_to(self, item: QListWidgetItem) -> None:
        session = self._player.session
        if session is not None and session.seekable:
            self._player.pause(True)
            self._player.seek(item.data(Qt.ItemDataRole.UserRole))


def _column(*parts: QWidget) -> QWidget:
    column = QWidget()
    rows = QVBoxLayout(column)
    rows.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        rows.addWidget(part)
    return column

"""Live plots: latency by stage, frames a second, jitter, and how far two models are apart."""

from __future__ import annotations

import itertools

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QSize
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from livefan.gui.models import hex_colour, take_palette
from livefan.gui.player import Player
from livefan.live.gauges import KEPT_S, STAGES, Journey
from livefan.live.scene import FIRST_COLOUR, SECOND_COLOUR

_STAGE_COLOURS = ("#8a8a8a", hex_colour(FIRST_COLOUR), "#7a5fd0", "#2aa876")
_RATE_BIN_S = 1.0


class PlotsPanel(QWidget):
    """Four plots over the last half minute."""

    def __init__(self, player: Player) -> None:
        super().__init__()
        self._player = player
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(2)
        self.latency = self._plot(row, self.tr("latency in ms"))
        self.latency.addLegend(offset=(2, 2), labelTextSize="8pt", verSpacing=-6)
        self._stages = [
            self.latency.plot(pen=colour, name=name)
            for colour, name in zip(_STAGE_COLOURS, self._stage_names(), strict=True)
        ]
        self.rate = self._plot(row, self.tr("frames / s"))
        self._rate = self.rate.plot(pen=hex_colour(FIRST_COLOUR))
        self.jitter = self._plot(row, self.tr("jitter in %"))
        self._jitter = [self.jitter.plot(pen=hex_colour(colour)) for colour in (FIRST_COLOUR, SECOND_COLOUR)]
        self.apart = self._plot(row, self.tr("models apart in %"))
        self._apart = self.apart.plot(pen="#e04040")
        self._turns = itertools.cycle(
            (self._show_latency, self._show_rate, self._show_jitter, self._show_apart)
        )
        self.take_palette()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Leaves room for the picture."""
        return QSize(640, 150)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """As low as plots can be read."""
        return QSize(300, 110)

    def take_palette(self) -> None:
        """Use the colours of the window's theme."""
        for plot in (self.latency, self.rate, self.jitter, self.apart):
            take_palette(plot)

    def show_figures(self) -> None:
        """Show what the gauges say now, on one of the plots after another, so that none waits for all."""
        next(self._turns)()
        self.apart.setVisible(self._player.wanted.second is not None)

    def _show_latency(self) -> None:
        journeys = self._player.gauges.journeys
        if journeys:
            now = journeys[-1].at
            ages = np.array([journey.at - now for journey in journeys])
            stages = 1000 * np.cumsum([journey.stages for journey in journeys], axis=1)
            for curve, values in zip(self._stages, stages.T, strict=True):
                curve.setData(ages, values)

    def _show_rate(self) -> None:
        journeys = self._player.gauges.journeys
        if journeys:
            self._rate.setData(*_rates(journeys))

    def _show_jitter(self) -> None:
        for curve, of_model in zip(self._jitter, self._player.gauges.models, strict=True):
            curve.setData(*of_model.jitter.recent())

    def _show_apart(self) -> None:
        self._apart.setData(*self._player.gauges.apart.recent())

    def _stage_names(self) -> list[str]:
        names = {
            "waited": self.tr("waiting"),
            "model": self.tr("+ model"),
            "drawn": self.tr("+ drawing"),
            "painted": self.tr("+ painting"),
        }
        return [names[stage] for stage in STAGES]

    def _plot(self, row: QHBoxLayout, title: str) -> pg.PlotWidget:
        plot = pg.PlotWidget()
        plot.setMenuEnabled(False)
        plot.setMouseEnabled(False, False)
        plot.hideButtons()
        plot.setLabel("left", title)
        plot.getAxis("left").enableAutoSIPrefix(False)
        plot.hideAxis("bottom")  # an axis takes longer to draw than what it measures
        plot.setToolTip(self.tr("the last {:.0f} seconds").format(KEPT_S))
        plot.setXRange(-KEPT_S, 0, padding=0)
        plot.enableAutoRange(y=True)
        plot.setLimits(yMin=0)
        plot.setAccessibleName(title)
        plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        row.addWidget(plot, stretch=1)
        return plot


def _rates(journeys: list[Journey]) -> tuple[np.ndarray, np.ndarray]:
    """Frames painted in each whole second before the last, and its age."""
    now = journeys[-1].at
    ages = now - np.array([journey.at for journey in journeys])
    n_bins = int(ages[0] / _RATE_BIN_S)
    counts = np.bincount((ages / _RATE_BIN_S).astype(int), minlength=n_bins + 1)[:n_bins]
    return -(np.arange(n_bins) + 0.5) * _RATE_BIN_S, counts / _RATE_BIN_S

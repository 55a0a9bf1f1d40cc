"""Live plots of latency by stage, frame rate and jitter."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from PyQt6.QtCore import QSize
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from livefan.gui.curves import CurveArea
from livefan.gui.player import Player
from livefan.gui.scales import round_up
from livefan.gui.theme import hex_colour, with_mark
from livefan.live.labels import FIRST_COLOUR, SECOND_COLOUR
from livefan.live.statistics import KEPT_S, STAGES, Journey

_STAGE_COLOURS = ("#8a8a8a", hex_colour(FIRST_COLOUR), "#7a5fd0", "#2aa876")
_RATE_BIN_S = 1.0
_GAP_S = 1.5
_RECENT_S = 2.0
_TIME_TICKS_S = (30, 20, 10, 0)
_NOTHING = np.empty(0), np.empty(0)
_SHOWN = 0.98
"""Share of the values that lie within the height of a plot."""


class LivePlot(QWidget):
    """Curves over the last 30 seconds, with a caption of title and recent value.

    Args:
        title: name of the quantity.
        unit: format of a value, such as ``"{:.0f} ms"``.
        pens: colours of the curves.
        names: names of the curves, for a legend below the title; none for no legend.
    """

    def __init__(self, title: str, unit: str, pens: Sequence[str], names: Sequence[str] = ()) -> None:
        super().__init__()
        self._title, self._unit = title, unit
        self.caption = QLabel(title)
        ticks = {age: self.tr("-{} s").format(age) if age else "0" for age in _TIME_TICKS_S}
        self.area = CurveArea(pens, KEPT_S, ticks)
        self.setToolTip(self.tr("The last {:.0f} seconds; outliers exceed the plot").format(KEPT_S))
        self.setAccessibleName(title)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.caption)
        if names:
            legend = " ".join(with_mark(pen, name) for pen, name in zip(pens, names, strict=True))
            column.addWidget(QLabel(f"<small>{legend}</small>"))
        column.addWidget(self.area, stretch=1)

    def show_values(
        self, curves: Sequence[tuple[np.ndarray, np.ndarray]], recent: float | None = None
    ) -> None:
        """Show the curves.

        Args:
            curves: for each curve times in seconds, ascending, and values; both ``(n,)``. The newest value of
                all curves is drawn at the right edge.
            recent: the value in the caption; by default the median of the last two seconds.
        """
        newest = max((float(ages[-1]) for ages, _ in curves if len(ages)), default=0.0)
        drawn = [break_at_gaps(times - newest, values) for times, values in curves]
        ages, values = curves[-1] if len(curves[-1][1]) else curves[0]
        if not len(values):
            self.caption.setText(self._title)
            self.area.show_curves(drawn, 0.0)
            return
        top = round_up(max(_height(each) for _, each in curves if len(each)))
        self.area.show_curves(drawn, top)
        if recent is None:
            recent = float(np.median(values[ages >= ages[-1] - _RECENT_S]))
        self.caption.setText(f"{self._title}  {self._unit.format(recent)}")


def _height(values: np.ndarray) -> float:
    """Return a value that few others exceed; ``np.percentile`` takes ten times as long."""
    index = int(_SHOWN * (len(values) - 1))
    return float(np.partition(values, index)[index])


def break_at_gaps(ages: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a curve with a NaN value in each gap, such as a pause.

    >>> break_at_gaps(np.array([-9.0, -8.5, -1.0]), np.array([3.0, 4.0, 5.0]))
    (array([-9.  , -8.5 , -4.75, -1.  ]), array([ 3.,  4., nan,  5.]))
    """
    after = np.flatnonzero(np.diff(ages) > _GAP_S) + 1
    if not len(after):
        return ages, values
    middles = (ages[after - 1] + ages[after]) / 2
    return np.insert(ages, after, middles), np.insert(values.astype(float), after, np.nan)


class PlotsPanel(QWidget):
    """Plots latency, frame rate and jitter of the last 30 seconds."""

    def __init__(self, player: Player) -> None:
        super().__init__()
        self._player = player
        both = (hex_colour(FIRST_COLOUR), hex_colour(SECOND_COLOUR))
        self.latency = LivePlot(self.tr("latency"), "{:.0f} ms", _STAGE_COLOURS, self._stage_names())
        self.rate = LivePlot(self.tr("frames a second"), "{:.0f}", both[:1])
        self.jitter = LivePlot(self.tr("jitter"), "{:.1f} %", both)
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(4)
        for plot in (self.latency, self.rate, self.jitter):
            row.addWidget(plot, stretch=1)
        self._updates = itertools.cycle((self._show_latency, self._show_rate, self._show_jitter))

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a height that leaves room for the picture."""
        return QSize(640, 170)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the smallest size at which the plots are readable."""
        return QSize(300, 110)

    def show_figures(self) -> None:
        """Update one of the plots, each in turn, so that no event handler draws all of them.

        Photographs have neither a frame rate nor jitter.
        """
        session = self._player.session
        moving = session is None or not session.photographs
        for plot in (self.rate, self.jitter):
            plot.setVisible(moving)
        next(self._updates)()

    def _show_latency(self) -> None:
        journeys = self._player.gauges.journeys
        if journeys:
            times = np.array([journey.at for journey in journeys])
            stages = 1000 * np.cumsum([journey.stages for journey in journeys], axis=1)
            recent = 1000 * self._player.gauges.latency  # as in the status bar
            self.latency.show_values([(times, values) for values in stages.T], recent)
        else:
            self.latency.show_values([_NOTHING] * len(STAGES))

    def _show_rate(self) -> None:
        journeys = self._player.gauges.journeys
        self.rate.show_values([frame_rates(journeys) if journeys else _NOTHING])

    def _show_jitter(self) -> None:
        self.jitter.show_values([model.jitter.recent() for model in self._player.gauges.models])

    def _stage_names(self) -> list[str]:
        names = {
            "waited": self.tr("wait"),
            "model": self.tr("+ model"),
            "drawn": self.tr("+ draw"),
            "painted": self.tr("+ paint"),
        }
        return [names[stage] for stage in STAGES]


def frame_rates(journeys: list[Journey]) -> tuple[np.ndarray, np.ndarray]:
    """Return the frame rate of each whole second with frames: times before now and rates, both ``(n,)``.

    The oldest is first. A pause is left out.
    """
    now = journeys[-1].at
    ages = now - np.array([journey.at for journey in journeys])
    n_bins = int(ages[0] / _RATE_BIN_S)
    counts = np.bincount((ages / _RATE_BIN_S).astype(int), minlength=n_bins + 1)[:n_bins]
    played = np.flatnonzero(counts)[::-1]
    return -(played + 0.5) * _RATE_BIN_S, counts[played] / _RATE_BIN_S

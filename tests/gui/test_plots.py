"""Tests of the plots."""

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from windows import Driven

from livefan.gui.curves import highest_by_column
from livefan.gui.player import Player
from livefan.gui.plots import LivePlot, PlotsPanel, frame_rates
from livefan.live.statistics import Gauges, Journey


class TestPlots:
    @pytest.mark.slow
    def test_plots_show_latency_rate_and_jitter(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip))
        window.panels.plots.show()
        drive.until(lambda: len(window.player.gauges.journeys) > 30)
        drive.until(lambda: len(window.plots.jitter.area.curves[0][0]))
        drive.until(lambda: len(window.plots.rate.area.curves[0][0]))
        x, y = window.plots.latency.area.curves[-1]
        assert len(x) > 20
        assert np.all(np.diff(x) >= 0)
        assert y[-1] > 0
        assert "ms" in window.plots.latency.caption.text()
        stages = [values for _, values in window.plots.latency.area.curves]
        for lower, upper in itertools.pairwise(stages):
            assert np.all((lower <= upper) | np.isnan(lower))  # a curve breaks over a pause

    @pytest.mark.slow
    def test_latency_in_plot_and_status_bar_agree(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip), panels=("plots",))
        drive.until(lambda: len(window.player.gauges.journeys) > 30)
        window.controls.play.trigger()
        drive.until(lambda: window.view.state.name == "paused")
        drive.until_still(window)
        latency = f"{1000 * window.player.gauges.latency:.0f} ms"
        drive.until(lambda: window.plots.latency.caption.text() == f"latency  {latency}")

    def test_line_breaks_over_a_pause(self, drive: Driven):
        plot = LivePlot("jitter", "{:.1f} %", ["#ff0000"])
        plot.show_values([(np.array([-20.0, -19.9, -2.0, -1.9]), np.array([1.0, 1.0, 3.0, 3.0]))])
        x, y = plot.area.curves[0]
        assert np.isnan(y).tolist() == [False, False, True, False, False]
        assert np.all(np.diff(x) > 0)
        assert plot.caption.text() == "jitter  3.0 %"
        assert x[-1] == 0.0  # the newest value lies at the right edge, also after a pause
        assert plot.area.top == 5.0
        plot.resize(300, 120)
        assert not plot.grab().toImage().isNull()


def test_curves_end_with_their_source(qtbot: QtBot):
    gauges = Gauges()
    player = SimpleNamespace(session=None, gauges=gauges)
    panel = PlotsPanel(cast(Player, player))
    qtbot.addWidget(panel)
    for second in range(4):
        gauges._journeys.append(Journey(float(second), (0.01, 0.01, 0.01, 0.01)))
    for _ in range(3):
        panel.show_figures()
    assert len(panel.latency.area.curves[0][0]) == 4
    assert len(panel.rate.area.curves[0][0])
    gauges.clear()
    for _ in range(3):
        panel.show_figures()
    assert panel.latency.caption.text() == "latency"
    assert not any(len(times) for times, _ in (*panel.latency.area.curves, *panel.rate.area.curves))


def test_frame_rate_leaves_out_a_pause():
    times = np.concatenate([np.arange(0.0, 2, 0.1), np.arange(8.07, 10.05, 0.05)])
    seconds, rates = frame_rates([Journey(at, (0.0, 0.0, 0.0, 0.0)) for at in times.tolist()])
    assert seconds.tolist() == [-9.5, -8.5, -1.5, -0.5]
    assert rates == pytest.approx([10, 10, 20, 20], abs=1)


def test_curve_has_the_highest_value_of_each_column_and_keeps_its_gaps():
    x, y = np.linspace(-40.0, 0.0, 2001), np.zeros(2001)
    y[700], y[1000] = 9.0, np.nan
    columns, highest = highest_by_column(x, y)
    assert len(columns) == 41
    assert highest[columns == np.floor(x[700])] == 9.0
    assert np.isnan(highest[columns == np.floor(x[1000])])
    assert np.count_nonzero(highest > 0) == 1

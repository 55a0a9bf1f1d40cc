"""Tests of the plots."""

import itertools
from pathlib import Path

import numpy as np
from windows import (
    Driven,
)


class TestPlots:
    def test_plots_show_latency_rate_and_jitter(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip))
        window.plots_dock.show()
        drive.until(lambda: len(window.player.gauges.journeys) > 30)
        drive.until(lambda: window.plots.jitter.curves[0].getData()[0] is not None)
        drive.until(lambda: window.plots.rate.curves[0].getData()[0] is not None)
        x, y = window.plots.latency.curves[-1].getData()
        assert len(x) > 20
        assert np.all(np.diff(x) >= 0)
        assert y[-1] > 0
        assert "ms" in window.plots.latency.caption.text()
        stages = [curve.getData()[1] for curve in window.plots.latency.curves]
        assert all(np.all(lower <= upper) for lower, upper in itertools.pairwise(stages))

"""Statistics of a session: filled by its threads, read and cleared by the window's."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from livefan.core.agreement import Jitter
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68
from livefan.live.result import Result
from livefan.live.statistics import Gauges, Series


def result(face: Face, index: int) -> Result:
    frame = Frame(np.zeros((2, 2, 3), np.uint8), index, 0.0, index / 25)
    return Result(frame, [face], IBUG_68, "a", "openvino", 0.5, 0.0, 0.01, 0.0)


def test_clear_waits_for_a_result_that_another_thread_adds(face: Face, monkeypatch: pytest.MonkeyPatch):
    gauges = Gauges()
    add = Jitter.add

    def add_while_cleared(jitter: Jitter, faces: list[Face]) -> None:
        add(jitter, faces)
        other.start()
        other.join(0.2)

    for index in range(3):
        gauges.see(0, result(face, index))
    other = threading.Thread(target=gauges.clear)
    monkeypatch.setattr(Jitter, "add", add_while_cleared)
    gauges.see(0, result(face, 3))
    other.join()
    assert len(gauges.models[0].seconds.recent()[0]) == 0
    assert np.isnan(gauges.models[0].jitter.median())


def test_paused_result_that_is_passed_on_again_counts_once(face: Face):
    gauges = Gauges()
    for index in range(3):
        gauges.see(0, replace(result(face, index), finished_at=float(index), seconds=0.01 * (index + 1)))
    gauges.see(0, replace(result(face, 2), finished_at=2.0, seconds=0.03, runtime="openvino int8"))
    assert gauges.models[0].seconds.recent()[1].tolist() == [0.01, 0.02, 0.03]
    assert gauges.models[0].runtime == "openvino int8"


def test_values_stay_after_a_pause(monkeypatch: pytest.MonkeyPatch):
    now = 0.0
    monkeypatch.setattr("livefan.live.statistics.time.perf_counter", lambda: now)
    series = Series()
    for now in (0.0, 10.0, 35.0):
        series.add(now)
    now = 1000.0
    times, values = series.recent()
    assert times.tolist() == values.tolist() == [10.0, 35.0]

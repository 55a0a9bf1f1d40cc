"""Statistics of a session: filled by its threads, read and cleared by the window's."""

import threading

import numpy as np
import pytest

from livefan.core.agreement import Jitter
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68
from livefan.live.result import Result
from livefan.live.statistics import Gauges


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
    other.join(5)
    assert len(gauges.models[0].seconds.recent()[0]) == 0
    assert np.isnan(gauges.models[0].jitter.median())

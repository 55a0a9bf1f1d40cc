"""Blinks of a live session."""

from dataclasses import replace

import numpy as np

from livefan.core.face_measures import EXPRESSION_NAMES
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68
from livefan.live.blink_history import BlinkHistory
from livefan.live.result import Result
from livefan.live.statistics import Gauges
from livefan.measures.blinks import RIGHT

CLOSED = {30, 31, 32, 33, 80, 81, 82}
"""Frames with shut eyes, at 25 frames a second."""


def result(face: Face, index: int, epoch: int = 0) -> Result:
    lids = np.full(len(EXPRESSION_NAMES), 0.05, np.float32)
    lids[RIGHT] = 0.8 if index in CLOSED else 0.1
    frame = Frame(np.zeros((2, 2, 3), np.uint8), index, 0.0, index / 25)
    return Result(
        frame, [replace(face, expressions=lids)], IBUG_68, "a", "openvino", 0.5, 0.0, 0.01, 0.0, epoch
    )


def starts(history: BlinkHistory) -> list[float]:
    return [round(blink.start_s, 1) for blink in history.blinks]


def test_blinks_are_found_and_count_once_after_a_jump_back(face: Face):
    gauges = Gauges()
    for index in range(100):
        gauges.see(0, result(face, index))
    assert starts(gauges.blinks) == [1.2, 3.2]
    for index in range(20, 60):
        gauges.see(0, result(face, index, epoch=1))
    gauges.forget_comparison()
    assert starts(gauges.blinks) == [1.2, 3.2]
    gauges.clear()
    assert starts(gauges.blinks) == []


def test_jump_out_of_shut_eyes_is_no_blink(face: Face):
    history = BlinkHistory()
    for index in range(32):
        history.add(result(face, index))
    for index in range(50, 70):
        history.add(result(face, index, epoch=1))
    assert starts(history) == []


def test_other_faces_and_photographs_give_no_blinks(face: Face):
    history = BlinkHistory()
    for index in range(100):
        history.add(replace(result(face, index), photographs=("a.png",)))
        history.add(replace(result(face, index), faces=[face]))
    assert starts(history) == []

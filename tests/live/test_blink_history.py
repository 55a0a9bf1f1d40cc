"""Blinks of a live session."""

from dataclasses import replace

import numpy as np

from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68
from livefan.live.blink_history import BlinkHistory
from livefan.live.result import Result
from livefan.live.statistics import Gauges

CLOSED = {30, 31, 32, 33, 80, 81, 82}
"""Frames with shut eyes, at 25 frames a second."""
UPPER_LIDS, LOWER_LIDS = [37, 38, 43, 44], [41, 40, 47, 46]


def result(face: Face, index: int, epoch: int = 0) -> Result:
    points_px = face.points_px.copy()
    if index in CLOSED:
        points_px[LOWER_LIDS] += 0.6 * (points_px[UPPER_LIDS] - points_px[LOWER_LIDS])
    faces = [replace(face, points_px=points_px)]
    frame = Frame(np.zeros((2, 2, 3), np.uint8), index, 0.0, index / 25)
    return Result(frame, faces, IBUG_68, "a", "openvino", 0.5, 0.0, 0.01, 0.0, epoch)


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


def test_blinks_of_a_lost_face_stay(face: Face):
    history = BlinkHistory()
    for index in range(50):
        history.add(result(face, index))
    history.add(replace(result(face, 50), faces=[]))
    assert starts(history) == [1.2]


def test_photographs_and_unknown_lids_give_no_blinks(face: Face):
    history, unknown = BlinkHistory(), BlinkHistory()
    scheme = replace(IBUG_68, name="a scheme of the user")
    for index in range(100):
        history.add(replace(result(face, index), photographs=("a.png",)))
        unknown.add(replace(result(face, index), scheme=scheme))
    assert starts(history) == starts(unknown) == []

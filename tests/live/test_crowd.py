"""Notice of more faces than are tracked."""

from dataclasses import replace

import cv2
import numpy as np

from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68
from livefan.live.crowd import Crowd, FaceCounter
from livefan.live.result import Result
from livefan.runtimes.base import Runtime


def test_further_faces_are_counted_every_few_seconds_while_the_limit_is_reached(face: Face):
    counts = [1, 0, 4, 3, 2]
    crowd = Crowd(lambda result: counts.pop(0), "give a larger --max-faces")
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 0, 0.0, 0.0)
    result = Result(frame, [face], IBUG_68, "", "", 0.0, 0.0, 0.0, 100.0)
    assert crowd.add(result, 5) == ""
    assert len(counts) == 5
    message = crowd.add(result, 1)
    assert message == "2 faces in the picture, 1 followed: give a larger --max-faces."
    assert crowd.add(replace(result, finished_at=101.0), 1) == message
    assert len(counts) == 4
    assert crowd.add(replace(result, finished_at=104.0), 1) == ""
    two = replace(result, faces=[face, face], finished_at=104.1)
    assert crowd.add(two, 2).startswith("6 faces in the picture, 2 followed")  # counted at once
    assert crowd.add(replace(result, faces=[], finished_at=104.2), 1) == ""
    photograph = replace(result, photographs=("a.jpg",))
    assert crowd.add(photograph, 1).startswith("4 faces")
    assert crowd.add(photograph, 1).startswith("3 faces")


def test_only_untracked_faces_count(photo: np.ndarray, face: Face, runtime: Runtime):
    counter = FaceCounter()
    assert counter.count(photo, [], runtime) == 1
    assert counter.count(photo, [face], runtime) == 0
    assert counter.count(cv2.hconcat([photo, photo]), [face], runtime) == 1

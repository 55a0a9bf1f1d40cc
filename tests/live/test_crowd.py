"""Notice of more faces than are tracked."""

from dataclasses import replace

import numpy as np

from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68
from livefan.detection.detector import SHORT_RANGE, Detection
from livefan.live.crowd import Crowd
from livefan.live.result import Result


class Fixed:
    """A detector that finds faces with given boxes and counts its calls."""

    def __init__(self, *boxes_px: np.ndarray) -> None:
        self.boxes_px = boxes_px
        self.calls = 0

    def detect(self, image: np.ndarray) -> list[Detection]:
        self.calls += 1
        return [Detection(SHORT_RANGE, box, np.zeros((6, 2)), 0.9) for box in self.boxes_px]


def test_further_faces_are_counted_every_few_seconds_while_the_limit_is_reached(face: Face):
    detector = Fixed(face.box_px + 2, face.box_px + 500)
    crowd = Crowd(lambda: detector)
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 0, 0.0, 0.0)
    result = Result(frame, [face], IBUG_68, "", "", 0.0, 0.0, 0.0, 100.0)
    assert crowd.add(result, 5) == ""
    assert detector.calls == 0
    message = crowd.add(result, 1)
    assert message.startswith("2 faces in the picture, 1 followed: ")
    assert crowd.add(replace(result, finished_at=101.0), 1) == message
    assert detector.calls == 1
    detector.boxes_px = (face.box_px,)
    assert crowd.add(replace(result, finished_at=104.0), 1) == ""
    assert crowd.add(replace(result, faces=[], finished_at=104.1), 1) == ""
    photograph = replace(result, photographs=("a.jpg",))
    detector.boxes_px = (face.box_px, face.box_px + 500)
    assert crowd.add(photograph, 1) == message
    crowd.add(photograph, 1)
    assert detector.calls == 4

import numpy as np
import pytest

from livefan.core.frame import Face
from livefan.measures.expressions import NAMES, NeutralFaces

JAW_OPEN = NAMES.index("jawOpen")


def test_names_are_those_of_arkit_that_the_head_measures():
    assert len(NAMES) == len(set(NAMES)) == 50
    assert not {"_neutral", "cheekPuff", "tongueOut"} & set(NAMES)
    assert {name[:-4] for name in NAMES if name.endswith("Left")} == {
        name[:-5] for name in NAMES if name.endswith("Right")
    }


def face(track_id: int, jaw_open: float) -> Face:
    expressions = np.full(len(NAMES), 0.1, np.float32)
    expressions[JAW_OPEN] = jaw_open
    return Face(track_id, np.zeros(4), np.zeros((68, 2)), np.ones(68), expressions=expressions)


def test_first_second_is_neutral_for_each_face():
    neutral = NeutralFaces(automatic=True)
    for number in range(31):
        neutral.calibrated([face(1, 0.2)], number / 30)
    one, other = neutral.calibrated([face(1, 0.6), face(2, 0.6)], 1.5)
    assert one.expressions[JAW_OPEN] == pytest.approx(0.5)
    assert one.expressions[0] == 0
    assert other.expressions[JAW_OPEN] == 0
    (later,) = neutral.calibrated([face(1, 0.2)], 9.0)
    assert later.expressions[JAW_OPEN] == 0


def test_neutral_face_is_taken_on_request_alone():
    neutral = NeutralFaces()
    (before,) = neutral.calibrated([face(1, 0.6)], 0.0)
    assert before.expressions[JAW_OPEN] == pytest.approx(0.6)
    neutral.request()
    neutral.calibrated([face(1, 0.6)], 0.1)
    (after,) = neutral.calibrated([face(1, 0.6)], 2.0)
    assert after.expressions[JAW_OPEN] == 0
    neutral.forget()
    (forgotten,) = neutral.calibrated([face(1, 0.6)], 3.0)
    assert forgotten.expressions[JAW_OPEN] == pytest.approx(0.6)


def test_faces_without_expressions_stay():
    plain = Face(1, np.zeros(4), np.zeros((68, 2)), np.ones(68))
    assert NeutralFaces(automatic=True).calibrated([plain], 0.0) == [plain]

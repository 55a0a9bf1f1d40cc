import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livefan.core.agreement import Comparison, Jitter, Seen, disagree, pair_faces, regions
from livefan.core.common_landmarks import subset
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68, SCHEMES, WFLW_98, WFLW_TO_IBUG, LandmarkScheme

IMAGE = np.zeros((8, 8, 3), np.uint8)


def frame(index: int) -> Frame:
    return Frame(IMAGE, index, 0.0, index / 10)


def face(points_px: np.ndarray, track_id: int = 1) -> Face:
    box = np.concatenate([points_px.min(0), points_px.max(0)])
    return Face(track_id, box, points_px, np.ones(len(points_px)))


def shape(x: float = 100.0, y: float = 100.0) -> np.ndarray:
    points = np.random.default_rng(0).uniform(0, 80, (68, 2)) + np.array([x, y])
    points[[36, 45]] = (x, y), (x + 50, y)  # an inter-ocular distance of 50 pixels
    return points


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES.keys())
def test_every_landmark_is_in_one_region(scheme: LandmarkScheme):
    everything = np.concatenate(list(regions(scheme).values()))
    assert sorted(everything) == list(range(scheme.n_points))


def test_regions_of_300w_are_those_of_its_drawing():
    expected = {"jaw": (0, 16), "brows": (17, 26), "nose": (27, 35), "eyes": (36, 47), "mouth": (48, 67)}
    assert {name: (i.min(), i.max()) for name, i in regions(IBUG_68).items()} == expected


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_shift_gives_a_disagreement_of_its_length(x: float, y: float):
    apart = disagree(shape() + np.array([x, y]), shape(), IBUG_68, frame(3), 7)
    assert apart.overall == pytest.approx(100 * np.hypot(x, y) / 50)
    assert (apart.frame, apart.time_s, apart.track_id) == (3, 0.3, 7)


def test_moved_region_has_the_largest_disagreement():
    moved = shape()
    moved[48:68] += (0, 5)
    by_region = disagree(moved, shape(), IBUG_68, frame(0), 1).by_region(IBUG_68)
    assert by_region["mouth"] == pytest.approx(10)
    assert by_region["eyes"] == by_region["jaw"] == 0


def test_each_face_is_paired_once_by_overlap():
    left, right = shape(0), shape(300)
    ours = [face(left, 1), face(right, 2), face(left + 30, 3)]
    theirs = [face(right + 3, 9), face(left + 2, 8)]
    assert {(a.track_id, b.track_id) for a, b in pair_faces(ours, theirs)} == {(1, 8), (2, 9)}
    assert pair_faces(ours, []) == []


def test_uniform_motion_has_no_jitter_and_shaking_has():
    still, shaking = Jitter(IBUG_68), Jitter(IBUG_68)
    for index in range(10):
        points = shape(100 + 4 * index)
        still.add([face(points)])
        shaking.add([face(points + np.array([0, index % 2]))])
    assert still.median == pytest.approx(0, abs=1e-9)
    # Up and down by a pixel: the middle of three is one pixel off the mean of the others.
    assert shaking.median == pytest.approx(100 / 50)


def test_even_motion_has_no_jitter_at_a_variable_frame_rate():
    jitter = Jitter(IBUG_68)
    for time in np.cumsum([0.033, 0.042] * 10):
        jitter.add([face(shape(100 + 100 * time))], time)
    assert jitter.values == pytest.approx([0] * 18, abs=1e-9)


def test_motion_over_lost_frames_is_no_jitter():
    """The head turns faster and faster; three frames are lost."""
    jitter = Jitter(IBUG_68)
    for index in [*range(10), *range(13, 20)]:
        jitter.add([face(shape(100 + 0.1 * index**2))], index / 25)
    assert jitter.values == pytest.approx([100 * 0.1 / 50] * 13)


def test_jitter_does_not_span_a_gap_or_two_faces():
    jitter = Jitter(IBUG_68)
    for faces in ([face(shape())], [face(shape() + 5)], [], [face(shape() + 9)], [face(shape(), 2)]):
        jitter.add(faces)
    assert jitter.values == []
    assert np.isnan(jitter.median)


def test_comparison_counts_the_faces_of_each_model():
    comparison = Comparison((IBUG_68, IBUG_68), ("a", "b"), truth=IBUG_68)
    for index in range(4):
        ours = [face(shape(100, 100 + index)), face(shape(400), 2)]
        theirs = [face(shape())] if index else []
        comparison.add(frame(index), Seen(ours, 0.010), Seen(theirs, 0.030), [shape()])
    assert [round(each.overall, 6) for each in comparison.disagreements] == [2.0, 4.0, 6.0]
    assert comparison.n_alone == [5, 0]
    assert [side.n_faces for side in comparison.sides] == [8, 3]
    assert [side.latency_ms for side in comparison.sides] == pytest.approx([10, 30])
    assert [each.overall for each in comparison.sides[0].errors] == pytest.approx([0, 2, 4, 6])
    assert [each.overall for each in comparison.sides[1].errors] == pytest.approx([0, 0, 0])


def test_photographs_have_no_jitter():
    comparison = Comparison((IBUG_68, IBUG_68), ("a", "b"), photographs=True)
    for index in range(4):
        comparison.add(frame(index), Seen([face(shape(100 + index**2))], 0.0), Seen([face(shape())], 0.0))
    assert all(side.jitter.values == [] for side in comparison.sides)


def test_models_of_different_schemes_are_compared_on_their_common_landmarks():
    """The second model has WFLW's landmarks; those that 300W lacks are far off."""
    theirs = np.full((98, 2), 5000.0)
    theirs[list(WFLW_TO_IBUG)] = shape()
    second = Face(1, face(shape()).box_px, theirs, np.ones(98))
    comparison = Comparison((IBUG_68, WFLW_98), ("a", "b"), truth=WFLW_98)
    for index in range(3):
        ours = [face(shape() + np.array([1.0, 0.0]))]
        comparison.add(frame(index), Seen(ours, 0.0), Seen([second], 0.0), [theirs])
    assert comparison.scheme.n_points == len(comparison.disagreements[0].points) == 68
    assert [each.overall for each in comparison.disagreements] == pytest.approx([2.0] * 3)
    assert [side.jitter.median for side in comparison.sides] == [0, 0]
    assert [[each.overall for each in side.errors] for side in comparison.sides] == [
        pytest.approx([2.0] * 3),
        [0.0] * 3,
    ]


def test_faces_with_few_landmarks_on_one_line_are_paired():
    """The second model has the outer eye corners only, which are level."""
    eyes = subset(IBUG_68, "eyes-2", ("right_eye_0", "left_eye_3"), (36, 45))
    theirs = [Face(9, np.zeros(4), shape(x)[[45, 36]][::-1] + 1.0, np.ones(2)) for x in (400, 100)]
    comparison = Comparison((IBUG_68, eyes), ("a", "b"), truth=IBUG_68)
    ours = [face(shape()), face(shape(400), 2)]
    comparison.add(frame(0), Seen(ours, 0.0), Seen(theirs, 0.0), [shape()])
    assert {each.track_id for each in comparison.disagreements} == {1, 2}
    assert [each.overall for each in comparison.disagreements] == pytest.approx([100 * 2**0.5 / 50] * 2)
    assert [len(side.errors) for side in comparison.sides] == [1, 1]

"""Landmarks that two schemes have at the same places."""

import numpy as np
import pytest

from livefan.core.common_landmarks import common_landmarks, places, subset
from livefan.core.landmarks import COFW_29, IBUG_68, MEDIAPIPE_478, WFLW_98, LandmarkScheme, Outline

EVERY = (IBUG_68, WFLW_98, COFW_29, MEDIAPIPE_478)


@pytest.mark.parametrize(
    ("ours", "theirs", "n_common"),
    [
        (IBUG_68, WFLW_98, 68),
        (IBUG_68, COFW_29, 19),
        (WFLW_98, COFW_29, 21),
        (IBUG_68, MEDIAPIPE_478, 41),
        (WFLW_98, MEDIAPIPE_478, 43),
    ],
)
def test_number_of_common_landmarks(ours: LandmarkScheme, theirs: LandmarkScheme, n_common: int):
    common, reverse = common_landmarks(ours, theirs), common_landmarks(theirs, ours)
    assert common.scheme.n_points == reverse.scheme.n_points == n_common
    assert set(zip(common.ours, common.theirs, strict=True)) == set(
        zip(reverse.theirs, reverse.ours, strict=True)
    )
    for indices in (common.ours, common.theirs):
        assert len(set(indices)) == n_common


@pytest.mark.parametrize("scheme", EVERY, ids=lambda scheme: scheme.name)
def test_scheme_has_all_landmarks_in_common_with_itself(scheme: LandmarkScheme):
    common = common_landmarks(scheme, scheme)
    assert common.scheme == scheme
    assert np.array_equal(common.ours, np.arange(scheme.n_points))
    assert np.array_equal(common.ours, common.theirs)


@pytest.mark.parametrize("ours", EVERY, ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("theirs", EVERY, ids=lambda scheme: scheme.name)
def test_sides_regions_and_eye_corners_agree(ours: LandmarkScheme, theirs: LandmarkScheme):
    common = common_landmarks(ours, theirs)
    assert tuple(common.ours[list(common.scheme.normaliser)]) == ours.normaliser
    assert tuple(common.theirs[list(common.scheme.normaliser)]) == theirs.normaliser
    # A pair that is mirrored in one scheme is mirrored in the other.
    mirrored = {tuple(pair) for pair in common.theirs[np.array(common.scheme.mirror_pairs)].tolist()}
    assert mirrored <= set(theirs.mirror_pairs)


def test_names_place_the_landmarks_of_a_users_scheme():
    own = LandmarkScheme(
        name="own-5",
        point_names=("corner_a", "corner_b", "nose_bridge_3", "mouth_middle", "left_pupil"),
        mirror_pairs=((0, 1),),
        outlines=(Outline("nose", (2, 3)),),
        normaliser=(0, 1),
        right_eye=(0,),
        left_eye=(1,),
        mouth=(3,),
    )
    assert places(own)["right_eye_0"] == 0
    with_300w, with_wflw = common_landmarks(own, IBUG_68), common_landmarks(own, WFLW_98)
    assert with_300w.scheme.point_names == ("right_eye_0", "left_eye_3", "nose_bridge_3")
    assert with_300w.theirs.tolist() == [36, 45, 30]
    assert with_wflw.theirs.tolist() == [60, 72, 54, 97]


def test_outline_that_lost_a_point_is_open():
    indices = tuple(range(36, 48))
    part = subset(IBUG_68, "eyes", tuple(IBUG_68.point_names[index] for index in indices), indices)
    assert [line.closed for line in part.outlines] == [True, True]
    part = subset(IBUG_68, "fewer", ("a", "b", "c"), (36, 38, 45))
    assert [line.closed for line in part.outlines] == [False]
    assert part.mouth == ()

import numpy as np
import pytest

from livefan.core.errors import LivefanError
from livefan.core.landmarks import BUILT_IN, SCHEMES, LandmarkScheme, scheme_by_name

every_scheme = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES.keys())


def test_schemes_have_the_number_of_points_of_their_data_sets():
    assert {name: SCHEMES[name].n_points for name in BUILT_IN} == {
        "300w-68": 68,
        "wflw-98": 98,
        "cofw-29": 29,
    }


@every_scheme
def test_point_names_are_unique(scheme: LandmarkScheme):
    assert len(set(scheme.point_names)) == scheme.n_points


@every_scheme
def test_mirroring_twice_changes_nothing(scheme: LandmarkScheme):
    order = scheme.mirror_order
    assert np.array_equal(order[order], np.arange(scheme.n_points))
    moved = {index for pair in scheme.mirror_pairs for index in pair}
    assert len(moved) == 2 * len(scheme.mirror_pairs)


@every_scheme
def test_mirroring_changes_the_sides_of_eyes_brows_and_normaliser(scheme: LandmarkScheme):
    order = scheme.mirror_order
    assert order[scheme.normaliser[0]] == scheme.normaliser[1]
    assert {int(order[index]) for index in scheme.right_eye} == set(scheme.left_eye)
    assert {int(order[index]) for index in scheme.mouth} == set(scheme.mouth)
    for index, name in enumerate(scheme.point_names):
        for side, other in (("right_", "left_"), ("left_", "right_")):
            if name.startswith(side):
                assert scheme.point_names[order[index]].startswith(other)


@every_scheme
def test_mirroring_maps_every_outline_onto_an_outline(scheme: LandmarkScheme):
    """A wrong pair would tear a line: neighbours on an outline stay neighbours when mirrored."""

    def edges(points: tuple[int, ...], closed: bool) -> set[frozenset[int]]:
        ends = points[1:] + (points[:1] if closed else ())
        return {frozenset(edge) for edge in zip(points, ends, strict=False)}

    drawn = {edge for outline in scheme.outlines for edge in edges(outline.points, outline.closed)}
    mirrored = {frozenset(int(scheme.mirror_order[index]) for index in edge) for edge in drawn}
    assert mirrored == drawn


@every_scheme
def test_outlines_stay_within_the_scheme(scheme: LandmarkScheme):
    assert all(0 <= index < scheme.n_points for line in scheme.outlines for index in line.points)


def test_error_for_an_unknown_scheme_names_the_known_ones():
    with pytest.raises(LivefanError, match="300w-68"):
        scheme_by_name("68 points")

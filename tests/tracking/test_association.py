"""Association of new faces with tracks."""

import numpy as np
import pytest

from livefan.core.landmarks import IBUG_68
from livefan.tracking.association import TrackAssigner
from livefan.tracking.landmarker import Located
from livefan.tracking.track import Track

IMAGE = np.zeros((480, 640, 3), np.uint8)


def face_at(x: float, y: float, size: float = 100.0) -> Located:
    """A face whose bounding box is a square of ``size`` pixels centred at (x, y)."""
    spread = np.random.default_rng(1).uniform(-0.5, 0.5, (IBUG_68.n_points, 2))
    spread = (spread - spread.min(0)) / np.ptp(spread, 0) - 0.5
    ones = np.ones(IBUG_68.n_points)
    return Located(np.array([x, y]) + size * spread, ones, ones)


def assign(assigner: TrackAssigner, located: Located, lost: list[Track], time: float = 0.0) -> Track:
    return assigner.assign(located, lost, IMAGE, time, IBUG_68)


def test_new_faces_get_consecutive_ids_from_one():
    assigner = TrackAssigner()
    tracks = [assign(assigner, face_at(x, 200), []) for x in (100, 300, 500)]
    assert [track.track_id for track in tracks] == [1, 2, 3]


def test_face_near_a_lost_track_continues_it_and_uses_no_id():
    assigner = TrackAssigner()
    lost = assign(assigner, face_at(300, 200), [])
    assert assign(assigner, face_at(320, 210), [lost], time=0.5) is lost
    assert assigner.next_id == 2


@pytest.mark.parametrize("located", [face_at(500, 200), face_at(300, 200, size=400)], ids=["far", "larger"])
def test_face_unlike_a_lost_track_gets_the_next_id(located: Located):
    assigner = TrackAssigner()
    lost = assign(assigner, face_at(300, 200), [])
    assert assign(assigner, located, [lost], time=0.5).track_id == 2


def test_face_continues_the_most_similar_of_several_lost_tracks():
    assigner = TrackAssigner()
    lost = [assign(assigner, face_at(x, 200), []) for x in (250, 330)]
    assert assign(assigner, face_at(320, 200), lost, time=0.5) is lost[1]


def test_position_does_not_decide_the_id_after_a_cut():
    assigner = TrackAssigner()
    image = np.random.default_rng(2).integers(0, 255, IMAGE.shape, np.uint8)
    lost = assign(assigner, face_at(300, 200), [])
    lost.update_appearance(image, IBUG_68)
    lost.after_cut = True
    other = np.random.default_rng(3).integers(0, 255, IMAGE.shape, np.uint8)
    assert assigner.assign(face_at(300, 200), [lost], other, 0.1, IBUG_68) is not lost
    assert assigner.assign(face_at(300, 200), [lost], image, 0.1, IBUG_68) is lost

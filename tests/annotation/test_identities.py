"""Identities over a whole recording."""

from pathlib import Path

import numpy as np
import pytest
from clips import moved, recoloured, shrunk, write_recording

import livefan
from livefan.annotation.annotate import annotate
from livefan.annotation.identities import IdentityAssigner
from livefan.annotation.observations import AppearanceSample, Observation
from livefan.annotation.outputs import Outputs
from livefan.formats.records import FrameInfo


@pytest.mark.slow
def test_returning_face_keeps_its_id_and_a_new_face_gets_another(tmp_path: Path, photo: np.ndarray):
    """A face leaves, returns four seconds later on the other side; then another person appears."""
    small = shrunk(photo, 320, 180)
    empty = np.full_like(small, 40)
    left, right = np.hstack([small, empty]), np.hstack([empty, small])
    other = np.hstack([recoloured(small), empty])
    nobody = np.hstack([empty, empty])
    shown = [left] * 8 + [nobody] + [right] * 8 + [nobody] + [other] * 8
    times = [40 * n for n in range(8)] + [400] + [5000 + 40 * n for n in range(8)] + [5400]
    times += [10000 + 40 * n for n in range(8)]
    pictures = [moved(picture, n / 4) for n, picture in enumerate(shown)]
    clip = write_recording(tmp_path / "in.mkv", pictures, milliseconds=times)
    outputs = Outputs(tmp_path / "out", None)
    assert annotate(clip, outputs).n_faces == 2
    ids = livefan.load_annotations(outputs.tables[0])["track_id"].to_pylist()
    assert ids == [1] * 8 + [None] + [1] * 8 + [None] + [2] * 8


def shot(track: int, first: int, look: float, count: int = 30) -> tuple[list[Observation], AppearanceSample]:
    """Return the observations of a track in one place, and its appearance: one number for all cells."""
    points_px = np.random.default_rng(0).uniform(100, 200, (68, 2))
    confidence, width_px = np.ones(68), np.ones(68)
    faces = [Observation(first + n, track, points_px, confidence, width_px, 1.0) for n in range(count)]
    return faces, AppearanceSample(first, track, np.full(192, look, np.float32))


@pytest.mark.parametrize("difference", [4.0, 5.5])
def test_people_in_one_place_keep_separate_ids_across_hard_cuts(difference: float):
    """Shots a b a c b, as in a dialogue: the tracker begins a track at each cut."""
    looks = {"a": 0.0, "b": difference, "c": 2 * difference}
    shots = [shot(track, 30 * track, looks[person]) for track, person in enumerate("abacb")]
    frames = [FrameInfo(n, 40 * n, n / 25, "", 640, 480) for n in range(150)]
    identities = IdentityAssigner()
    identities.update([face for faces, _ in shots for face in faces], [sample for _, sample in shots], frames)
    assert [identities.track_id(track, 30 * track) for track in range(5)] == [1, 2, 1, 3, 2]


def test_briefly_lost_face_keeps_its_id_after_its_appearance_changed():
    shots = [shot(0, 0, 0.0), shot(1, 35, 4.5)]
    frames = [FrameInfo(n, 40 * n, n / 25, "", 640, 480) for n in range(65)]
    identities = IdentityAssigner()
    identities.update([face for faces, _ in shots for face in faces], [sample for _, sample in shots], frames)
    assert identities.track_id(1, 35) == identities.track_id(0, 0)


@pytest.mark.parametrize(("cut", "same"), [(False, True), (True, False)])
def test_face_after_a_time_without_frames_keeps_its_id_unless_the_scene_changes(cut: bool, same: bool):
    """The tracker detects all faces anew after the time without frames, so the track is another one."""
    shots = [shot(0, 0, 0.0), shot(1, 30, 4.5)]
    frames = [
        FrameInfo(n, 40 * n, n / 25 + 2 * (n >= 30), "", 640, 480, cut=cut and n == 30) for n in range(60)
    ]
    identities = IdentityAssigner()
    identities.update([face for faces, _ in shots for face in faces], [sample for _, sample in shots], frames)
    assert (identities.track_id(1, 30) == identities.track_id(0, 0)) is same


@pytest.mark.slow
def test_track_is_split_where_a_cut_changes_the_person(tmp_path: Path, photo: np.ndarray):
    """Three hard cuts between two people whose faces are in the same place."""
    one = shrunk(photo, 320, 180)
    two = recoloured(np.ascontiguousarray(one[:, ::-1]))
    shots = [one] * 14 + [two] * 6 + [one] * 14 + [two] * 14
    clip = write_recording(tmp_path / "cuts.mkv", shots)
    outputs = Outputs(tmp_path / "out", None)
    assert annotate(clip, outputs).n_faces == 2
    table = livefan.load_annotations(outputs.tables[0])
    ids = dict(zip(table["frame"].to_pylist(), table["track_id"].to_pylist(), strict=True))
    expected = [1] * 14 + [2] * 6 + [1] * 14 + [2] * 14
    assert [ids[frame] for frame in range(48)] == expected
    assert "filled" not in table["found"].to_pylist()

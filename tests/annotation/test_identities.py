"""Identities over a whole recording."""

from pathlib import Path

import numpy as np
from clips import moved, recoloured, shrunk, write_recording

import livefan
from livefan.annotation.annotate import annotate
from livefan.annotation.outputs import Outputs


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

from pathlib import Path

import numpy as np
import pytest
from evaluations import evaluated_face, face_with_eyes_apart, write_labelled_folder

from livefan.core.frame import Face
from livefan.core.landmarks import IBUG_68
from livefan.evaluation.evaluate import Evaluation


@pytest.fixture
def own(tmp_path: Path, photo: np.ndarray, face: Face) -> Path:
    """A folder with a face labelled to a pixel, a face labelled badly, and a damaged image."""
    return write_labelled_folder(tmp_path / "own", photo, face.points_px)


@pytest.fixture
def evaluation() -> Evaluation:
    """Three faces of the common and two of the challenging set; the last one is missed."""
    faces = [
        ("a.png", "lfpw/testset", ("common",), 1.0),
        ("b.png", "helen/testset", ("common",), 2.0),
        ("c.png", "helen/testset", ("common",), 3.0),
        ("d.png", "ibug", ("challenging",), 10.0),
        ("e.png", "ibug", ("challenging",), None),
    ]
    parts = [evaluated_face(face_with_eyes_apart(*face), off) for *face, off in faces]
    return Evaluation(IBUG_68, "landmarks", "soft-argmax", parts, [])

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from livefan.core.frame import Face
from livefan.datasets import LabelledFace
from livefan.training.augmentation.face_mesh import FaceMesh, Portrait


@pytest.fixture(scope="session")
def labelled_face(tmp_path_factory: pytest.TempPathFactory, photo: np.ndarray, face: Face) -> LabelledFace:
    """A frame of the clip labelled by the network, accurate to a few pixels."""
    path = tmp_path_factory.mktemp("faces") / "photo.png"
    cv2.imwrite(str(path), photo)
    return LabelledFace(path, face.points_px, "clip")


@pytest.fixture(scope="session")
def mesh(mediapipe: None) -> Iterator[FaceMesh]:
    with FaceMesh() as made:
        yield made


@pytest.fixture(scope="session")
def portrait(mesh: FaceMesh, labelled_face: LabelledFace) -> Portrait:
    made = mesh.portrait(labelled_face)
    assert made is not None
    return made

"""The fit of the map from MediaPipe's face mesh."""

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68
from livefan.datasets import FaceSet, LabelledFace
from livefan.training import fit_mesh_map as fitting


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (3, "t: MediaPipe finds 3 of its 3 faces, but 32 "),
        (32, "v: MediaPipe finds 0 of its 3 faces, but 1 "),
    ],
)
def test_set_with_too_few_faces_is_named(
    tmp_path: Path, count: int, said: str, monkeypatch: pytest.MonkeyPatch
):
    face = LabelledFace(tmp_path / "a.jpg", np.zeros((68, 2)), "made")
    training, validation = (
        FaceSet(IBUG_68, [face] * count, title="t"),
        FaceSet(IBUG_68, [face] * 3, title="v"),
    )
    # Private: MediaPipe would have to find all these faces.
    monkeypatch.setattr(
        fitting, "_pairs", lambda faces, *_: [np.zeros((len(faces.faces) if faces is training else 0, 1))] * 2
    )
    monkeypatch.setattr(fitting, "MeshFinder", Mock)
    with pytest.raises(LivefanError, match=said):
        fitting.fit_mesh_map(training, validation, tmp_path / "map.safetensors")
    assert list(tmp_path.iterdir()) == []

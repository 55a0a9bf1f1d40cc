"""The 3D surface of a labelled face."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from livefan.core import quiet
from livefan.core.errors import LivefanError
from livefan.datasets import LabelledFace
from livefan.training.augmentation.face_mesh import CHIN, FaceMesh, Portrait

EYE_CORNERS, MESH_EYE_CORNERS = [36, 39, 42, 45], [33, 133, 362, 263]
NOSE_TIP = 1


def test_mesh_lies_on_the_landmarks(portrait: Portrait):
    assert portrait.surface.vertices_px.shape == (468, 3)
    box_px = float(np.ptp(portrait.points_px, axis=0).max())
    corners = portrait.surface.vertices_px[MESH_EYE_CORNERS, :2]
    distances = np.linalg.norm(corners - portrait.points_px[EYE_CORNERS], axis=1)
    assert distances.mean() < 0.04 * box_px
    assert np.linalg.norm(portrait.surface.vertices_px[CHIN, :2] - portrait.points_px[8]) < 0.06 * box_px


def test_nose_is_nearest_to_the_camera_and_the_head_falls_back_behind_the_oval(portrait: Portrait):
    surface, relief = portrait.surface, portrait.relief
    assert surface.vertices_px[NOSE_TIP, 2] < surface.origin[2] - 0.3 * surface.width_px
    x, y = surface.vertices_px[NOSE_TIP, :2].round().astype(int)
    assert relief.depth[y, x] < np.percentile(relief.depth, 1) + 0.05 * surface.width_px
    outside = relief.outside > 0.2 * surface.width_px
    assert relief.depth[outside].min() > relief.depth[relief.outside == 0].mean()


def test_person_mask_covers_the_face_and_not_the_corners_of_the_canvas(portrait: Portrait):
    person = portrait.surface.person
    assert (person.shape, person.dtype) == (portrait.pixels.shape[:2], np.float32)
    assert person[portrait.relief.outside == 0].mean() > 0.95
    assert person[0, 0] < 0.1


def test_labels_elsewhere_on_the_image_have_no_portrait(mesh: FaceMesh, labelled_face: LabelledFace):
    shrunk = labelled_face.points_px.mean(axis=0) * 0.3 + 0.3 * labelled_face.points_px
    assert mesh.portrait(replace(labelled_face, points_px=shrunk)) is None


@pytest.mark.usefixtures("mediapipe")
@pytest.mark.slow
def test_mediapipe_writes_nothing_to_standard_error(labelled_face: LabelledFace):
    """In a process of its own: the import and the first detection write most of the log."""
    code = (
        "import sys, pathlib, numpy; from livefan.datasets import LabelledFace;"
        "from livefan.training.augmentation.face_mesh import FaceMesh\n"
        "face = LabelledFace(pathlib.Path(sys.argv[1]), numpy.array(eval(sys.argv[2])), 'clip')\n"
        "with FaceMesh() as mesh: assert mesh.portrait(face)"
    )
    command = [
        sys.executable,
        "-c",
        code,
        str(labelled_face.image_path),
        str(labelled_face.points_px.tolist()),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_missing_model_file_gives_one_line_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("livefan.core.resources.bundled_folder", lambda _: tmp_path)
    with pytest.raises(LivefanError, match=r"face_landmarker\.task: no such file; install livefan again"):
        FaceMesh()


def test_mediapipe_without_sys_gives_one_line_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Where /sys is not mounted its library ends the process when it is loaded."""
    # A private path, because a test cannot unmount /sys.
    monkeypatch.setattr(quiet, "_POSSIBLE_CPUS", tmp_path / "possible")
    with pytest.raises(LivefanError, match=r"MediaPipe cannot run here: it needs .*possible; run: mount"):
        FaceMesh()


@pytest.mark.usefixtures("mediapipe")
def test_missing_mediapipe_gives_one_line_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(LivefanError, match="pip install mediapipe"):
        FaceMesh()

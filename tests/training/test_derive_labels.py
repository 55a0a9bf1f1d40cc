"""Labels of WFLW and COFW from the landmarks of 300W and MediaPipe's mesh."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from labelled import wflw_line

from livefan.cli.main import main
from livefan.core.crop import Crop, upright_crop
from livefan.core.errors import LivefanError
from livefan.core.frame import Face
from livefan.core.landmarks import COFW_29, IBUG_68, WFLW_98, WFLW_TO_IBUG
from livefan.core.metrics import inter_ocular
from livefan.datasets import load
from livefan.io.pts_file import write_pts
from livefan.training.derive_labels import derive_labels, derive_wflw, fit_offsets, moved
from livefan.training.mesh_landmarks import MeshLandmarks
from livefan.training.scheme_map import scheme_map


@pytest.fixture(scope="module")
def mesh_px(photo: np.ndarray, face: Face) -> np.ndarray:
    """The mesh of the face on the photo."""
    return MeshLandmarks().find(photo, upright_crop(face.points_px, IBUG_68))


@pytest.fixture(scope="module")
def derived(face: Face, mesh_px: np.ndarray) -> np.ndarray:
    return derive_wflw(face.points_px, mesh_px)


@pytest.mark.slow
def test_derived_landmarks_keep_those_of_300w_and_lie_on_their_contours(face: Face, derived: np.ndarray):
    eyes = inter_ocular(face.points_px[None], IBUG_68)[0]
    assert np.array_equal(derived[list(WFLW_TO_IBUG)], face.points_px)
    # A landmark between two others lies near the middle of the line that joins them.
    for between, (first, second) in {1: (0, 2), 15: (14, 16), 62: (61, 63), 66: (65, 67)}.items():
        middle = (derived[first] + derived[second]) / 2
        assert np.linalg.norm(derived[between] - middle) < 0.05 * eyes
    # The lower edge of a brow lies below the upper edge and above the eye; a pupil lies between the lids.
    for lower, upper, lid in ((38, 37, 63), (40, 35, 62), (50, 42, 69), (48, 44, 70)):
        assert derived[upper, 1] < derived[lower, 1] < derived[lid, 1]
    for pupil, (outer, inner, top, bottom) in {96: (60, 64, 62, 66), 97: (72, 68, 70, 74)}.items():
        assert derived[top, 1] < derived[pupil, 1] < derived[bottom, 1]
        assert abs(derived[pupil, 0] - derived[[outer, inner], 0].mean()) < 0.06 * eyes


def test_fitted_offsets_are_symmetrical_and_shrink_with_few_faces(derived: np.ndarray):
    offset = np.zeros((98, 2))
    offset[8], offset[24] = (0.1, -0.2), (-0.1, -0.2)  # a pair of the jaw
    truth = moved(derived, offset)
    assert np.allclose(fit_offsets([derived] * 18, [truth] * 18), offset * 18 / 20)
    assert np.allclose(fit_offsets([derived] * 2, [truth] * 2), offset / 2)
    in_profile = derived * (0.1, 1)
    with pytest.raises(LivefanError, match="not in profile"):
        fit_offsets([in_profile], [in_profile])


def test_scheme_maps_keep_sides_and_places(derived: np.ndarray):
    """The map of a mirrored face is the mirrored map, and every landmark of the target has a source."""
    for source, target in ((IBUG_68, WFLW_98), (WFLW_98, COFW_29), (IBUG_68, COFW_29)):
        matrix = scheme_map(source, target)
        assert matrix is not None
        assert np.allclose(matrix.sum(axis=1), 1)
        mirrored = matrix[target.mirror_order][:, source.mirror_order]
        assert np.allclose(mirrored, matrix)
    assert scheme_map(COFW_29, IBUG_68) is None
    to_cofw = scheme_map(WFLW_98, COFW_29)
    assert to_cofw is not None
    points = to_cofw @ derived
    names = COFW_29.point_names
    for upper, lower in (("brow_top", "brow_bottom"), ("brow_bottom", "eye_top"), ("eye_top", "eye_bottom")):
        for side in ("right", "left"):
            above, below = (points[names.index(f"{side}_{part}"), 1] for part in (upper, lower))
            assert above < below


@pytest.mark.slow
def test_command_writes_faces_that_training_takes(tmp_path: Path, photo: np.ndarray, face: Face):
    faces = tmp_path / "faces"
    faces.mkdir()
    for name in ("a", "b"):
        cv2.imwrite(str(faces / f"{name}.png"), photo)
        write_pts(faces / f"{name}.pts", face.points_px)
    cv2.imwrite(str(faces / "blank.png"), np.zeros_like(photo))
    write_pts(faces / "blank.pts", face.points_px)
    mesh = MeshLandmarks().find(photo, upright_crop(face.points_px, IBUG_68))
    derived = derive_wflw(face.points_px, mesh)
    lower = moved(derived, np.tile((0.0, 0.1), (98, 1)))
    reference = tmp_path / "wflw"
    lists = reference / "WFLW_annotations/list_98pt_rect_attr_train_test"
    lists.mkdir(parents=True)
    (reference / "WFLW_images/0--A").mkdir(parents=True)
    lines = []
    for number in range(4):
        cv2.imwrite(str(reference / f"WFLW_images/0--A/{number}.png"), photo)
        lines.append(wflw_line(lower, "0 0 0 0 0 0", f"0--A/{number}.png"))
    (lists / "list_98pt_rect_attr_test.txt").write_text("".join(lines))

    given = ["--dataset", "pts", "--root", str(faces), "--split", "all"]
    teacher = ["--weights", "mobilefan-half-300w", "--runtime", "openvino", "--precision", "float32"]
    out = tmp_path / "out"
    out.mkdir()
    for scheme, extra in (("wflw", ["--reference", str(reference), *teacher]), ("cofw", [])):
        assert main(["derive-labels", *given, "--scheme", scheme, *extra, "-o", str(out / scheme)]) == 0
    report = json.loads((out / "wflw/labels.json").read_text())
    assert report["kept"] == 2
    assert "blank.png: the mesh does not fit" in report["left out"][0]
    offsets = np.array(report["offsets"])
    assert offsets[:, 1].mean() == pytest.approx(0.1 * 2 / 4, abs=0.02)  # two faces, shrunk by two of zero
    wflw, cofw = (load("pts", out / scheme, "all") for scheme in ("wflw", "cofw"))
    assert (wflw.scheme, cofw.scheme) == (WFLW_98, COFW_29)
    assert len(wflw.faces) == len(cofw.faces) == 2
    assert len({each.photograph for each in wflw.faces}) == 2
    assert main(["derive-labels", *given, "--scheme", "wflw", "-o", str(out / "wflw")]) == 2


def test_stopped_call_leaves_nothing_that_another_call_would_take(
    tmp_path: Path, photo: np.ndarray, face: Face, mesh_px: np.ndarray
):
    faces = tmp_path / "faces"
    faces.mkdir()
    for name in ("a", "b"):
        cv2.imwrite(str(faces / f"{name}.png"), photo)
        write_pts(faces / f"{name}.pts", face.points_px)
    out = tmp_path / "out"
    out.mkdir()

    class Stopping(MeshLandmarks):
        """Finds a mesh once; the user presses Ctrl+C before the second."""

        def __init__(self) -> None:
            self.calls = 0

        def find(self, image: np.ndarray, crop: Crop) -> np.ndarray:
            self.calls += 1
            if self.calls > 1:
                raise KeyboardInterrupt
            return mesh_px

    with pytest.raises(KeyboardInterrupt):
        derive_labels(load("pts", faces, "all"), out / "wflw", "wflw", Stopping())
    assert list(out.iterdir()) == []
    (faces / "b.png").unlink()
    assert derive_labels(load("pts", faces, "all"), out / "wflw", "wflw", Stopping()).kept == 1
    assert [path.name for path in out.iterdir()] == ["wflw"]
    assert sorted(path.suffix for path in (out / "wflw").iterdir()) == [".jpg", ".json", ".pts"]


def test_command_names_an_existing_output_before_it_reads_faces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    given = ["--dataset", "pts", "--root", str(tmp_path / "gone"), "--split", "all", "--scheme", "wflw"]
    assert main(["derive-labels", *given, "-o", str(tmp_path)]) == 2
    assert f"{tmp_path}: exists already; choose another --out" in capsys.readouterr().err

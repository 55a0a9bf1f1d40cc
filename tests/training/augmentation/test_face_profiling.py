"""Faces turned in depth: the picture and the landmarks must agree, and MediaPipe must see the new side."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.core.frame import Frame
from livefan.core.landmarks import IBUG_68, WFLW_98
from livefan.datasets import FaceSet, LabelledFace, load, load_training
from livefan.io.pts_file import write_pts
from livefan.tracking.pipeline import Pipeline
from livefan.training.augmentation.face_mesh import FaceMesh, Portrait
from livefan.training.augmentation.face_profiling import draw_views, rotate, synthesise

pytestmark = pytest.mark.usefixtures("mediapipe")

INNER = [30, 33, 36, 39, 42, 45, 48, 54]
MESH = [1, 2, 33, 133, 362, 263, 61, 291]


def box_px(points_px: np.ndarray) -> float:
    return float(np.ptp(points_px, axis=0).max())


def test_rotation_by_zero_changes_nothing(portrait: Portrait):
    same = rotate(portrait, 0.0)
    on_face = portrait.relief.outside == 0
    apart = np.abs(same.pixels.astype(int) - portrait.pixels)[on_face]
    assert np.median(apart) <= 2
    moved = np.linalg.norm(same.points_px - portrait.points_px, axis=1)
    assert moved.max() < 0.01 * box_px(portrait.points_px)


@pytest.mark.parametrize("degrees", [-40, -20, 20, 40])
def test_face_mesh_confirms_angle_and_points_of_the_rotated_view(
    mesh: FaceMesh, portrait: Portrait, tmp_path: Path, degrees: float
):
    turned = rotate(portrait, math.radians(degrees) - portrait.surface.yaw)
    path = tmp_path / "turned.png"
    cv2.imwrite(str(path), turned.pixels)
    seen = mesh.portrait(LabelledFace(path, turned.points_px, "turned"))
    assert seen is not None
    assert math.degrees(seen.surface.yaw) == pytest.approx(degrees, abs=12)
    apart = np.linalg.norm(seen.surface.vertices_px[MESH, :2] - seen.points_px[INNER], axis=1)
    assert apart.mean() < 0.05 * box_px(seen.points_px)


@pytest.mark.parametrize("side", [-1, 1])
def test_far_jaw_lies_on_the_outline_of_the_cheek_and_no_point_outside_the_head(
    portrait: Portrait, side: int
):
    """At 65 degrees the averted ear is behind the face: its jaw points must be near the nose, not there."""
    turned = rotate(portrait, side * math.radians(65) - portrait.surface.yaw)
    x = turned.points_px[:, 0] * side
    averted, near = (range(10, 17), range(7)) if side > 0 else (range(7), range(10, 17))
    assert x[list(averted)].min() > np.median(x[48:68]) - 0.1 * box_px(turned.points_px)
    assert x[list(near)].max() < x[[39, 42]].min() + 0.1 * box_px(turned.points_px)
    assert x[27:31].max() >= x.max() - 1  # the nose comes first of all
    blank = rotate(replace(portrait, pixels=np.full_like(portrait.pixels, 128)), 0.6)
    assert np.abs(blank.pixels.astype(int) - 128).max() <= 1  # nothing is drawn that the picture lacks


@pytest.mark.slow
@pytest.mark.parametrize("side", [-1, 1])
def test_face_keeps_its_id_into_profile_and_back(portrait: Portrait, pipeline: Pipeline, side: int):
    """To 75 degrees in 0.6 seconds; landmarks stay within 4 % of the face's size of where they went."""
    pipeline.smoothing = 0.0
    there = [rotate(portrait, side * math.radians(7.5 * n) - portrait.surface.yaw) for n in range(11)]
    for number, view in enumerate([*there, *there[-2::-1]]):
        (seen,) = pipeline.process(Frame(view.pixels, number, 0.0, 0.06 * number))
        assert seen.track_id == 1
        apart = np.linalg.norm(seen.points_px - view.points_px, axis=1)
        assert apart.mean() < 0.04 * box_px(view.points_px)


def test_views_cover_the_angles_on_the_side_of_the_gaze(portrait: Portrait):
    for seed in range(20):
        views = draw_views(portrait, 3, np.random.default_rng(seed))
        angles = [math.degrees(yaw + portrait.surface.yaw) for yaw, _ in views]
        assert len({math.copysign(1, angle) for angle in angles}) == 1
        assert [abs(angle) for angle in angles] == sorted(abs(angle) for angle in angles)
        assert all(9 < abs(angle) < 80 for angle in angles)
        assert all(abs(math.degrees(pitch)) <= 15 for _, pitch in views)


@pytest.mark.slow
def test_folder_of_views_is_written_once_and_loads_as_training_faces(
    labelled_face: LabelledFace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    root, out = tmp_path / "own", tmp_path / "views"
    root.mkdir()
    for name, picture in (("a", labelled_face.read_image()), ("empty", np.zeros((300, 300, 3), np.uint8))):
        cv2.imwrite(str(root / f"{name}.png"), picture)
        write_pts(
            root / f"{name}.pts", labelled_face.points_px if name == "a" else labelled_face.points_px / 3
        )
    arguments = ["synthesise-profiles", "--dataset", "pts", "--root", root, "--split", "all", "-o", out]
    arguments += ["--views", "2"]
    assert main([str(argument) for argument in arguments]) == 0
    said = capsys.readouterr()
    assert "2 views of 1 faces" in said.out
    assert "empty.png: the face mesh does not find the labelled face" in said.err
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    views = {"a-0.jpg", "a-0.pts", "a-1.jpg", "a-1.pts"}
    assert {path.name for path in before} == views | {"views.json"}
    assert main([str(argument) for argument in arguments]) == 0
    after = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert after.keys() == before.keys()
    assert all(after[out / name] == before[out / name] for name in views)
    views = load("pts", out, "all")
    assert len(views.faces) == 2
    assert all(view.read_image().shape[2] == 3 for view in views.faces)
    training, _ = load_training("pts", root, [out])
    assert len(training.faces) == 2 + 2


@pytest.mark.slow
def test_views_of_images_with_one_name_do_not_overwrite_each_other(
    labelled_face: LabelledFace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    root, out = tmp_path / "own", tmp_path / "views"
    for name in ("a/b-c", "a-b/c", "deep/er/alone", "top"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / f"{name}.png"), labelled_face.read_image())
        write_pts(root / f"{name}.pts", labelled_face.points_px)
    arguments = ["--dataset", "pts", "--root", str(root), "--split", "all", "-o", str(out), "--views", "1"]
    for _ in range(2):
        assert main(["synthesise-profiles", *arguments]) == 0
        assert "4 views of 4 faces" in capsys.readouterr().out
        names = sorted(path.name for path in out.glob("*.pts"))
        assert len(names) == 4
        assert {"deep-er-alone-0.pts", "top-0.pts"} < set(names)
    assert len(load("pts", out, "all").faces) == 4


@pytest.mark.slow
def test_full_disk_is_reported_and_the_view_is_drawn_after_space_is_freed(
    labelled_face: LabelledFace, tmp_path: Path, full_beyond: Callable[[int], None]
):
    faces = FaceSet(IBUG_68, [labelled_face], title="own")
    full_beyond(2000)
    with pytest.raises(OSError, match=r"File too large: '.*clip-photo-0\.jpg'"):
        synthesise(faces, tmp_path, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["views.json"]
    full_beyond(1 << 30)
    assert synthesise(faces, tmp_path, 1).n_views == 1
    (view,) = load("pts", tmp_path, "all").faces
    assert view.read_image().shape[2] == 3


def test_folder_of_views_of_other_settings_is_rejected(tmp_path: Path):
    faces = FaceSet(IBUG_68, [], title="own")
    synthesise(faces, tmp_path, 2, seed=1)
    synthesise(faces, tmp_path, 2, seed=1)
    for views, seed in ((3, 1), (2, 0)):
        with pytest.raises(
            LivefanError, match=r'holds views of {"views": 2, "seed": 1}, not .*; name the same'
        ):
            synthesise(faces, tmp_path, views, seed)
    (tmp_path / "views.json").unlink()
    synthesise(faces, tmp_path, 3)
    (tmp_path / "views.json").unlink()
    write_pts(tmp_path / "a-0.pts", np.ones((68, 2)))
    with pytest.raises(LivefanError, match=r"of unknown settings, without views\.json, not .*choose another"):
        synthesise(faces, tmp_path, 2, seed=1)


def test_views_of_changed_labels_are_drawn_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    drawn: list[str] = []

    def draw(mesh: object, face: LabelledFace, files: list[Path], rng: object) -> None:
        drawn.append(face.image_path.stem)
        for file in files:
            write_pts(file, face.points_px)

    # Private: the function that takes long.
    monkeypatch.setattr("livefan.training.augmentation.face_profiling._write_views", draw)
    points_px = np.random.default_rng(0).uniform(20, 80, (68, 2))
    first, second = (LabelledFace(Path(f"{name}.png"), points_px, ".") for name in "ab")
    moved = replace(second, points_px=points_px + 1)
    settings = tmp_path / "views.json"
    for labelled, expected in (([first, second], ["a", "b"]), ([first], []), ([first, moved], ["b"])):
        drawn.clear()
        synthesise(FaceSet(IBUG_68, labelled), tmp_path, 2)
        assert drawn == expected
    settings.write_text('{"views": 2, "seed": 0}\n')  # as earlier versions wrote it
    for again, expected in ((second, []), (moved, ["b"])):
        drawn.clear()
        synthesise(FaceSet(IBUG_68, [first, again]), tmp_path, 2)
        assert drawn == expected


def test_faces_of_another_scheme_are_rejected(tmp_path: Path):
    wrong = FaceSet(WFLW_98, [], title="wflw train")
    with pytest.raises(LivefanError, match="300w-68"):
        synthesise(wrong, tmp_path)

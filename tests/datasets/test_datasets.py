import sys
from dataclasses import replace
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from livefan.core.errors import LivefanError
from livefan.core.landmarks import COFW_29, IBUG_68, WFLW_98, WFLW_TO_IBUG
from livefan.datasets import load, load_300w, load_training
from livefan.io.images import IMAGE_SUFFIXES
from livefan.io.pts_file import write_pts


def add_face(folder: Path, name: str, suffix: str = ".jpg") -> np.ndarray:
    """Write an image and its points."""
    folder.mkdir(parents=True, exist_ok=True)
    seed = sum(map(ord, f"{folder.name}{name}"))
    points = np.random.default_rng(seed).uniform(20, 80, (68, 2)).round(3)
    shape = (100, 100) if suffix == ".pgm" else (100, 100, 3)
    cv2.imwrite(str(folder / f"{name}{suffix}"), np.full(shape, 128, np.uint8))
    write_pts(folder / f"{name}.pts", points)
    return points


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The official layout with a hundred training faces, and lfpw's test set alone of the test sets."""
    for index in range(60):
        add_face(tmp_path / "lfpw/trainset", f"image_{index:04d}", ".png")
    for index in range(30):
        add_face(tmp_path / "helen/trainset", f"{1000 + index}_1")
    for index in range(10):
        add_face(tmp_path / "afw", f"77{index // 2}_{1 + index % 2}")
    for index in range(5):
        add_face(tmp_path / "lfpw/testset", f"image_{index:04d}", ".png")
    return tmp_path


def test_train_and_validation_divide_the_training_images(root: Path):
    train, validation = (load_300w(root, split).faces for split in ("train", "validation"))
    names = [{face.image_path for face in faces} for faces in (train, validation)]
    assert not names[0] & names[1]
    assert len(names[0] | names[1]) == 100
    held_out = {
        subset: sum(face.subset == subset for face in validation)
        for subset in ("lfpw/trainset", "helen/trainset", "afw")
    }
    assert held_out == {"lfpw/trainset": 6, "helen/trainset": 3, "afw": 2}


def test_faces_of_one_photograph_stay_on_one_side(root: Path):
    photographs = [
        {face.image_path.stem.split("_")[0] for face in load_300w(root, split).faces if face.subset == "afw"}
        for split in ("train", "validation")
    ]
    assert not photographs[0] & photographs[1]


def test_the_division_is_the_same_every_time_and_wherever_the_folder_lies(root: Path, tmp_path: Path):
    before = [face.image_path.name for face in load_300w(root, "validation").faces]
    assert before == [  # as ever: the figures of all weights so far are of faces held out so
        *(f"image_{number:04d}.png" for number in (12, 14, 29, 47, 50, 54)),
        *("1022_1.jpg", "1025_1.jpg", "1026_1.jpg", "770_1.jpg", "770_2.jpg"),
    ]
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("lfpw", "helen", "afw"):
        (root / name).rename(moved / name)
    assert [face.image_path.name for face in load_300w(moved, "validation").faces] == before


def test_an_absent_image_set_is_named_and_the_others_used(root: Path):
    faces = load_300w(root, "full")
    assert len(faces.faces) == 5
    assert faces.absent == [root / "helen/testset", root / "ibug"]


def test_a_folder_without_the_layout_is_refused_with_the_first_missing_path(tmp_path: Path):
    with pytest.raises(LivefanError) as error:
        load_300w(tmp_path, "challenging")
    assert str(tmp_path / "ibug") in str(error.value)


def test_unusable_files_are_passed_over_and_listed(root: Path):
    (root / "ibug").mkdir()
    add_face(root / "ibug", "good")
    add_face(root / "ibug", "imageless")
    (root / "ibug/imageless.jpg").unlink()
    write_pts(root / "ibug/short.pts", np.ones((5, 2)))
    (root / "ibug/short.jpg").write_bytes(b"")
    faces = load_300w(root, "challenging")
    assert [face.image_path.name for face in faces.faces] == ["good.jpg"]
    assert len(faces.skipped) == 2


def test_faces_whose_eyes_fall_together_are_passed_over_and_listed_in_every_data_set(
    root: Path, wflw: Path, tmp_path: Path
):
    """Their error would be infinite, and with it the mean of all."""
    said = "the outer eye corners fall together"
    place = root / "lfpw/testset/image_0000.pts"
    place.write_text("version: 1\nn_points: 68\n{\n" + "1.0 1.0\n" * 68 + "}\n")
    for faces in (load("300w", root, "common"), load("pts", root / "lfpw/testset", "all")):
        assert len(faces.faces) == 4
        assert faces.skipped == [f"{place}: {said}"]
    listed = wflw / "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt"
    listed.write_text(listed.read_text() + wflw_line(np.ones((98, 2)), "0 0 0 0 0 0", "0--Parade/1.jpg"))
    assert load("wflw", wflw, "test").skipped[-1] == f"{listed}, line 5: {said}"
    cofw = tmp_path / "COFW_test_color.mat"
    write_cofw(cofw, "IsT", "phisT", 4)
    with h5py.File(cofw, "a") as file:
        file["phisT"][:58, 2] = 1.0
    faces = load("cofw", tmp_path, "test")
    assert len(faces.faces) == 3
    assert faces.skipped == [f"{cofw}, IsT 3: {said}"]


def test_an_empty_image_set_and_images_without_labels_are_told(root: Path):
    (root / "helen/testset").mkdir()
    for name in "ab":
        (root / f"lfpw/testset/{name}.JPG").write_bytes(b"")
    (root / "lfpw/testset/._image_0000.pts").write_bytes(b"what a system leaves beside a file")
    faces = load_300w(root, "common")
    assert len(faces.faces) == 5
    assert faces.absent == []
    assert faces.skipped == [
        f"{root}/lfpw/testset: images without a .pts beside them: 2, such as a.JPG",
        f"{root}/helen/testset: holds no .pts file",
    ]


def test_names_in_capitals_are_found(tmp_path: Path):
    for name in ("IMG_1", "IMG_2", "img_3"):
        add_face(tmp_path, name)
    (tmp_path / "IMG_1.jpg").rename(tmp_path / "IMG_1.JPG")
    (tmp_path / "IMG_2.jpg").rename(tmp_path / "IMG_2.Jpeg")
    (tmp_path / "IMG_2.pts").rename(tmp_path / "IMG_2.PTS")
    add_face(tmp_path, "IMG_1", ".png")  # of two images the .png, as ever
    faces = load("pts", tmp_path, "all")
    assert [face.image_path.name for face in faces.faces] == ["IMG_1.png", "IMG_2.Jpeg", "img_3.jpg"]
    assert faces.skipped == []
    (tmp_path / "img_3.pts").unlink()
    (tmp_path / "IMG_1.pts").unlink()
    assert [face.image_path.name for face in load("pts", tmp_path, "all").faces] == ["IMG_2.Jpeg"]


def test_every_kind_of_image_that_is_read_elsewhere_may_lie_beside_its_points(tmp_path: Path):
    for number, suffix in enumerate(sorted(IMAGE_SUFFIXES)):
        add_face(tmp_path, f"{number}", suffix)
    (tmp_path / "6.tif").rename(tmp_path / "6.TIF")
    add_face(tmp_path, "both", ".tiff")
    add_face(tmp_path, "both", ".webp")
    faces = load("pts", tmp_path, "all")
    assert faces.skipped == []
    assert len(faces.faces) == len(IMAGE_SUFFIXES) + 1
    assert all(face.read_image().shape == (100, 100, 3) for face in faces.faces)
    assert faces.faces[-1].image_path.suffix == ".webp"


def test_points_of_another_image_are_told_when_it_is_read_but_a_face_cut_off_by_the_edge_is_used(root: Path):
    face = load("300w", root, "common").faces[0]
    hanging_over = replace(face, points_px=face.points_px - (30, 0))  # by 10 of a box of about 60
    assert hanging_over.points_px.min() < 0
    assert hanging_over.read_image().shape == (100, 100, 3)
    far_out = face.points_px.copy()
    far_out[7] = (900, 50)
    with pytest.raises(LivefanError, match=r"100 x 100 pixels, but a landmark lies 801 pixels outside"):
        replace(face, points_px=far_out).read_image()


def test_an_unreadable_image_is_one_line(root: Path):
    face = load_300w(root, "common").faces[0]
    face.image_path.write_bytes(b"not an image")
    with pytest.raises(LivefanError, match="cannot be read"):
        face.read_image()


def test_common_and_challenging_faces_of_the_full_set_say_which_they_are(root: Path):
    add_face(root / "helen/testset", "77_1")
    add_face(root / "ibug", "image_003_1")
    faces = load("300w", root, "full").faces
    assert [face.attributes for face in faces] == [("common",)] * 6 + [("challenging",)]


def wflw_line(points: np.ndarray, flags: str, image: str) -> str:
    """A face as WFLW's lists hold it: coordinates, box, attribute flags, image."""
    return " ".join(f"{value:.6f}" for value in points.ravel()) + f" 1 2 3 4 {flags} {image}\n"


@pytest.fixture
def wflw(tmp_path: Path) -> Path:
    """WFLW's layout with two events; one image of the test list holds two faces, and one is missing."""
    points = np.random.default_rng(0).uniform(20, 80, (98, 2)).round(6)
    for event in ("0--Parade", "1--Handshaking"):
        (tmp_path / "WFLW_images" / event).mkdir(parents=True)
        for index in range(10):
            picture = np.full((100, 100, 3), 10 * index, np.uint8)
            cv2.imwrite(str(tmp_path / "WFLW_images" / event / f"{index}.jpg"), picture)
    lists = tmp_path / "WFLW_annotations/list_98pt_rect_attr_train_test"
    lists.mkdir(parents=True)
    (lists / "list_98pt_rect_attr_test.txt").write_text(
        wflw_line(points, "1 0 0 0 0 1", "0--Parade/1.jpg")
        + wflw_line(points + 1, "0 0 0 0 0 0", "0--Parade/1.jpg")
        + wflw_line(points, "0 0 1 0 0 0", "0--Parade/gone.jpg")
        + "1.0 2.0 3.0\n"
    )
    (lists / "list_98pt_rect_attr_train.txt").write_text(
        "".join(
            wflw_line(points, "0 1 0 1 1 0", f"{event}/{index}.jpg")
            for event in ("0--Parade", "1--Handshaking")
            for index in range(10)
        )
    )
    return tmp_path


def test_wflw_faces_come_with_their_attributes_and_unusable_lines_are_listed(wflw: Path):
    faces = load("wflw", wflw, "test")
    assert faces.scheme == WFLW_98
    assert [face.attributes for face in faces.faces] == [("pose", "blur"), ()]
    assert np.allclose(faces.faces[1].points_px - faces.faces[0].points_px, 1.0)
    assert faces.faces[0].points_px[0] == pytest.approx(np.random.default_rng(0).uniform(20, 80, 2), abs=1e-6)
    assert faces.faces[0].read_image().shape == (100, 100, 3)
    image = wflw / "WFLW_images/0--Parade/1.jpg"
    x, y = faces.faces[0].points_px.mean(axis=0)
    assert [face.place for face in faces.faces] == [f"{image} at {x + d:.0f}, {y + d:.0f}" for d in (0, 1)]
    assert len(faces.skipped) == 2
    assert "line 3" in faces.skipped[0]
    assert "gone.jpg" in faces.skipped[0]
    assert "line 4: holds 3 fields, expected 207" in faces.skipped[1]


def test_wflw_is_divided_by_photograph_of_both_events(wflw: Path):
    train, validation = (load("wflw", wflw, split).faces for split in ("train", "validation"))
    assert (len(train), len(validation)) == (18, 2)
    assert train[0].attributes == ("expression", "make-up", "occlusion")


@pytest.mark.parametrize("missing", ["list_98pt_rect_attr_test.txt", "WFLW_images"])
def test_wflw_without_its_list_or_images_names_the_path(wflw: Path, missing: str):
    next(wflw.rglob(missing)).rename(wflw / "elsewhere")
    with pytest.raises(LivefanError, match=f"{missing}: not there"):
        load("wflw", wflw, "test")


def test_wflw_points_in_the_order_of_300w_keep_their_part_of_the_face():
    """Mirroring must mean the same before and after, and eyes, jaw and lips stay what they are."""
    order = np.array(WFLW_TO_IBUG)
    assert np.array_equal(WFLW_98.mirror_order[order], order[IBUG_68.mirror_order])
    for index, name in enumerate(IBUG_68.point_names):
        assert WFLW_98.point_names[order[index]].rpartition("_")[0] == name.rpartition("_")[0]
    assert tuple(order[list(IBUG_68.normaliser)]) == WFLW_98.normaliser


def write_cofw(path: Path, images: str, labels: str, count: int) -> np.ndarray:
    """A file as MATLAB writes COFW's: arrays transposed, images behind references, every third grey."""
    rng = np.random.default_rng(7)
    phis = np.hstack([rng.uniform(20, 60, (count, 58)), np.zeros((count, 29))])
    phis[:, 58 + 28] = 1.0  # the chin is covered
    with h5py.File(path, "w", userblock_size=512) as file:
        file[labels] = phis.T
        cells = file.create_dataset(images, (1, count), dtype=h5py.ref_dtype)
        for index in range(count):
            pixels = np.zeros((80, 90), np.uint8) if index % 3 == 2 else np.zeros((80, 90, 3), np.uint8)
            pixels[5, 70] = 200  # row 5, column 70
            if pixels.ndim == 3:
                pixels[6, 70] = (255, 0, 0)  # red
            file[f"#refs#/{index}"] = pixels.T
            cells[0, index] = file[f"#refs#/{index}"].ref
    return phis


def test_cofw_gives_points_occlusion_and_images_in_colour_or_grey(tmp_path: Path):
    phis = write_cofw(tmp_path / "COFW_test_color.mat", "IsT", "phisT", 4)
    faces = load("cofw", tmp_path, "test")
    assert faces.scheme == COFW_29
    assert len(faces.faces) == 4
    face = faces.faces[1]
    assert np.allclose(face.points_px, np.column_stack([phis[1, :29], phis[1, 29:58]]) - 1)
    assert face.occluded is not None
    assert np.flatnonzero(face.occluded).tolist() == [28]
    colour, grey = face.read_image(), faces.faces[2].read_image()
    assert colour.shape == grey.shape == (80, 90, 3)
    assert colour[6, 70].tolist() == [0, 0, 255]
    assert grey[5, 70].tolist() == [200, 200, 200]
    assert len({face.name for face in faces.faces}) == 4
    assert faces.faces[1].place == f"{tmp_path}/COFW_test_color.mat, IsT 2"
    with pytest.raises(LivefanError, match=r"COFW_test_color\.mat, IsT 2: of 90 x 80 pixels, but a landmark"):
        replace(face, points_px=face.points_px + 500).read_image()


def test_cofw_is_divided_and_its_faults_are_named(tmp_path: Path):
    with pytest.raises(LivefanError, match=r"COFW_train_color\.mat: not there"):
        load("cofw", tmp_path, "train")
    path = tmp_path / "COFW_train_color.mat"
    write_cofw(path, "IsTr", "phisTr", 20)
    assert [len(load("cofw", tmp_path, split).faces) for split in ("train", "validation")] == [18, 2]
    write_cofw(path, "IsTr", "other", 2)
    with pytest.raises(LivefanError, match="holds no phisTr"):
        load("cofw", tmp_path, "train")
    path.write_bytes(b"not a MATLAB file")
    with pytest.raises(LivefanError, match=r"not a MATLAB v7\.3 file"):
        load("cofw", tmp_path, "train")


def test_photographs_that_cofw_holds_twice_are_told_by_their_place(tmp_path: Path):
    """All its faces lie in one file."""
    write_cofw(tmp_path / "COFW_train_color.mat", "IsTr", "phisTr", 20)
    training, validation = load_training("cofw", tmp_path)
    everything = training.duplicates + [face.place for face in training.faces]
    assert len({line.partition(":")[0] for line in everything}) == 18
    held_out = {face.place for face in validation.faces}
    assert training.duplicates
    assert {line.rpartition("same photograph as ")[2] for line in training.duplicates} <= held_out


def test_without_h5py_cofw_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "COFW_test_color.mat").touch()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(LivefanError, match="pip install h5py"):
        load("cofw", tmp_path, "test")


def test_a_folder_of_peoples_own_is_of_the_scheme_that_most_files_hold(tmp_path: Path):
    for index in range(3):
        picture = np.full((100, 100, 3), 128, np.uint8)
        for folder, count in ((tmp_path, 29), (tmp_path / "day two", 29)):
            folder.mkdir(exist_ok=True)
            cv2.imwrite(str(folder / f"{index}.png"), picture)
            points = np.random.default_rng(index).uniform(20, 80, (count, 2))
            write_pts(folder / f"{index}.pts", points)
    write_pts(tmp_path / "0.pts", np.ones((68, 2)))
    faces = load("pts", tmp_path, "all")
    assert faces.scheme == COFW_29
    assert [face.subset for face in faces.faces] == [".", ".", "day two", "day two", "day two"]
    assert faces.skipped == [f"{tmp_path / '0.pts'}: holds 68 points, expected 29"]


def held_out_of(root: Path) -> tuple[set[str], set[str]]:
    """Paths of the images to train on and of those held out."""
    train, validation = (
        {face.image_path.relative_to(root).as_posix() for face in load("pts", root, split).faces}
        for split in ("train", "validation")
    )
    assert not train & validation
    assert len(train | validation) == len(load("pts", root, "all").faces)
    return train, validation


def test_of_peoples_own_faces_a_tenth_of_the_whole_is_held_out_however_they_are_sorted(tmp_path: Path):
    for number in range(60):
        add_face(tmp_path / f"sorted/person {number // 3}", f"{number}")
        add_face(tmp_path / "flat", f"{number}")
    train, validation = held_out_of(tmp_path / "sorted")
    assert (len(train), len(validation)) == (54, 6)
    assert held_out_of(tmp_path / "flat")[1] == {f"{number}.jpg" for number in (11, 20, 22, 24, 40, 53)}


@pytest.mark.parametrize("by_label", [True, False])
def test_faces_of_one_recording_and_of_one_labelled_photograph_stay_together(tmp_path: Path, by_label: bool):
    """Elsewhere than in what 'label' wrote, a last number tells photographs apart."""
    for number in range(40):
        add_face(tmp_path, f"clip {number // 4}-frame{25 * number:06}_{number % 2}")
        add_face(tmp_path, f"IMG-{number // 2}_{number % 2}")
    if by_label:
        (tmp_path / "labels.json").write_text("{}")
    train, validation = held_out_of(tmp_path)
    assert 6 <= len(validation) <= 8
    clips, photographs = (
        [{name.partition(sign)[0] for name in names if sign in name} for names in (train, validation)]
        for sign in ("-frame", "_")
    )
    assert not clips[0] & clips[1]
    assert bool(photographs[0] & photographs[1]) != by_label


@pytest.mark.parametrize(("frames", "held_out"), [([10, 90], 10), ([30, 70], 30), ([100], 0)])
def test_a_long_recording_is_trained_on_and_the_smallest_held_out(
    tmp_path: Path, frames: list[int], held_out: int
):
    for clip, count in enumerate(frames):
        for frame in range(count):
            add_face(tmp_path, f"clip{clip}-frame{frame:06}_0")
    assert len(held_out_of(tmp_path)[1]) == held_out


@pytest.mark.parametrize(
    ("points", "said"), [(None, "holds no .pts"), (5, "holds 5 points a face; known are 68 ")]
)
def test_a_folder_without_usable_pts_is_one_line(tmp_path: Path, points: int | None, said: str):
    if points:
        write_pts(tmp_path / "a.pts", np.ones((points, 2)))
    with pytest.raises(LivefanError, match=said):
        load("pts", tmp_path, "all")


def test_an_unknown_split_names_the_known(tmp_path: Path):
    with pytest.raises(LivefanError, match="wflw has no split 'full': choose from train, validation, test"):
        load("wflw", tmp_path, "full")
    with pytest.raises(LivefanError, match="no such folder"):
        load("wflw", tmp_path / "gone", "test")

"""Evaluation as a whole: the protocol's subsets, every way of measuring, and what it writes."""

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from livefan.cli.main import main
from livefan.core.crop import crop_from_landmarks
from livefan.core.errors import LivefanError
from livefan.core.landmarks import COFW_29, IBUG_68, WFLW_TO_IBUG
from livefan.core.provenance import commit
from livefan.datasets import FaceSet, LabelledFace, load
from livefan.evaluation.evaluate import Evaluation, Measured, evaluate
from livefan.evaluation.report import draw_ced, rows, table
from livefan.io.pts_file import write_pts
from livefan.networks.checkpoint import Weights
from livefan.networks.checkpoint_info import read_weight_file
from livefan.runtimes.torch_runtime import TorchRuntime
from livefan.tracking.landmarker import locate
from livefan.tracking.pipeline import Pipeline
from livefan.training.augmentation.robustness import hard_faces


def face_with_eyes_apart(name: str, subset: str, attributes: tuple[str, ...]) -> LabelledFace:
    points = np.zeros((68, 2))
    points[45] = (40.0, 30.0)  # the outer corners are 50 apart
    points[42:48, 0] += 10.0
    return LabelledFace(Path(name), points, subset, attributes)


def measured(face: LabelledFace, off_px: float | None) -> Measured:
    """Every point is off by as many pixels; None for a face that was missed."""
    if off_px is None:
        return Measured(face, None, math.inf)
    eyes = float(np.linalg.norm(face.points_px[45] - face.points_px[36]))
    return Measured(face, face.points_px + np.array([off_px, 0]), 100 * off_px / eyes)


@pytest.fixture
def by_hand() -> Evaluation:
    """Three faces of the common and two of the challenging set, one of them missed."""
    faces = [
        ("a.png", "lfpw/testset", ("common",), 1.0),
        ("b.png", "helen/testset", ("common",), 2.0),
        ("c.png", "helen/testset", ("common",), 3.0),
        ("d.png", "ibug", ("challenging",), 10.0),
        ("e.png", "ibug", ("challenging",), None),
    ]
    parts = [measured(face_with_eyes_apart(*what), off) for *what, off in faces]
    return Evaluation(IBUG_68, "landmarks", "soft-argmax", parts, [])


def test_the_subsets_of_300w_are_reported_in_one_go(by_hand: Evaluation):
    eyes = math.hypot(50, 30)
    parts = by_hand.subsets()
    assert list(parts) == ["common", "challenging", "lfpw/testset", "helen/testset", "ibug"]
    assert parts["common"].accuracy.n_faces == 3
    assert parts["common"].accuracy.nme_inter_ocular == pytest.approx(100 * 2 / eyes)
    assert parts["challenging"].accuracy.nme_inter_ocular == pytest.approx(100 * 10 / eyes)
    assert parts["challenging"].accuracy.failure_rate == 100.0
    assert by_hand.accuracy.failure_rate == 40.0
    assert by_hand.accuracy.auc == pytest.approx(
        sum(max(0, 8 - 100 * off / eyes) / 8 for off in (1, 2, 3, 10)) / 5
    )
    assert (by_hand.n_missed, parts["helen/testset"].n_missed) == (1, 0)


def test_a_face_counts_in_each_of_its_attributes(by_hand: Evaluation):
    first, second = by_hand.measured[:2]
    both = replace(first, face=replace(first.face, subset="test", attributes=("pose", "blur")))
    blurred = replace(second, face=replace(second.face, subset="test", attributes=("blur",)))
    parts = replace(by_hand, measured=[both, blurred]).subsets()
    assert {name: len(part.measured) for name, part in parts.items()} == {"pose": 1, "blur": 2}


def test_the_worst_come_first_and_those_missed_before_all(by_hand: Evaluation):
    assert [each.face.image_path.name for each in by_hand.worst(3)] == ["e.png", "d.png", "c.png"]


def test_the_table_has_a_line_for_each_way_and_subset(by_hand: Evaluation):
    lines = table([by_hand, replace(by_hand, decoder="argmax")]).splitlines()
    assert len(lines) == 1 + 2 * 6
    assert lines[0].split("  ")[0] == "crop"
    assert "FR > 8" in lines[0]
    # Means of the eyes' points are 17.4 apart: 5 points at 10 and one at 50, 30.
    assert lines[2].split()[2:] == ["common", "3", "3.43", "11.49", "0", "0.5713", "0"]
    assert {(row["scheme"], row["failure_threshold"]) for row in rows([by_hand])} == {("300w-68", 8.0)}
    assert [row["subset"] for row in rows([by_hand])][:3] == ["all", "common", "challenging"]


def test_the_legend_of_error_curves_lies_beside_them_however_many(
    by_hand: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    drawn = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *given, **named: (drawn.append(self), save(self, *given, **named))
    )
    kinds = [f"kind {number}" for number in range(10)]
    first = by_hand.measured[0]
    faces = [replace(first, face=replace(first.face, attributes=(kind,))) for kind in kinds]
    one = replace(by_hand, measured=faces)
    ways = [replace(one, crop=crop, decoder=name) for crop in "ab" for name in "cd"]
    for evaluations, labels in (([one], ["all", *kinds]), (ways, ["a, c", "a, d", "b, c", "b, d"])):
        draw_ced(evaluations, tmp_path / "ced.png")
        (axes,) = drawn[-1].axes
        assert [line.get_label().rsplit(" (", 1)[0] for line in axes.lines] == labels
        assert len({line.get_color() for line in axes.lines}) == len(labels)
        beside, curves = axes.get_legend().get_window_extent(), axes.get_window_extent()
        assert beside.x0 > curves.x1
        assert beside.y0 > curves.y0
        assert cv2.imread(str(tmp_path / "ced.png")).shape[1] > beside.x1 - curves.x0  # none is cut off


@pytest.fixture
def own(tmp_path: Path, photo: np.ndarray, pipeline: Pipeline) -> Path:
    """A folder of three: a face labelled by the network to a pixel, one labelled badly, and no image."""
    (face,) = pipeline.process_image(photo)
    folder = tmp_path / "own"
    folder.mkdir()
    for name, picture, off in (("good", photo, 1.0), ("bad", photo, 12.0), ("broken", None, 0.0)):
        write_pts(folder / f"{name}.pts", face.points_px + np.random.default_rng(0).normal(0, off, (68, 2)))
        if picture is None:
            (folder / f"{name}.png").write_bytes(b"not an image")
        else:
            cv2.imwrite(str(folder / f"{name}.png"), picture)
    return folder


def call(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments)])


def test_every_way_of_measuring_in_one_table_with_its_pictures(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = {name: tmp_path / name for name in ("n.json", "ced.png", "worst.png")}
    arguments = ["--dataset", "pts", "--root", own, "--split", "all", "--crop", "all", "--decoder", "all"]
    arguments += [
        "--json",
        out["n.json"],
        "--ced",
        out["ced.png"],
        "--worst",
        1,
        out["worst.png"],
        "--runtime",
        "torch",
    ]
    assert call(*arguments) == 0
    said = capsys.readouterr()
    assert "broken.png: cannot be read as an image" in said.err
    assert "skipped in all: 1" in said.err
    assert "./bad.png" in said.out
    numbers = json.loads(out["n.json"].read_text())
    ways = {(row["crop"], row["decoder"]): row for row in numbers["results"]}
    other = "argmax, not refined"
    assert set(ways) == {(c, d) for c in ("landmarks", "detector") for d in ("soft-argmax", other)}
    assert numbers["nme_inter_ocular"] == ways["landmarks", "soft-argmax"]["nme_inter_ocular"]
    assert ways["landmarks", other]["nme_inter_ocular"] != numbers["nme_inter_ocular"]
    file = read_weight_file()
    assert numbers["weights_sha256"] == file.sha256
    assert numbers["input_size"] == file.info.input_size
    ran = [numbers[name] for name in ("runtime", "precision", "threads", "flip", "hard", "absent")]
    assert ran == ["torch", "float32", 1, False, False, []]
    assert numbers["commit"] == commit()
    assert (numbers["n_faces"], numbers["n_skipped"]) == (2, 1)
    said_of_them = [numbers[name] for name in ("scheme", "failure_threshold", "crop", "decoder", "subset")]
    assert said_of_them == ["300w-68", 8.0, "landmarks", "soft-argmax", "all"]
    assert "broken.png: cannot be read" in numbers["skipped"][0]
    ced, worst = (cv2.imread(str(out[name])) for name in ("ced.png", "worst.png"))
    assert min(ced.shape[:2]) > 400
    assert worst.shape == (256, 256, 3)
    truth = (worst == (80, 220, 80)).all(-1).sum()
    assert truth > 50  # green dots of the labels are drawn


def test_the_weights_own_decoder_is_the_same_by_its_name(own: Path, tmp_path: Path):
    found = []
    for number, option in enumerate(([], ["--decoder", read_weight_file().info.decoder])):
        path = tmp_path / f"{number}.json"
        assert call("--dataset", "pts", "--root", own, "--split", "all", *option, "--json", path) == 0
        found.append(json.loads(path.read_text()))
    assert found[0] == found[1]


def test_a_place_that_cannot_be_written_to_is_told_of_before_the_work(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        "livefan.evaluation.evaluate.evaluate", lambda *args, **kwargs: pytest.fail("worked already")
    )
    for option in (["--json"], ["--ced"], ["--worst", "3"]):
        where = tmp_path / "gone" / "out.png"
        assert call("--dataset", "pts", "--root", own, "--split", "all", *option, where) == 2
        assert "gone: no such folder" in capsys.readouterr().err
    assert call("--dataset", "pts", "--root", own, "--worst", "no", tmp_path / "w.png") == 2
    assert "--worst no" in capsys.readouterr().err


def test_flip_averages_with_the_mirrored_picture(own: Path, weights: Weights):
    """Against what the network says of the picture that was mirrored beforehand."""
    face = next(face for face in load("pts", own, "all").faces if face.image_path.stem == "good")
    faces = FaceSet(IBUG_68, [face])
    runtime = TorchRuntime(weights)
    runtime.mirror_offset = 0.02  # as if its landmarks lay too far to the right in either picture
    flipped = evaluate(runtime, faces, flip=True).measured[0].predicted_px
    plain = evaluate(runtime, faces).measured[0].predicted_px
    image = face.read_image()
    last = image.shape[1] - 1
    mirrored_points = face.points_px[IBUG_68.mirror_order] * (-1, 1) + (last, 0)
    crop = crop_from_landmarks(mirrored_points).sized(runtime.input_size)
    other = locate(runtime, np.ascontiguousarray(image[:, ::-1]), [crop])[0].points_px
    other = other[IBUG_68.mirror_order] * (-1, 1) + (last + 2 * 0.02 * crop.side_px, 0)
    assert flipped is not None
    assert plain is not None
    assert np.allclose(flipped, (plain + other) / 2, atol=1e-3)


def test_weights_of_one_scheme_are_not_measured_on_another(weights: Weights):
    with pytest.raises(LivefanError, match=r"of scheme 300w-68, the faces of cofw-29"):
        evaluate(TorchRuntime(weights), FaceSet(COFW_29, []))


def test_a_split_of_which_nothing_can_be_read_is_one_line_that_names_a_file(
    own: Path, capsys: pytest.CaptureFixture[str]
):
    for image in own.glob("*.png"):
        image.write_bytes(b"not an image")
    (own / "text.pts").write_text("damaged")
    assert call("--dataset", "pts", "--root", own, "--split", "all") == 2
    told = capsys.readouterr().err
    assert told.startswith(
        "livefan: pts all: holds no face that can be used; check --root; the first of 4 skipped: "
    )
    assert str(own / "text.pts") in told
    assert told.count("\n") == 1


def test_faces_that_are_not_there_are_not_called_unreadable(weights: Weights):
    with pytest.raises(LivefanError, match="own: holds no faces; check --root"):
        evaluate(TorchRuntime(weights), FaceSet(IBUG_68, [], title="own"))


def test_wflw_can_be_looked_at_with_68_point_weights_when_asked(
    tmp_path: Path, photo: np.ndarray, pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
):
    (face,) = pipeline.process_image(photo)
    points = np.zeros((98, 2))
    points[list(WFLW_TO_IBUG)] = face.points_px
    images = tmp_path / "WFLW_images/0--Parade"
    lists = tmp_path / "WFLW_annotations/list_98pt_rect_attr_train_test"
    images.mkdir(parents=True)
    lists.mkdir(parents=True)
    cv2.imwrite(str(images / "a.png"), photo)
    line = " ".join(map(str, points.ravel())) + " 0 0 1 1 1 0 0 0 0 1 0--Parade/a.png\n"
    (lists / "list_98pt_rect_attr_test.txt").write_text(line)
    arguments = ["--dataset", "wflw", "--root", tmp_path, "--split", "test"]
    assert call(*arguments) == 2
    assert "wflw-98" in capsys.readouterr().err
    assert call(*arguments, "--as-68", "--json", tmp_path / "n.json") == 0
    numbers = json.loads((tmp_path / "n.json").read_text())
    assert numbers["nme_inter_ocular"] < 3  # the landmarks are the network's own
    assert [row["subset"] for row in numbers["results"]] == ["all", "pose", "blur"]
    assert {row["decoder"] for row in numbers["results"]} == {read_weight_file().info.decoder}


def test_figures_that_are_no_numbers_are_null(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Of a face whose eyes lie on one point, and of one that was missed."""
    together = LabelledFace(Path("a.png"), np.zeros((68, 2)), "one", ("eyes",))
    faces = [Measured(together, np.ones((68, 2)), math.inf), measured(together, None)]
    found = Evaluation(IBUG_68, "landmarks", "soft-argmax", faces, [])
    monkeypatch.setattr("livefan.evaluation.evaluate.evaluate", lambda *given, **named: found)
    path = tmp_path / "n.json"
    with np.errstate(divide="ignore"):
        assert call("--dataset", "pts", "--root", own, "--split", "all", "--json", path) == 0
    numbers = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert (numbers["nme_inter_ocular"], numbers["failure_rate"], numbers["auc"]) == (None, 100.0, 0.0)


def test_hard_faces_are_the_same_each_time_and_their_points_stay_on_the_face(
    own: Path, weights: Weights, pipeline: Pipeline
):
    face = next(face for face in load("pts", own, "all").faces if face.image_path.stem == "good")
    faces = FaceSet(IBUG_68, [replace(face, subset="afw")])
    first, again = (hard_faces(faces).faces for _ in range(2))
    kinds = ["afw", "blurred", "compressed", "covered", "dark", "profile", "rotated", "small"]
    assert [each.attributes for each in first] == [(kind,) for kind in kinds]
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.read_image(), other.read_image())
        assert np.array_equal(one.points_px, other.points_px)
    by_kind = {each.attributes[0]: each for each in first}
    moderate = [by_kind[kind] for kind in ("afw", "rotated", "compressed", "blurred")]
    result = evaluate(TorchRuntime(weights), FaceSet(IBUG_68, moderate))
    assert np.median(result.errors) < 12  # the labels are of the picture that was made, not of the first
    assert len({each.name for each in first}) == len(first)

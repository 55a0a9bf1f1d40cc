"""The command ``livefan evaluate``."""

import json
import math
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from evaluations import evaluated_face, write_labelled_folder
from labelled import add_face
from toy_network import save_described

from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.core.frame import Face
from livefan.core.landmarks import IBUG_68, WFLW_TO_IBUG
from livefan.core.provenance import commit
from livefan.datasets import LabelledFace
from livefan.evaluation.evaluate import EvaluatedFace, Evaluation
from livefan.io.pts_file import write_pts
from livefan.networks.checkpoint_info import read_weight_file
from livefan.tracking.model_spec import ModelChoice
from livefan.tracking.pipeline import Pipeline


@pytest.fixture
def own(tmp_path: Path, photo: np.ndarray, face: Face) -> Path:
    """A folder with a face labelled to a pixel, a face labelled badly, and a damaged image."""
    return write_labelled_folder(tmp_path / "own", photo, face.points_px)


def call(*arguments: object) -> int:
    """Run the command; return its exit code."""
    return main(["evaluate", *map(str, arguments)])


@pytest.mark.slow
def test_all_crops_and_decoders_in_one_table_with_both_pictures(
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
    captured = capsys.readouterr()
    assert "broken.png: not an image, or damaged" in captured.err
    assert "skipped in all: 1" in captured.err
    assert "./bad.png" in captured.out
    numbers = json.loads(out["n.json"].read_text())
    results = {(row["crop"], row["decoder"]): row for row in numbers["results"]}
    other = "argmax, not refined"
    assert set(results) == {(c, d) for c in ("landmarks", "detector") for d in ("soft-argmax", other)}
    assert numbers["nme_inter_ocular"] == results["landmarks", "soft-argmax"]["nme_inter_ocular"]
    assert results["landmarks", other]["nme_inter_ocular"] != numbers["nme_inter_ocular"]
    file = read_weight_file()
    assert numbers["weights_sha256"] == file.sha256
    assert numbers["input_size"] == file.info.input_size
    ran = [numbers[name] for name in ("runtime", "precision", "threads", "flip", "hard", "absent")]
    assert ran == ["torch", "float32", 1, False, False, []]
    assert numbers["commit"] == commit()
    assert (numbers["n_faces"], numbers["n_skipped"]) == (2, 1)
    settings = [numbers[name] for name in ("scheme", "failure_threshold", "crop", "decoder", "subset")]
    assert settings == ["300w-68", 8.0, "landmarks", "soft-argmax", "all"]
    assert "broken.png: not an image, or damaged" in numbers["skipped"][0]
    ced, worst = (cv2.imread(str(out[name])) for name in ("ced.png", "worst.png"))
    assert min(ced.shape[:2]) > 400
    assert worst.shape == (256 + 24, 256, 3)  # one face and the legend
    truth = (worst == (80, 220, 80)).all(-1).sum()
    assert truth > 50  # green dots of the labels are drawn


def test_own_decoder_gives_the_same_figures_when_named(own: Path, tmp_path: Path):
    found = []
    for number, option in enumerate(([], ["--decoder", read_weight_file().info.decoder])):
        path = tmp_path / f"{number}.json"
        assert call("--dataset", "pts", "--root", own, "--split", "all", *option, "--json", path) == 0
        found.append(json.loads(path.read_text()))
    assert found[0] == found[1]


def test_unwritable_output_is_an_error_before_the_work(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        "livefan.evaluation.evaluate.evaluate",
        lambda *args, **kwargs: pytest.fail("evaluated first"),
    )
    for option in (["--json"], ["--ced"], ["--worst", "3"]):
        where = tmp_path / "gone" / "out.png"
        assert call("--dataset", "pts", "--root", own, "--split", "all", *option, where) == 2
        assert "gone: no such folder" in capsys.readouterr().err
    assert call("--dataset", "pts", "--root", own, "--worst", "no", tmp_path / "w.png") == 2
    assert "--worst no" in capsys.readouterr().err


def test_folder_without_held_out_faces_names_the_split_of_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    add_face(tmp_path, "only", ".png")
    assert call("--dataset", "pts", "--root", tmp_path) == 2
    assert capsys.readouterr().err == (
        f"livefan: {tmp_path}: too few photographs for the split validation; add --split all\n"
    )


def test_share_that_training_held_out_can_be_measured(own: Path, capsys: pytest.CaptureFixture[str]):
    for name in ("b", "c", "d"):
        for suffix in (".png", ".pts"):
            shutil.copy(own / f"good{suffix}", own / f"{name}{suffix}")
    (own / "broken.pts").unlink()
    for share, count in (("0.2", 1), ("0.6", 3)):
        assert call("--dataset", "pts", "--root", own, "--validation", share) == 0
        assert capsys.readouterr().out.splitlines()[1].split()[3] == str(count)
    with pytest.raises(SystemExit, match="2"):
        call("--dataset", "pts", "--root", own, "--validation", "2")
    assert "'2' is not a share between 0 and 1" in capsys.readouterr().err


def test_unreadable_split_gives_one_line_that_names_a_file(own: Path, capsys: pytest.CaptureFixture[str]):
    for image in own.glob("*.png"):
        image.write_bytes(b"not an image")
    (own / "text.pts").write_text("damaged")
    assert call("--dataset", "pts", "--root", own, "--split", "all") == 2
    message = capsys.readouterr().err
    assert message.startswith(
        "livefan: pts all: holds no face that can be used; check --root; the first of 4 skipped: "
    )
    assert str(own / "text.pts") in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    "option",
    [("--precision", "int8"), ("--runtime", "onnxruntime"), ("--runtime", "openvino"), ("--device", "gpu")],
)
def test_network_of_another_project_has_no_runtime_to_choose(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, str]
):
    network = save_described(tmp_path, np.full((1, 136), 0.5))
    assert call("--dataset", "pts", "--root", tmp_path, "--weights", network, *option) == 2
    message = capsys.readouterr().err
    with pytest.raises(LivefanError) as caught:
        ModelChoice.parse(f"{network}@{option[1]}")
    assert message == f"livefan: {caught.value}\n"
    assert message.startswith(f"livefan: {network}: has no choice of runtimes, precisions and devices")


@pytest.mark.slow
def test_labelled_face_of_a_crowd_is_found_by_a_network_of_another_project(
    tmp_path: Path, photo: np.ndarray, face: Face
):
    tile, scale = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), 0.5
    crowd = np.tile(tile, (3, 2, 1))
    for number in range(6):
        place = np.array([number % 2 * tile.shape[1], number // 2 * tile.shape[0]])
        cv2.imwrite(str(tmp_path / f"{number}.png"), crowd)
        write_pts(tmp_path / f"{number}.pts", (face.points_px + 0.5) * scale - 0.5 + place)
    low, size = face.points_px.min(axis=0), float(np.ptp(face.points_px, axis=0).max())
    points = (face.points_px - low - np.ptp(face.points_px, axis=0) / 2) / (1.25 * size) + 0.5
    network = save_described(tmp_path, points.reshape(1, 136))
    given = ["--dataset", "pts", "--root", tmp_path, "--split", "all", "--weights", network]
    assert call(*given, "--json", tmp_path / "n.json") == 0
    assert json.loads((tmp_path / "n.json").read_text())["n_missed"] == 0


def test_wflw_can_be_evaluated_with_68_point_weights_on_request(
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


def test_undefined_figures_are_null_in_json(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """One face has its eyes in one point, the other is missed."""
    together = LabelledFace(Path("a.png"), np.zeros((68, 2)), "one", ("eyes",))
    faces = [EvaluatedFace(together, np.ones((68, 2)), math.inf), evaluated_face(together, None)]
    found = Evaluation(IBUG_68, "landmarks", "soft-argmax", faces, [])
    monkeypatch.setattr("livefan.evaluation.evaluate.evaluate", lambda *given, **named: found)
    path = tmp_path / "n.json"
    with np.errstate(divide="ignore"):
        assert call("--dataset", "pts", "--root", own, "--split", "all", "--json", path) == 0
    numbers = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert (numbers["nme_inter_ocular"], numbers["failure_rate"], numbers["auc"]) == (None, 100.0, 0.0)

"""Comparison of two models: video, report, numbers and errors."""

import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from toy_network import DESCRIPTION, save_described

from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68
from livefan.core.resources import bundled_clip
from livefan.io.open import open_source
from livefan.io.pts_file import write_pts
from livefan.live.compare import compare
from livefan.live.ground_truth import GroundTruth
from livefan.live.view_state import Layout
from livefan.tracking.model_spec import ModelChoice


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with eight frames of the bundled clip."""
    folder = tmp_path_factory.mktemp("frames")
    with open_source(bundled_clip()) as source:
        for frame, _ in zip(source, range(8), strict=False):
            cv2.imwrite(str(folder / f"shot_{frame.index}.png"), frame.image)
    return folder


@pytest.fixture(scope="module")
def output(frames: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a smoothed model compared with the raw one, whose landmarks are the ground truth."""
    folder = tmp_path_factory.mktemp("compared")
    truth = folder / "truth"
    truth.mkdir()
    pipeline = ModelChoice.parse("mobilefan-half-300w@openvino,float32,raw").pipeline()
    with open_source(frames) as source:
        for frame in source:
            (face,) = pipeline.process(frame)
            write_pts(truth / f"shot_{frame.index}.PTS", face.points_px)
    smoothed, raw = (
        ModelChoice.parse(f"mobilefan-half-300w@openvino,float32{word}") for word in ("", ",raw")
    )
    compare(smoothed, raw, frames, folder / "out", truth=truth, sequence=True, smoothing=0.8, quiet=True)
    return folder / "out"


@pytest.mark.slow
def test_numbers_of_disagreement_error_and_jitter(output: Path):
    numbers = json.loads((output / "report.json").read_text())
    assert numbers["n_frames"] == len(numbers["over_time"]) == 8
    smoothed, raw = numbers["models"]
    assert numbers["over_time"][0]["overall"] == 0  # the first frame is not smoothed
    assert 0 < numbers["disagreement"]["mean"] < 3
    assert raw["against_truth"]["nme"] == pytest.approx(0, abs=0.01)
    assert smoothed["against_truth"]["nme"] == pytest.approx(numbers["disagreement"]["mean"], abs=0.01)
    assert smoothed["jitter"] < raw["jitter"]
    assert [smoothed["smoothing"], raw["smoothing"]] == [0.8, 0.0]
    assert set(numbers["disagreement"]["by_region"]) == {"jaw", "brows", "nose", "eyes", "mouth"}


@pytest.mark.slow
def test_photographs_are_processed_independently(frames: Path, photo: np.ndarray, tmp_path: Path):
    """Faces differ in place and size; the ground truth is each photograph processed alone."""
    folder, truth = tmp_path / "images", tmp_path / "truth"
    folder.mkdir()
    truth.mkdir()
    pipeline = ModelChoice.parse("mobilefan-half-300w@openvino,float32").pipeline()
    clear = cv2.imread(str(sorted(frames.iterdir())[0]))
    for number, image in enumerate((clear, photo, clear[:, ::-1], np.roll(clear, 150, axis=1), clear)):
        cv2.imwrite(str(folder / f"face{number}.png"), image)
        (face,) = pipeline.process_image(np.ascontiguousarray(image))
        write_pts(truth / f"face{number}.pts", face.points_px)
    if sys.platform == "linux":  # the report is written for any name; other systems have no such names
        folder = folder.rename(tmp_path / "\udcfc")
    first, second = (
        ModelChoice.parse(f"mobilefan-half-300w@openvino,float32{word}") for word in ("", ",raw")
    )
    compare(first, second, folder, tmp_path / "out", truth=truth, quiet=True)
    numbers = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [each["image"] for each in numbers["over_time"]] == [f"face{number}" for number in range(5)]
    for model in numbers["models"]:
        assert model["against_truth"]["n_faces"] == 5
        assert model["against_truth"]["nme"] == pytest.approx(0, abs=0.01)
        assert set(model["against_truth"]["by_region"]) == {"jaw", "brows", "nose", "eyes", "mouth"}
        assert model["jitter"] is None
    with open_source(tmp_path / "out" / "side-by-side.mp4") as video:
        assert [frame.source_time for frame in video] == [0, 2, 4, 6, 8]  # two seconds for each
    page = (tmp_path / "out" / "report.html").read_text()
    assert "face3: " in page
    assert "5 photographs" in page
    assert "mobilefan-half-300w@openvino,float32 from the truth" in page
    assert "jitter in %" not in page


@pytest.mark.slow
def test_unreadable_image_gives_a_warning_and_the_others_keep_their_names(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "images"
    folder.mkdir()
    picture = sorted(frames.iterdir())[0].read_bytes()
    for number in range(3):
        (folder / f"face{number}.png").write_bytes(picture if number != 1 else b"broken")
    models = [f"mobilefan-half-300w@openvino,float32{word}" for word in ("", ",raw")]
    assert main(["compare", *models, "--source", str(folder), "-o", str(tmp_path / "out"), "--quiet"]) == 2
    numbers = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [each["image"] for each in numbers["over_time"]] == ["face0", "face2"]
    (warning,) = numbers["warnings"]
    assert "face1.png" in warning
    assert capsys.readouterr().err == f"livefan: {warning}\n"


def test_report_is_one_file_without_links_to_others(output: Path):
    page = (output / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") >= 1
    assert page.count("<svg") == 3
    assert "<tr><td>smoothing, from 0 to 1</td><td>0.8</td><td>0</td></tr>" in page
    for outside in ('src="http', 'href="http', "<script", "<link"):
        assert outside not in page


def test_video_shows_both_models_side_by_side(output: Path):
    with open_source(output / "side-by-side.mp4") as source:
        shown = list(source)
    assert len(shown) == 8
    assert source.size == (2 * 640 + 4, 360)
    left, right = shown[0].image[:, :640], shown[0].image[:, 644:]
    assert 0.5 < np.abs(left.astype(int) - right).mean() < 20  # the same picture in two colours


def test_ground_truth_of_another_image_is_not_taken_for_a_face(tmp_path: Path):
    for name in ("shot_1", "shot_2", "both_0", "both_1"):
        write_pts(tmp_path / f"{name}.pts", np.zeros((68, 2)))
    truth = GroundTruth(tmp_path, IBUG_68)
    truth.tell_apart({"shot", "shot_1", "both"})
    assert [len(truth.points_of(name)) for name in ("shot", "shot_1", "both")] == [1, 1, 2]


def test_ground_truth_of_frames_and_of_images_with_several_faces(tmp_path: Path):
    points = np.arange(136.0).reshape(68, 2)
    for name in ("one", "two_0", "two_1", "frame_000012_face_1", "twofold_9"):
        write_pts(tmp_path / f"{name}.pts", points)
    (tmp_path / "frame_000013.pts").write_text("version: 1\nn_points: 0\n{\n}\n")
    truth = GroundTruth(tmp_path, IBUG_68)
    counts = {
        name: len(truth.points_of(name)) for name in ("one", "two", "frame_000012", "frame_000013", "none")
    }
    assert counts == {"one": 1, "two": 2, "frame_000012": 1, "frame_000013": 0, "none": 0}
    assert np.allclose(truth.points_of("one")[0], points, atol=1e-3)


@pytest.mark.parametrize(
    ("words", "runtime", "smoothing"),
    [("", None, 0.5), ("@torch,float32", "torch", 0.5), ("@torch,float32,raw", "torch", 0.0)],
)
def test_model_spec_with_runtime_and_raw(words: str, runtime: str | None, smoothing: float):
    model = ModelChoice.parse(f"mobilefan-300w{words}" if words else "mobilefan-300w@torch")
    assert 2_116_164 + 88_520 < model.n_parameters < 2_600_000  # network, refiner, and smaller heads
    assert model.label.startswith("mobilefan-300w")
    assert ModelChoice.parse(model.spec) == model
    pipeline = model.pipeline()
    assert pipeline.smoothing == smoothing
    if runtime:
        assert pipeline.runtime.name == runtime
    pipeline.close()


@pytest.mark.parametrize("place", ["me@home/x.safetensors", "x@2.safetensors", "me@home/x@raw"])
@pytest.mark.parametrize("words", ["", "@torch", "@openvino,int8,raw", "@onnxruntime,cuda,raw"])
def test_at_sign_in_a_path_belongs_to_the_path(tmp_path: Path, place: str, words: str):
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.touch()
    model = ModelChoice.parse(f"{path}{words}")
    assert model.weights == str(path)
    assert model.spec == f"{path}{words}"
    assert ModelChoice.parse(model.spec) == model


def test_at_sign_in_the_path_of_an_absent_file_belongs_to_the_path(tmp_path: Path):
    path = f"{tmp_path}/me@home/x.safetensors"
    assert ModelChoice.parse(path).weights == path


def test_unusable_arguments_give_a_one_line_error(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "others").mkdir()
    for name in ("report.html", "report.json", "side-by-side.mp4"):
        (tmp_path / name / "before").mkdir(parents=True)
        (tmp_path / name / "before" / name).write_text("measured before")
    write_pts(tmp_path / "others/else.pts", np.zeros((68, 2)))
    for arguments, message in (
        (["mobilefan-300w@torch", "mobilefan-300w@fast", "-o", str(tmp_path / "o")], "'fast' after the @"),
        (["mobilefan-300w@torch", "mobilefan-300w@gpu,int8", "-o", str(tmp_path / "o")], "leave --precision"),
        (["mobilefan-300w@torch", "mediapipe@gpu", "-o", str(tmp_path / "o")], "leave gpu out"),
        (["mobilefan-300w@torch", "missing", "-o", str(tmp_path / "o")], "missing"),
        (["mobilefan-300w@torch", "mediapipe@int8", "-o", str(tmp_path / "o")], "leave int8 out"),
        (
            ["mobilefan-300w@torch", f"{tmp_path}/net.onnx", "-o", str(tmp_path / "o")],
            "net.toml: no such file",
        ),
        (["mobilefan-300w@torch", "mobilefan-300w@torch", "-o", str(tmp_path / "file")], "is a file"),
        *(
            (
                ["mobilefan-300w@torch"] * 2 + ["-o", str(tmp_path / name / "before")],
                f"before/{name}: exists already; choose another folder, or add --overwrite",
            )
            for name in ("report.html", "report.json", "side-by-side.mp4")
        ),
        (
            ["mobilefan-300w@torch"] * 2 + ["-o", str(tmp_path / "o"), "--truth", str(tmp_path / "empty")],
            "holds no .pts files",
        ),
        (
            ["mobilefan-300w@torch"] * 2 + ["-o", str(tmp_path / "o"), "--truth", str(tmp_path / "others")],
            "none of its .pts files is named after an image of",
        ),
    ):
        assert main(["compare", *arguments, "--source", str(frames), "--quiet"]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert len(error.strip().splitlines()) == 1
        assert not (tmp_path / "o").exists()
    for path in tmp_path.glob("*/before/*"):
        assert path.read_text() == "measured before"


def test_video_does_not_replace_the_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source = tmp_path / "side-by-side.mp4"
    shutil.copy(bundled_clip(), source)
    models = ["mobilefan-fast-300w", "mobilefan-half-300w"]
    assert main(["compare", *models, "--source", str(source), "-o", str(tmp_path), "--overwrite"]) == 2
    assert f"{source}: is the source; choose another folder" in capsys.readouterr().err
    assert source.read_bytes() == bundled_clip().read_bytes()


@pytest.mark.slow
def test_source_without_faces_is_an_error(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((200, 200, 3), 127, np.uint8))
    model = ModelChoice.parse("mobilefan-half-300w@openvino,float32")
    with pytest.raises(LivefanError, match="no face in common"):
        compare(model, model, tmp_path / "grey.png", tmp_path / "o", quiet=True)
    assert not (tmp_path / "o").exists()


@pytest.mark.slow
def test_same_model_twice_has_equal_numbers(frames: Path, tmp_path: Path):
    model = ModelChoice.parse("mobilefan-half-300w@openvino,float32")
    compare(model, model, frames, tmp_path / "out", sequence=True, quiet=True)
    numbers = json.loads((tmp_path / "out" / "report.json").read_text())
    distances = numbers["disagreement"]
    by_region = distances.pop("by_region")
    assert {*distances.values(), *by_region.values()} == {0.0}
    first, second = numbers["models"]
    assert [first["label"][-3:], second["label"][-3:]] == ["(A)", "(B)"]
    assert first["jitter"] == second["jitter"] > 0
    assert first["n_faces"] == second["n_faces"] == 8
    assert first["n_faces_it_alone_found"] == second["n_faces_it_alone_found"] == 0


@pytest.mark.slow
def test_layout_of_the_video(frames: Path, tmp_path: Path):
    """The tests of rendering have the other layouts."""
    layout = Layout.DIFFERENCE
    smoothed, raw = (
        ModelChoice.parse(f"mobilefan-half-300w@openvino,float32{word}") for word in ("", ",raw")
    )
    compare(smoothed, raw, sorted(frames.iterdir())[0], tmp_path, layout=layout, quiet=True)
    with open_source(tmp_path / f"{layout}.mp4") as source:
        assert source.size == (640, 360)


@pytest.mark.slow
def test_described_network_is_compared_on_the_common_landmarks(frames: Path, tmp_path: Path):
    """The network has three landmarks of the eyes, at fixed places of the crop."""
    photo = sorted(frames.iterdir())[0]
    own = ModelChoice.parse("mobilefan-half-300w@openvino,float32")
    pipeline = own.pipeline()
    (face,) = pipeline.process_image(cv2.imread(str(photo)))
    pipeline.close()
    low, high = face.points_px.min(axis=0), face.points_px.max(axis=0)
    points = (face.points_px - (low + high) / 2) / (1.25 * float((high - low).max())) + 0.5
    eyes = "[landmarks.map]\nright_eye = [36, -1, -1, 39, -1, -1]\nleft_eye = [-1, -1, -1, 45, -1, -1]\n"
    text = DESCRIPTION.replace("upright = true", "upright = false")
    text = text.replace('[landmarks]\nscheme = "300w-68"\n', eyes).replace('"landmarks"', '"detector"')
    network = save_described(tmp_path, points.reshape(1, 136), description=text)
    truth = tmp_path / "truth"
    truth.mkdir()
    write_pts(truth / f"{photo.stem}.pts", face.points_px)
    compare(own, ModelChoice(str(network)), photo, tmp_path / "out", truth=truth, quiet=True)
    numbers = json.loads((tmp_path / "out" / "report.json").read_text())
    assert numbers["n_landmarks"] == 3
    assert list(numbers["disagreement"]["by_region"]) == ["eyes"]
    first, second = numbers["models"]
    assert [first["n_landmarks"], second["n_landmarks"]] == [68, 3]
    assert (second["label"], second["parameters"]) == ("net", None)
    assert first["against_truth"]["nme"] == pytest.approx(0, abs=0.01)
    assert second["against_truth"]["nme"] == pytest.approx(numbers["disagreement"]["mean"], rel=0.05)
    assert (
        "the 3 landmarks that 300w-68 and net-3 have in common"
        in (tmp_path / "out" / "report.html").read_text()
    )

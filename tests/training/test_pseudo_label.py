import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import livefan.training.pseudo_label as labelling
from livefan.cli.main import main
from livefan.core.crop import upright_crop
from livefan.core.errors import LivefanError, StoppedError
from livefan.datasets import load
from livefan.runtimes.base import Runtime, RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.tracking.pipeline import Pipeline
from livefan.training.pseudo_label import Criteria, label, predict_views


def test_views_of_a_face_agree_and_those_of_noise_do_not(
    pipeline: Pipeline, runtime: Runtime, photo: np.ndarray
):
    (face,) = pipeline.process_image(photo)
    crop = upright_crop(face.points_px, runtime.scheme)
    consensus = predict_views([runtime], photo, crop)
    assert consensus.disagreement < 0.02
    assert np.linalg.norm(consensus.points_px - face.points_px, axis=1).mean() < 0.02 * crop.side_px
    elsewhere = replace(crop, centre_px=(crop.centre_px[0], crop.centre_px[1] + crop.side_px))
    assert predict_views([runtime], photo, elsewhere).rejection(Criteria()) is not None


def test_mirrored_image_gives_mirrored_landmarks(pipeline: Pipeline, runtime: Runtime, photo: np.ndarray):
    (face,) = pipeline.process_image(photo)
    crop = upright_crop(face.points_px, runtime.scheme)
    mirrored = replace(
        crop, centre_px=(photo.shape[1] - 1 - crop.centre_px[0], crop.centre_px[1]), angle=-crop.angle
    )
    there = predict_views([runtime], photo, crop).points_px
    here = predict_views([runtime], np.ascontiguousarray(photo[:, ::-1]), mirrored).points_px
    back = here[list(runtime.scheme.mirror_order)] * (-1, 1) + (photo.shape[1] - 1, 0)
    assert np.abs(back - there).max() < 0.05 * crop.side_px
    assert np.abs(back - there).mean() < 0.005 * crop.side_px


def test_mirror_offset_corrects_mirrored_views(
    pipeline: Pipeline, runtime: Runtime, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    """Landmarks that a network puts too far right in every picture stay there, and views agree as before."""
    (face,) = pipeline.process_image(photo)
    crop = upright_crop(face.points_px, runtime.scheme)
    # Private: views of other sizes would be moved by other distances, and their list is no setting.
    monkeypatch.setattr(labelling, "_VIEWS", labelling._VIEWS[:1])
    before = predict_views([runtime], photo, crop)
    right = 0.05 * np.array([runtime.input_size, 0, 0, 0], np.float32)
    run = runtime.run
    monkeypatch.setattr(runtime, "run", lambda crops: run(crops) + right)
    monkeypatch.setattr(runtime, "mirror_offset", runtime.mirror_offset + 0.05)
    after = predict_views([runtime], photo, crop)
    assert after.disagreement == pytest.approx(before.disagreement, rel=1e-2)
    moved = 0.05 * crop.side_px * np.array([math.cos(crop.angle), math.sin(crop.angle)])
    assert np.allclose(after.points_px, before.points_px + moved, atol=0.01 * crop.side_px)


@pytest.mark.slow
def test_several_teachers_give_their_mean_and_disagree_more(
    pipeline: Pipeline, runtime: Runtime, photo: np.ndarray
):
    (face,) = pipeline.process_image(photo)
    crop = upright_crop(face.points_px, runtime.scheme)
    half = open_runtime("mobilefan-half-300w", RuntimeChoice())
    one, other, both = (
        predict_views(teachers, photo, crop) for teachers in ([runtime], [half], [runtime, half])
    )
    assert np.allclose(both.points_px, (one.points_px + other.points_px) / 2)
    assert both.disagreement > min(one.disagreement, other.disagreement)


def test_labelled_faces_can_be_trained_on_and_the_rest_is_explained(
    runtime: Runtime, photo: np.ndarray, tmp_path: Path
):
    (tmp_path / "in/deep").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "in/deep/face.png"), photo)
    cv2.imwrite(str(tmp_path / "in/grey.png"), np.full((200, 200, 3), 127, np.uint8))
    (tmp_path / "in/broken.jpg").write_bytes(b"no image")
    labels = label([runtime], tmp_path / "in", tmp_path / "out", quiet=True)
    assert labels.kept == 1
    assert sorted(line.split(":")[0] for line in labels.left_out) == ["broken.jpg", "grey.png"]
    report = json.loads((tmp_path / "out/labels.json").read_text())
    assert report["kept"] == 1
    (face,) = load("pts", tmp_path / "out", "all").faces
    assert face.image_path.name == "deep-face_0.jpg"
    assert face.photograph == "deep-face"
    assert face.read_image().shape[0] > 2 * np.ptp(face.points_px, axis=0).max()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_damaged_image_is_left_out_with_the_reason(runtime: Runtime, photo: np.ndarray, tmp_path: Path):
    (tmp_path / "in").mkdir()
    encoded = cv2.imencode(".jpg", photo)[1].tobytes()
    middle = len(encoded) // 2
    (tmp_path / "in/bad.jpg").write_bytes(encoded[:middle] + encoded[middle + 999 :])
    labels = label([runtime], tmp_path / "in", tmp_path / "out", quiet=True)
    assert labels.kept == 0
    assert [line[:18] for line in labels.left_out] == ["bad.jpg: damaged ("]


def test_image_below_long_names_is_labelled(runtime: Runtime, photo: np.ndarray, tmp_path: Path):
    folder = tmp_path / "in" / ("a" * 100) / ("b" * 100)
    folder.mkdir(parents=True)
    for name in (f"{'c' * 100}1.png", f"{'c' * 100}2.png"):
        cv2.imwrite(str(folder / name), photo)
    assert label([runtime], tmp_path / "in", tmp_path / "out", quiet=True).kept == 2
    assert len(load("pts", tmp_path / "out", "all").faces) == 2


def test_strict_criteria_leave_everything_out_with_the_reason(
    runtime: Runtime, photo: np.ndarray, tmp_path: Path
):
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in/face.png"), photo)
    for criteria, said in (
        (Criteria(disagreement=1e-6), "views disagree by"),
        (Criteria(confidence=0.9999), "confidence 0."),
        (Criteria(side_px=5000), "too small"),
    ):
        labels = label([runtime], tmp_path / "in", tmp_path / f"out-{said[:4]}", criteria, quiet=True)
        assert labels.kept == 0
        assert said in labels.left_out[0]


def stopped_at_the_third(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stop labelling at the third image; return a list that collects the names of the images."""
    label_image = labelling._label_image  # private: no public function runs for each image
    labelled: list[str] = []

    def label_until_stopped(*arguments):
        labelled.append(arguments[2].name)
        if len(labelled) == 3:
            raise KeyboardInterrupt
        return label_image(*arguments)

    monkeypatch.setattr(labelling, "_label_image", label_until_stopped)
    return labelled


@pytest.mark.slow
def test_stopped_labelling_resumes(
    runtime: Runtime, photo: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "in").mkdir()
    for name in "abcd":
        cv2.imwrite(str(tmp_path / f"in/{name}.png"), photo)
    whole = label([runtime], tmp_path / "in", tmp_path / "whole", described="one", quiet=True)
    labelled = stopped_at_the_third(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        label([runtime], tmp_path / "in", tmp_path / "out", described="one", quiet=True)
    assert not (tmp_path / "out").exists()
    # A line that was cut off is ignored.
    with (tmp_path / ".out.partial/journal.jsonl").open("a") as journal:
        journal.write('["c.png", {"ke')
    assert label([runtime], tmp_path / "in", tmp_path / "out", described="one", quiet=True) == whole
    assert labelled == ["a.png", "b.png", "c.png", "c.png", "d.png"]
    written = [
        {path.name: path.read_bytes() for path in (tmp_path / out).iterdir()} for out in ("out", "whole")
    ]
    assert written[0] == written[1]


def test_labelling_resumes_after_a_full_disk(
    runtime: Runtime,
    photo: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    full_beyond: Callable[[int], None],
):
    """The disk is full at the second of three images, so only the first one is recorded."""
    (tmp_path / "in").mkdir()
    for name in "abc":
        cv2.imwrite(str(tmp_path / f"in/{name}.png"), photo)
    label_image = labelling._label_image  # private: no public function runs for each image
    limits = iter([1 << 30, 2000])

    def label_until_full(*arguments):
        full_beyond(next(limits))
        return label_image(*arguments)

    monkeypatch.setattr(labelling, "_label_image", label_until_full)
    with pytest.raises(StoppedError, match=r"\.out\.partial: cannot be written .*; free space on the disk"):
        label([runtime], tmp_path / "in", tmp_path / "out", quiet=True)
    assert not (tmp_path / "out").exists()
    assert (tmp_path / ".out.partial/journal.jsonl").read_text().count(".png") == 1
    full_beyond(1 << 30)
    monkeypatch.setattr(labelling, "_label_image", label_image)  # private: undo the failure
    assert label([runtime], tmp_path / "in", tmp_path / "out", quiet=True).kept == 3
    for face in load("pts", tmp_path / "out", "all").faces:
        assert face.read_image().shape[0] > 2 * np.ptp(face.points_px, axis=0).max()


@pytest.mark.slow
def test_faces_of_files_named_alike_do_not_overwrite_each_other(
    runtime: Runtime, photo: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "in"
    (folder / "a").mkdir(parents=True)
    for name in ("x.jpg", "a/b.png", "alone.png"):
        cv2.imwrite(str(folder / name), photo)
    # Stopped before the last of them, then taken up with further ones.
    label_image = labelling._label_image  # private: no public function runs for each image

    def label_but_the_last(*arguments):
        if arguments[2].name == "x.jpg":
            raise KeyboardInterrupt
        return label_image(*arguments)

    monkeypatch.setattr(labelling, "_label_image", label_but_the_last)
    with pytest.raises(KeyboardInterrupt):
        label([runtime], folder, tmp_path / "out", quiet=True)
    monkeypatch.setattr(labelling, "_label_image", label_image)
    for name in ("x.png", "X.bmp", "a-b.jpg"):
        cv2.imwrite(str(folder / name), photo)
    assert label([runtime], folder, tmp_path / "out", quiet=True).kept == 6
    names = sorted(path.name for path in (tmp_path / "out").glob("*.pts"))
    assert len(names) == 6
    assert {"a-b_0.pts", "alone_0.pts"} < set(names)
    assert len(load("pts", tmp_path / "out", "all").faces) == 6


@pytest.mark.slow
def test_frames_of_videos_are_labelled_and_resumed(
    runtime: Runtime, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The bundled clip has one face on each of its 472 frames in 19.7 seconds, 23.976 a second."""
    (tmp_path / "in/deep").mkdir(parents=True)
    shutil.copyfile(clip, tmp_path / "in/deep/clip.MP4")
    (tmp_path / "in/broken.mkv").write_bytes(b"no video")
    whole = label([runtime], tmp_path / "in", tmp_path / "whole", every=5.0, quiet=True)
    assert whole.left_out[0].startswith("broken.mkv: not a video")
    labelled = stopped_at_the_third(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        label([runtime], tmp_path / "in", tmp_path / "out", every=5.0, quiet=True)
    assert label([runtime], tmp_path / "in", tmp_path / "out", every=5.0, quiet=True) == whole
    frames = [0, 120, 240, 360]
    assert labelled == [f"deep/clip.MP4, frame {frame}" for frame in (0, 120, 240, 240, 360)]
    written = [{path.name: path.read_bytes() for path in (tmp_path / o).iterdir()} for o in ("out", "whole")]
    assert written[0] == written[1]
    assert whole.kept + len(whole.left_out) == 1 + len(frames)
    assert whole.kept >= 2
    possible = {f"deep-clip-frame{frame:06}_0.{kind}" for frame in frames for kind in ("jpg", "pts")}
    assert set(written[0]) - {"labels.json"} <= possible
    faces = load("pts", tmp_path / "out", "all").faces
    assert [face.photograph for face in faces] == ["deep-clip"] * whole.kept  # one side of training or other


@pytest.mark.slow
def test_a_single_video_can_be_named(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out"
    assert main(["label", str(clip), "-o", str(out), "--every", "15", "--runtime", "torch", "--quiet"]) == 0
    assert (out / f"{clip.stem}-frame000000_0.pts").is_file()
    (tmp_path / "text.mp4").write_text("no video")
    assert main(["label", str(tmp_path / "text.mp4"), "-o", str(tmp_path / "o"), "--runtime", "torch"]) == 2
    assert "text.mp4: " in capsys.readouterr().err


def test_unfinished_labels_of_other_settings_are_rejected_and_kept(
    runtime: Runtime, photo: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for folder in ("in", "elsewhere"):
        (tmp_path / folder).mkdir()
        for name in "abc":
            cv2.imwrite(str(tmp_path / folder / f"{name}.png"), photo)
    given, out, partial = tmp_path / "in", tmp_path / "out", tmp_path / ".out.partial"
    stopped_at_the_third(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        label([runtime], given, out, described="one", quiet=True)
    before = {path.name: path.read_bytes() for path in partial.iterdir()}
    assert "b_0.jpg" in before
    rejected = (
        r"\.out\.partial: this folder holds unfinished labels of other .*; repeat the same .* or remove"
    )
    for other in (
        lambda: label([runtime], given, out, described="another", quiet=True),
        lambda: label([runtime], given, out, described="one", every=2.0, quiet=True),
        lambda: label([runtime], given, out, Criteria(confidence=0.5), described="one", quiet=True),
        lambda: label([runtime], tmp_path / "elsewhere", out, described="one", quiet=True),
    ):
        with pytest.raises(LivefanError, match=rejected):
            other()
        assert {path.name: path.read_bytes() for path in partial.iterdir()} == before
    assert label([runtime], given, out, described="one", quiet=True).kept == 3
    assert not partial.exists()
    assert {path.name for path in out.iterdir()} == {
        "labels.json",
        *(f"{name}_0.{kind}" for name in "abc" for kind in ("jpg", "pts")),
    }


def test_labelling_stopped_before_the_first_image_starts_anew(
    runtime: Runtime, photo: np.ndarray, tmp_path: Path
):
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in/face.png"), photo)
    partial = tmp_path / ".out.partial"
    partial.mkdir()
    (partial / "journal.jsonl").write_text('{"criteria": {"disagr')
    assert label([runtime], tmp_path / "in", tmp_path / "out", quiet=True).kept == 1


def test_damaged_journal_gives_one_line_error(runtime: Runtime, photo: np.ndarray, tmp_path: Path):
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in/face.png"), photo)
    partial = tmp_path / ".out.partial"
    partial.mkdir()
    (partial / "journal.jsonl").write_bytes(b"\xff\xfe\n")
    (partial / "face_0.jpg").write_bytes(b"")
    with pytest.raises(LivefanError, match="holds unfinished labels of other images"):
        label([runtime], tmp_path / "in", tmp_path / "out", quiet=True)


def test_output_inside_the_input_folder_is_not_labelled(
    runtime: Runtime, photo: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in "abc":
        cv2.imwrite(str(tmp_path / f"{name}.png"), photo)
    labelled = stopped_at_the_third(monkeypatch)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        label([runtime], tmp_path, Path("out"), quiet=True)
    assert label([runtime], tmp_path, Path("out"), quiet=True).kept == 3
    assert labelled == ["a.png", "b.png", "c.png", "c.png"]


def test_finished_labels_inside_the_input_folder_are_not_labelled(
    runtime: Runtime, photo: np.ndarray, tmp_path: Path
):
    cv2.imwrite(str(tmp_path / "a.png"), photo)
    assert label([runtime], tmp_path, tmp_path / "first", quiet=True).kept == 1
    assert label([runtime], tmp_path, tmp_path / "second", quiet=True).kept == 1
    # Named itself, it is what is to be labelled.
    assert label([runtime], tmp_path / "first", tmp_path / "third", quiet=True).kept == 1


@pytest.mark.slow
def test_unusable_input_gives_one_line_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a.png").write_bytes(b"")
    for folder, output, said in (
        ("gone", "out", "gone: no such file or folder; check the path"),
        ("empty", "out", "holds no images or videos"),
        ("full", "empty", "exists already"),
        ("full", "missing/out", "no such folder"),
    ):
        command = ["label", str(tmp_path / folder), "-o", str(tmp_path / output), "--runtime", "torch"]
        assert main(command) == 2
        assert said in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    for output in (".", ".."):
        assert main(["label", "full", "-o", output, "--runtime", "torch"]) == 2
        assert capsys.readouterr().err == f"livefan: {output}: exists already; choose another --out\n"

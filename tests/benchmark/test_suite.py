import itertools
import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from livefan.benchmark import baselines as peers
from livefan.benchmark import window
from livefan.benchmark.annotating import AnnotationSpeed
from livefan.benchmark.footprint import Footprint, footprints
from livefan.benchmark.frames import crowd, fit, read_frames, rewritten, there_and_back, write_frames
from livefan.benchmark.report import as_numbers, as_table, draw_plot
from livefan.benchmark.soak import Sample, soak
from livefan.benchmark.suite import (
    WHOLE_WAY,
    FaceCount,
    FrameSize,
    Program,
    Report,
    benchmark,
    from_first_face,
    short_names,
)
from livefan.benchmark.timing import Timing, summarise, time_in_blocks, time_in_turn
from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.core.frame import Frame
from livefan.core.provenance import commit
from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.networks.checkpoint_info import read_weight_file
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.cache import Store
from livefan.runtimes.openvino_runtime import layer_seconds
from livefan.runtimes.selection import openvino_model
from livefan.tracking.pipeline import Pipeline

OPENVINO = RuntimeChoice("openvino", "int8")


@pytest.fixture
def report() -> Report:
    timing = Timing(4.0, 5.0, 100, 3.0)
    return Report(
        machine="a machine",
        versions={"openvino": "1"},
        commit="abc",
        clip="clip.mp4",
        threads=1,
        programs={
            WHOLE_WAY: Program("whole.safetensors", "01ab", "openvino", "int8"),
            f"{WHOLE_WAY}, half": Program("half.safetensors", "23cd", "torch", "float32"),
        },
        in_turn={
            WHOLE_WAY: timing,
            f"{WHOLE_WAY}, half": Timing(2.0, 3.0, 100, 1.8),
            peers.MEDIAPIPE: Timing(8.0, 9.0, 100, 9.0),
        },
        stages={"crop": Timing(0.5, 0.6, 100, 0.5)},
        end_to_end=Timing(7.0, 9.0, 100, 7.0),
        faces=[FaceCount(1, 1.0, timing), FaceCount(2, 2.0, timing)],
        sizes=[FrameSize(640, 480, timing)],
        footprints=[Footprint("livefan", 1.5, 200.0), Footprint(peers.MEDIAPIPE, 1.0, None)],
        notes=["a note"],
    )


def test_times_are_summarised_in_milliseconds():
    timing = summarise([0.001, 0.002, 0.003, 0.004, 0.1], [0.0005] * 5)
    assert timing.processor == pytest.approx(0.5)
    assert timing.median == pytest.approx(3)
    assert timing.p95 == pytest.approx(80.8)
    assert timing.per_second == pytest.approx(1000 / 3)


def test_tasks_are_run_in_turn_and_the_first_rounds_are_not_counted():
    done: list[str] = []
    timings = time_in_turn(
        {"a": lambda item: done.append(f"a{item}"), "b": lambda item: done.append(f"b{item}")},
        [0, 1, 2],
        warm_up=1,
    )
    assert done == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert timings["a"].n == timings["b"].n == 2


def test_blocks_of_items_go_from_task_to_task_each_item_made_anew():
    done: list[str] = []
    timings = time_in_blocks(
        {"a": lambda item: done.append(f"a{item}"), "b": lambda item: done.append(f"b{item}")},
        [0, 1, 2, 3, 4],
        block=3,
        warm_up=1,
        fresh=lambda item: 10 * item,
    )
    assert done == ["a0", "a10", "a20", "b0", "b10", "b20", "a30", "a40", "b30", "b40"]
    assert timings["a"].n == timings["b"].n == 3


def test_a_frame_written_anew_shows_the_same_in_memory_of_its_own(photo: np.ndarray):
    frame = Frame(photo, 3, 1.0, 2.0)
    made = rewritten(frame)
    assert np.array_equal(made.image, photo)
    assert not np.shares_memory(made.image, photo)
    assert (made.index, made.captured_at, made.source_time) == (3, 1.0, 2.0)


def test_network_and_decoder_are_counted_apart():
    weights = read_weight_file(DEFAULT_WEIGHTS)
    model = openvino_model(weights, "int8", Store(weights.sha256, 1))
    taken = layer_seconds(model, "int8", 1, 3)
    assert len(taken) == 3
    assert all(network > 0 and decoder > 0 for network, decoder in taken)


def test_an_image_is_scaled_to_fit_and_centred():
    fitted = fit(np.full((10, 20, 3), 200, np.uint8), 80, 80)
    assert fitted.shape == (80, 80, 3)
    assert (fitted[20:60] == 200).all()
    assert not fitted[:20].any()
    assert not fitted[60:].any()


def test_frames_there_and_back_go_on_in_time(photo: np.ndarray):
    frames = [Frame(photo, i, 0.0, i / 24) for i in range(3)]
    long = there_and_back(frames, 8)
    assert [frame.index for frame in long] == [0, 1, 2, 1, 0, 1, 2, 1]
    assert (np.diff([frame.source_time for frame in long]) > 0).all()
    assert long[3].image is frames[1].image


def test_as_many_faces_as_a_crowd_shows_are_followed(pipeline: Pipeline, photo: np.ndarray):
    (face,) = pipeline.process_image(photo)
    side = 2 * float((face.box_px[2:] - face.box_px[:2]).max())
    (frame,) = crowd([Frame(photo, 0, 0.0, 0.0)], face.points_px.mean(axis=0), side, 10)
    pipeline.max_faces = 10
    assert len(pipeline.process_image(frame.image)) == 10


def test_a_report_is_a_table_json_and_a_plot(report: Report, tmp_path: Path):
    table = "\n".join(as_table(report))
    assert "livefan takes 0.50 x the time, 0.33 x the processor time of MediaPipe face mesh" in table
    assert "livefan, half takes 0.25 x the time, 0.20 x the processor time" in table
    assert "end to end" in table
    assert "640 x 480" in table
    assert "200 MiB" in table
    assert "note: a note" in table
    read = json.loads(json.dumps(as_numbers(report)))
    assert read["ratios"] == {
        "livefan": {peers.MEDIAPIPE: {"time": 0.5, "processor": pytest.approx(1 / 3)}},
        "livefan, half": {peers.MEDIAPIPE: {"time": 0.25, "processor": pytest.approx(0.2)}},
    }
    assert "livefan, half: half.safetensors, torch float32" in table
    assert read["programs"]["livefan, half"] == {
        "weights": "half.safetensors",
        "weights_sha256": "23cd",
        "runtime": "torch",
        "precision": "float32",
    }
    assert read["faces"][1]["frame"]["median"] == 4.0
    draw_plot(report, tmp_path / "report.png")
    assert cv2.imread(str(tmp_path / "report.png")).shape[1] == 1400


def test_weights_of_the_same_name_are_told_apart_by_their_folders():
    assert short_names(["mobilefan-300w", "/runs/a/best.safetensors"]) == {
        "mobilefan-300w": "mobilefan-300w",
        "/runs/a/best.safetensors": "best",
    }
    runs = ["/runs/a/best.safetensors", "/runs/b/best.safetensors"]
    assert list(short_names(runs).values()) == ["a/best", "b/best"]
    assert list(short_names(["best", "best.safetensors"]).values()) == ["best", "best.safetensors"]


def test_programs_whose_weights_have_the_same_name_are_all_measured(
    tmp_path: Path, clip: Path, report: Report, monkeypatch: pytest.MonkeyPatch
):
    taken = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        taken.append(tmp_path / name / "best.safetensors")
        shutil.copyfile(read_weight_file("mobilefan-half-300w").path, taken[-1])

    def measure(clip: Path, weights: dict[str, str], *given: object) -> Report:
        assert weights == {
            WHOLE_WAY: DEFAULT_WEIGHTS,
            f"{WHOLE_WAY}, a/best": str(taken[0]),
            f"{WHOLE_WAY}, b/best": str(taken[1]),
        }
        return report

    monkeypatch.setattr("livefan.benchmark.suite._measure", measure)
    benchmark(clip, DEFAULT_WEIGHTS, RuntimeChoice("torch"), also=list(map(str, taken)), count=20)


def test_footprints_are_taken_in_processes_of_their_own(clip: Path):
    weights = {"livefan": DEFAULT_WEIGHTS, "livefan, half": "mobilefan-half-300w"}
    own, half, peer = footprints(clip, weights, OPENVINO)
    assert own.name == "livefan"
    assert half.name == "livefan, half"
    assert peer.name == peers.MEDIAPIPE
    for footprint in (own, half, peer):
        assert footprint.start_seconds > 0
        assert footprint.peak_mebibytes is None or 30 < footprint.peak_mebibytes < 2000


def test_a_soak_samples_memory_and_times_until_its_end(clip: Path):
    samples = soak(clip, DEFAULT_WEIGHTS, OPENVINO, 0.02, every=0.4)
    assert len(samples) >= 2
    assert samples[-1].minutes >= 0.02
    assert all(earlier.minutes < later.minutes for earlier, later in itertools.pairwise(samples))
    assert all(sample.mebibytes and sample.frame.n for sample in samples)


def test_a_clip_is_measured_from_its_first_face_on_however_short(
    tmp_path: Path, clip: Path, photo: np.ndarray, pipeline: Pipeline
):
    assert from_first_face(clip, pipeline.runtime, 30, tmp_path) == (clip, [])
    pictures = [np.full_like(photo, 90)] * 3 + [photo] * 4
    late = tmp_path / "late.mp4"
    write_frames(late, [Frame(picture, number, 0.0, 0.0) for number, picture in enumerate(pictures)])
    made, notes = from_first_face(late, pipeline.runtime, 24, tmp_path)
    assert [len(pipeline.process(frame)) for frame in read_frames(made, 30)] == [1] * 24
    assert len(notes) == 2
    assert "from frame 3 " in notes[0]
    assert "4 frames" in notes[1]
    cv2.imwrite(str(tmp_path / "photo.png"), photo)
    made, notes = from_first_face(tmp_path / "photo.png", pipeline.runtime, 20, tmp_path)
    assert len(read_frames(made, 30)) == 20
    assert len(notes) == 1


def test_a_clip_that_hardly_ever_shows_a_face_is_not_measured(
    tmp_path: Path, photo: np.ndarray, pipeline: Pipeline
):
    pictures = [photo] * 4 + [np.full_like(photo, 90)] * 20
    short = tmp_path / "short.mp4"
    write_frames(short, [Frame(picture, number, 0.0, 0.0) for number, picture in enumerate(pictures)])
    with pytest.raises(LivefanError, match=r"short\.mp4: \d of the 24 frames to measure on show a face"):
        from_first_face(short, pipeline.runtime, 24, tmp_path)


def test_what_cannot_be_measured_is_one_line(
    tmp_path: Path, photo: np.ndarray, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    with pytest.raises(LivefanError, match="dlib is not installed"):
        peers.dlib_landmarks(tmp_path / "model.dat")
    assert peers.installed_dlib_model() is None
    cv2.imwrite(str(tmp_path / "blank.png"), np.full_like(photo, 90))
    for options in ([], ["--annotate"], ["--minutes", "1"], ["--gui"]):
        assert main(["benchmark", str(tmp_path / "blank.png"), *options]) == 2
        said = capsys.readouterr()
        assert "blank.png: no face on any of its frames" in said.err
        assert (said.out, said.err.count("\n")) == ("", 1)
    assert main(["benchmark", "--frames", "3"]) == 2
    assert "--frames 3: at least 20" in capsys.readouterr().err
    assert main(["benchmark", str(tmp_path / "none.mp4"), "--minutes", "1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_figures_of_every_measurement_are_kept(
    tmp_path: Path, clip: Path, report: Report, monkeypatch: pytest.MonkeyPatch
):
    half_a_minute = [Sample(0.5, 200.0, Timing(4.0, 5.0, 12, 3.0))]
    monkeypatch.setattr("livefan.benchmark.soak.soak", lambda *given, **named: half_a_minute)
    seen = window.WindowReport(
        "offscreen", 900.0, 12.0, 16.0, 30.0, {"it is held": 9.0}, {"it is held": 8.0}, 90.0, 0
    )
    monkeypatch.setattr("livefan.benchmark.window.benchmark_window", lambda *given: seen)
    speed = AnnotationSpeed(clip.name, 19.7, 473, {"livefan, data only": 3.0, peers.MEDIAPIPE: 4.0})
    monkeypatch.setattr("livefan.benchmark.annotating.benchmark_annotate", lambda *given: speed)
    monkeypatch.setattr("livefan.benchmark.suite.benchmark", lambda *given, **named: report)

    def kept(*options: object) -> dict:
        path = tmp_path / "figures.json"
        arguments = ["benchmark", clip, "--runtime", "openvino", "--precision", "int8", *options]
        assert main([*map(str, arguments), "--json", str(path)]) == 0
        return json.loads(path.read_text())

    soaked, annotated, watched = kept("--minutes", 1), kept("--annotate", "--threads", 1), kept("--gui")
    assert soaked["samples"] == [asdict(sample) for sample in half_a_minute]
    assert annotated["seconds"] == speed.seconds
    assert watched["held_up"] == seen.held_up
    for each in (soaked, annotated, watched):
        assert [each[name] for name in ("clip", "weights", "runtime", "precision", "threads")] == [
            clip.name,
            DEFAULT_WEIGHTS,
            "openvino",
            "int8",
            1,
        ]
        assert each["commit"] == commit()
        assert each["weights_sha256"] == read_weight_file(DEFAULT_WEIGHTS).sha256
    assert kept("--plot", tmp_path / "plot.png")["machine"] == "a machine"
    assert cv2.imread(str(tmp_path / "plot.png")) is not None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--minutes", "1", "--plot", "a.png"], "--plot: has no meaning with --minutes"),
        (["--annotate", "--frames", "30"], "--frames: has no meaning with --annotate"),
        (["--gui", "--also", "other"], "--also: has no meaning with --gui"),
        (["--plot", "a.what"], "a.what: name a .png file"),
        (["--json", "gone/a.json"], "gone: no such folder"),
        (["--minutes", "1", "--json", "gone/a.json"], "gone: no such folder"),
        (["--annotate", "--json", "gone/a.json"], "gone: no such folder"),
        (["--gui", "--json", "gone/a.json"], "gone: no such folder"),
        (["--plot", "gone/a.png"], "gone: no such folder"),
    ],
)
def test_what_cannot_be_kept_is_told_of_before_the_work(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("livefan.cli.commands.benchmark.bundled_clip", lambda: pytest.fail("worked already"))
    assert main(["benchmark", *options]) == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert printed.count("\n") == 1


def test_dlib_finds_landmarks_with_the_model_of_its_package(photo: np.ndarray):
    pytest.importorskip("dlib")
    model = peers.installed_dlib_model()
    if model is None:
        pytest.skip("face_recognition_models is not installed")
    (found,) = peers.dlib_landmarks(model)(photo)
    assert found.num_parts == 68


def test_the_window_is_used_and_measured(clip: Path):
    report = window.benchmark_window(clip, DEFAULT_WEIGHTS, RuntimeChoice(), pace=12.0, repeats=1)
    assert report.start > 0
    assert 0 < report.latency <= report.latency_p95
    assert report.threads_left == 0
    assert len(report.held_up) > 20
    assert all(longest > 0 for longest in report.held_up.values())
    assert all(report.worked[name] > 0 for name in report.held_up)
    assert "start to first picture" in "\n".join(window.as_lines(report))
    assert window.WindowReport(**json.loads(json.dumps(asdict(report)))) == report


def test_what_the_window_fails_by_is_one_line(tmp_path: Path, clip: Path):
    with pytest.raises(LivefanError, match=r"none\.safetensors"):
        window.benchmark_window(clip, str(tmp_path / "none.safetensors"), RuntimeChoice())


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        pytest.param(
            "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
            "SIGTERM",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals"),
        ),
        ("raise SystemExit('no such camera')", "no such camera"),
        ("raise SystemExit(3)", "exit code 3"),
    ],
)
def test_a_process_that_failed_says_why_or_how(code: str, reason: str):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert reason in window.failure(done)

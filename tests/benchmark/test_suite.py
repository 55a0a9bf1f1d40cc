import json
import shutil
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from livefan.benchmark import baselines, suite, window
from livefan.benchmark.annotating import AnnotationSpeed
from livefan.benchmark.frames import read_frames, write_frames
from livefan.benchmark.soak import Sample
from livefan.benchmark.suite import (
    LIVEFAN,
    Report,
    benchmark,
    from_first_face,
    short_names,
)
from livefan.benchmark.timing import Timing
from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.core.frame import Frame
from livefan.core.provenance import commit
from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.networks.checkpoint_info import read_weight_file
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.cache import Store
from livefan.runtimes.network_files import openvino_model
from livefan.runtimes.openvino_network import layer_seconds
from livefan.tracking.pipeline import Pipeline


@pytest.mark.slow
def test_network_and_decoder_have_separate_times():
    weights = read_weight_file(DEFAULT_WEIGHTS)
    model = openvino_model(weights, "int8", Store(weights.sha256, 1))
    network, decoder = layer_seconds(model, "int8", 1, 20)
    assert sum(seconds for _, seconds in network) > 0
    assert sum(seconds for _, seconds in decoder) > 0
    assert any("Convolution" in name for name, _ in network)


def test_short_names_are_unique():
    assert short_names(["mobilefan-300w", "/runs/a/best.safetensors"]) == {
        "mobilefan-300w": "mobilefan-300w",
        "/runs/a/best.safetensors": "best",
    }
    runs = ["/runs/a/best.safetensors", "/runs/b/best.safetensors"]
    assert list(short_names(runs).values()) == ["a/best", "b/best"]
    assert list(short_names(["best", "best.safetensors"]).values()) == ["best", "best.safetensors"]


@pytest.mark.slow
def test_weights_of_the_same_file_name_are_all_measured(
    tmp_path: Path, clip: Path, report: Report, monkeypatch: pytest.MonkeyPatch
):
    taken = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        taken.append(tmp_path / name / "best.safetensors")
        shutil.copyfile(read_weight_file("mobilefan-half-300w").path, taken[-1])

    def measure(clip: Path, weights: dict[str, str], *given: object) -> Report:
        assert weights == {
            LIVEFAN: DEFAULT_WEIGHTS,
            f"{LIVEFAN}, a/best": str(taken[0]),
            f"{LIVEFAN}, b/best": str(taken[1]),
        }
        return report

    # Private: the measurement of all programs takes minutes.
    monkeypatch.setattr("livefan.benchmark.suite._measure", measure)
    benchmark(clip, DEFAULT_WEIGHTS, RuntimeChoice("torch"), also=list(map(str, taken)), count=20)


@pytest.mark.slow
def test_report_of_two_threads_has_layers_of_the_network_and_no_budget(
    clip: Path, monkeypatch: pytest.MonkeyPatch
):
    # Private: the measurement of all programs takes minutes.
    layers = [("convolution", 0.002)], [("exponential", 0.005)]
    monkeypatch.setattr(suite, "layer_seconds", lambda *given: layers)
    monkeypatch.setattr(suite, "footprints", lambda *given: [])
    monkeypatch.setattr(suite, "mediapipe_problem", lambda: "left out")
    monkeypatch.setattr(suite, "_pin_to_cores", lambda threads: [])
    monkeypatch.setattr(suite, "_ROUNDS", 1)
    monkeypatch.setattr(suite, "FACES", (1,))
    monkeypatch.setattr(suite, "SIZES", ((320, 240),))
    weights = read_weight_file("mobilefan-fast-300w").path
    report = benchmark(clip, str(weights), RuntimeChoice("openvino", "float32", threads=2), count=20)
    assert report.layers == {"convolution": 2.0}
    assert (report.stages["model"].median, report.stages["decode"].median) == (2.0, 5.0)
    assert report.budget == {}
    assert report.programs[LIVEFAN].weights == weights.name


def test_other_devices_have_no_counters_of_layers():
    runtime = SimpleNamespace(name="openvino", device="gpu")
    # Private: the public function needs such a device.
    assert suite._layers(DEFAULT_WEIGHTS, runtime, RuntimeChoice("openvino", device="gpu")) == ({}, {})


@pytest.mark.slow
def test_short_clip_is_measured_from_its_first_face(
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


def test_clip_with_few_faces_is_rejected(tmp_path: Path, photo: np.ndarray, pipeline: Pipeline):
    pictures = [photo] * 4 + [np.full_like(photo, 90)] * 20
    short = tmp_path / "short.mp4"
    write_frames(short, [Frame(picture, number, 0.0, 0.0) for number, picture in enumerate(pictures)])
    with pytest.raises(LivefanError, match=r"short\.mp4: only \d of 24 frames show a face"):
        from_first_face(short, pipeline.runtime, 24, tmp_path)


@pytest.mark.slow
def test_unusable_input_gives_one_line(tmp_path: Path, photo: np.ndarray, capsys: pytest.CaptureFixture[str]):
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


@pytest.mark.slow
def test_json_has_the_figures_of_every_measurement(
    tmp_path: Path, clip: Path, report: Report, monkeypatch: pytest.MonkeyPatch
):
    half_a_minute = [Sample(0.5, 200.0, Timing(4.0, 5.0, 12, 3.0))]
    monkeypatch.setattr("livefan.benchmark.soak.soak", lambda *given, **named: half_a_minute)
    seen = window.WindowReport(
        "offscreen", 900.0, 12.0, 16.0, 30.0, {"resize": 9.0}, {"resize": 9.5}, {"resize": 8.0}, 90.0, 0
    )
    monkeypatch.setattr("livefan.benchmark.window.benchmark_window", lambda *given: seen)
    speed = AnnotationSpeed(clip.name, 19.7, 473, {"livefan, data only": 3.0, baselines.MEDIAPIPE: 4.0})
    monkeypatch.setattr("livefan.benchmark.annotating.benchmark_annotate", lambda *given, **named: speed)
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
    own = read_weight_file(DEFAULT_WEIGHTS).path
    assert kept("--minutes", 1, "--weights", own)["weights"] == own.name
    assert kept("--plot", tmp_path / "plot.png")["machine"] == "a machine"
    assert cv2.imread(str(tmp_path / "plot.png")) is not None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--minutes", "1", "--plot", "a.png"], "--plot cannot be combined with --minutes"),
        (["--annotate", "--frames", "30"], "--frames cannot be combined with --annotate"),
        (["--gui", "--also", "other"], "--also cannot be combined with --gui"),
        (["--all", "--threads", "2"], "--threads cannot be combined with --all"),
        (["--compare", "a.json", "b.json", "--threads", "2"], "--threads cannot be combined with --compare"),
        (["a.mp4", "--compare", "a.json", "b.json"], "CLIP cannot be combined with --compare"),
        (["--compare", "a.json", "b.json", "--weights", "w"], "--weights cannot be combined with --compare"),
        (["a.mp4", "--tracking", "300w"], "CLIP cannot be combined with --tracking"),
        (["a.mp4", "--empty", "pictures"], "CLIP cannot be combined with --empty"),
        (["--lengths", "1"], "--lengths needs --growth or --all"),
        (["--growth", "--frames", "3"], "--frames 3: at least 20 frames are needed"),
        (["--plot", "a.what"], "a.what: images are written as PNG"),
        (["--json", "gone/a.json"], "gone: no such folder"),
        (["--minutes", "1", "--json", "gone/a.json"], "gone: no such folder"),
        (["--annotate", "--json", "gone/a.json"], "gone: no such folder"),
        (["--gui", "--json", "gone/a.json"], "gone: no such folder"),
        (["--plot", "gone/a.png"], "gone: no such folder"),
    ],
)
def test_unusable_options_are_reported_before_the_work(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("livefan.cli.commands.benchmark.bundled_clip", lambda: pytest.fail("worked already"))
    assert main(["benchmark", *options]) == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert printed.count("\n") == 1

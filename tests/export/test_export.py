import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from livefan.cli.main import main
from livefan.core.crop import upright_crop
from livefan.core.frame import Face
from livefan.export import export as module
from livefan.networks.checkpoint import Weights
from livefan.networks.checkpoint_info import read_weight_file
from livefan.runtimes.graph_file import parse_graph
from livefan.runtimes.self_check import check_crops
from livefan.runtimes.torch_runtime import TorchRuntime


@pytest.mark.slow
def test_exported_onnx_file_runs_without_livefan_and_has_metadata(tmp_path: Path, weights: Weights):
    onnxruntime = pytest.importorskip("onnxruntime")
    out = tmp_path / "face.onnx"
    assert main(["export", "mobilefan-300w", "-o", str(out), "--format", "onnx"]) == 0
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["scheme"] == "300w-68"
    assert len(json.loads(metadata["points"])) == 68
    assert {"input", "output", "weights_sha256", "training", "decoder"} <= metadata.keys()
    assert not {"colour_order", "mean", "std"} & metadata.keys()  # the network normalises itself
    crops = check_crops(weights.info.input_size)
    (landmarks,) = session.run(["landmarks"], {"crops_bgr": crops})
    assert np.abs(landmarks - TorchRuntime(weights).run(crops)).max() < 0.01


@pytest.mark.slow
def test_exported_openvino_model_runs_without_livefan_and_has_metadata(tmp_path: Path, weights: Weights):
    from livefan.runtimes.openvino_core import openvino
    from livefan.runtimes.openvino_model import read_metadata

    out = tmp_path / "face.xml"
    assert main(["export", "mobilefan-300w", "-o", str(out), "--format", "openvino"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["face.bin", "face.xml"]
    model = openvino().Core().read_model(out)
    assert read_metadata(model)["scheme"] == "300w-68"
    crops = check_crops(weights.info.input_size)
    landmarks = openvino().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(crops)[0]
    assert np.abs(landmarks - TorchRuntime(weights).run(crops)).max() < 0.01


@pytest.mark.slow
def test_exported_int8_model_takes_batches(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from livefan.runtimes.openvino_core import openvino
    from livefan.runtimes.openvino_model import read_metadata

    out = tmp_path / "face.xml"
    words = ["export", "mobilefan-half-300w", "-o", str(out), "--precision", "int8", "--format"]
    assert main([*words, "onnx"]) == 2
    assert "needs --format openvino" in capsys.readouterr().err
    assert main([*words, "openvino"]) == 0
    assert "INFERENCE_PRECISION_HINT=f32" in capsys.readouterr().out
    model = openvino().Core().read_model(out)
    metadata = read_metadata(model)
    assert metadata["precision"] == "int8"
    assert metadata["expressions"] == metadata["reliability"] == "null", "the file has no heads"
    assert "expected_error" not in metadata["sigma"]
    network = openvino().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    crops = check_crops(192)
    together = network(crops)[0].copy()
    one_by_one = np.concatenate([network(crop[None])[0].copy() for crop in crops])
    assert together.shape == (len(crops), 68, 4)
    assert np.abs(together - one_by_one).max() < 0.1


@pytest.mark.parametrize(("size", "margin"), [(160, 1.09375), (224, 1.09375), (256, 1.25)])
def test_metadata_describe_the_crop_of_the_network(size: int, margin: float, face: Face):
    file = read_weight_file()
    metadata = module.describe(replace(file, info=replace(file.info, input_size=size)))
    assert f"its side is {margin} times the longer side of the box" in metadata["crop"]
    crop = upright_crop(face.points_px, file.scheme).sized(size)
    turned = crop.to_crop(face.points_px)
    (left, top), (right, bottom) = turned.min(axis=0), turned.max(axis=0)
    assert margin * max(right - left, bottom - top) == pytest.approx(size)
    assert [(left + right) / 2, (top + bottom) / 2] == pytest.approx([(size - 1) / 2] * 2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_network_that_disagrees_with_torch_is_not_written(
    kind: str,
    small: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    if kind == "onnx":
        pytest.importorskip("onnxruntime")
    monkeypatch.setattr(module, "disagreement", lambda *arguments: float("nan"))
    out = tmp_path / f"face{module.SUFFIXES[kind]}"
    assert main(["export", str(small), "-o", str(out), "--format", kind]) == 2
    assert "not written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_wrong_suffix_gives_one_line_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["export", "mobilefan-300w", "-o", str(tmp_path / "face.pb"), "--format", "onnx"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_unwritable_output_is_reported_before_the_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "load_weights", lambda path: pytest.fail("worked already"))
    out = tmp_path / "gone" / "face.onnx"
    assert main(["export", "mobilefan-300w", "-o", str(out), "--format", "onnx"]) == 2
    error = capsys.readouterr().err
    assert "gone: no such folder" in error
    assert error.count("\n") == 1


@pytest.mark.slow
def test_export_without_onnx_runtime_gives_one_line_error(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert main(["export", str(small), "-o", str(tmp_path / "face.onnx"), "--format", "onnx"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "pip install onnxruntime" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_graph_is_written_beside_the_weights_if_it_agrees_with_torch(
    graphless: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    written = graphless.with_suffix(".graph.onnx")
    assert main(["export", str(graphless), "--format", "graph"]) == 0
    assert f"{written}: agrees with torch to " in capsys.readouterr().out
    assert parse_graph(written.read_bytes()).weights_sha256 == read_weight_file(graphless).sha256
    written.unlink()
    monkeypatch.setattr(module, "disagreement", lambda *arguments: float("nan"))
    assert main(["export", str(graphless), "--format", "graph"]) == 2
    assert "not written" in capsys.readouterr().err
    assert not written.exists()


@pytest.mark.parametrize("options", [["--format", "onnx"], ["--format", "graph", "-o", "a.onnx"]])
def test_output_file_belongs_to_the_other_formats(options: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(["export", "mobilefan-300w", *options]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "-o FILE" in error

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from untrained import SIZE

from livefan.core.errors import LivefanError
from livefan.core.frame import Face
from livefan.core.landmarks import SCHEMES
from livefan.core.resources import DEFAULT_WEIGHTS, find_weights
from livefan.networks.checkpoint import Weights, WeightsInfo, load_weights, save_weights
from livefan.networks.checkpoint_info import WeightFile, read_weight_file
from livefan.networks.heatmaps import crop_to_heatmap, decode_soft_argmax
from livefan.networks.mobilefan import build_network
from livefan.runtimes import choice_rule, selection
from livefan.runtimes.base import Runtime, RuntimeChoice
from livefan.runtimes.listing import list_runtimes
from livefan.runtimes.onnx_graph import as_onnx
from livefan.runtimes.openvino_core import has_bfloat16
from livefan.runtimes.openvino_model import for_one_crop, from_onnx
from livefan.runtimes.openvino_network import load_network
from livefan.runtimes.openvino_runtime import OpenVinoRuntime
from livefan.runtimes.selection import candidates, open_runtime
from livefan.runtimes.self_check import check_crops, disagreement
from livefan.runtimes.torch_runtime import TorchRuntime
from livefan.tracking.pipeline import Pipeline

OPENVINO, ONNXRUNTIME = RuntimeChoice("openvino", "float32"), RuntimeChoice("onnxruntime", "float32")


@pytest.mark.parametrize("choice", [OPENVINO, ONNXRUNTIME], ids=["openvino", "onnxruntime"])
def test_compiled_network_gives_the_landmarks_of_torch(
    choice: RuntimeChoice, crops: np.ndarray, reference: np.ndarray
):
    """Positions and spreads to a hundredth of a crop's pixel, confidences to a thousandth."""
    if choice.runtime == "onnxruntime":
        pytest.importorskip("onnxruntime")
    found = open_runtime(DEFAULT_WEIGHTS, choice).run(crops)
    assert found.shape == (3, 68, 4)
    assert np.abs(found - reference)[..., [0, 1, 3]].max() < 0.01
    assert np.abs(found - reference)[..., 2].max() < 0.001


@pytest.mark.parametrize("precision", ["int8", "bfloat16"])
def test_lower_precision_stays_within_half_a_pixel_of_torch(
    precision: str, crops: np.ndarray, reference: np.ndarray
):
    """The mean counts; the network itself errs by some three pixels."""
    if precision == "bfloat16" and not has_bfloat16():
        pytest.skip("this CPU has no bfloat16")
    runtime = open_runtime(DEFAULT_WEIGHTS, RuntimeChoice("openvino", precision))
    assert 0 < disagreement(runtime, reference[:1], crops[:1]) < 0.5


@pytest.mark.parametrize("architecture", ["mobilefan", "efficientnet-lite2"])
@pytest.mark.slow
def test_other_widths_schemes_and_architectures_compile(architecture: str, tmp_path: Path, graphless: Path):
    path = graphless
    if architecture != "mobilefan":
        path = tmp_path / "other.safetensors"
        network = build_network(architecture, 29).eval()
        save_weights(path, network, WeightsInfo("cofw-29", architecture=architecture, input_size=96))
    loaded = load_weights(path)
    crops = check_crops(loaded.info.input_size)
    reference = TorchRuntime(loaded).run(crops)
    for choice in (OPENVINO, ONNXRUNTIME) if find_spec("onnxruntime") else (OPENVINO,):
        made = open_runtime(path, choice, cache=tmp_path / "cache")
        assert made.scheme in SCHEMES.values()
        assert np.abs(made.run(crops) - reference).max() < 0.02


def test_int8_of_lower_accuracy_is_not_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LIVEFAN_RUNTIME")
    monkeypatch.setattr(choice_rule, "cpu_kind", lambda: choice_rule.AVX2)
    shipped = find_weights(DEFAULT_WEIGHTS)
    for file in shipped.parent.glob(f"{shipped.stem}.*"):
        shutil.copy(file, tmp_path)
    weights = read_weight_file(tmp_path / shipped.name)
    assert str(candidates(weights, RuntimeChoice())[0]) == "openvino int8"
    measured = tmp_path / f"{shipped.stem}.precisions.json"
    kept = json.loads(measured.read_text())
    kept["nme"]["int8"] = 1.011 * kept["nme"]["float32"]
    measured.write_text(json.dumps(kept))
    found = [str(each) for each in candidates(weights, RuntimeChoice())]
    assert found[0] == "openvino float32"
    assert "openvino int8" not in found


@pytest.mark.parametrize(
    ("flags", "isa", "kind", "order"),
    [
        ("sse4_2 avx2", "", choice_rule.AVX2, ["int8", "float32", "bfloat16"]),
        ("avx2 avx512_vnni", "", choice_rule.VNNI, ["int8", "float32", "bfloat16"]),
        ("avx2 avx_vnni", "AVX2_VNNI", choice_rule.VNNI, ["int8", "float32", "bfloat16"]),
        ("avx2 avx512_vnni amx_int8 amx_bf16", "", choice_rule.AMX, ["int8", "bfloat16", "float32"]),
        ("avx2 avx512_vnni amx_int8", "AVX512_CORE_BF16", choice_rule.VNNI, ["int8", "float32", "bfloat16"]),
        ("avx2 avx512_vnni amx_int8", "AVX2", choice_rule.AVX2, ["int8", "float32", "bfloat16"]),
    ],
)
def test_order_of_precisions_follows_the_cpu_features(
    flags: str, isa: str, kind: choice_rule.CpuKind, order: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("LIVEFAN_RUNTIME")
    monkeypatch.setattr(choice_rule, "cpu_name", lambda: f"model name : x\nflags : {flags}")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", isa)
    assert choice_rule.cpu_kind() is kind
    assert [each.precision for each in choice_rule.ordered() if each.runtime == "openvino"] == order
    assert [each.runtime for each in choice_rule.ordered()][-2:] == ["onnxruntime", "torch"]
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert choice_rule.ordered()[0] == choice_rule.Candidate("openvino", "float32")


def test_environment_names_the_preferred_runtime(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LIVEFAN_RUNTIME", "onnxruntime float32")
    assert str(choice_rule.ordered()[0]) == "onnxruntime float32"
    assert len(choice_rule.ordered()) == 5
    monkeypatch.setenv("LIVEFAN_RUNTIME", "fast")
    with pytest.raises(LivefanError, match="LIVEFAN_RUNTIME=fast: name a runtime"):
        choice_rule.ordered()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (RuntimeChoice(device="tpu"), "unknown device 'tpu'"),
        (RuntimeChoice("torch", device="gpu"), "torch does not run it; choose --runtime openvino"),
        (RuntimeChoice("openvino", device="cuda"), "choose --runtime onnxruntime"),
        (RuntimeChoice(precision="int8", device="gpu"), "leave --precision int8 out"),
        (RuntimeChoice(device="npu"), "device npu: OpenVINO finds none here"),
        (RuntimeChoice(device="directml"), "device directml: the installed ONNX Runtime finds none here"),
    ],
)
def test_device_that_is_missing_gives_one_line_error(
    choice: RuntimeChoice, message: str, small: Path, tmp_path: Path
):
    if choice.device == "directml":
        pytest.importorskip("onnxruntime")
    with pytest.raises(LivefanError, match=message) as caught:
        open_runtime(small, choice, cache=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_listing_names_the_chosen_candidate_and_its_distance_from_torch(small: Path, tmp_path: Path):
    listing = list_runtimes(small, cache=tmp_path)
    by_name = {str(each.candidate): each for each in listing.listed}
    assert [name for name, each in by_name.items() if each.chosen] == ["openvino float32"]
    assert by_name["openvino float32"].apart < 0.02
    assert by_name["openvino float32"].milliseconds > 0
    assert by_name["openvino int8"].apart is None
    assert "livefan quantise" in by_name["openvino int8"].reason
    assert "LIVEFAN_RUNTIME" in by_name["openvino float32"].reason
    assert any(line.startswith("> openvino float32") for line in listing.as_lines())
    assert by_name["torch float32"].reason.endswith("an earlier one is")
    named = list_runtimes(small, RuntimeChoice("onnxruntime"), cache=tmp_path)
    reasons = {str(each.candidate): each.reason for each in named.listed if not each.chosen}
    assert reasons["openvino float32"].endswith("the user names another one")


@pytest.mark.slow
def test_runtime_that_disagrees_with_torch_is_refused(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    make = selection._make  # private: nothing public builds a runtime without checking it

    def broken(variant: Any) -> Runtime:
        made = make(variant)
        run = made.run
        monkeypatch.setattr(made, "run", lambda crops: run(crops) + 1)
        return made

    monkeypatch.setattr(selection, "_make", broken)
    assert open_runtime(small, cache=tmp_path / "a").name == "torch"
    for choice in (RuntimeChoice("openvino"), OPENVINO):
        with pytest.raises(LivefanError, match="pixels from torch"):
            open_runtime(small, choice, cache=tmp_path / "b")


@pytest.mark.parametrize("choice", [OPENVINO, RuntimeChoice("openvino")], ids=["explicit", "auto"])
@pytest.mark.parametrize("damage", ['{"checked": 7', '{"files": 3, "checked": 1}', "[]"])
@pytest.mark.slow
def test_damaged_cache_is_ignored(choice: RuntimeChoice, damage: str, small: Path, tmp_path: Path):
    messages: list[str] = []

    def choose() -> Runtime:
        return open_runtime(small, choice, cache=tmp_path, log=messages.append)

    crops = check_crops(SIZE)
    first = choose().run(crops).copy()
    choose()
    assert len(messages) == 1
    (folder,) = tmp_path.iterdir()
    (folder / "livefan.json").write_text(damage)
    assert np.array_equal(choose().run(crops), first)
    assert len(messages) == 2


@pytest.mark.slow
@pytest.mark.parametrize("error", [RuntimeError("could not create a primitive"), MemoryError(), KeyError(3)])
def test_any_error_of_a_runtime_drops_the_candidate(
    error: Exception,
    small: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    def fail(*_: object) -> None:
        raise error

    # Private: no public function takes the place of a runtime that fails on one machine only.
    monkeypatch.setattr(selection, "_openvino", fail)
    assert open_runtime(small, cache=tmp_path).name != "openvino"
    assert "openvino float32 fails on this machine" in caplog.text
    with pytest.raises(LivefanError, match="openvino float32 fails on this machine") as caught:
        open_runtime(small, OPENVINO, cache=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("package", ["onnxruntime", "openvino"])
def test_missing_package_gives_one_line_error(
    package: str, tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(selection, "find_spec", lambda name: None if name == package else True)
    for precision in ("auto", "float32"):
        with pytest.raises(LivefanError, match=f"pip install {package}") as caught:
            open_runtime(small, RuntimeChoice(package, precision), cache=tmp_path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (RuntimeChoice("tensorrt"), "tensorrt"),
        (RuntimeChoice("openvino", "int8"), "livefan quantise"),
        (RuntimeChoice("auto", "int8"), "livefan quantise"),
        (RuntimeChoice("torch", "bfloat16"), "float32"),
        (RuntimeChoice("onnxruntime", "int8"), "by openvino only"),
        (RuntimeChoice("torch", "int8"), "by openvino only"),
    ],
)
def test_unavailable_choice_gives_one_line_error(
    choice: RuntimeChoice, message: str, small: Path, tmp_path: Path
):
    with pytest.raises(LivefanError, match=message) as caught:
        open_runtime(small, choice, cache=tmp_path)
    assert "\n" not in str(caught.value)


def test_int8_model_without_bin_file_gives_one_line_error(tmp_path: Path):
    shipped = find_weights(DEFAULT_WEIGHTS)
    for suffix in (".safetensors", ".int8.xml"):
        shutil.copy(shipped.with_suffix(suffix), tmp_path)
    with pytest.raises(LivefanError, match=r"\.int8\.bin: no such file; make it with 'livefan quantise'"):
        open_runtime(tmp_path / shipped.name, RuntimeChoice("openvino", "int8"))


@pytest.mark.slow
def test_second_process_imports_neither_torch_nor_telemetry(
    runtime: Runtime, photo: np.ndarray, tmp_path: Path
):
    cv2.imwrite(str(tmp_path / "photo.png"), photo)
    code = (
        "import sys, cv2; from livefan.tracking.pipeline import Pipeline; "
        f"faces = Pipeline().process_image(cv2.imread({str(tmp_path / 'photo.png')!r})); "
        "heavy = {'torch', 'mediapipe', 'jax'} & set(sys.modules); "
        "print(len(faces), heavy == set(), sys.modules.get('openvino_telemetry'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.split() == ["1", "True", "None"], done.stderr


def test_loaded_network_runs_in_torch(weights: Weights, photo: np.ndarray):
    pipeline = Pipeline(weights)
    assert pipeline.runtime.name == "torch"
    assert len(pipeline.process_image(photo)) == 1
    pipeline.close()


class Drawn(nn.Module):
    """A network whose heatmaps are Gaussians, as of networks that are trained with mean squared error.

    Their positions and heights are another network's landmarks and confidences.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: torch.Tensor, encoder_maps: list[torch.Tensor] | None = None) -> torch.Tensor:
        """``(batch, n, h, w)`` values."""
        heatmaps = self.network(crops, encoder_maps)
        seen = decode_soft_argmax(heatmaps)
        x, y = crop_to_heatmap(seen.points_crop)[..., None].unbind(2)
        cells = torch.arange(heatmaps.shape[-1])
        across, down = (torch.exp(-((cells - place) ** 2) / (2 * 1.2**2)) for place in (x, y))
        return seen.confidence[..., None, None] * down[..., None] * across[..., None, :]


@pytest.mark.slow
def test_network_decoded_by_argmax_finds_the_face_in_torch_and_openvino(
    weights: Weights, photo: np.ndarray, face: Face, crops: np.ndarray
):
    drawn = Drawn(weights.model).eval()
    values = replace(weights, model=drawn, info=replace(weights.info, decoder="argmax"), refiner=None)
    pipeline = Pipeline(values)
    (found,) = pipeline.process_image(photo)
    assert pipeline.process_image(np.full_like(photo, 90)) == []
    pipeline.close()
    assert np.median(found.confidence) > 0.6
    size = np.ptp(face.points_px, axis=0).max()
    assert np.median(found.sigma_px) < 0.05 * size
    assert np.linalg.norm(found.points_px - face.points_px, axis=1).mean() < 0.03 * size
    file = WeightFile(values.path, values.info, values.scheme)
    model = for_one_crop(from_onnx(as_onnx(values)), file)
    compiled = OpenVinoRuntime(file, load_network("drawn", lambda: model, "float32", 1), "float32")
    of_torch = TorchRuntime(values).run(crops)
    assert np.abs(compiled.run(crops) - of_torch)[..., 2:].max() < 0.05
    # A quarter step may go the other way if two neighbours are equally high.
    assert np.abs(compiled.run(crops) - of_torch)[..., :2].max() < 2.01


@pytest.mark.slow
@pytest.mark.parametrize("choice", [OPENVINO, RuntimeChoice("torch", "float32")], ids=["openvino", "torch"])
@pytest.mark.parametrize("size", [160, 256])
def test_other_input_size_finds_the_same_face(
    size: int, choice: RuntimeChoice, weights: Weights, photo: np.ndarray, face: Face, tmp_path: Path
):
    path = tmp_path / "other.safetensors"
    info = replace(weights.info, input_size=size)
    save_weights(path, weights.model, info, refiner=weights.refiner)
    runtime = open_runtime(path, choice, cache=tmp_path)
    assert runtime.buffer(1).shape == (1, size, size, 3)
    (found,) = Pipeline(runtime).process_image(photo)
    apart = np.linalg.norm(found.points_px - face.points_px, axis=1).mean()
    assert 0 < apart < 0.03 * np.ptp(face.points_px, axis=0).max()

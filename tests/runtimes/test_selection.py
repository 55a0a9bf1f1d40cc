import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

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
from livefan.networks.checkpoint_info import WeightFile
from livefan.networks.heatmaps import crop_to_heatmap, decode_soft_argmax
from livefan.networks.mobilefan import build_network
from livefan.runtimes import openvino_runtime as open_vino
from livefan.runtimes import selection
from livefan.runtimes.base import Runtime, RuntimeChoice
from livefan.runtimes.onnx_graph import as_onnx
from livefan.runtimes.openvino_runtime import has_bfloat16
from livefan.runtimes.selection import open_runtime
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
@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
@pytest.mark.slow
def test_other_widths_schemes_and_architectures_compile(
    architecture: str, runtime: str, tmp_path: Path, small: Path, crops: np.ndarray
):
    pytest.importorskip(runtime)
    path = small
    if architecture != "mobilefan":
        path = tmp_path / "other.safetensors"
        network = build_network(architecture, 29).eval()
        save_weights(path, network, WeightsInfo("cofw-29", architecture=architecture, input_size=SIZE))
    reference = TorchRuntime(load_weights(path)).run(crops)
    made = open_runtime(path, RuntimeChoice(runtime, "float32"), cache=tmp_path / "cache")
    assert made.scheme in SCHEMES.values()
    assert np.abs(made.run(crops) - reference).max() < 0.02


@pytest.mark.slow
def test_int8_of_lower_accuracy_is_not_chosen(tmp_path: Path):
    shipped = find_weights(DEFAULT_WEIGHTS)
    for file in shipped.parent.glob(f"{shipped.stem}.*"):
        shutil.copy(file, tmp_path)
    measured = tmp_path / f"{shipped.stem}.precisions.json"
    kept = json.loads(measured.read_text())
    kept["nme"]["int8"] = 1.011 * kept["nme"]["float32"]
    measured.write_text(json.dumps(kept))
    chosen = open_runtime(tmp_path / shipped.name, RuntimeChoice("openvino"), cache=tmp_path / "cache")
    assert chosen.precision != "int8"


@pytest.mark.slow
def test_runtime_that_disagrees_with_torch_is_refused(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    make = selection._make  # private: nothing public builds a runtime without checking it

    def broken(*arguments: object) -> Runtime:
        made = make(*arguments)  # type: ignore[arg-type]
        run = made.run
        monkeypatch.setattr(made, "run", lambda crops: run(crops) + 1)
        return made

    monkeypatch.setattr(selection, "_make", broken)
    assert open_runtime(small, cache=tmp_path / "a").name == "torch"
    for choice in (RuntimeChoice("openvino"), OPENVINO):
        with pytest.raises(LivefanError, match="pixels from torch"):
            open_runtime(small, choice, cache=tmp_path / "b")


@pytest.mark.parametrize("choice", [OPENVINO, RuntimeChoice("openvino")], ids=["explicit", "auto"])
@pytest.mark.parametrize(
    "damage", ['{"choices": 7', '{"choices": {"a": []}, "files": 3, "checked": 1}', "[]"]
)
@pytest.mark.slow
def test_damaged_file_of_choices_is_ignored(choice: RuntimeChoice, damage: str, small: Path, tmp_path: Path):
    messages: list[str] = []

    def choose() -> Runtime:
        return open_runtime(small, choice, cache=tmp_path, log=messages.append)

    crops = check_crops(SIZE)
    first = choose().run(crops).copy()
    choose()
    assert len(messages) == (choice.precision == "auto")
    (folder,) = tmp_path.iterdir()
    (folder / "livefan.json").write_text(damage)
    assert np.array_equal(choose().run(crops), first)
    assert len(messages) == 2 * (choice.precision == "auto")


@pytest.mark.slow
@pytest.mark.parametrize("answer", [7, None, ["openvino"], ["openvino", 8], ["tensorrt", "float32"]])
def test_damaged_choice_is_measured_again(answer: object, small: Path, tmp_path: Path):
    messages: list[str] = []

    def choose() -> Runtime:
        return open_runtime(small, RuntimeChoice("openvino"), cache=tmp_path, log=messages.append)

    choose()
    (file,) = tmp_path.glob("*/livefan.json")
    kept = json.loads(file.read_text())
    kept["choices"] = dict.fromkeys(kept["choices"], answer)
    file.write_text(json.dumps(kept))
    assert choose().name == "openvino"
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

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """``(batch, n, h, w)`` values."""
        heatmaps = self.network(crops)
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
    model = open_vino.for_one_crop(open_vino.from_onnx(as_onnx(values)), file)
    compiled = open_vino.OpenVinoRuntime(
        file, open_vino.load_network("drawn", lambda: model, "float32", 1), "float32"
    )
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

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from livefan.core.errors import LivefanError
from livefan.core.frame import Face
from livefan.core.landmarks import IBUG_68, SCHEMES, WFLW_98
from livefan.core.resources import DEFAULT_WEIGHTS, find_weights
from livefan.datasets import FaceSet, LabelledFace
from livefan.export.quantise import quantise
from livefan.networks.checkpoint import Weights, WeightsInfo, load_weights, save_weights
from livefan.networks.checkpoint_info import WeightFile, read_weight_file
from livefan.networks.heatmaps import crop_to_heatmap, decode_soft_argmax
from livefan.networks.mobilefan import build_network
from livefan.runtimes import openvino_runtime as open_vino
from livefan.runtimes import selection as select
from livefan.runtimes.base import Runtime, RuntimeChoice
from livefan.runtimes.cache import Store, cache_folder, installed_version
from livefan.runtimes.onnx_graph import as_onnx
from livefan.runtimes.openvino_runtime import has_bfloat16
from livefan.runtimes.selection import Precisions, check_crops, disagreement, open_runtime, read_precisions
from livefan.runtimes.torch_runtime import TorchRuntime
from livefan.tracking.pipeline import Pipeline

SIZE = read_weight_file(DEFAULT_WEIGHTS).info.input_size
OPENVINO, ONNXRUNTIME = RuntimeChoice("openvino", "float32"), RuntimeChoice("onnxruntime", "float32")


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    return check_crops(SIZE)


@pytest.fixture(scope="module")
def reference(weights: Weights, crops: np.ndarray) -> np.ndarray:
    return TorchRuntime(weights).run(crops)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained weights of half width for 98 points, whose activations have a trained network's scale."""
    path = tmp_path_factory.mktemp("small") / "small.safetensors"
    torch.manual_seed(0)
    network = build_network("mobilefan", 98, 0.5).train()
    with torch.no_grad():
        network.head.weight.mul_(100)
        for _ in range(20):
            network(torch.randn(2, 3, 64, 64))
    save_weights(path, network.eval(), WeightsInfo(scheme="wflw-98", width=0.5, input_size=SIZE))
    return path


@pytest.mark.parametrize("choice", [OPENVINO, ONNXRUNTIME], ids=["openvino", "onnxruntime"])
def test_a_compiled_network_gives_torchs_landmarks_on_real_faces(
    choice: RuntimeChoice, crops: np.ndarray, reference: np.ndarray
):
    """Positions and spreads to a hundredth of a crop's pixel, confidences to a thousandth."""
    if choice.runtime == "onnxruntime":
        pytest.importorskip("onnxruntime")
    found = open_runtime(DEFAULT_WEIGHTS, choice).run(crops)
    assert found.shape == (3, 68, 4)
    assert np.abs(found - reference)[..., [0, 1, 3]].max() < 0.01
    assert np.abs(found - reference)[..., 2].max() < 0.001


def test_onnx_runtime_reports_nothing(tmp_path: Path):
    """Left to itself it leaves a number for this machine in the home folder, and what it is to tell."""
    pytest.importorskip("onnxruntime")
    home, code = (
        tmp_path / "home",
        (
            "from livefan.runtimes.base import RuntimeChoice\n"
            "from livefan.runtimes.selection import check_crops, open_runtime\n"
            "runtime = open_runtime('mobilefan-300w', RuntimeChoice('onnxruntime', 'float32'))\n"
            "print(runtime.run(check_crops(runtime.input_size)).shape)"
        ),
    )
    home.mkdir()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "ORT_"))}
    environment |= {"HOME": str(home), "USERPROFILE": str(home), "LOCALAPPDATA": str(home)}
    environment["LIVEFAN_CACHE"] = str(tmp_path / "cache")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "(3, 68, 4)\n", done.stderr
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize("precision", ["int8", "bfloat16"])
def test_fewer_bits_lie_within_half_a_pixel_of_torch_on_a_clear_face(
    precision: str, crops: np.ndarray, reference: np.ndarray
):
    """On average; the network itself errs by some three pixels."""
    if precision == "bfloat16" and not has_bfloat16():
        pytest.skip("this CPU has no bfloat16")
    runtime = open_runtime(DEFAULT_WEIGHTS, RuntimeChoice("openvino", precision))
    assert 0 < disagreement(runtime, reference[:1], crops[:1]) < 0.5


def test_a_batch_is_what_its_crops_are_one_by_one(crops: np.ndarray):
    runtime = open_runtime(DEFAULT_WEIGHTS, OPENVINO)
    together = runtime.run(crops).copy()
    apart = np.concatenate([runtime.run(crop[None]).copy() for crop in crops])
    assert np.array_equal(together, apart)


@pytest.mark.parametrize("architecture", ["mobilefan", "efficientnet-lite2"])
@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_other_widths_schemes_and_networks_compile_too(
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


def test_by_itself_the_shipped_weights_run_in_a_precision_that_was_measured(runtime: Runtime):
    measured = read_precisions(read_weight_file(DEFAULT_WEIGHTS))
    assert measured.faces > 100
    assert measured.is_accurate(runtime.precision)
    assert not measured.is_accurate("float16")


def test_int8_that_was_measured_to_be_worse_is_not_chosen(tmp_path: Path):
    shipped = find_weights(DEFAULT_WEIGHTS)
    for file in shipped.parent.glob(f"{shipped.stem}.*"):
        shutil.copy(file, tmp_path)
    measured = tmp_path / f"{shipped.stem}.precisions.json"
    kept = json.loads(measured.read_text())
    kept["nme"]["int8"] = 1.011 * kept["nme"]["float32"]
    measured.write_text(json.dumps(kept))
    chosen = open_runtime(tmp_path / shipped.name, RuntimeChoice("openvino"), cache=tmp_path / "cache")
    assert chosen.precision != "int8"


def test_what_was_made_from_other_weights_is_not_used(tmp_path: Path, small: Path):
    shipped = find_weights(DEFAULT_WEIGHTS)
    for file in shipped.parent.glob(f"{shipped.stem}.*"):
        shutil.copy(file, tmp_path / file.name.replace(shipped.stem, "other"))
    shutil.copy(small, tmp_path / "other.safetensors")
    assert read_precisions(read_weight_file(tmp_path / "other.safetensors")).nme == {}
    with pytest.raises(LivefanError, match="made from other weights"):
        open_runtime(tmp_path / "other.safetensors", RuntimeChoice("openvino", "int8"))


def test_a_runtime_that_disagrees_with_torch_is_not_chosen(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    make = select._make

    def broken(*arguments: object) -> Runtime:
        made = make(*arguments)  # type: ignore[arg-type]
        run = made.run
        monkeypatch.setattr(made, "run", lambda crops: run(crops) + 1)
        return made

    monkeypatch.setattr(select, "_make", broken)
    assert open_runtime(small, cache=tmp_path / "a").name == "torch"
    with pytest.raises(LivefanError, match="pixels from torch"):
        open_runtime(small, RuntimeChoice("openvino"), cache=tmp_path / "b")


def test_a_choice_is_made_once_and_made_again_where_its_cache_is_damaged(small: Path, tmp_path: Path):
    said: list[str] = []

    def choose() -> Runtime:
        return open_runtime(small, RuntimeChoice("openvino"), cache=tmp_path, log=said.append)

    first = choose()
    choose()
    assert len(said) == 1
    (folder,) = tmp_path.iterdir()
    model = folder / "float32.onnx"
    model.write_bytes(model.read_bytes()[:-1000])
    crops = check_crops(SIZE)
    assert np.array_equal(choose().run(crops), first.run(crops))
    (folder / "livefan.json").write_text('{"choices": 7')
    choose()
    assert len(said) == 2
    (folder / "livefan.json").write_text('{"choices": {"a": []}, "files": 3}')
    choose()


def test_a_compiled_network_is_kept_and_made_again_where_it_is_damaged(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    crops = check_crops(SIZE)
    first = open_runtime(small, OPENVINO, cache=tmp_path).run(crops).copy()
    (compiled,) = tmp_path.glob("*/*.blob")
    compile_anew, made = select._as_onnx, []
    monkeypatch.setattr(select, "_as_onnx", lambda *given: made.append(1) or compile_anew(*given))

    def leave_memory() -> None:
        """As in a new process."""
        monkeypatch.setattr(open_vino, "_LOADED", {})

    leave_memory()
    assert np.array_equal(open_runtime(small, OPENVINO, cache=tmp_path).run(crops), first)
    assert made == []
    for times, damaged in enumerate((compiled.read_bytes()[:-1000], b""), start=1):
        compiled.write_bytes(damaged)
        leave_memory()
        assert np.array_equal(open_runtime(small, OPENVINO, cache=tmp_path).run(crops), first)
        assert made == times * [1]


def test_the_networks_used_last_stay_in_memory(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    read: list[str] = []
    from_store = open_vino._from_store
    monkeypatch.setattr(open_vino, "_LOADED", {})
    monkeypatch.setattr(
        open_vino, "_from_store", lambda name, *rest: read.append(name) or from_store(name, *rest)
    )

    def times_read(*threads: int) -> int:
        read.clear()
        for each in threads:
            open_runtime(small, RuntimeChoice("openvino", "float32", each), cache=tmp_path)
        return len(read)

    assert times_read(1, 2, 3, 4) == 4
    assert times_read(1, 4, 3, 1) == 0
    assert times_read(5) == 1
    assert times_read(1, 3, 4, 5) == 0
    assert times_read(2) == 1  # used longest ago, and let go


def test_int8_that_was_made_anew_is_compiled_anew(small: Path, tmp_path: Path, crops: np.ndarray):
    pytest.importorskip("nncf")
    path = tmp_path / "small.safetensors"
    shutil.copy(small, path)
    rolled = [np.roll(crop, shift, axis=1) for crop in crops for shift in (0, 8, -8, 16)]
    found = []
    for calibration in (rolled, [crop // 4 for crop in rolled]):
        quantise(path, calibration)
        runtime = open_runtime(path, RuntimeChoice("openvino", "int8"), cache=tmp_path)
        found.append(runtime.run(crops).copy())
    assert not np.array_equal(*found)


def test_a_cache_that_cannot_be_written_to_does_no_harm(small: Path, tmp_path: Path):
    (tmp_path / "file").touch()
    made = open_runtime(small, OPENVINO, cache=tmp_path / "file")
    assert made.run(check_crops(SIZE)).shape == (3, 98, 4)


@pytest.mark.parametrize(
    ("system", "variable", "folder"),
    [
        ("linux", "XDG_CACHE_HOME", "livefan"),
        ("win32", "LOCALAPPDATA", "livefan/Cache"),
        ("linux", "LIVEFAN_CACHE", "."),
        ("darwin", "HOME", "Library/Caches/livefan"),
    ],
)
def test_the_cache_lies_where_the_system_has_caches(
    system: str, variable: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("LIVEFAN_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setenv(variable, str(tmp_path))
    assert cache_folder() == tmp_path / folder


def test_who_has_no_home_has_a_cache_all_the_same(monkeypatch: pytest.MonkeyPatch):
    for name in ("LIVEFAN_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert cache_folder().parts[-2:] == (".cache", "livefan")


def test_a_network_belongs_to_the_installed_version_of_what_runs_it():
    for package in ("openvino", "onnxruntime", "torch"):
        assert installed_version(package) == version(package)
    assert installed_version("no_such_package") == "-"


def test_the_cache_forgets_what_was_not_used_for_longest(small: Path, tmp_path: Path):
    for number in range(12):
        Store(read_weight_file(small).sha256, number, tmp_path).write(number=number)
    assert len(list(tmp_path.iterdir())) == 8


@pytest.mark.parametrize("package", ["onnxruntime", "openvino"])
def test_a_package_that_is_missing_is_named_in_one_line(
    package: str, tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(select, "find_spec", lambda name: None if name == package else True)
    for precision in ("auto", "float32"):
        with pytest.raises(LivefanError, match=f"pip install {package}") as caught:
            open_runtime(small, RuntimeChoice(package, precision), cache=tmp_path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (RuntimeChoice("tensorrt"), "tensorrt"),
        (RuntimeChoice("openvino", "int8"), "livefan quantise"),
        (RuntimeChoice("auto", "int8"), "livefan quantise"),
        (RuntimeChoice("torch", "bfloat16"), "float32"),
        (RuntimeChoice("onnxruntime", "int8"), "by openvino only"),
        (RuntimeChoice("torch", "int8"), "by openvino only"),
    ],
)
def test_what_cannot_be_had_is_refused_in_one_line(
    choice: RuntimeChoice, said: str, small: Path, tmp_path: Path
):
    with pytest.raises(LivefanError, match=said) as caught:
        open_runtime(small, choice, cache=tmp_path)
    assert "\n" not in str(caught.value)


def test_of_int8_weights_without_their_numbers_these_are_named(tmp_path: Path):
    shipped = find_weights(DEFAULT_WEIGHTS)
    for suffix in (".safetensors", ".int8.xml"):
        shutil.copy(shipped.with_suffix(suffix), tmp_path)
    with pytest.raises(LivefanError, match=r"\.int8\.bin: no such file; make it with 'livefan quantise'"):
        open_runtime(tmp_path / shipped.name, RuntimeChoice("openvino", "int8"))


def test_once_chosen_the_shipped_weights_find_faces_without_heavy_packages_and_without_reports(
    runtime: Runtime, photo: np.ndarray, tmp_path: Path
):
    """In a process of its own, after the first use; OpenVINO's reporting package stays out too."""
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


def test_a_loaded_network_is_run_by_torch(weights: Weights, photo: np.ndarray):
    pipeline = Pipeline(weights)
    assert pipeline.runtime.name == "torch"
    assert len(pipeline.process_image(photo)) == 1
    pipeline.close()


def test_quantising_writes_what_the_pipeline_then_runs(small: Path, tmp_path: Path, crops: np.ndarray):
    pytest.importorskip("nncf")
    path = tmp_path / "small.safetensors"
    shutil.copy(small, path)
    with pytest.raises(LivefanError, match="only 3 faces"):
        quantise(path, list(crops))
    done = quantise(path, [np.roll(crop, shift, axis=1) for crop in crops for shift in (0, 8, -8, 16)])
    assert (done.faces, done.nme) == (12, {})
    runtime = open_runtime(path, RuntimeChoice("openvino", "int8"), cache=tmp_path)
    assert disagreement(runtime, TorchRuntime(load_weights(path)).run(crops), crops) < 3


def test_a_model_whose_writing_is_cut_off_is_not_left_with_the_numbers_of_another(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    model = open_vino.from_onnx(as_onnx(load_weights(small)))
    path = tmp_path / "a.xml"
    open_vino.save_model(model, path, {"number": "1"})
    assert open_vino.read_metadata(open_vino.read_model(path)) == {"number": "1"}
    replace_file = os.replace

    def die_after_numbers(source: Path, target: Path) -> None:
        if target.suffix == ".xml":
            raise KeyboardInterrupt
        replace_file(source, target)

    monkeypatch.setattr(os, "replace", die_after_numbers)
    with pytest.raises(KeyboardInterrupt):
        open_vino.save_model(model, path, {"number": "2"})
    assert [each.name for each in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("killed", [False, True])
def test_int8_that_was_made_anew_is_not_taken_for_what_was_measured(
    killed: bool, small: Path, tmp_path: Path, crops: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("nncf")
    path = tmp_path / "small.safetensors"
    shutil.copy(small, path)
    file = read_weight_file(path)
    measured = {"float32": 4.0, "bfloat16": 4.0, "int8": 4.0}
    kept = {"weights_sha256": file.sha256, "validation": "some faces", "faces": 300, "nme": measured}
    select.precisions_path(file).write_text(json.dumps(kept))
    calibration = [np.roll(crop, shift, axis=1) for crop in crops for shift in (0, 8, -8, 16)]
    if killed:
        monkeypatch.setattr("livefan.export.quantise.save_model", lambda *given: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            quantise(path, calibration)
    else:
        quantise(path, calibration)
    assert read_precisions(file) == Precisions({"float32": 4.0, "bfloat16": 4.0}, 300)


def test_int8_is_replaced_only_once_it_was_measured(
    small: Path,
    tmp_path: Path,
    crops: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    pytest.importorskip("nncf")
    path = tmp_path / "small.safetensors"
    shutil.copy(small, path)
    calibration = [np.roll(crop, shift, axis=1) for crop in crops for shift in (0, 8, -8, 16)]
    cv2.imwrite(str(tmp_path / "face.png"), crops[0])
    points = np.random.default_rng(0).uniform(0.3 * SIZE, 0.7 * SIZE, (98, 2))
    face = LabelledFace(tmp_path / "face.png", points, "own")
    lost = replace(face, image_path=tmp_path / "lost.png")
    done = quantise(path, calibration, FaceSet(WFLW_98, [face, lost], title="own"))
    assert capsys.readouterr().err.count("lost.png") == 1
    assert {"float32", "int8"} <= done.nme.keys()
    assert read_precisions(read_weight_file(path)) == Precisions(done.nme, 1)
    assert done.path.is_file()

    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    darker = [crop // 4 for crop in calibration]
    monkeypatch.setattr(
        "livefan.export.quantise._quantised", lambda *given: pytest.fail("worked before it looked")
    )
    gone = FaceSet(WFLW_98, [replace(face, image_path=tmp_path / "gone.png")], title="own")
    with pytest.raises(
        LivefanError, match=r"^own: holds no face .*; the first of 1 skipped: .*gone\.png: cann"
    ):
        quantise(path, darker, gone)
    with pytest.raises(LivefanError, match="own: holds no faces; check --root"):
        quantise(path, darker, FaceSet(WFLW_98, [], title="own"))
    other = FaceSet(IBUG_68, [], title="300w validation")
    with pytest.raises(LivefanError, match=r"of scheme wflw-98, 300w validation of 300w-68; name a data set"):
        quantise(path, darker, other)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


class Drawn(nn.Module):
    """A network that draws Gaussians of height one, as heatmaps should be that are trained to be values.

    They lie where another network sees the landmarks, and are as high as it is sure.
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


def test_a_network_whose_heatmaps_are_values_finds_the_face_on_every_runtime(
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
    # A quarter step may go the other way where two neighbours are as high as each other.
    assert np.abs(compiled.run(crops) - of_torch)[..., :2].max() < 2.01


@pytest.mark.parametrize("choice", [OPENVINO, RuntimeChoice("torch", "float32")], ids=["openvino", "torch"])
@pytest.mark.parametrize("size", [160, 256])
def test_weights_of_another_size_of_crops_find_the_same_face(
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

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from untrained import SIZE

from livefan.core.errors import LivefanError
from livefan.core.resources import bundled_folder
from livefan.networks.checkpoint import load_weights
from livefan.networks.checkpoint_info import read_weight_file
from livefan.runtimes import network_files
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.cache import Store
from livefan.runtimes.graph_file import graph_path, parse_graph
from livefan.runtimes.network_files import MADE_GRAPH, network_graph
from livefan.runtimes.selection import open_runtime
from livefan.runtimes.self_check import check_crops
from livefan.runtimes.torch_runtime import TorchRuntime

BUNDLED = (
    "mobilefan-300w",
    "mobilefan-half-300w",
    "mobilefan-fast-300w",
    "mobilefan-wflw",
    "mobilefan-cofw",
    "teacher-300w",
)
RUNTIMES = ("openvino", "onnxruntime")


@pytest.mark.slow
@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_graph_belongs_to_its_weights_and_gives_the_landmarks_of_torch(
    name: str, monkeypatch: pytest.MonkeyPatch
):
    # The one beside the weights must be used.
    monkeypatch.setattr("livefan.runtimes.onnx_graph.make_graph", lambda weights: pytest.fail("made"))
    weights = read_weight_file(name)
    graph = parse_graph(graph_path(weights.path).read_bytes())
    assert graph.weights_name == weights.path.name
    assert graph.weights_sha256 == weights.sha256
    crops = check_crops(weights.info.input_size)
    landmarks = TorchRuntime(load_weights(name)).run(crops)
    assert np.abs(graph.reference - landmarks).max() < 0.005
    for runtime in filter(find_spec, RUNTIMES):
        found = open_runtime(weights, RuntimeChoice(runtime, "float32")).run(crops)
        assert np.abs(found - landmarks).max() < 0.01


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_graph_holds_no_weights(name: str):
    assert graph_path(read_weight_file(name).path).stat().st_size < 320_000


def test_bundled_files_stay_within_their_limits():
    sizes = [path.stat().st_size for path in bundled_folder("weights").rglob("*") if path.is_file()]
    assert sum(sizes) < 100e6
    assert max(sizes) < 50e6


@pytest.mark.slow
def test_renamed_weights_use_their_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shipped = read_weight_file("mobilefan-half-300w").path
    shutil.copy(shipped, tmp_path / "mine.safetensors")
    shutil.copy(graph_path(shipped), tmp_path / "mine.graph.onnx")
    monkeypatch.setattr(network_files, "find_spec", lambda name: None)
    made = open_runtime(tmp_path / "mine.safetensors", RuntimeChoice("openvino", "float32"), cache=tmp_path)
    assert made.run(check_crops(SIZE)).shape == (3, 68, 4)


@pytest.mark.slow
def test_graph_of_other_weights_is_refused(
    graphless: Path, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copy(graph_path(read_weight_file("mobilefan-300w").path), graph_path(graphless))
    file = read_weight_file(graphless)
    store = Store(file.sha256, 1, tmp_path / "cache")
    with monkeypatch.context() as without_torch:
        without_torch.setattr(network_files, "find_spec", lambda name: None)
        expected = r"graphless\.graph\.onnx: belongs to other weights; install torch"
        with pytest.raises(LivefanError, match=expected):
            network_graph(file, store)
    assert network_graph(file, store).weights_sha256 == file.sha256  # torch makes it


@pytest.mark.parametrize("damage", [b"", b"no graph", None], ids=["empty", "text", "truncated"])
def test_missing_or_damaged_graph_without_torch_gives_one_line_error(
    damage: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shipped = read_weight_file("mobilefan-half-300w").path
    weights = tmp_path / "own.safetensors"
    shutil.copy(shipped, weights)
    monkeypatch.setattr(network_files, "find_spec", lambda name: None)
    choice = RuntimeChoice("openvino", "float32")
    for problem in ("no such file", "cannot be read"):
        expected = (
            rf"own\.graph\.onnx: {problem}.*; install torch .* 'livefan export own\.safetensors --format"
        )
        with pytest.raises(LivefanError, match=expected) as caught:
            open_runtime(weights, choice, cache=tmp_path)
        assert "\n" not in str(caught.value)
        data = graph_path(shipped).read_bytes()
        graph_path(weights).write_bytes(data[: len(data) // 2] if damage is None else damage)


@pytest.mark.slow
def test_made_graph_is_the_same_each_time_kept_in_the_cache_and_made_again_if_damaged(
    graphless: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = read_weight_file(graphless)
    store = Store(file.sha256, 1, tmp_path)
    made = network_graph(file, store)
    assert store.load(MADE_GRAPH) == made.data
    assert made.reference.shape == (3, 98, 4)
    with monkeypatch.context() as kept:
        kept.setattr("livefan.runtimes.onnx_graph.make_graph", lambda weights: pytest.fail("made once more"))
        assert network_graph(file, store).data == made.data
    (store.folder / MADE_GRAPH).write_bytes(made.data[:-1000])
    assert network_graph(file, store).data == made.data


@pytest.mark.slow
def test_graph_of_weights_in_half_precision(tmp_path: Path, crops: np.ndarray):
    """Their tensors are float16 in the file; the graph converts them."""
    from livefan.networks.checkpoint import save_weights

    loaded = load_weights("mobilefan-half-300w")
    path = tmp_path / "half.safetensors"
    save_weights(path, loaded.model, loaded.info, refiner=loaded.refiner, half=True)
    found = open_runtime(path, RuntimeChoice("openvino", "float32"), cache=tmp_path / "cache").run(crops)
    assert np.abs(found - TorchRuntime(load_weights(path)).run(crops)).max() < 0.01


@pytest.mark.parametrize("reference", ["[]", "[[1, 2]]", json.dumps([[[1, 2, 3]]])])
def test_graph_without_reference_landmarks_is_refused(reference: str):
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(graph_path(read_weight_file("mobilefan-300w").path).read_bytes())
    metadata = {entry.key: entry.value for entry in model.metadata_props} | {"self_check": reference}
    onnx.helper.set_model_props(model, metadata)
    with pytest.raises(ValueError, match="reference landmarks"):
        parse_graph(model.SerializeToString())

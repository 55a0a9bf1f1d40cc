import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from livefan.core.errors import LivefanError
from livefan.core.landmarks import COFW_29
from livefan.core.resources import (
    IMAGENET_ENCODER,
    TEACHER_ENCODER,
    bundled_folder,
    find_weights,
    shipped_models,
)
from livefan.networks.checkpoint import Weights, WeightsInfo, load_weights, read_tensors, save_weights
from livefan.networks.mobilefan import MobileFAN, build_network
from livefan.training.initial import load_initial


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A weight file of a fresh half-width network."""
    path = tmp_path / "half.safetensors"
    save_weights(path, MobileFAN(68, 0.5), WeightsInfo(scheme="300w-68", width=0.5))
    return path


def one_line(error: pytest.ExceptionInfo[LivefanError], path: Path) -> str:
    """The message, after checking that it is one line that names the file."""
    text = str(error.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def test_networks_have_the_number_of_parameters_of_the_paper():
    counts = [sum(p.numel() for p in MobileFAN(68, width).parameters()) for width in (1.0, 0.5)]
    assert counts == [2_116_164, 702_852]


def test_each_landmark_has_a_heatmap_of_a_quarter_of_the_input():
    assert MobileFAN(29, 0.5).eval()(torch.zeros(2, 3, 256, 256)).shape == (2, 29, 64, 64)


def test_encoder_parameters_have_the_names_of_torchvision():
    keys = set(MobileFAN(68).encoder.state_dict())
    assert {"features.0.0.weight", "features.1.conv.0.0.weight", "features.17.conv.3.running_var"} <= keys
    assert keys == set(load_file(bundled_folder("weights") / f"{IMAGENET_ENCODER}.safetensors"))


def test_saved_checkpoint_loads_with_its_metadata(small: Path, tmp_path: Path):
    loaded = load_weights(small)
    assert (loaded.info.width, loaded.scheme.name) == (0.5, "300w-68")
    again = tmp_path / "again.safetensors"
    save_weights(again, loaded.model, loaded.info)
    image = torch.randn(1, 3, 256, 256)
    assert torch.equal(loaded.model(image), load_weights(again).model(image))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_permissions_of_a_saved_file_follow_the_umask(small: Path, tmp_path: Path):
    other = tmp_path / "other"
    other.touch()
    assert small.stat().st_mode == other.stat().st_mode


def test_bundled_weights_have_metadata(weights: Weights):
    assert (weights.info.width, weights.scheme.name) == (1.0, "300w-68")
    assert {"data", "terms", "command", "commit", "seed", "validation"} <= set(weights.info.training)
    assert not weights.model.training


def test_names_of_bundled_weights_work_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert find_weights("mobilefan-300w").is_file()


def test_error_for_a_missing_file_names_the_bundled_weights(tmp_path: Path):
    with pytest.raises(LivefanError, match="mobilefan-300w") as error:
        load_weights(tmp_path / "none.safetensors")
    one_line(error, tmp_path / "none.safetensors")


class Touch:
    """Unpickling this creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
@pytest.mark.parametrize("writer", ["pickle", "torch"])
def test_pickle_is_rejected_and_never_executed(tmp_path: Path, name: str, writer: str):
    path, trap = tmp_path / name, tmp_path / "trap"
    if writer == "pickle":
        path.write_bytes(pickle.dumps(Touch(trap)))
    else:
        torch.save(Touch(trap), path)
    with pytest.raises(LivefanError, match="pickle") as error:
        load_weights(path)
    one_line(error, path)
    assert not trap.exists()


def test_error_for_a_pickle_names_a_conversion_that_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As torchvision publishes its networks: the state of a MobileNetV2, here that of a fresh encoder."""
    monkeypatch.chdir(tmp_path)
    encoder = MobileFAN(68, 0.5).encoder.state_dict()
    torch.save(encoder, tmp_path / "checkpoint.pth")
    network = MobileFAN(68, 0.5)
    with pytest.raises(LivefanError, match=r"by the lines of Python in .*convert-pickles\.md$") as error:
        load_initial(network, "checkpoint.pth")
    described = Path(one_line(error, Path("checkpoint.pth")).rpartition(" in ")[2]).read_text()
    exec(described.partition("```python\n")[2].partition("```")[0], {})
    load_initial(network, "checkpoint.safetensors")
    assert all(torch.equal(value, encoder[key]) for key, value in network.encoder.state_dict().items())


def test_header_length_equal_to_the_magic_bytes_of_pickle_is_accepted(tmp_path: Path):
    """The length stands in the first bytes; 0x80 is a pickle's first byte."""
    path = tmp_path / "weights.safetensors"
    for filler in range(0, 256, 8):
        save_file({"a": torch.zeros(1)}, path, metadata={"filler": "x" * filler})
        if path.read_bytes()[0] == 0x80:
            break
    assert path.read_bytes()[0] == 0x80
    assert read_tensors(path)[0].keys() == {"a"}


def test_truncated_or_damaged_file_is_rejected(small: Path):
    whole = small.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"not weights at all", b"\xff" * 64):
        small.write_bytes(damaged)
        with pytest.raises(LivefanError) as error:
            load_weights(small)
        assert one_line(error, small).endswith("copy it again")


@pytest.mark.parametrize("read", [load_weights, read_tensors])
def test_network_of_another_project_is_named_as_such(tmp_path: Path, read: Callable[[Path], object]):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\x08\x08\x12\x07pytorch" * 20)
    with pytest.raises(
        LivefanError, match=r"not a safetensors file.*'compare', 'live' or 'evaluate'"
    ) as error:
        read(path)
    assert "copy it again" not in one_line(error, path)


def test_checkpoint_of_another_scheme_is_rejected(small: Path):
    with pytest.raises(LivefanError, match="cofw-29") as error:
        load_weights(small, scheme=COFW_29.name)
    one_line(error, small)


def rewritten(path: Path, **changes: object) -> None:
    """Change entries of a weight file's metadata."""
    info = {
        "scheme": "300w-68",
        "width": 0.5,
        "architecture": "mobilefan",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }
    save_file(load_file(path), path, metadata={"livefan": json.dumps(info | changes)})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architecture": "resnet"}, "resnet"),
        ({"scheme": "my-5"}, "my-5"),
        ({"scheme": "wflw-98"}, "do not fit"),
        ({"width": 1.0}, "do not fit"),
        ({"mean": [0.5, 0.5, 0.5]}, "normalisation"),
        ({"input_size": 112}, "256"),
    ],
)
def test_weights_that_do_not_fit_their_metadata_are_rejected(
    small: Path, changes: dict[str, object], said: str
):
    rewritten(small, **changes)
    with pytest.raises(LivefanError, match=said):
        load_weights(small)


def test_weights_without_metadata_are_rejected(small: Path):
    save_file(load_file(small), small)
    with pytest.raises(LivefanError, match="no livefan metadata") as error:
        load_weights(small)
    one_line(error, small)


def test_network_starts_from_imagenet_or_from_another_network(small: Path):
    model = MobileFAN(68)
    load_initial(model, IMAGENET_ENCODER)
    imagenet = load_file(bundled_folder("weights") / f"{IMAGENET_ENCODER}.safetensors")
    assert torch.equal(model.encoder.state_dict()["features.0.0.weight"], imagenet["features.0.0.weight"])
    half = MobileFAN(68, 0.5)
    load_initial(half, small)
    assert torch.equal(half.head.weight, load_weights(small).model.head.weight)
    of_other_points = MobileFAN(29, 0.5)
    load_initial(of_other_points, small)
    assert torch.equal(of_other_points.encoder.features[0][0].weight, half.encoder.features[0][0].weight)
    with pytest.raises(LivefanError, match="width 0"):
        load_initial(MobileFAN(68, 0.5), IMAGENET_ENCODER)


def test_teacher_starts_from_imagenet():
    teacher = build_network("efficientnet-lite2", 68)
    load_initial(teacher, TEACHER_ENCODER)
    imagenet = load_file(bundled_folder("weights") / f"{TEACHER_ENCODER}.safetensors")
    state = teacher.encoder.state_dict()
    assert all(torch.equal(state[name], tensor.float()) for name, tensor in imagenet.items())
    assert state.keys() - imagenet.keys() == {name for name in state if name.endswith("num_batches_tracked")}
    assert TEACHER_ENCODER not in shipped_models()


def test_failed_save_keeps_the_former_file(small: Path, monkeypatch: pytest.MonkeyPatch):
    before = small.read_bytes()

    def fails(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fails)
    with pytest.raises(OSError, match="disk full"):
        save_weights(small, MobileFAN(68, 0.5), WeightsInfo(scheme="300w-68", width=0.5))
    assert small.read_bytes() == before
    assert [path.name for path in small.parent.iterdir()] == [small.name]


def test_output_in_a_missing_folder_is_rejected(tmp_path: Path):
    with pytest.raises(LivefanError, match="no such folder"):
        save_weights(tmp_path / "none" / "w.safetensors", MobileFAN(68, 0.5), WeightsInfo("300w-68"))
    shutil.rmtree(tmp_path, ignore_errors=True)


def test_names_of_the_refiner_in_former_files_load(tmp_path: Path):
    """Weight files of livefan 0.1 name its layers ``bent`` and ``straight``."""
    loaded = load_weights("mobilefan-300w")
    assert loaded.refiner is not None
    tensors, metadata = read_tensors(loaded.path)
    assert {"refiner.mlp.weight", "refiner.skip.weight", "refiner.skip.bias"} <= tensors.keys()
    former = {
        key.replace("refiner.mlp", "refiner.bent").replace("refiner.skip", "refiner.straight"): value
        for key, value in tensors.items()
    }
    save_file(former, tmp_path / "former.safetensors", metadata)
    again = load_weights(tmp_path / "former.safetensors").refiner
    assert again is not None
    assert torch.equal(again.mlp.weight, loaded.refiner.mlp.weight)
    assert torch.equal(again.skip.bias, loaded.refiner.skip.bias)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_name_that_is_not_utf8_is_not_taken_for_damage(small: Path):
    path = small.rename(small.with_name(os.fsdecode(b"w\xfc.safetensors")))
    with pytest.raises(LivefanError, match="torch reads only names in UTF-8; rename the file or folder"):
        read_tensors(path)


def test_metadata_do_not_describe_fits_of_parts_that_are_not_written(tmp_path: Path):
    steps = ("refiner", "refined_by", "expressions", "expressions_by", "reliability", "reliability_by")
    info = WeightsInfo("300w-68", 0.5, training=dict.fromkeys((*steps, "data"), "text"))
    save_weights(tmp_path / "w.safetensors", MobileFAN(68, 0.5), info)
    assert load_weights(tmp_path / "w.safetensors").info.training == {"data": "text"}

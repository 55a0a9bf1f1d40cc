import shutil
from pathlib import Path

import pytest

from livefan.core.errors import LivefanError
from livefan.core.resources import DEFAULT_WEIGHTS, find_weights
from livefan.networks.checkpoint_info import read_weight_file
from livefan.runtimes.base import Runtime, RuntimeChoice
from livefan.runtimes.precisions import read_precisions
from livefan.runtimes.selection import open_runtime


def test_bundled_weights_have_measured_precisions(runtime: Runtime):
    measured = read_precisions(read_weight_file(DEFAULT_WEIGHTS))
    assert measured.faces > 100
    assert measured.is_accurate(runtime.precision)
    assert not measured.is_accurate("float16")


def test_files_of_other_weights_are_not_used(tmp_path: Path, small: Path):
    shipped = find_weights(DEFAULT_WEIGHTS)
    for file in shipped.parent.glob(f"{shipped.stem}.*"):
        shutil.copy(file, tmp_path / file.name.replace(shipped.stem, "other"))
    shutil.copy(small, tmp_path / "other.safetensors")
    assert read_precisions(read_weight_file(tmp_path / "other.safetensors")).nme == {}
    with pytest.raises(LivefanError, match="made from other weights"):
        open_runtime(tmp_path / "other.safetensors", RuntimeChoice("openvino", "int8"))

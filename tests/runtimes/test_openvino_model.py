import os
from pathlib import Path

import pytest

from livefan.networks.checkpoint import load_weights
from livefan.runtimes.onnx_graph import as_onnx
from livefan.runtimes.openvino_model import from_onnx, read_metadata, read_model, save_model


@pytest.mark.slow
def test_interrupted_save_leaves_no_mixed_model(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    model = from_onnx(as_onnx(load_weights(small)))
    path = tmp_path / "a.xml"
    save_model(model, path, {"number": "1"})
    assert read_metadata(read_model(path)) == {"number": "1"}
    replace_file = os.replace

    def die_after_numbers(source: Path, target: Path) -> None:
        if target.suffix == ".xml":
            raise KeyboardInterrupt
        replace_file(source, target)

    monkeypatch.setattr(os, "replace", die_after_numbers)
    with pytest.raises(KeyboardInterrupt):
        save_model(model, path, {"number": "2"})
    assert [each.name for each in tmp_path.iterdir()] == ["a.bin"]

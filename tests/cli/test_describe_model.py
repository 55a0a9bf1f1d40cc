"""The command ``describe-model``."""

from pathlib import Path

import numpy as np
import pytest
from toy_network import save_constant_network

from livefan.cli.main import main
from livefan.external_models.description import read_description


def test_draft_is_written_beside_the_network_and_never_replaced_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    network = save_constant_network(tmp_path / "net.xml", np.zeros((1, 136)))
    assert main(["describe-model", str(network)]) == 0
    assert "net.xml has inputs image [1, 32, 32, 3]; outputs out_0 [1, 136]" in capsys.readouterr().out
    draft = tmp_path / "net.toml"
    assert read_description(draft).scheme.name == "300w-68"
    draft.write_text("mine")
    assert main(["describe-model", str(network)]) == 2
    assert "net.toml: exists already; choose another name, or add --overwrite" in capsys.readouterr().err
    assert draft.read_text() == "mine"
    assert main(["describe-model", str(network), "-o", str(draft), "--overwrite"]) == 0
    assert draft.read_text() != "mine"


def test_unusable_arguments_give_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    network = save_constant_network(tmp_path / "net.xml", np.zeros((1, 136)))
    for arguments, message in (
        ([str(tmp_path / "gone.onnx")], "gone.onnx: no such file"),
        (
            [str(network), "-o", str(tmp_path / "net.json")],
            "net.json: descriptions are TOML; end the name in .toml",
        ),
    ):
        assert main(["describe-model", *arguments]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    (tmp_path / "net.toml").write_text('model = "net.xml"\n[input]\nsize = 9\n')
    assert main(["live", "--compare", str(network), "clip.mp4"]) == 2
    assert "net.toml: [crop]: missing; net.xml has inputs" in capsys.readouterr().err

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from untrained import SIZE, moving_refiner

from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68, WFLW_98
from livefan.datasets import FaceSet, LabelledFace
from livefan.export.quantise import quantise
from livefan.networks.checkpoint import load_weights, save_weights
from livefan.networks.checkpoint_info import read_weight_file
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.precisions import Precisions, precisions_path, read_precisions
from livefan.runtimes.selection import open_runtime
from livefan.runtimes.self_check import disagreement
from livefan.runtimes.torch_runtime import TorchRuntime

pytestmark = pytest.mark.slow


@pytest.fixture
def path(small: Path, tmp_path: Path) -> Path:
    """The small weights with a refiner, and with a measured error of float32, bfloat16 and int8."""
    pytest.importorskip("nncf")
    copy = tmp_path / "small.safetensors"
    loaded = load_weights(small)
    refiner = moving_refiner(98)
    refiner.skip.bias.fill_(0.3)  # further than the rounding of int8 moves landmarks
    save_weights(copy, loaded.model, loaded.info, refiner=refiner)
    file = read_weight_file(copy)
    measured = {"float32": 4.0, "bfloat16": 4.0, "int8": 4.0}
    kept = {"weights_sha256": file.sha256, "validation": "some faces", "faces": 300, "nme": measured}
    precisions_path(file).write_text(json.dumps(kept))
    return copy


@pytest.fixture
def calibration(crops: np.ndarray) -> list[np.ndarray]:
    return [np.roll(crop, shift, axis=1) for crop in crops for shift in (0, 8, -8, 16)]


def test_int8_model_that_is_not_saved_counts_as_not_measured(
    path: Path, calibration: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(LivefanError, match="only 3 faces"):
        quantise(path, calibration[:3])
    # Private: the step that costs seconds.
    monkeypatch.setattr("livefan.export.quantise._quantised", lambda model, crops: model)
    monkeypatch.setattr("livefan.export.quantise.save_model", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        quantise(path, calibration)
    assert read_precisions(read_weight_file(path)) == Precisions({"float32": 4.0, "bfloat16": 4.0}, 300)


def test_bfloat16_that_another_cpu_measured_on_the_same_faces_is_kept(
    path: Path,
    tmp_path: Path,
    crops: np.ndarray,
    calibration: list[np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
):
    # Private: the step that costs most.
    monkeypatch.setattr("livefan.export.quantise._quantised", lambda model, crops: model)
    monkeypatch.setattr("livefan.export.quantise.has_bfloat16", lambda: False)
    cv2.imwrite(str(tmp_path / "face.png"), crops[0])
    points = np.random.default_rng(0).uniform(0.3 * SIZE, 0.7 * SIZE, (98, 2))
    one = FaceSet(WFLW_98, [LabelledFace(tmp_path / "face.png", points, "own")], title="own")
    assert quantise(path, calibration, one).nme.keys() == {"float32", "int8"}
    kept = precisions_path(read_weight_file(path))
    known = json.loads(kept.read_text())
    known["nme"]["bfloat16"] = 5.0
    kept.write_text(json.dumps(known))
    assert quantise(path, calibration, one).nme["bfloat16"] == 5.0


def test_new_int8_model_runs_and_replaces_the_former(
    path: Path,
    tmp_path: Path,
    crops: np.ndarray,
    calibration: list[np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    """Without validation faces its accuracy counts as not measured. Its network is compiled again."""
    # Private, here and below: the step that costs most. A network without rounding stands for the former one.
    with monkeypatch.context() as patch:
        patch.setattr("livefan.export.quantise._quantised", lambda model, crops: model)
        done = quantise(path, calibration)
    assert (done.faces, done.nme) == (12, {})
    assert read_precisions(read_weight_file(path)) == Precisions({"float32": 4.0, "bfloat16": 4.0}, 300)
    choice = RuntimeChoice("openvino", "int8")
    former = open_runtime(path, choice, cache=tmp_path / "cache").run(crops).copy()

    cv2.imwrite(str(tmp_path / "face.png"), crops[0])
    points = np.random.default_rng(0).uniform(0.3 * SIZE, 0.7 * SIZE, (98, 2))
    face = LabelledFace(tmp_path / "face.png", points, "own")
    lost = replace(face, image_path=tmp_path / "lost.png")
    done = quantise(path, calibration, FaceSet(WFLW_98, [face, lost], title="own"))
    assert capsys.readouterr().err.count("lost.png") == 1
    assert {"float32", "int8"} <= done.nme.keys()
    assert read_precisions(read_weight_file(path)) == Precisions(done.nme, 1)
    runtime = open_runtime(path, choice, cache=tmp_path / "cache")
    assert not np.array_equal(runtime.run(crops), former)
    refined, unrefined = (
        disagreement(runtime, TorchRuntime(each).run(crops), crops)
        for each in (load_weights(path), replace(load_weights(path), refiner=None))
    )
    assert refined < 3
    assert unrefined > 2 * refined

    before = {each.name: each.read_bytes() for each in tmp_path.iterdir() if each.is_file()}
    # It must come after all checks of the input.
    monkeypatch.setattr(
        "livefan.export.quantise._quantised", lambda *given: pytest.fail("quantised before the checks")
    )
    gone = FaceSet(WFLW_98, [replace(face, image_path=tmp_path / "gone.png")], title="own")
    with pytest.raises(
        LivefanError, match=r"^own: holds no face .*; the first of 1 skipped: .*gone\.png: no such file"
    ):
        quantise(path, calibration, gone)
    with pytest.raises(LivefanError, match="own: holds no faces; check --root"):
        quantise(path, calibration, FaceSet(WFLW_98, [], title="own"))
    other = FaceSet(IBUG_68, [], title="300w validation")
    with pytest.raises(LivefanError, match=r"of scheme wflw-98, 300w validation of 300w-68; name a data set"):
        quantise(path, calibration, other)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir() if each.is_file()} == before

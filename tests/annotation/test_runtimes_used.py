import json
from pathlib import Path

from livefan.annotation.batch import Task
from livefan.annotation.outputs import Outputs
from livefan.annotation.runtimes_used import note_on_other_runtimes, runtimes_in
from livefan.annotation.settings import AnnotationSettings
from livefan.networks.checkpoint_info import read_weight_file
from livefan.runtimes.base import RuntimeChoice


def test_folder_of_another_runtime_gives_one_line(tmp_path: Path):
    weights = read_weight_file(AnnotationSettings().weights)
    for name, sha256, runtime in (
        ("a", weights.sha256, "openvino bfloat16"),
        ("b", weights.sha256, "openvino bfloat16"),
        ("c", weights.sha256, "openvino float32"),
        ("d", "of other weights", "openvino int8"),
    ):
        metadata = {"model": {"sha256": sha256, "runtime": runtime}}
        (tmp_path / f"{name}.livefan.json").write_text(json.dumps(metadata))
    (tmp_path / "e.livefan.json").write_text("[1")
    assert runtimes_in(tmp_path, weights.sha256) == {"openvino bfloat16": 2, "openvino float32": 1}

    def note(precision: str) -> str:
        settings = AnnotationSettings(runtime=RuntimeChoice("openvino", precision))
        return note_on_other_runtimes([Task("x.mp4", Outputs(tmp_path / "x"), settings)])

    assert note("float32") == (
        f"{tmp_path}: holds annotations measured otherwise (2 with openvino bfloat16); this batch measures "
        "with openvino float32; add --runtime openvino --precision bfloat16 for the same landmarks"
    )
    for path in tmp_path.glob("[ab].*"):
        path.unlink()
    assert note("float32") == ""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from livefan.benchmark import everything, old_face_mesh
from livefan.benchmark.annotating import AnnotationSpeed
from livefan.benchmark.everything import compare, measure_all, read_measurement
from livefan.benchmark.frames import crowd
from livefan.benchmark.growth import Row, as_line, as_numbers
from livefan.benchmark.old_face_mesh import face_mesh
from livefan.benchmark.report import as_numbers as report_numbers
from livefan.benchmark.suite import Report
from livefan.benchmark.tables import (
    BEGIN,
    DOCUMENTS,
    END,
    FOLDER,
    document_with_tables,
    short_table,
    tables,
)
from livefan.benchmark.timing import Elsewhere, time_in_turn
from livefan.cli.main import main
from livefan.core.errors import LivefanError
from livefan.core.frame import Frame


@pytest.fixture
def measurement(report: Report, monkeypatch: pytest.MonkeyPatch) -> dict:
    """Two repeats; the second takes twice as long."""
    rows = as_numbers([Row("faces on 1280 x 720", "20", 9.5, "ms"), Row("length", "1 min", 7.0, "s", 210.0)])
    number = iter(range(100))

    def run(arguments: list[str]) -> object:
        if "--growth" in arguments:
            return rows
        factor = 1 + (next(number) >= 3)
        if "--annotate" in arguments:
            return {**AnnotationSpeed("clip.mp4", 20.0, 500, {"livefan": 4.0 * factor}).__dict__}
        made = json.loads(json.dumps(report_numbers(report)))
        made["end_to_end"]["median"] *= factor
        return made

    # Private: the public function runs the whole benchmark in other processes.
    monkeypatch.setattr(everything, "_run", run)
    parts = (everything.ONE_CORE, everything.TWO_CORES, everything.ANNOTATE, everything.GROWTH)
    return measure_all(dict.fromkeys(parts, ()), 2)


def test_measurement_holds_every_part_with_its_repeats(measurement: dict):
    assert {name: len(repeats) for name, repeats in measurement["parts"].items()} == {
        "one core": 2,
        "two cores": 2,
        "annotate": 2,
        "growth": 1,
    }
    assert {"machine", "commit", "versions", "command", "format"} <= measurement.keys()
    assert measurement["command"]["one core"] == "benchmark --threads 1"


def test_comparison_gives_ratios_with_their_range(measurement: dict):
    lines = list(compare(measurement, measurement))
    (end,) = [line for line in lines if "end to end" in line][:1]
    assert end.split()[-3:] == ["1.00", "[0.50,", "2.00]"]
    (ratio,) = [line for line in lines if "livefan / MediaPipe" in line][:1]
    assert ratio.split()[-3:] == ["1.00", "[1.00,", "1.00]"]


def test_command_compares_two_files(measurement: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(measurement))
    assert main(["benchmark", "--compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 0
    assert "second / first" in capsys.readouterr().out
    files = [str(tmp_path / f"{name}.json") for name in ("a", "b")]
    assert main(["benchmark", "--compare", *files, "--json", files[0]]) == 2
    assert "a.json: is a measurement to compare" in capsys.readouterr().err
    assert json.loads((tmp_path / "a.json").read_text()) == measurement
    (tmp_path / "b.json").write_text("{}")
    assert main(["benchmark", "--compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 2
    assert "not written by 'benchmark --all --json'" in capsys.readouterr().err
    with pytest.raises(LivefanError, match="No such file"):
        read_measurement(tmp_path / "c.json")


def test_part_that_fails_leaves_a_problem_and_the_others_are_kept(
    measurement: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    kept, broken = iter(measurement["parts"]["two cores"]), {"--annotate", "--growth", "1"}

    def run(arguments: list[str]) -> object:
        if broken & set(arguments[:2]):
            raise LivefanError("the disk is full")
        return next(kept)

    monkeypatch.setattr(everything, "_run", run)  # private, as above
    file = tmp_path / "all.json"
    assert main(["benchmark", "--all", "--repeats", "2", "--json", str(file)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"livefan: {name} of 2: the disk is full"
        for name in ("one core, 1", "annotate, 1", "growth, 1", "one core, 2", "annotate, 2")
    ]
    read = read_measurement(file)
    assert read["problems"][0] == "one core, 1 of 2: the disk is full"
    assert {name: len(repeats) for name, repeats in read["parts"].items()} == {
        "one core": 0,
        "two cores": 2,
        "annotate": 0,
        "growth": 0,
    }
    headings = [line for line in compare(measurement, read) if "pairs of repeats" in line]
    assert headings == ["two cores: second / first, range of 2 x 2 pairs of repeats"]
    assert "| livefan / MediaPipe FaceLandmarker | 0.50 |" in list(short_table("zen-3", read))
    assert "| figure | two cores |" in list(tables("zen-3", read))
    for name in read["parts"]:
        read["parts"][name] = []
    assert not any(line.startswith("|") for table in (short_table, tables) for line in table("zen-3", read))


def test_failure_of_every_part_is_an_error(monkeypatch: pytest.MonkeyPatch):
    def run(arguments: list[str]) -> object:
        raise LivefanError("no face")

    monkeypatch.setattr(everything, "_run", run)  # private, as above
    with pytest.raises(LivefanError, match="growth, 1 of 1: no face"):
        measure_all({everything.GROWTH: ()}, 1)


def test_growth_is_compared_and_a_part_without_figures_is_left_out(measurement: dict):
    lines = list(compare(measurement, measurement))
    assert lines[-3:] == [
        "growth: second / first, range of 1 x 1 pairs of repeats",
        f"  {'faces on 1280 x 720: 20':58}  1.00  [1.00, 1.00]",
        f"  {'length: 1 min':58}  1.00  [1.00, 1.00]",
    ]


@pytest.mark.parametrize("missing", ["commit", "machine", "parts"])
def test_file_without_its_circumstances_is_refused(measurement: dict, tmp_path: Path, missing: str):
    del measurement[missing]
    (tmp_path / "a.json").write_text(json.dumps(measurement))
    with pytest.raises(LivefanError, match="not written by 'benchmark --all --json'"):
        read_measurement(tmp_path / "a.json")


def test_document_gets_the_tables_of_kept_measurements(measurement: dict):
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    made = document_with_tables(text, {"zen-3": measurement}, tables)
    assert made.startswith(f"before\n{BEGIN}\n### zen-3\n")
    assert made.endswith(f"{END}\nafter\n")
    assert "old" not in made
    assert "| livefan / MediaPipe FaceLandmarker | 0.50 (0.50 to 0.50) | 0.50 (0.50 to 0.50) |" in made
    assert "| livefan | 3.75 (2.50 to 5.00) |" in made
    assert "| in turn: livefan, 95th percentile | 5.00 (5.00 to 5.00) | 5.00 (5.00 to 5.00) |" in made
    assert "| crop | 12.50 (12.50 to 12.50) |" in made
    assert "| Convolution_1 | 50.0% |" in made
    assert "| length | 1 min | 7 s | 210 MiB |" in made
    assert document_with_tables(made, {"zen-3": measurement}, tables) == made
    assert document_with_tables(text, {}, tables) == text
    short = document_with_tables(text, {"zen-3": measurement}, short_table)
    assert "| livefan / MediaPipe FaceLandmarker | 0.50 | 0.50 |" in short
    assert "multiples of real time: livefan 3.8" in short


def test_tables_of_the_document_are_those_of_the_kept_files():
    kept = {path.stem: read_measurement(path) for path in FOLDER.glob("*.json")}
    for document, table in DOCUMENTS.items():
        text = document.read_text(encoding="utf-8")
        assert document_with_tables(text, kept, table) == text


def test_time_of_another_process_counts():
    timings = time_in_turn({"mesh": lambda _: Elsewhere(2.0, 1.0, 1)}, range(8))
    assert (timings["mesh"].median, timings["mesh"].processor) == (2000.0, 1000.0)


def test_frame_larger_than_the_shared_memory_gives_one_line_error(monkeypatch: pytest.MonkeyPatch):
    # Private: the process of the face mesh needs another environment.
    monkeypatch.setattr(old_face_mesh, "_CODE", "print('livefan:0', flush=True); input()")
    with (
        face_mesh(Path(sys.executable)) as (_, track),
        pytest.raises(LivefanError, match="at most 3840 x 2160 pixels, not 4000 x 2160"),
    ):
        track(np.zeros((2160, 4000, 3), np.uint8))


@pytest.mark.slow
def test_interpreter_without_mediapipe_gives_one_line_error(tmp_path: Path):
    with (
        pytest.raises(LivefanError, match="its process ended"),
        face_mesh(Path(sys.executable)) as (_, track),
    ):
        track(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(LivefanError, match="cannot be started"), face_mesh(tmp_path / "python"):
        pass


def test_dense_crowd_shows_twenty_faces(photo: np.ndarray):
    (frame,) = crowd([Frame(photo, 0, 0.0, 0.0)], np.array([300.0, 200.0]), 200.0, 20, dense=True)
    grey = (frame.image == 90).all(axis=2)
    assert frame.image.shape == (720, 1280, 3)
    assert 0.3 < 1 - grey.mean() < 0.7


def test_row_of_the_growth_as_a_line():
    line = as_line(Row("length, data only", "1 min", 7.0, "s", 210.0, "8.6 x real time"))
    assert " ".join(line.split()) == "length, data only 1 min 7.00 s 210 MiB 8.6 x real time"

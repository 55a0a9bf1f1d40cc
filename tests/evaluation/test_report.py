"""Tables and plots of evaluations."""

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from livefan.datasets import load
from livefan.evaluation.evaluate import EvaluatedFace, Evaluation
from livefan.evaluation.report import draw_ced, draw_faces_sheet, region_table, rows, table


def test_table_has_a_line_for_each_evaluation_and_subset(evaluation: Evaluation):
    lines = table([evaluation, replace(evaluation, decoder="argmax")]).splitlines()
    assert len(lines) == 1 + 2 * 6
    assert lines[0].split("  ")[0] == "crop"
    assert "FR > 8" in lines[0]
    # Means of the eyes' points are 17.4 apart: 5 points at 10 and one at 50, 30.
    assert lines[2].split()[2:] == ["common", "3", "3.43", "11.49", "0", "0.5713", "0"]
    assert {(row["scheme"], row["failure_threshold"]) for row in rows([evaluation])} == {("300w-68", 8.0)}
    assert [row["subset"] for row in rows([evaluation])][:3] == ["all", "common", "challenging"]


def test_image_set_called_all_does_not_replace_the_whole(evaluation: Evaluation):
    first, second, *_ = evaluation.faces
    parts = [replace(first, face=replace(first.face, attributes=(), subset="all"))]
    parts.append(replace(second, face=replace(second.face, attributes=(), subset="more")))
    found = [(row["subset"], row["n_faces"]) for row in rows([replace(evaluation, faces=parts)])]
    assert found == [("all", 2), ("all", 1), ("more", 1)]


def test_regions_have_their_own_errors(evaluation: Evaluation):
    found = evaluation.faces[0]
    moved = found.face.points_px.copy()
    moved[:17, 0] += 5  # the jaw
    one = replace(evaluation, faces=[replace(found, predicted_px=moved)])
    lines = dict(line.split()[::2] for line in region_table(one).splitlines()[1:])
    assert list(lines) == ["jaw", "brow", "nose_bridge", "nose_base", "eye", "outer_lip", "inner_lip"]
    assert float(lines["jaw"]) == pytest.approx(
        500 / np.linalg.norm(found.face.points_px[36] - found.face.points_px[45]), abs=1e-3
    )
    assert float(lines["eye"]) == 0


@pytest.mark.filterwarnings("error")
def test_regions_of_missed_faces_have_no_error(evaluation: Evaluation):
    missed = replace(evaluation.faces[0], predicted_px=None, nme=np.inf)
    lines = region_table(replace(evaluation, faces=[missed])).splitlines()[1:]
    assert {line.split()[2] for line in lines} == {"-"}


@pytest.mark.slow
def test_legend_of_the_error_curves_lies_beside_the_plot(
    evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from matplotlib.figure import Figure  # takes a second

    drawn = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *given, **named: (drawn.append(self), save(self, *given, **named))
    )
    kinds = [f"kind {number}" for number in range(10)]
    first = evaluation.faces[0]
    faces = [replace(first, face=replace(first.face, attributes=(kind,))) for kind in kinds]
    one = replace(evaluation, faces=faces)
    results = [replace(one, crop=crop, decoder=name) for crop in "ab" for name in "cd"]
    for evaluations, labels in (([one], ["all", *kinds]), (results, ["a, c", "a, d", "b, c", "b, d"])):
        draw_ced(evaluations, tmp_path / "ced.png")
        (axes,) = drawn[-1].axes
        assert [line.get_label().rsplit(" (", 1)[0] for line in axes.lines] == labels
        assert len({line.get_color() for line in axes.lines}) == len(labels)
        beside, curves = axes.get_legend().get_window_extent(), axes.get_window_extent()
        assert beside.x0 > curves.x1
        assert beside.y0 > curves.y0
        assert cv2.imread(str(tmp_path / "ced.png")).shape[1] > beside.x1 - curves.x0  # no label is cut off


def test_sheet_of_faces_begins_with_a_legend(own: Path, tmp_path: Path):
    face = load("pts", own, "all").faces[0]
    draw_faces_sheet([EvaluatedFace(face, face.points_px, 0.0)], tmp_path / "worst.png")
    sheet = cv2.imread(str(tmp_path / "worst.png"))
    assert sheet.shape == (24 + 256, 256, 3)
    green, red = (sheet[12, x].astype(int) for x in (8, 78))
    assert green[1] > 200 > green[2]
    assert red[2] > 200 > red[1]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_sheet_of_faces_takes_any_file_name(own: Path, tmp_path: Path):
    face = load("pts", own, "all").faces[0]
    # Another script, and a byte that is not UTF-8, at which OpenCV's functions for text end the process.
    odd = replace(face, image_path=face.image_path.rename(own / "\u732b-\udcfc.png"))
    draw_faces_sheet([EvaluatedFace(odd, face.points_px, 0.0)], tmp_path / "\udcfc.png")
    assert (tmp_path / "\udcfc.png").stat().st_size > 1000

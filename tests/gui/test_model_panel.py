"""Tests of the comparison of two models."""

import errno
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt6.QtWidgets import QComboBox, QFileDialog
from pytestqt.qtbot import QtBot
from toy_network import DESCRIPTION, save_described
from windows import RAW, Driven, index, mouse, pane, paused_at_end

from livefan.core.agreement import OTHER_REGION, Disagreement
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68
from livefan.external_models.open import available_programs
from livefan.gui.actions.models import ExportReport
from livefan.gui.actions.sources import open_dropped
from livefan.gui.messages import Kind
from livefan.gui.model_picker import ModelPicker
from livefan.gui.report_export import ReportExport
from livefan.gui.session_config import SessionConfig
from livefan.live.result import Pair, Result
from livefan.live.view_state import Layout
from livefan.tracking.model_spec import ModelChoice


def test_report_that_cannot_be_written_names_the_place_and_the_mend(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*arguments: object, **how: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "/cdrom")

    monkeypatch.setattr("livefan.live.compare.compare", fail)
    reports = ReportExport()
    with qtbot.waitSignal(reports.error) as error:
        reports.start(SessionConfig("a.mp4", second=RAW), tmp_path / "report", Layout.SINGLE)
    assert error.args == ["/cdrom: Read-only file system; check the place, its permissions and free space"]


def distant_pair(index: int, distance: float) -> Pair:
    """Return results on a frame, one frame a second, whose landmarks are this many percent apart."""
    frame = Frame(np.zeros((2, 2, 3), np.uint8), index, 0.0, float(index))
    result = Result(frame, [], IBUG_68, "a", "made", 0.0, 0.0, 0.01, 0.0)
    return Pair(result, result, (Disagreement(index, float(index), 1, np.full(68, distance)),))


def test_chosen_row_keeps_its_moment_when_larger_distances_follow(drive: Driven):
    window = drive.open(second=RAW)
    gauges, panel = window.player.gauges, window.models
    gauges.see_pair(distant_pair(0, 2.0))
    panel.show_distances()
    panel.worst.setCurrentRow(0)
    gauges.see_pair(distant_pair(1, 3.0))
    panel.show_distances()
    assert panel.worst.currentRow() == 1
    gauges.see_pair(distant_pair(0, 0.0))  # measured again
    panel.show_distances()
    assert panel.worst.currentItem() is None


class TestComparison:
    @pytest.mark.slow
    def test_comparison_starts_and_ends(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images)
        assert not window.tool_bar.layouts.isEnabled()
        window.controls.compare.trigger()
        assert window.player.config.second is not None
        assert not window.models.regions.isVisibleTo(window.models)  # but later than the second picker
        drive.until(window.panels.models.isVisible)
        drive.until(window.models.regions.isVisible)
        drive.until(lambda: window.view.painted.picture.layout is Layout.SIDE_BY_SIDE)
        assert len(window.view.painted.picture.panes) == 2
        window.controls.compare.trigger()
        drive.until(lambda: window.view.painted.picture.layout is Layout.SINGLE)
        assert window.player.session.second is None

    @pytest.mark.slow
    def test_default_second_model_is_the_teacher_and_table_shows_sizes(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images)
        window.controls.compare.trigger()
        table = window.models.table
        models = [ModelChoice(), ModelChoice("teacher-300w")]
        parameters = [f"{each.n_parameters / 1e6:.2f} M" for each in models]
        drive.until(lambda: [table.item(row, 0).text() for row in range(2)] == parameters)
        assert [float(table.item(row, 1).text().removesuffix(" MiB")) for row in range(2)] == pytest.approx(
            [each.n_bytes / 2**20 for each in models], abs=0.5
        )
        drive.until(lambda: not table.isRowHidden(1))
        assert window.models.first.weights.currentText() == "mobilefan-300w"
        assert window.models.second.weights.currentText() == "teacher-300w"
        drive.until(lambda: window.view.painted.picture.layout is Layout.SIDE_BY_SIDE)
        figures = window.models.second.figures
        drive.until(lambda: " ms" in figures.text())
        assert "validation error 2.94 %" in figures.text()
        assert "openvino float32" in figures.text()
        assert "inter-ocular" in figures.toolTip()
        window.controls.compare.trigger()
        drive.until(lambda: table.isRowHidden(1))

    @pytest.mark.slow
    def test_every_layout_shows_both_models_on_one_frame_and_the_mouse_drags_the_wipe(
        self, drive: Driven, images: Path
    ):
        window = paused_at_end(drive, images, second=RAW, layout=Layout.SINGLE)
        for layout in (*Layout, Layout.WIPE):
            self.pick(window.tool_bar.layouts, layout)
            drive.until(lambda layout=layout: window.view.painted.picture.layout is layout)
            drive.until(lambda: window.player.gauges.newest is not None)
            newest = window.player.gauges.newest
            assert newest.first.frame.index == newest.second.frame.index
            assert len({each.result.frame.index for each in window.view.painted.picture.panes}) == 1
            assert window.controls.layouts[layout].isChecked()
        width, height = window.view.width(), window.view.height()
        mouse(window, QEvent.Type.MouseButtonPress, QPointF(width / 2, height / 2))
        mouse(window, QEvent.Type.MouseMove, QPointF(width / 4, height / 2))
        mouse(window, QEvent.Type.MouseButtonRelease, QPointF(width / 4, height / 2))
        assert window.player.view.wipe == pytest.approx(0.25, abs=0.01)
        drive.until(lambda: window.view.painted.shown is not None)

    @pytest.mark.slow
    def test_panel_shows_distances_by_region_and_largest_distances(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip), second=RAW)
        drive.until(lambda: len(window.player.gauges.worst) >= 2)
        drive.until(lambda: "Distance" in window.models.apart.text())
        scheme = window.player.gauges.newest.first.scheme
        bars, values = window.models.regions.bars, dict(window.models.regions.values)
        del values[OTHER_REGION]  # landmarks outside of all regions, which these weights do not have
        drive.until(lambda: all("now" in value.text() for value in values.values()))
        window.controls.play.trigger()
        drive.until(lambda: window.view.state.name == "paused")
        drive.until_still(window)  # no pair is under way
        overall, by_region = window.player.gauges.usually_apart(scheme)
        assert overall == pytest.approx(window.player.gauges.apart.median(), rel=0.01)
        texts = {"all": f"{overall:.1f}"} | {name: f"{value:.1f}" for name, value in by_region.items()}
        drive.until(lambda: {name: value.text().split(" ")[0] for name, value in values.items()} == texts)
        (red,) = (name for name in by_region if bars[name].palette().highlight().color().name() == "#e04040")
        assert bars[red].value() == max(bars[name].value() for name in by_region)
        assert not window.models.over_time.isVisible()  # the timeline shows it along the recording
        drive.until(lambda: window.models.worst.count() >= 2)
        item = window.models.worst.item(0)
        window.models.worst.setCurrentItem(item)
        drive.qtbot.keyClick(window.models.worst, Qt.Key.Key_Return)
        at = item.data(Qt.ItemDataRole.UserRole)
        drive.until(lambda: abs(pane(window).result.frame.source_time - at) < 0.05)
        assert window.player.paused
        row = item.text().split()[0]
        drive.until(lambda: f"{window.player.gauges.newest.apart.overall:.2f}" == row)
        assert pane(window).result.faces is window.player.gauges.newest.first.faces

    @pytest.mark.slow
    def test_timeline_shows_distances_along_the_recording(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images, second=RAW)
        timeline, gauges = window.transport.timeline, window.player.gauges
        drive.until(timeline.isVisible)
        drive.until(lambda: gauges.coverage(6).n_compared == 6)
        assert window.models.progress.mode.currentData() is True
        drive.until(lambda: window.models.progress.coverage.text() == "compared: 6 of 6 frames")
        drive.until(lambda: len(timeline.worst) == len(gauges.worst) > 0)
        scrubber = window.transport.slider
        assert (timeline.x(), timeline.width()) == (scrubber.x(), scrubber.width())
        at = gauges.worst[0].time_s
        place = QPoint(round(timeline.x_of(at)), 20)
        drive.qtbot.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=place)
        drive.until(lambda: abs(pane(window).result.frame.source_time - at) < 0.02)
        times, _ = gauges.distances()
        window.controls.compare.trigger()
        drive.until(lambda: not timeline.isVisible())
        window.controls.home.trigger()
        drive.until(lambda: index(window) == 0)
        window.controls.compare.trigger()
        drive.until(lambda: gauges.coverage(6).n_compared == 6)  # not only the frame on the screen
        assert gauges.distances()[0].tolist() == times.tolist()

    @pytest.mark.slow
    def test_same_model_twice_differs_by_nothing(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images, second=ModelChoice(), layout=Layout.SIDE_BY_SIDE)
        gauges = window.player.gauges
        drive.until(lambda: gauges.coverage(6).n_compared == 6)
        assert gauges.distances()[1].tolist() == [0.0] * 6
        assert all(each.overall == 0.0 for each in gauges.worst)
        overall, by_region = gauges.usually_apart(gauges.newest.first.scheme)
        assert {overall, *by_region.values()} == {0.0}
        jitter = [model.jitter.median() for model in gauges.models]
        assert jitter[0] == jitter[1]
        for layout in Layout:
            window.controls.layouts[layout].trigger()
            drive.until(lambda layout=layout: window.view.painted.picture.layout is layout)
            shown = window.view.painted.shown.pair
            points = [each.faces[0].points_px for each in (shown.first, shown.second)]
            assert (points[0] == points[1]).all()
            assert [each.track_id for each in shown.first.faces] == [
                each.track_id for each in shown.second.faces
            ]
        drive.until(lambda: window.models.regions.values["all"].text().startswith("0.0 %"))
        rows = [window.models.table.item(row, 2) for row in range(2)]
        drive.until(lambda: "-" not in [row.text() for row in rows])
        assert rows[0].text() == rows[1].text()

    @pytest.mark.slow
    def test_switch_between_every_frame_and_real_time(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images, second=RAW)
        mode = window.models.progress.mode
        drive.until(mode.isVisible)
        assert window.player.session.every_frame
        self.pick(mode, False)
        assert not window.player.session.every_frame
        assert not window.controls.every_frame.isChecked()
        window.controls.every_frame.trigger()
        assert window.player.session.every_frame
        drive.until(lambda: mode.currentData() is True)

    @pytest.mark.slow
    def test_impossible_runtimes_and_precisions_are_greyed_out(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images, first=ModelChoice("teacher-300w", "openvino"))
        picker = window.models.first

        def enabled(box: QComboBox) -> dict[str, bool]:
            return {box.itemData(row): box.model().item(row).isEnabled() for row in range(box.count())}

        drive.until(lambda: not enabled(picker.precision)["int8"])  # the teacher has no int8 network
        assert enabled(picker.precision)["float32"]
        assert enabled(picker.runtime)["torch"]
        window.player.choose_first(ModelChoice(runtime="openvino", precision="int8"))
        drive.until(lambda: not enabled(picker.runtime)["torch"])
        assert enabled(picker.precision)["int8"]

    @pytest.mark.slow
    def test_figures_stay_while_paused(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip), panels=("models",))
        figures = window.models.first.figures
        drive.until(lambda: " fps" in figures.text())
        window.controls.play.trigger()
        drive.until(lambda: window.player.paused)
        drive.qtbot.wait(1200)  # longer than the rates are measured over
        assert " 0 fps" not in figures.text()

    @pytest.mark.slow
    def test_report_is_exported_with_progress(self, drive: Driven, images: Path, tmp_path: Path):
        window = paused_at_end(drive, images, second=RAW, smoothing=0.8)
        drive.until(window.controls.export_report.isEnabled)
        window.context.run(ExportReport(str(tmp_path)))
        drive.until(window.status_bar.progress.isVisible)
        assert not window.controls.export_report.isEnabled()
        drive.until(lambda: window.player.messages.shown.kind is Kind.SAVED)
        (folder,) = tmp_path.glob("livefan-*-report")
        assert {path.name for path in folder.iterdir()} == {"report.html", "report.json", "side-by-side.mp4"}
        numbers = json.loads((folder / "report.json").read_text())
        assert numbers["n_frames"] == 6
        assert [model["smoothing"] for model in numbers["models"]] == [0.8, 0.0]
        assert window.player.reports.progress is None
        drive.until(lambda: not window.status_bar.progress.isVisible())

    @pytest.mark.slow
    def test_cancelled_report_leaves_no_files(self, drive: Driven, clip: Path, tmp_path: Path):
        window = drive.open(source=str(clip), second=RAW, hold=True)
        drive.until(window.controls.export_report.isEnabled)
        window.context.run(ExportReport(str(tmp_path)))
        drive.until(window.status_bar.cancel.isVisible)
        window.status_bar.cancel.click()
        drive.until(lambda: window.player.reports.progress is None)
        assert "cancelled" in window.player.messages.shown.text
        assert not list(tmp_path.glob("livefan-*"))

    @pytest.mark.slow
    def test_closing_ends_the_report_without_files(self, drive: Driven, clip: Path, tmp_path: Path):
        window = drive.open(source=str(clip), second=RAW, hold=True)
        drive.until(window.controls.export_report.isEnabled)
        window.context.run(ExportReport(str(tmp_path)))
        drive.until(lambda: list(tmp_path.glob("livefan-*/.*.mp4")))
        window.close()
        assert not list(tmp_path.glob("livefan-*"))

    @pytest.mark.slow
    def test_player_changes_models_and_runtimes(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images)
        window.player.choose_first(ModelChoice(runtime="torch"))
        drive.until(lambda: pane(window).result.runtime.startswith("torch"))
        window.player.choose_first(RAW)
        drive.until(lambda: pane(window).result.label == "mobilefan-300w@raw")

    def pick(self, box: QComboBox, data: object) -> None:
        box.setCurrentIndex(box.findData(data))
        box.activated.emit(box.currentIndex())

    @pytest.mark.slow
    def test_pickers_choose_models(self, drive: Driven, images: Path, monkeypatch: pytest.MonkeyPatch):
        window = paused_at_end(drive, images, second=RAW, layout=Layout.OVERLAID)
        first, second = window.models.first, window.models.second
        self.pick(first.runtime, "torch")
        drive.until(lambda: pane(window).result.runtime.startswith("torch"))
        assert window.player.config.first == ModelChoice(runtime="torch")
        first.raw.click()
        drive.until(lambda: pane(window).result.smoothing == 0.0)
        assert second.raw.isChecked()
        second.raw.click()
        self.pick(second.weights, "mobilefan-half-300w")
        self.pick(second.runtime, "openvino")
        self.pick(second.precision, "float32")
        wanted = ModelChoice("mobilefan-half-300w", "openvino", "float32")
        assert window.player.config.second == wanted
        gauges = window.player.gauges
        drive.until(lambda: gauges.newest is not None and gauges.newest.second.label == wanted.label)
        assert gauges.newest.second.runtime == "openvino float32"
        path = str(ModelChoice("teacher-300w").file.path)
        monkeypatch.setattr(QFileDialog, "exec", lambda dialog: False)
        browse = second.weights.count() - 1
        second.weights.setCurrentIndex(browse)
        second.weights.activated.emit(browse)
        assert second.weights.currentData() == "mobilefan-half-300w"  # nothing was chosen
        monkeypatch.setattr(QFileDialog, "exec", lambda dialog: True)
        monkeypatch.setattr(QFileDialog, "selectedFiles", lambda dialog: [path])
        second.weights.setCurrentIndex(browse)
        second.weights.activated.emit(browse)
        assert window.player.config.second == replace(wanted, weights=path)
        assert second.weights.currentText() == "teacher-300w"

    @pytest.mark.slow
    def test_unreadable_weights_show_a_message_and_keep_the_model(
        self, drive: Driven, images: Path, tmp_path: Path
    ):
        window = paused_at_end(drive, images)
        (tmp_path / "broken.safetensors").write_bytes(b"nonsense")
        window.player.choose_first(ModelChoice(str(tmp_path / "broken.safetensors")))
        drive.until(lambda: "broken.safetensors" in window.status_bar.message.text())
        assert window.player.running
        drive.until(lambda: window.models.first.weights.currentText() == "mobilefan-300w")
        window.controls.home.trigger()
        drive.until(lambda: index(window) == 0)
        window.controls.compare.trigger()
        drive.until(lambda: window.player.gauges.newest is not None)
        player, second = window.player, window.player.config.second
        player.choose_second(ModelChoice(str(tmp_path / "broken.safetensors")))
        drive.until(lambda: player.session.second == second == player.config.second)
        drive.until(lambda: player.gauges.newest is not None)
        assert window.controls.compare.isChecked()
        assert player.running


EYES_ONLY = """\
[landmarks.map]
right_eye = [36, -1, -1, 39, -1, -1]
left_eye = [-1, -1, -1, 45, -1, -1]
"""


def test_picker_offers_no_runtimes_for_an_external_model(qtbot: QtBot, tmp_path: Path):
    picker = ModelPicker("Model", ModelChoice(runtime="torch"), "#123456", lambda: "")
    qtbot.addWidget(picker)
    assert picker.runtime.isEnabled()
    picker.show_choice(ModelChoice(str(tmp_path / "net.toml")))
    assert picker.weights.currentText() == "net"
    assert not picker.runtime.isEnabled()
    assert not picker.precision.isEnabled()
    assert picker.raw.isEnabled()
    names = [picker.weights.itemData(index) for index in range(picker.weights.count())]
    assert ("mediapipe" in names) == ("mediapipe" in available_programs())


@pytest.mark.slow
def test_dropped_network_is_compared_on_its_landmarks(
    drive: Driven, images: Path, tmp_path: Path, face: Face
):
    low, high = face.points_px.min(axis=0), face.points_px.max(axis=0)
    points = (face.points_px - (low + high) / 2) / (1.25 * float((high - low).max())) + 0.5
    text = DESCRIPTION.replace("upright = true", "upright = false")
    text = text.replace('[landmarks]\nscheme = "300w-68"\n', EYES_ONLY)
    path = save_described(tmp_path, points.reshape(1, 136), description=text)
    window = paused_at_end(drive, images)
    window.context.run(open_dropped([str(path)]))
    drive.until(lambda: window.player.gauges.newest is not None)
    newest = window.player.gauges.newest
    assert (newest.second.label, newest.second.runtime) == ("net", "openvino float32")
    assert len(newest.disagreements[0].points) == 3
    window.models.show_distances()
    assert "on 3 common landmarks" in window.models.apart.text()
    window.player.choose_first(ModelChoice(str(path)))
    drive.until(lambda: window.player.gauges.newest and window.player.gauges.newest.first.label == "net")
    assert window.player.gauges.newest.apart.overall == 0
    assert not window.controls.heatmaps.isEnabled()

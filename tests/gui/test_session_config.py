"""Tests of the options of the command line."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import cv2
import pytest
from PyQt6.QtWidgets import QApplication
from windows import RAW, Driven, pane, shows

from livefan.cli.main import main
from livefan.gui.recordings import RecordingKind
from livefan.gui.session_config import CliOverrides
from livefan.gui.window import MainWindow
from livefan.live.view_state import Layout
from livefan.tracking.model_spec import ModelChoice


class TestCliOverrides:
    """Every control of the window has an option."""

    @pytest.fixture
    def ask(self, drive: Driven, monkeypatch: pytest.MonkeyPatch) -> Callable[..., MainWindow]:
        """Return a function that opens the window with arguments of the command line."""
        asked: list[CliOverrides] = []
        monkeypatch.setattr("livefan.gui.app.run_window", lambda wanted: asked.append(wanted) or 0)

        def ask(*arguments: str) -> MainWindow:
            assert main(["live", *arguments]) == 0
            return drive.open(**{each.name: getattr(asked[-1], each.name) for each in fields(asked[-1])})

        return ask

    def test_hold_start_at_zoom_and_centre(self, drive: Driven, ask, clip: Path):
        window = ask(str(clip), "--hold", "--start-at", "2", "--zoom", "4", "--centre", "0.5,0.4")
        drive.until(lambda: shows(window) and window.player.paused)
        drive.qtbot.wait(300)
        assert pane(window).result.frame.source_time == pytest.approx(2.0, abs=0.05)
        shown = pane(window)
        assert abs(shown.matrix[0, 0]) == pytest.approx(4 * min(shown.width / 640, shown.height / 360))
        middle = shown.to_image(shown.width / 2, shown.height / 2)
        assert middle == pytest.approx([320, 144], abs=1)

    @pytest.mark.slow
    def test_panels_wipe_and_raw(self, drive: Driven, ask, clip: Path):
        options = ("--compare", "mobilefan-half-300w", "--layout", "wipe", "--wipe", "0.25")
        window = ask(str(clip), "--raw", *options, "--panels", "plots")
        assert window.player.view.wipe == 0.25
        assert window.panels.plots.isVisible()
        assert not window.panels.models.isVisible()
        drive.until(lambda: shows(window))
        assert pane(window).result.smoothing == 0.0
        assert window.player.config.second == ModelChoice("mobilefan-half-300w")

    @pytest.mark.slow
    def test_layout_of_two_models_adds_a_second_model(self, drive: Driven, ask, clip: Path):
        window = ask(str(clip), "--layout", "overlaid")
        assert window.player.config.second == ModelChoice("teacher-300w")
        assert window.panels.models.isVisible()
        drive.until(lambda: window.view.layout_shown is Layout.OVERLAID)

    @pytest.mark.slow
    def test_missing_options_keep_remembered_values(self, drive: Driven, ask, clip: Path):
        half = ModelChoice("mobilefan-half-300w")
        window = ask(str(clip), "--weights", half.weights)
        assert window.player.config.first == half
        window.close()
        assert ask(str(clip)).player.config.first == half

    @pytest.mark.slow
    def test_options_change_the_remembered_model(self, drive: Driven, ask):
        half = ModelChoice("mobilefan-half-300w", "onnxruntime", "float32")
        for options, wanted in (
            (["--raw"], replace(half, raw=True)),
            (["--runtime", "openvino"], replace(half, runtime="openvino")),
            (["--precision", "auto"], replace(half, precision="auto")),
            (["--threads", "2", "--device", "cuda"], replace(half, threads=2, device="cuda")),
            (["--weights", "mobilefan-300w"], ModelChoice()),
            (["--weights", "mobilefan-300w", "--raw", "--runtime", "torch"], replace(RAW, runtime="torch")),
        ):
            drive.settings.setValue("first", half.spec)
            window = ask("none.mp4", *options)
            assert window.player.config.first == wanted
            window.close()

    @pytest.mark.slow
    def test_snapshot_of_two_models(self, drive: Driven, ask, clip: Path, tmp_path: Path):
        path = tmp_path / "both.png"
        ask(str(clip), "--layout", "side-by-side", "--compare", RAW.spec, "--snapshot", str(path))
        drive.until(path.exists)
        assert cv2.imread(str(path)).shape == (360, 2 * 640 + 4, 3)

    @pytest.mark.slow
    def test_copy_and_snapshot_together(self, drive: Driven, ask, clip: Path, tmp_path: Path):
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.clear()
        ask(str(clip), "--copy", "--snapshot", str(tmp_path / "too.png"))
        drive.until(lambda: clipboard.image().width() == 640)
        drive.until((tmp_path / "too.png").exists)

    @pytest.mark.parametrize(
        ("option", "there"),
        [
            ("--record", "a.mp4"),
            *(("--record-clean", name) for name in ("a.mp4", "a.csv", "a.livefan.json")),
        ],
    )
    def test_existing_file_is_an_error_before_the_window_opens(
        self, ask, clip: Path, tmp_path: Path, option: str, there: str, capsys: pytest.CaptureFixture[str]
    ):
        (tmp_path / there).write_text("mine")
        assert main(["live", str(clip), option, str(tmp_path / "a.mp4")]) == 2
        error = f"{tmp_path / there}: exists already; choose another name for the recording, or remove it"
        assert capsys.readouterr().err == f"livefan: {error}\n"
        assert (tmp_path / there).read_text() == "mine"

    def test_snapshot_replaces_no_file(self, images: Path, capsys: pytest.CaptureFixture[str]):
        photograph = images / "0.png"
        before = photograph.read_bytes()
        assert main(["live", str(photograph), "--snapshot", str(photograph)]) == 2
        error = f"{photograph}: exists already; choose another name for the snapshot, or remove it"
        assert capsys.readouterr().err == f"livefan: {error}\n"
        assert photograph.read_bytes() == before

    def test_recording_as_shown_keeps_data_files(self, ask, clip: Path, tmp_path: Path):
        (tmp_path / "a.csv").write_text("mine")
        window = ask(str(clip), "--record", str(tmp_path / "a.mp4"))
        assert window.player.recordings.kind is RecordingKind.SHOWN
        window.close()

    @pytest.mark.parametrize("option", ["--record", "--record-clean", "--snapshot"])
    def test_missing_folder_is_an_error(
        self, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
    ):
        name = "a.png" if option == "--snapshot" else "a.mp4"
        assert main(["live", str(clip), option, str(tmp_path / "new" / name)]) == 2
        assert "new: no such folder; create it first" in capsys.readouterr().err
        assert not (tmp_path / "new").exists()

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--zoom", "0.5"],
            ["--zoom", "x"],
            ["--centre", "0.5"],
            ["--centre", "2,2"],
            ["--wipe", "2"],
            ["--panels", "all"],
        ],
    )
    def test_invalid_options_are_errors(self, arguments: list[str], capsys: pytest.CaptureFixture[str]):
        with pytest.raises(SystemExit):
            main(["live", *arguments])
        assert arguments[0] in capsys.readouterr().err

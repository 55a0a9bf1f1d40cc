"""Tests of the main window: playback, dropped files, full screen, responsiveness and closing."""

import shutil
import threading
import time
from pathlib import Path

import pytest
from PyQt6.QtCore import QEvent, QMimeData, QPoint, QPointF, QRect, QSize, Qt, QUrl
from PyQt6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PyQt6.QtWidgets import QApplication, QDockWidget, QPushButton, QToolButton
from windows import LONG_MS, RAW, Driven, Paintings, index, memory_mib, open_files, pane, paused_at_end, shows

from livefan.core.frame import Frame
from livefan.gui.window import MainWindow
from livefan.tracking.model_spec import ModelChoice
from livefan.tracking.pipeline import Pipeline


def title_buttons(dock: QDockWidget) -> dict[str, QToolButton]:
    """Return the buttons in the title of a panel, by their names."""
    return {button.accessibleName(): button for button in dock.titleBarWidget().findChildren(QToolButton)}


def contrast_of_empty_check_box(window: MainWindow) -> int:
    """Return the range of the lightness in the middle row of an empty check box, from 0 to 255."""
    box = window.models.first.raw
    assert not box.isChecked()
    box.resize(box.sizeHint())
    image = box.grab(QRect(0, 0, box.height(), box.height())).toImage()
    row = [image.pixelColor(x, image.height() // 2).lightness() for x in range(image.width())]
    return max(row) - min(row)


class TestPlayback:
    @pytest.mark.slow
    def test_recording_plays_with_frame_rates(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip))
        drive.until(lambda: shows(window) and window.view.fps > 0)
        drive.until(lambda: "fps" in window.status_bar.figures.text())
        assert window.player.gauges.latency > 0
        assert window.tool_bar.sources.sources.currentText() == clip.name
        assert not window.controls.start.isEnabled()
        window.controls.stop.trigger()
        assert not window.player.running
        assert window.controls.start.isEnabled()
        assert shows(window)  # the last frame stays
        finished_at = pane(window).result.finished_at
        window.controls.start.trigger()
        drive.until(lambda: shows(window) and pane(window).result.finished_at > finished_at)

    def test_window_without_source_asks_for_one(self, drive: Driven):
        window = drive.open()
        assert window.start_page.isVisible()
        window.controls.start.trigger()
        assert "choose" in window.status_bar.message.text()
        window.controls.play.trigger()
        assert not window.player.running

    def test_notice_of_the_start_stays_while_frames_play(
        self, drive: Driven, clip: Path, monkeypatch: pytest.MonkeyPatch
    ):
        # Private, because only a test waits for the end of a notice.
        monkeypatch.setattr("livefan.gui.start_up._NOTICE_MS", 10 * LONG_MS)
        window = drive.open(source=str(clip), notice="No webcam found; playing the bundled clip.")
        drive.until(lambda: index(window) > 3)
        assert window.status_bar.message.text() == "No webcam found; playing the bundled clip."
        window.start_up.clear_notice()  # the timer of 15 s would call it
        assert window.status_bar.message.text() == ""

    def test_window_fits_on_the_screen(self, drive: Driven):
        window = drive.open()
        assert window.screen().availableGeometry().contains(window.rect())
        assert window.minimumSizeHint().width() <= 1024
        assert window.minimumSizeHint().height() <= 600

    @pytest.mark.slow
    def test_recording_plays_again_after_its_end(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images)
        for _ in range(2):
            drive.until(lambda: "ended" in window.status_bar.message.text())
            seen = window.player.session.worker_fps
            assert seen >= 0
            window.controls.play.trigger()
            drive.until(lambda: not window.player.paused)
            drive.until(lambda: window.player.paused and index(window) == 5)

    @pytest.mark.slow
    def test_play_step_home_and_scrubber(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip))
        drive.until(lambda: index(window) > 2)
        window.controls.play.trigger()
        drive.until_still(window)
        at = index(window)
        window.controls.forward.trigger()
        drive.until(lambda: index(window) == at + 1)
        window.controls.back.trigger()
        drive.until(lambda: index(window) == at)
        window.controls.home.trigger()
        drive.until(lambda: index(window) == 0)
        assert window.player.paused
        slider = window.transport.slider
        drive.until(lambda: slider.isVisible() and slider.maximum() > 1000)
        drive.qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=slider.rect().center())
        middle = window.player.session.duration / 2
        drive.until(lambda: abs(pane(window).result.frame.source_time - middle) < 0.2)
        window.controls.play.trigger()
        at = index(window)
        drive.until(lambda: index(window) > at + 3)

    @pytest.mark.slow
    def test_go_to_end_shows_the_last_frame(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip))
        drive.until(lambda: index(window) > 2)
        window.controls.end.trigger()
        drive.until(lambda: index(window) == window.player.session.n_frames - 1)

    @pytest.mark.slow
    def test_loop_restarts_at_the_end(self, drive: Driven, images: Path):
        window = drive.open(source=str(images))
        window.controls.loop.trigger()
        drive.until(lambda: index(window) >= 4)
        drive.until(lambda: index(window) <= 1)
        drive.until(lambda: index(window) >= 4)
        assert not window.player.paused

    def test_playback_starts_at_start_at(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip), start_at=2.0, hold=True)
        drive.until(lambda: shows(window))
        assert pane(window).result.frame.source_time == pytest.approx(2.0, abs=0.05)

    @pytest.mark.slow
    def test_dropped_file_plays(self, drive: Driven, images: Path, clip: Path):
        window = paused_at_end(drive, images)
        self.drop(window, clip)
        drive.until(lambda: index(window) > 6)
        drive.until(lambda: window.player.config.source == str(clip))
        self.drop(window, images / "3.png")
        drive.until(lambda: "ended" in window.status_bar.message.text())

    @pytest.mark.slow
    def test_dropped_weight_file_becomes_the_model(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images)
        path = ModelChoice().file.path
        self.drop(window, path)
        drive.until(lambda: window.player.session.first.weights == str(path))
        assert index(window) == 5

    @pytest.mark.slow
    def test_several_dropped_files_become_a_list(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images)
        self.drop(window, images / "3.png", images / "1.png")
        drive.until(lambda: window.player.config.source == str(images / "3.png"))
        box = window.tool_bar.sources.sources
        names = [box.itemText(row) for row in range(box.count())]
        assert names.index("3.png") < names.index("1.png")

    @pytest.mark.slow
    def test_unreadable_files_among_several_are_left_out(self, drive: Driven, images: Path, tmp_path: Path):
        window = paused_at_end(drive, images)
        (tmp_path / "text.mp4").write_text("this is no video")
        self.drop(window, tmp_path / "text.mp4", images / "3.png")
        drive.until(lambda: window.player.config.source == str(images / "3.png"))
        drive.until(lambda: "text.mp4" in window.status_bar.message.text())
        assert not any("text.mp4" in source for source in window.context.preferences.recent_sources)

    @pytest.mark.slow
    def test_picture_is_highlighted_while_a_file_is_dragged(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images)
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(images))])
        before = window.view.grab().toImage()
        event = QDragEnterEvent(
            QPoint(50, 50),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        window.file_drop.eventFilter(window, event)
        assert event.isAccepted()
        assert window.view.grab().toImage() != before
        window.file_drop.eventFilter(window, QDragLeaveEvent())
        assert window.view.grab().toImage() == before

    @pytest.mark.slow
    def test_start_page_opens_recent_sources(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images)
        assert not window.start_page.isVisible()
        window.controls.close_source.trigger()
        assert window.start_page.isVisible()
        (link,) = [
            button for button in window.start_page.findChildren(QPushButton) if button.text() == images.name
        ]
        link.click()
        drive.until(lambda: not window.start_page.isVisible())
        drive.until(lambda: index(window) == 5 and window.player.paused)

    def test_failed_start_shows_the_message_on_the_start_page(self, drive: Driven, tmp_path: Path):
        window = drive.open(source=str(tmp_path / "none.mp4"))
        drive.until(window.start_page.isVisible)
        assert "none.mp4" in window.start_page.message.text()

    def test_unreadable_file_does_not_enter_the_list_of_the_start_page(self, drive: Driven, tmp_path: Path):
        window = drive.open()
        (tmp_path / "text.mp4").write_text("this is no video")
        self.drop(window, tmp_path / "text.mp4")
        drive.until(lambda: "text.mp4" in window.start_page.message.text())
        assert window.tool_bar.sources.sources.findText("text.mp4") < 0
        assert window.player.config.source is None

    def drop(self, window: MainWindow, *paths: Path) -> None:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        event = QDropEvent(
            QPointF(50, 50),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        window.file_drop.eventFilter(window, event)

    def test_missing_weights_show_a_message(self, drive: Driven, clip: Path, tmp_path: Path):
        window = drive.open(source=str(clip), first=ModelChoice(str(tmp_path / "none.safetensors")))
        drive.until(lambda: not window.player.running)
        assert "none.safetensors" in window.status_bar.message.text()
        assert window.isVisible()


class TestAppearance:
    @pytest.mark.slow
    def test_full_screen_hides_the_bars(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images)
        window.controls.full_screen.trigger()
        assert window.isFullScreen()
        assert not window.tool_bar.isVisible()
        drive.until(window.updatesEnabled)
        window.controls.full_screen.trigger()
        assert not window.isFullScreen()
        drive.until(lambda: window.tool_bar.isVisible() and window.menuBar().isVisible())
        drive.until(window.updatesEnabled)

    def test_full_screen_at_the_start_hides_the_panels(self, drive: Driven):
        window = drive.open(full_screen=True, panels=("plots",))
        assert not window.panels.plots.isVisible()
        window.controls.full_screen.trigger()
        drive.until(window.panels.plots.isVisible)

    def test_window_that_keeps_its_size_in_full_screen_is_painted(
        self, drive: Driven, monkeypatch: pytest.MonkeyPatch
    ):
        window = drive.open()
        monkeypatch.setattr(window, "setWindowState", lambda state: None)
        window.controls.full_screen.trigger()
        assert not window.updatesEnabled()
        drive.until(window.updatesEnabled)

    def test_late_report_of_an_earlier_state_does_not_end_full_screen(self, drive: Driven):
        window = drive.open()
        window.controls.full_screen.trigger()
        window.setWindowState(Qt.WindowState.WindowNoState)  # as Qt does at such a report
        drive.until(lambda: window.isFullScreen() and window.updatesEnabled())
        assert not window.tool_bar.isVisible()

    def test_bars_follow_a_change_by_the_window_manager(self, drive: Driven):
        window = drive.open()
        window.showFullScreen()
        assert not window.tool_bar.isVisible()
        drive.qtbot.wait(300)  # until the window has settled
        window.showNormal()
        drive.until(window.tool_bar.isVisible)

    def test_maximised_window_is_maximised_after_full_screen(self, drive: Driven):
        window = drive.open()
        window.showMaximized()
        for _ in range(2):
            window.controls.full_screen.trigger()
        assert window.isMaximized()
        assert not window.isFullScreen()

    @pytest.mark.slow
    def test_escape_leaves_full_screen_which_shows_messages(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images, full_screen=True)
        assert window.isFullScreen()
        drive.until(lambda: "ended" in window.view.message)
        with drive.qtbot.waitActive(window):
            window.activateWindow()
        drive.qtbot.keyClick(window.view, Qt.Key.Key_Escape)
        assert not window.isFullScreen()
        drive.qtbot.keyClick(window.view, Qt.Key.Key_Escape)
        assert not window.isFullScreen()
        window.controls.home.trigger()
        drive.until(lambda: window.view.message == "")

    def test_small_window_keeps_its_size_while_panels_are_prepared(self, drive: Driven):
        window = drive.open()
        window.resize(window.minimumSizeHint() + QSize(100, 50))
        before = window.size()
        window.panels.prepare()
        drive.until(lambda: window.panels.prepared)
        assert window.size() == before

    def test_themes(self, drive: Driven):
        window = drive.open()
        button = title_buttons(window.panels.models)["Close"]
        for theme, dark in (("dark", True), ("light", False)):
            window.controls.themes[theme].trigger()
            drive.until(lambda dark=dark: (window.palette().window().color().lightness() < 128) is dark)
            icon = lambda: button.icon().pixmap(16).toImage().pixelColor(8, 8)  # noqa: E731
            drive.until(lambda dark=dark, icon=icon: (icon().lightness() > 128) is dark)
            drive.until(window.updatesEnabled)
            assert window.controls.themes[theme].isChecked()
            assert contrast_of_empty_check_box(window) > 80
        window.controls.themes["system"].trigger()
        assert window.controls.themes["system"].isChecked()

    def test_window_that_was_to_be_painted_during_a_change_of_theme_is_painted(self, drive: Driven):
        window = drive.open()
        drive.qtbot.waitExposed(window)
        painted = Paintings(window.start_page)
        window.update()
        QApplication.sendEvent(window, QEvent(QEvent.Type.PaletteChange))
        assert not window.updatesEnabled()
        drive.until(window.updatesEnabled)
        painted.count = 0
        window.start_page.update()
        drive.until(lambda: painted.count > 0)

    def test_panel_of_expressions_leaves_room_for_the_models(self, drive: Driven):
        window = drive.open()
        models, expressions = window.panels.models, window.panels.expressions
        for first, second in ((models, expressions), (expressions, models)):
            models.hide()
            expressions.hide()
            first.show()
            drive.qtbot.wait(50)
            second.show()
            drive.qtbot.wait(50)
            assert models.height() > expressions.height()

    def test_buttons_in_the_title_detach_and_close_a_panel(self, drive: Driven):
        window = drive.open()
        plots = window.panels.plots
        plots.show()
        buttons = title_buttons(plots)
        for floating in (True, False):
            buttons["Detach or attach"].click()
            assert plots.isFloating() is floating
        buttons["Close"].click()
        assert not plots.isVisible()
        assert not plots.toggleViewAction().isChecked()


class TestEndurance:
    @pytest.mark.slow
    def test_window_responds_while_the_model_is_slow(
        self, drive: Driven, clip: Path, monkeypatch: pytest.MonkeyPatch
    ):
        process = Pipeline.process

        def slow(self: Pipeline, frame: Frame):
            time.sleep(0.5)
            return process(self, frame)

        monkeypatch.setattr(Pipeline, "process", slow)
        window = drive.open(source=str(clip))
        drive.until(lambda: shows(window))
        turns, until = 0, time.monotonic() + 1.0
        while time.monotonic() < until:
            drive.qtbot.wait(1)
            turns += 1
        assert turns > 20  # the event loop turns many times while the worker handles two frames

    @pytest.mark.slow
    @pytest.mark.parametrize("how", ["nothing", "failed", "ended", "full screen"])
    def test_closing_without_playback_ends_every_thread(self, drive: Driven, images: Path, how: str):
        before = threading.active_count()
        source = {"nothing": None, "failed": str(images / "none.mp4")}
        window = drive.open(source=source.get(how, str(images)), full_screen=how == "full screen")
        if how in ("ended", "full screen"):
            drive.until(lambda: index(window) == 5 and window.player.paused)
        elif how == "failed":
            drive.until(lambda: not window.player.running)
        else:
            drive.qtbot.wait(100)
        window.close()
        drive.until(lambda: threading.active_count() <= before)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("how", "shown"),
        [
            ("single", False),
            ("compared", False),
            ("compared", True),
            ("held", False),
            ("heatmaps", True),
            ("recording", False),
            ("recording", True),
        ],
    )
    def test_closing_during_playback_ends_every_thread(
        self, drive: Driven, clip: Path, tmp_path: Path, how: str, shown: bool
    ):
        """Before the first frame, and while frames are shown."""
        before = threading.active_count()
        window = drive.open(
            source=str(clip),
            second=RAW if how == "compared" else None,
            record=tmp_path / "a.mp4" if how == "recording" else None,
            heatmaps=how == "heatmaps",
        )
        if how == "held":
            window.controls.play.trigger()
        if shown:
            n_panes = 2 if how == "compared" else 1
            drive.until(lambda: shows(window) and len(window.view.painted.picture.panes) == n_panes)
        elif how in ("held", "recording"):
            drive.qtbot.wait(100)
        window.close()
        drive.until(lambda: threading.active_count() <= before)

    @pytest.mark.slow
    @pytest.mark.parametrize("what", ["source", "model", "runtime"])
    def test_repeated_changes_of_one_kind_leak_nothing(self, drive: Driven, images: Path, what: str):
        other = images.parent / "other"
        shutil.copytree(images, other)
        window = paused_at_end(drive, images, second=RAW if what == "source" else None)
        choices = {
            "model": [ModelChoice("mobilefan-half-300w", "openvino"), ModelChoice(runtime="openvino")],
            "runtime": [ModelChoice(runtime="torch"), ModelChoice(runtime="openvino", precision="float32")],
        }

        def change(turn: int) -> None:
            if what == "source":
                path = str((images, other)[turn % 2])
                window.player.watch(path)
                drive.until(lambda: window.player.session is not None and window.player.config.source == path)
                session = window.player.session
                drive.until(lambda: session.worker_fps > 0 and shows(window))
                drive.until(lambda: window.player.gauges.newest is not None)  # the second has its threads too
                return
            choice = choices[what][turn % 2]
            window.player.choose_first(choice)
            drive.until(lambda: pane(window).result.label == choice.label)

        for turn in range(4):
            change(turn)
        drive.until(lambda: not window.player.releasing)
        before = threading.active_count(), open_files(), memory_mib()
        for turn in range(8):
            change(turn)
        drive.until(lambda: not window.player.releasing)
        drive.until(lambda: threading.active_count() <= before[0])
        drive.until(lambda: open_files() <= before[1])
        assert memory_mib() - before[2] < 60  # eight networks, or eight recordings, need more

    @pytest.mark.slow
    def test_mixed_changes_leak_nothing(self, drive: Driven, images: Path, clip: Path):
        window = drive.open(source=str(clip), loop=True)
        drive.until(lambda: shows(window))
        before = threading.active_count()
        choices = [ModelChoice(), RAW, ModelChoice(runtime="torch"), ModelChoice(runtime="onnxruntime")]
        for turn in range(24):
            match turn % 3:
                case 0:
                    window.player.watch(str(images if turn % 2 else clip))
                case 1:
                    window.player.choose_first(choices[turn // 3 % len(choices)])
                case 2:
                    window.player.choose_second(choices[turn % len(choices)] if turn % 4 else None)
            drive.qtbot.wait(60)
        window.player.choose_first(ModelChoice())
        window.player.choose_second(None)
        window.player.watch(str(clip))
        drive.until(lambda: window.player.session is not None and window.player.session.worker_fps > 0)
        drive.until(lambda: shows(window))
        at = index(window)
        drive.until(lambda: index(window) > at)
        drive.until(lambda: threading.active_count() <= before)


def test_closed_panels_are_prepared_while_a_recording_plays(
    drive: Driven, images: Path, monkeypatch: pytest.MonkeyPatch
):
    drawn: list[str] = []
    grab = QDockWidget.grab
    monkeypatch.setattr(QDockWidget, "grab", lambda dock: (drawn.append(dock.objectName()), grab(dock))[1])
    window = drive.open(source=str(images), panels=("plots",))
    window.resize(1200, 900)  # a closed panel must fit
    drive.until(lambda: drawn == ["models", "expressions"])
    assert not window.panels.models.isVisible()

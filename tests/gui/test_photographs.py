"""Tests of folders of photographs."""

import math
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from windows import Driven, index, pane, shows

from livefan.live.worker import Model
from livefan.tracking.model_spec import ModelChoice
from livefan.tracking.pipeline import Pipeline


class TestPhotographs:
    """Each photograph is paused and processed independently, as in an image viewer."""

    @pytest.mark.slow
    def test_first_photograph_is_paused_and_actions_step_to_others(self, drive: Driven, photographs: Path):
        window = drive.open(source=str(photographs), sequence=False)
        drive.until(lambda: index(window) == 0)
        drive.until(lambda: window.transport.clock.text() == "1 / 4")
        drive.until(lambda: window.status_bar.figures.text().startswith("anna.png    640 x 360    faces: 1"))
        assert window.player.paused
        window.controls.forward.trigger()
        drive.until(lambda: window.status_bar.figures.text().startswith("bert.png"))
        window.controls.forward.trigger()  # over what is not an image
        drive.until(lambda: window.status_bar.figures.text().startswith("wall.png    400 x 300    faces: 0"))
        drive.until(lambda: window.transport.slider.value() == window.transport.slider.maximum())
        drive.until(lambda: "broken.png" in window.status_bar.message.text())
        window.controls.back.trigger()
        drive.until(lambda: index(window) == 1)
        window.controls.home.trigger()
        drive.until(lambda: index(window) == 0)
        assert window.player.paused

    @pytest.mark.slow
    def test_photographs_are_processed_independently(
        self, drive: Driven, photographs: Path, pipeline: Pipeline
    ):
        window = drive.open(source=str(photographs), sequence=False, smoothing=1.0)
        for number in (0, 1, 0):
            drive.until(lambda number=number: index(window) == number)
            (face,) = pane(window).result.faces
            (alone,) = pipeline.process_image(pane(window).result.frame.image)
            assert np.allclose(face.points_px, alone.points_px, atol=1e-3)
            assert face.track_id == 1
            (window.controls.back if number else window.controls.forward).trigger()
        assert not window.tool_bar.smoothing.isEnabled()

    def test_actions_step_in_the_order_of_the_strip(self, drive: Driven, photographs: Path):
        window = drive.open(source=str(photographs), sequence=False, start_at=6.0)
        drive.until(lambda: index(window) == 3)
        window.strip.sort.click()  # photographs with a result come first
        window.controls.forward.trigger()
        drive.until(lambda: index(window) == 0)
        assert window.player.paused
        window.player.photographs.forget_results()
        window.controls.forward.trigger()
        drive.until(lambda: index(window) == 1)

    def test_photograph_without_face_shows_a_message(self, drive: Driven, photographs: Path):
        (photographs / "broken.png").unlink()
        window = drive.open(source=str(photographs), sequence=False, start_at=4.0)
        drive.until(lambda: index(window) == 2)
        drive.until(lambda: window.status_bar.message.text() == "No face was found on this photograph.")
        window.controls.back.trigger()
        drive.until(lambda: index(window) == 1 and window.status_bar.message.text() == "")

    @pytest.mark.slow
    def test_slide_show_pauses_on_each_photograph(self, drive: Driven, photographs: Path):
        window = drive.open(source=str(photographs), sequence=False)
        drive.until(lambda: index(window) == 0)
        window.controls.play.trigger()
        drive.until(lambda: index(window) == 1)
        begun = time.monotonic()
        drive.until(lambda: index(window) == 3 and window.player.paused)
        assert time.monotonic() - begun > 1.0

    @pytest.mark.slow
    def test_models_are_compared_on_the_photograph_on_the_screen(self, drive: Driven, photographs: Path):
        window = drive.open(source=str(photographs), sequence=False)
        drive.until(lambda: index(window) == 0)
        window.player.choose_second(ModelChoice("mobilefan-half-300w"))
        worst = window.models.worst
        window.panels.models.show()
        drive.until(lambda: worst.count() == 1)
        window.controls.forward.trigger()
        drive.until(lambda: worst.count() == 2)
        assert {worst.item(row).text().split()[2] for row in range(2)} == {"anna.png", "bert.png"}
        row = next(row for row in range(2) if "anna.png" in worst.item(row).text())
        worst.itemClicked.emit(worst.item(row))
        drive.until(lambda: index(window) == 0)
        assert math.isnan(window.player.gauges.models[0].jitter.median())

    @pytest.mark.slow
    def test_new_folder_clears_the_picture_of_the_old_one(
        self, drive: Driven, images: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch
    ):
        window = drive.open(source=str(images), sequence=False, start_at=10.0)
        drive.until(lambda: window.transport.clock.text() == "6 / 6")
        drive.until(lambda: window.status_bar.figures.text().startswith("5.png"))
        go_on, prepare = threading.Event(), Model.prepare

        def wait_and_prepare(model: Model) -> bool:
            if "anna.png" in model.photographs:  # the old session must still be able to end
                assert go_on.wait(60)
            return prepare(model)

        monkeypatch.setattr(Model, "prepare", wait_and_prepare)
        try:
            window.player.watch(str(photographs))
            drive.until(lambda: window.player.session is not None and window.player.session.photographs)
            drive.until(lambda: not shows(window))
            drive.until(lambda: window.transport.clock.text() == "")
            drive.until(lambda: "png" not in window.status_bar.figures.text())
            drive.until(lambda: not window.controls.snapshot.isEnabled())
            drive.until(lambda: "opening" in window.view.message)
        finally:
            go_on.set()
        drive.until(lambda: window.transport.clock.text() == "1 / 4")
        drive.until(lambda: window.status_bar.figures.text().startswith("anna.png"))
        window.controls.stop.trigger()
        drive.qtbot.wait(300)
        assert index(window) == 0  # the last picture stays

    def test_photograph_keeps_the_name_from_its_own_folder(self, drive: Driven, photographs: Path):
        window = drive.open(source=str(photographs), sequence=False, start_at=6.0)
        drive.until(lambda: window.status_bar.figures.text().startswith("wall.png"))
        session = window.player.session
        session.photographs = ("other.png",)  # as of one that begins, whose picture is not there yet
        # Between two timer events the picture of the old folder is still on the screen: force the updates.
        window.updates.show_position()
        window.updates.show_figures()
        assert window.transport.clock.text() == "4 / 4"
        assert window.status_bar.figures.text().startswith("wall.png")

    @pytest.mark.slow
    def test_folder_plays_as_a_video(self, drive: Driven, images: Path):
        window = drive.open(source=str(images), sequence=False)
        drive.until(lambda: window.transport.clock.text() == "1 / 6")
        window.controls.sequence.trigger()
        drive.until(lambda: "ended" in window.status_bar.message.text())
        drive.until(lambda: index(window) == 5)
        assert window.tool_bar.smoothing.isEnabled()

    @pytest.mark.slow
    def test_strip_measures_all_photographs_and_goes_to_one(self, drive: Driven, photographs: Path):
        window = drive.open(source=str(photographs), sequence=False)
        drive.until(window.strip.isVisible)
        assert not window.transport.speed.isVisible()
        assert window.transport.live.text() == ""
        window.strip.measure.click()
        drive.until(lambda: window.strip.model.photographs[3].badges == ("no face",))
        drive.until(lambda: window.strip.measure.text() == "Measure all" and index(window) == 0)
        assert window.player.paused
        assert [each.n_faces for each in window.strip.model.photographs] == [1, 1, None, 0]
        window.strip.sought.emit(6.0)
        drive.until(lambda: index(window) == 3)

    def test_photographs_are_not_mirrored(self, drive: Driven, photographs: Path):
        window = drive.open(source=str(photographs), sequence=False, mirror=True)
        drive.until(lambda: index(window) == 0)
        assert pane(window).matrix[0, 0] > 0
        assert not window.controls.mirror.isEnabled()

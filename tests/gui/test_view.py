"""Tests of the picture: overlay, zoom, close-up and the mouse."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import cv2
import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QPointF, Qt
from PyQt6.QtGui import QImage
from windows import (
    RAW,
    Driven,
    Paintings,
    full_size,
    index,
    mouse,
    pane,
    paused_at_end,
    place_of,
    shows,
    wheel,
)

from livefan.gui.picture_labels import speed_text
from livefan.gui.picture_state import PictureState, picture_state, shown_speed
from livefan.gui.view import FrameView
from livefan.live.session import LiveSession
from livefan.live.view_state import Layout, Spot


def lowest_pixel(view: FrameView) -> str:
    """Paint a view on red; return the colour at its lower edge."""
    image = QImage(view.size(), QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    view.render(image)
    return image.pixelColor(view.width() // 2, view.height() - 1).name()


class TestView:
    def test_view_that_becomes_much_larger_is_painted_in_steps(self, drive: Driven):
        view = FrameView(drive.open().player)
        drive.qtbot.addWidget(view)
        view.resize(640, 400)
        view.show()
        drive.qtbot.waitExposed(view)
        assert lowest_pixel(view) == "#000000"
        view.resize(700, 400)
        assert lowest_pixel(view) == "#000000"
        paintings = Paintings(view)
        view.resize(1800, 1400)
        assert lowest_pixel(view) == "#ff0000"
        drive.until(lambda: paintings.count >= 4)
        assert lowest_pixel(view) == "#000000"

    @pytest.mark.slow
    def test_every_part_of_the_overlay_is_shown_and_hidden(
        self, drive: Driven, images: Path, photo: np.ndarray
    ):
        window = paused_at_end(drive, images, show=("points",))
        before = full_size(window)
        assert not np.array_equal(before, photo)
        for part in ("outlines", "mesh", "points", "numbers", "boxes", "ids", "confidence"):
            was = getattr(window.player.view.style, part)
            window.controls.parts[part].trigger()
            assert getattr(window.player.view.style, part) is not was
            assert not np.array_equal(before, full_size(window)), part
            window.controls.parts[part].trigger()
            assert np.array_equal(before, full_size(window)), part
        window.controls.overlay.trigger()
        assert np.array_equal(full_size(window), photo)
        window.controls.mirror.trigger()  # swaps left and right
        assert np.array_equal(full_size(window), photo[:, ::-1])

    @pytest.mark.slow
    def test_pointing_at_a_landmark_shows_its_heatmap_while_paused(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images)
        track = pane(window).result.faces[0].track_id
        mouse(window, QEvent.Type.MouseMove, place_of(window, 36), Qt.MouseButton.NoButton)
        assert window.player.view.spot == Spot(track, 36)
        drive.until(lambda: pane(window).result.heatmaps)
        mouse(window, QEvent.Type.MouseMove, QPointF(1, 1), Qt.MouseButton.NoButton)
        assert window.player.view.spot is None
        window.controls.back.trigger()
        drive.until(lambda: index(window) == 4 and not pane(window).result.heatmaps)
        window.controls.heatmaps.trigger()  # those of all landmarks
        drive.until(lambda: pane(window).result.heatmaps)
        for choose in (window.player.choose_first, window.player.choose_second):
            mouse(window, QEvent.Type.MouseMove, place_of(window, 36), Qt.MouseButton.NoButton)
            assert window.player.view.spot == Spot(track, 36)
            choose(RAW)  # whose landmarks may have other numbers
            assert window.player.view.spot is None

    @pytest.mark.slow
    def test_pointing_at_a_landmark_works_in_every_layout(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images, second=RAW, layout=Layout.SINGLE, close_up=False)
        drive.until(lambda: window.player.gauges.newest is not None)
        for layout in Layout:
            window.controls.layouts[layout].trigger()
            drive.until(lambda layout=layout: window.view.painted.picture.layout is layout)
            before = window.view.painted.picture.image
            mouse(window, QEvent.Type.MouseMove, place_of(window, 36), Qt.MouseButton.NoButton)
            drive.until(lambda: pane(window).result.heatmaps)
            drive.until(lambda: window.view.painted.shown.pair.second.heatmaps)
            drive.until(lambda before=before: not np.array_equal(window.view.painted.picture.image, before))
            mouse(window, QEvent.Type.MouseMove, QPointF(1, 1), Qt.MouseButton.NoButton)

    def test_wheel_zooms_at_the_pointer_and_dragging_moves(self, drive: Driven, images: Path):
        window = paused_at_end(drive, images)
        place, before = place_of(window, 30), abs(pane(window).matrix[0, 0])
        wheel(window, place, 4)
        drive.until(lambda: window.player.view.zoom > 2)
        drive.until(lambda: abs(pane(window).matrix[0, 0]) > 2 * before)
        after = place_of(window, 30)
        assert (after - place).manhattanLength() < 3
        mouse(window, QEvent.Type.MouseButtonPress, place)
        mouse(window, QEvent.Type.MouseMove, place + QPointF(20, 10))
        mouse(window, QEvent.Type.MouseButtonRelease, place + QPointF(20, 10))
        drive.until(lambda: (place_of(window, 30) - after - QPointF(20, 10)).manhattanLength() < 3)
        window.controls.fit.trigger()
        assert window.player.view.zoom == 1
        window.controls.zoom_in.trigger()
        assert window.player.view.zoom == pytest.approx(1.25)
        window.controls.zoom_out.trigger()
        assert window.player.view.zoom == 1
        mouse(window, QEvent.Type.MouseButtonDblClick, place)
        assert window.player.view.zoom == 1

    @pytest.mark.slow
    def test_close_up_follows_the_face_until_the_wheel_zooms(self, drive: Driven, clip: Path):
        window = drive.open(source=str(clip), loop=True)
        drive.until(lambda: index(window) > 3)

        def side() -> float:
            """Return the longer side of the face as a share of the shorter side of the picture."""
            shown = pane(window)
            box = shown.result.faces[0].box_px
            longer = max(box[2:] - box[:2]) * abs(shown.matrix[0, 0])
            return longer / min(shown.width, shown.height)

        before = side()
        window.controls.close_up.trigger()
        drive.until(lambda: window.view.painted.view.zoom > 1)
        assert before < side() == pytest.approx(0.72, abs=0.12)
        shown = pane(window)
        middle = shown.result.faces[0].box_px.reshape(2, 2).mean(axis=0)
        x = (shown.matrix @ [*middle, 1.0])[0]
        assert x == pytest.approx(shown.width / 2, abs=0.12 * shown.width)
        zoom = window.view.painted.view.zoom
        wheel(window, QPointF(window.view.width() / 2, window.view.height() / 2), 1)
        assert not window.controls.close_up.isChecked()
        assert window.player.view.zoom == pytest.approx(1.25 * zoom, rel=0.1)
        window.controls.fit.trigger()
        assert window.player.view.zoom == 1

    @pytest.mark.slow
    def test_click_on_a_face_makes_it_the_face_of_the_close_up(
        self, drive: Driven, tmp_path: Path, photo: np.ndarray
    ):
        two = tmp_path / "two.png"
        cv2.imwrite(str(two), np.hstack([photo, photo]))
        window = drive.open(source=str(two), close_up=True)
        drive.until(lambda: shows(window) and window.view.painted.view.zoom > 1)
        followed = window.view.painted.view.centre[0]
        window.controls.fit.trigger()
        drive.until(lambda: window.view.painted.view.zoom == 1)
        other = next(
            face
            for face in pane(window).result.faces
            if abs((face.box_px[0] + face.box_px[2]) / 2 / (2 * photo.shape[1]) - followed) > 0.2
        )
        x, y = pane(window).matrix @ [*other.points_px[30], 1.0]
        place = QPointF(x, y) / window.view.devicePixelRatioF()
        mouse(window, QEvent.Type.MouseButtonPress, place)
        mouse(window, QEvent.Type.MouseButtonRelease, place)
        window.controls.close_up.trigger()
        middle = (other.box_px[0] + other.box_px[2]) / 2 / (2 * photo.shape[1])
        drive.until(lambda: window.view.painted.view.centre[0] == pytest.approx(middle, abs=0.02))


@pytest.mark.parametrize(("speed", "text"), [(0.6, "0.6 x"), (2.0, "2.0 x"), (0.04, "less than 0.1 x")])
def test_speed_is_never_shown_as_zero(speed: float, text: str):
    assert speed_text(speed) == text


def test_speed_that_becomes_unknown_while_it_is_read():
    class Session:
        paused = at_end = False
        values = iter((0.5, None))
        speed = property(lambda self: next(self.values))

    assert shown_speed(cast(LiveSession, Session())) == 0.5


def test_camera_that_is_held_before_its_first_frame_shows_the_pause():
    session = cast(LiveSession, SimpleNamespace(live=True, paused=True))
    assert picture_state(session, None) == PictureState("paused")
    session.paused = False
    assert picture_state(session, None) == PictureState()

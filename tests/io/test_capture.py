"""Sources and the capture thread: every frame of a recording, the newest of a live source."""

from __future__ import annotations

import gc
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import av
import cv2
import numpy as np
import pytest
from numbered import (
    BLUE,
    GREEN,
    HEIGHT,
    RED,
    WHITE,
    WIDTH,
    Numbered,
    corners,
    number_of,
    picture_of,
    write_clip,
)

from livefan.core.errors import LivefanError
from livefan.core.frame import Frame
from livefan.io import capture_thread as capture
from livefan.io import stream as live_sources
from livefan.io.camera import CameraInfo, list_cameras
from livefan.io.capture_thread import CaptureThread
from livefan.io.open import display_name, open_source
from livefan.io.stream import is_address, is_url, public_name


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 numbered frames at 25 a second, its index at the front."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return write_clip(path, [picture_of(n) for n in range(60)], muxing={"movflags": "faststart"})


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < end, "did not happen in time"
        time.sleep(0.005)


class TestVideo:
    def test_every_frame_in_order_at_its_time(self, clip: Path) -> None:
        with open_source(clip) as source:
            frames = list(source)
        assert [number_of(frame.image) for frame in frames] == list(range(60))
        assert [frame.index for frame in frames] == list(range(60))
        assert [frame.source_time for frame in frames] == pytest.approx([n / 25 for n in range(60)], abs=1e-9)
        assert frames[0].image.shape == (HEIGHT, WIDTH, 3)
        assert frames[0].image.dtype == np.uint8
        assert frames[0].image.flags.c_contiguous
        assert source.warnings == []

    def test_tells_what_it_is(self, clip: Path) -> None:
        with open_source(str(clip)) as source:
            assert (source.name, source.live, source.size) == ("clip.mp4", False, (WIDTH, HEIGHT))
            assert (source.fps, source.n_frames) == (25.0, 60)

    def test_colours_are_bgr(self, tmp_path: Path) -> None:
        image = np.full((HEIGHT, WIDTH, 3), RED, np.uint8)
        with open_source(write_clip(tmp_path / "red.mp4", [image])) as source:
            frame = next(iter(source))
        np.testing.assert_allclose(frame.image[32, 48], RED, atol=12)

    @pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
    def test_a_variable_rate_is_kept(self, tmp_path: Path, suffix: str) -> None:
        times = [0, 10, 50, 51, 300, 1000, 1040]
        path = write_clip(
            tmp_path / f"vfr{suffix}", [picture_of(n) for n in range(len(times))], milliseconds=times
        )
        with open_source(path) as source:
            assert [frame.source_time for frame in source] == pytest.approx(
                [at / 1000 for at in times], abs=5e-4
            )
        assert source.warnings == []

    def test_after_a_seek_no_two_frames_of_a_variable_rate_are_counted_alike(self, tmp_path: Path) -> None:
        times = [0, 10, 50, 51, 300, 1000, 1040]
        path = write_clip(
            tmp_path / "vfr.mkv", [picture_of(n) for n in range(len(times))], milliseconds=times
        )
        with open_source(path) as source:
            for place in (0.0, 0.3, 0.0):
                source.seek(place)
                indices = [frame.index for frame in source]
                assert len(indices) > 2
                assert indices == sorted(set(indices))

    def test_a_file_that_went_away_is_told_of(self, tmp_path: Path) -> None:
        path = write_clip(tmp_path / "gone.h264", [picture_of(n) for n in range(9)])
        with open_source(path) as source:
            path.unlink()
            with pytest.raises(LivefanError, match=r"gone\.h264: is no longer there; put it back"):
                source.seek(0.0)

    def test_time_begins_at_the_first_frame(self, tmp_path: Path) -> None:
        path = write_clip(
            tmp_path / "late.mkv", [picture_of(n) for n in range(3)], milliseconds=[700, 740, 790]
        )
        with open_source(path) as source:
            assert [frame.source_time for frame in source] == pytest.approx([0, 0.04, 0.09], abs=1e-9)

    @pytest.mark.parametrize(
        ("degrees", "mirrored", "upright"),
        [
            (0, False, (BLUE, GREEN, RED, WHITE)),
            (90, False, (GREEN, WHITE, BLUE, RED)),  # counterclockwise
            (180, False, (WHITE, RED, GREEN, BLUE)),
            (-90, False, (RED, BLUE, WHITE, GREEN)),
            (0, True, (GREEN, BLUE, WHITE, RED)),
        ],
    )
    def test_phone_videos_come_upright(
        self, tmp_path: Path, degrees: int, mirrored: bool, upright: tuple[tuple[int, int, int], ...]
    ) -> None:
        path = write_clip(
            tmp_path / "turned.mp4",
            [corners()] * 2,
            turn=lambda stream: stream.set_display_rotation(degrees, hflip=mirrored),
        )
        with open_source(path) as source:
            image = next(iter(source)).image
        assert source.size == ((HEIGHT, WIDTH) if degrees in {90, -90} else (WIDTH, HEIGHT))
        assert image.shape[1::-1] == source.size
        assert image.flags.c_contiguous
        seen = [image[y, x] for y in (10, -10) for x in (10, -10)]
        np.testing.assert_allclose(seen, upright, atol=16)

    def test_a_cut_mp4_gives_what_is_left_and_says_so(self, clip: Path, tmp_path: Path) -> None:
        cut = tmp_path / "cut.mp4"
        cut.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
        with open_source(clip) as whole, open_source(cut) as source:
            frames = list(source)
            for frame, intact in zip(frames, whole, strict=False):
                np.testing.assert_array_equal(frame.image, intact.image)
        assert 20 < len(frames) < 50
        assert source.warnings == [f"cut.mp4: ends early, {len(frames)} of 60 frames could be read"]

    def test_half_a_picture_is_none(self, tmp_path: Path) -> None:
        pictures = [picture_of(n) for n in range(30)]
        path = write_clip(tmp_path / "whole.mov", pictures, muxing={"movflags": "faststart"}, codec="mpeg4")
        cut = tmp_path / "cut.mov"
        with open_source(path) as source:
            whole = [frame.image for frame in source]
        for share in (0.6, 0.7, 0.8):
            cut.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
            with open_source(cut) as source:
                for frame in source:
                    np.testing.assert_array_equal(frame.image, whole[frame.index])

    def test_a_cut_mkv_says_so_too(self, tmp_path: Path) -> None:
        whole = write_clip(tmp_path / "whole.mkv", [picture_of(n) for n in range(60)])
        cut = tmp_path / "cut.mkv"
        cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
        with open_source(cut) as source:
            count = len(list(source))
        assert 20 < count < 50
        assert source.warnings == [f"cut.mkv: ends early, {count} of about 60 frames could be read"]

    @pytest.mark.parametrize("suffix", [".mkv", ".mov"])
    def test_sound_that_outlasts_the_pictures_is_no_cut(self, tmp_path: Path, suffix: str) -> None:
        path = write_clip(tmp_path / f"clip{suffix}", [picture_of(n) for n in range(20)], silence=3.0)
        with open_source(path) as source:
            assert len(list(source)) == 20
        assert source.warnings == []

    def test_a_cut_with_sound(self, tmp_path: Path) -> None:
        whole = write_clip(tmp_path / "whole.mkv", [picture_of(n) for n in range(60)], silence=0.1)
        cut = tmp_path / "cut.mkv"
        cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
        with open_source(cut) as source:
            count = len(list(source))
        assert source.warnings == [f"cut.mkv: ends early, {count} of about 60 frames could be read"]

    def test_damage_in_the_middle_is_passed_over_and_counted(self, clip: Path, tmp_path: Path) -> None:
        data = bytearray(clip.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 2500] = bytes(2500)
        damaged = tmp_path / "damaged.mp4"
        damaged.write_bytes(data)
        with open_source(damaged) as source:
            frames = list(source)
        assert 45 < len(frames) < 60
        assert [number_of(frame.image) for frame in frames[-5:]] == list(range(55, 60))
        assert frames[-1].source_time == pytest.approx(59 / 25)
        assert [frame.index for frame in frames] == list(range(len(frames)))
        assert all(b.source_time > a.source_time for a, b in pairwise(frames))
        assert len(source.warnings) == 1
        assert source.warnings[0].startswith(f"damaged.mp4: damaged (frames lost: {60 - len(frames)},")

    def test_joined_recordings_never_go_back_in_time(self, tmp_path: Path) -> None:
        part = write_clip(tmp_path / "part.ts", [picture_of(n) for n in range(40)])
        joined = tmp_path / "joined.ts"
        joined.write_bytes(2 * part.read_bytes())
        with open_source(joined) as source:
            times = [frame.source_time for frame in source]
        assert len(times) >= 78
        assert (np.diff(times) > 0).all()
        assert times[-1] == pytest.approx(79 / 25, abs=0.2)

    def test_closing_midway_ends_it_and_twice_is_fine(self, clip: Path) -> None:
        source = open_source(clip)
        frames = iter(source)
        next(frames)
        source.close()
        source.close()
        assert list(frames) == []

    def test_closing_under_a_read_leaves_the_release_to_it(self) -> None:
        source = Numbered(5, live=True)
        read: list[Frame | None] = []
        reader = threading.Thread(target=lambda: read.append(source.read()))
        reader.start()
        wait_for(source._in_use.locked)
        source.close()
        assert source.released == 0
        source.turns.release()
        reader.join(5)
        assert read == [None]
        assert source.released == 1

    def test_closing_from_another_thread_while_reading(self, clip: Path) -> None:
        for _ in range(10):
            source = open_source(clip)
            closer = threading.Timer(0.005, source.close)
            closer.start()
            for _ in source:
                pass
            closer.join()
            assert source.read() is None


class TestNotAVideo:
    @pytest.mark.parametrize("data", [b"", b"these are words, not pictures\n" * 40], ids=["empty", "text"])
    @pytest.mark.parametrize("name", ["clip.mp4", "notes.txt", "face.png"])
    def test_one_line_that_names_it(self, tmp_path: Path, name: str, data: bytes) -> None:
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(LivefanError, match=name) as raised:
            open_source(path)
        assert "\n" not in str(raised.value)

    def test_text_art_is_no_video(self, tmp_path: Path) -> None:
        path = tmp_path / "notes.txt"
        path.write_bytes(b"\x1b[1;31mred\x1b[0m words\r\n" * 100)
        with pytest.raises(LivefanError, match=r"notes\.txt: "):
            open_source(path)

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(LivefanError, match=r"nowhere\.mp4: no such file or folder"):
            open_source(tmp_path / "nowhere.mp4")

    @pytest.mark.parametrize("share", [0.5, 0.95], ids=["none of it", "half of it"])
    def test_an_mp4_without_its_index(self, tmp_path: Path, share: float) -> None:
        whole = write_clip(tmp_path / "whole.mp4", [picture_of(n) for n in range(20)])
        path = tmp_path / "unfinished.mp4"
        data = whole.read_bytes()
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(LivefanError, match=r"unfinished\.mp4: .*cut off"):
            open_source(path)

    def test_sound_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "song.wav"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
            sound.sample_rate = 8000
            container.mux(stream.encode(sound))
        with pytest.raises(LivefanError, match=r"song\.wav: has no video in it"):
            open_source(path)

    @pytest.mark.parametrize(
        "spec",
        ["", "gopher://host/clip", "ftp://host/clip.mp4", "http://[::1/x", "~nobody-of-that-name/clip.mp4"],
    )
    def test_what_names_no_source(self, spec: str) -> None:
        with pytest.raises(LivefanError):
            open_source(spec)


class TestImages:
    def test_one_image_is_one_frame(self, tmp_path: Path) -> None:
        cv2.imwrite(str(tmp_path / "face.png"), corners())
        with open_source(tmp_path / "face.png") as source:
            (frame,) = source
        np.testing.assert_array_equal(frame.image, corners())
        assert (frame.index, frame.source_time, source.size) == (0, 0.0, (WIDTH, HEIGHT))
        assert (source.n_frames, source.fps, source.live) == (1, None, False)

    def test_a_name_outside_ascii(self, tmp_path: Path) -> None:
        (tmp_path / "Gesicht ä 顔.png").write_bytes(cv2.imencode(".png", corners())[1].tobytes())
        with open_source(tmp_path / "Gesicht ä 顔.png") as source:
            assert source.name == "Gesicht ä 顔.png"
            assert len(list(source)) == 1

    @pytest.mark.parametrize("kind", ["grey", "sixteen bits", "alpha"])
    def test_other_kinds_become_bgr(self, tmp_path: Path, kind: str) -> None:
        colour = {"grey": (77, 77, 77), "sixteen bits": (10, 120, 250), "alpha": (10, 120, 250)}[kind]
        bgr = np.full((8, 6, 3), colour, np.uint8)
        stored = {
            "grey": bgr[..., 0],
            "sixteen bits": bgr.astype(np.uint16) * 257,
            "alpha": np.dstack([bgr, np.full((8, 6), 128, np.uint8)]),
        }[kind]
        cv2.imwrite(str(tmp_path / "face.png"), stored)
        with open_source(tmp_path / "face.png") as source:
            (frame,) = source
        assert frame.image.dtype == np.uint8
        np.testing.assert_array_equal(frame.image, bgr)

    def test_exif_orientation_is_applied(self, tmp_path: Path) -> None:
        jpeg = cv2.imencode(".jpg", corners(), [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
        # The tag "orientation" (0x0112) of value 6: turn a quarter clockwise to show.
        tiff = b"II*\0\x08\0\0\0\x01\0" + b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0" + bytes(4)
        exif = b"Exif\0\0" + tiff
        header = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
        (tmp_path / "phone.jpg").write_bytes(jpeg[:2] + header + jpeg[2:])
        with open_source(tmp_path / "phone.jpg") as source:
            (frame,) = source
        assert frame.image.shape == (WIDTH, HEIGHT, 3)
        seen = [frame.image[y, x] for y in (10, -10) for x in (10, -10)]
        np.testing.assert_allclose(seen, (RED, BLUE, WHITE, GREEN), atol=16)

    def test_a_folder_in_natural_order_with_sizes_of_its_own(self, tmp_path: Path) -> None:
        for number in (10, 2, 1):
            cv2.imwrite(str(tmp_path / f"frame{number}.png"), np.full((number, 4, 3), number, np.uint8))
        (tmp_path / "notes.txt").write_text("not an image")
        (tmp_path / "._frame3.png").write_bytes(b"what a Mac leaves")
        with open_source(tmp_path) as source:
            frames = list(source)
        assert [frame.image.shape[0] for frame in frames] == [1, 2, 10]
        assert [frame.source_time for frame in frames] == pytest.approx([0, 0.04, 0.08])
        assert (source.n_frames, source.fps, source.warnings) == (3, 25.0, [])

    def test_an_unreadable_image_is_skipped_with_a_warning(self, tmp_path: Path) -> None:
        for number in (0, 2):
            cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((4, 4, 3), number, np.uint8))
        (tmp_path / "1.png").write_bytes(b"no image")
        with open_source(tmp_path) as source:
            frames = list(source)
        assert [source.paths[frame.index].name for frame in frames] == ["0.png", "2.png"]
        assert len(source.warnings) == 1
        assert "1.png" in source.warnings[0]

    def test_a_folder_without_images(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("not an image")
        with pytest.raises(LivefanError, match="no images in this folder"):
            open_source(tmp_path)


class FakeDevice:
    """Stands for cv2.VideoCapture: cameras that are plugged in, and pulled out."""

    plugged: ClassVar[bool] = True
    streams: ClassVar[bool] = True
    opened: ClassVar[list[FakeDevice]] = []

    def __init__(self, index: int, backend: int) -> None:
        self.open, self.settings = self.plugged, {cv2.CAP_PROP_FPS: 30.0}
        self.opened.append(self)

    def isOpened(self) -> bool:  # noqa: N802
        return self.open

    def set(self, key: int, value: float) -> bool:
        self.settings[key] = value
        return True

    def get(self, key: int) -> float:
        return self.settings[key]

    def grab(self) -> bool:
        time.sleep(0.002)
        return self.open and self.plugged and self.streams

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.full((48, 64, 3), 7, np.uint8)

    def release(self) -> None:
        self.open = False


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[FakeDevice]:
    for number in (0, 1, 2):
        (tmp_path / f"video{number}").touch()
    monkeypatch.setattr(live_sources, "_DEVICES", tmp_path)
    monkeypatch.setattr(live_sources, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(live_sources.sys, "platform", "linux")
    monkeypatch.setattr(live_sources.cv2, "VideoCapture", FakeDevice)
    monkeypatch.setattr(FakeDevice, "plugged", True)
    monkeypatch.setattr(FakeDevice, "streams", True)
    monkeypatch.setattr(FakeDevice, "opened", [])
    return FakeDevice


class TestCamera:
    @pytest.mark.parametrize("spec", [0, "0", "/dev/video0", Path("/dev/video0")])
    def test_by_number_or_device(self, camera: type[FakeDevice], spec: str | int | Path) -> None:
        with open_source(spec) as source:
            frame = source.read()
            assert (source.name, source.live, source.fps, source.size) == ("camera 0", True, 30.0, (64, 48))
        assert frame is not None
        assert (frame.index, frame.source_time) == (0, 0.0)
        assert not any(device.open for device in camera.opened)

    def test_asks_for_a_size(self, camera: type[FakeDevice]) -> None:
        with open_source(0, size=(1280, 720)):
            settings = camera.opened[0].settings
        assert settings[cv2.CAP_PROP_FRAME_WIDTH] == 1280
        assert settings[cv2.CAP_PROP_FRAME_HEIGHT] == 720
        assert settings[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")

    def test_missing_forbidden_and_busy_are_told_apart(
        self, camera: type[FakeDevice], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(LivefanError, match=r"camera 7: not connected .* choose camera 0, 1, 2"):
            open_source(7)
        camera.streams = False
        with pytest.raises(LivefanError, match=r"camera 0: .*in use by another program"):
            open_source(0)
        assert not camera.opened[0].open
        monkeypatch.setattr(live_sources.os, "access", lambda path, mode: False)
        with pytest.raises(LivefanError, match="camera 0: no permission"):
            open_source(0)

    def test_no_camera_at_all_and_no_noise(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(live_sources, "_check_camera_device", lambda index: None)
        with pytest.raises(LivefanError, match="camera 99: "):
            open_source(99)
        assert capfd.readouterr() == ("", "")

    def test_the_list_has_cameras_and_not_their_metadata(
        self, camera: type[FakeDevice], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(live_sources, "_DEVICE_FACTS", tmp_path)
        for number, (index, name) in {10: ("0", "Front"), 11: ("1", "Front")}.items():
            (tmp_path / f"video{number}").mkdir()
            (tmp_path / f"video{number}" / "index").write_text(index)
            (tmp_path / f"video{number}" / "name").write_text(f"{name}\n")
        assert list_cameras() == [
            CameraInfo(0, "camera 0"),
            CameraInfo(1, "camera 1"),
            CameraInfo(2, "camera 2"),
            CameraInfo(10, "Front"),
        ]
        assert camera.opened == []

    def test_pulled_out_and_put_back(self, camera: type[FakeDevice]) -> None:
        said: list[str] = []
        with CaptureThread(open_source(0), on_status=said.append) as thread:
            before = thread.get(5)
            camera.plugged = False
            wait_for(lambda: len(camera.opened) > 2)
            assert "camera 0" in thread.status
            assert "lost" in thread.status
            # What was captured before the loss may still wait to be taken.
            while (frame := thread.get(0.05)) is not None:
                before = frame
            camera.plugged = True
            after = thread.get(5)
            wait_for(lambda: thread.status == "")
        assert before is not None
        assert after is not None
        assert after.index == before.index + 1
        assert after.source_time - before.source_time == pytest.approx(after.captured_at - before.captured_at)
        assert "lost" in said[0]
        assert said[-1] == ""
        assert thread.error is None

    def test_the_pause_between_tries_grows(
        self, camera: type[FakeDevice], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pauses: list[float] = []
        source = open_source(0)
        monkeypatch.setattr(live_sources, "FIRST_PAUSE_S", 0.5)
        monkeypatch.setattr(
            source._closing, "wait", lambda pause: pauses.append(pause) or len(pauses) > 5, raising=False
        )
        camera.plugged = False
        source._reconnect()
        assert pauses == [0.5, 1, 2, 4, 5, 5]

    def test_closing_ends_the_wait_at_once(
        self, camera: type[FakeDevice], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live_sources, "FIRST_PAUSE_S", 60.0)
        thread = CaptureThread(open_source(0))
        thread.start()
        camera.plugged = False
        wait_for(lambda: thread.status != "")
        thread.stop()
        assert not thread._thread.is_alive()
        assert not any(device.open for device in camera.opened)


class MjpegServer:
    """Serves numbered pictures as motion JPEG on 127.0.0.1, and can vanish and come back."""

    def __init__(
        self,
        content_type: str = "multipart/x-mixed-replace; boundary=frame",
        part: str = "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
    ) -> None:
        self.content_type, self.part, self.port = content_type, part, 0
        self.start()

    def start(self) -> None:
        outer, self.running = self, True

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", outer.content_type)
                self.end_headers()
                number = 0
                try:
                    while outer.running:
                        jpeg = cv2.imencode(".jpg", picture_of(number % 60))[1].tobytes()
                        head = outer.part.format(len(jpeg))
                        self.wfile.write(head.encode() + jpeg + b"\r\n")
                        number += 1
                        time.sleep(0.01)
                except OSError:
                    pass

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.running = False
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def mjpeg() -> Iterator[MjpegServer]:
    server = MjpegServer()
    yield server
    if server.running:
        server.stop()


class TestStream:
    def test_motion_jpeg_over_http(self, mjpeg: MjpegServer) -> None:
        with open_source(f"http://127.0.0.1:{mjpeg.port}/video") as source:
            frames = [source.read() for _ in range(5)]
            assert (source.live, source.size, source.fps) == (True, (WIDTH, HEIGHT), None)
        assert all(frame is not None for frame in frames)
        assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
        numbers = [number_of(frame.image) for frame in frames]
        assert np.diff(numbers).tolist() == [1, 1, 1, 1]
        assert frames[0].source_time == 0
        assert all(b.source_time > a.source_time for a, b in pairwise(frames))

    @pytest.mark.parametrize(
        ("content_type", "part"),
        [
            ("text/plain", "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n"),
            ("multipart/x-mixed-replace; boundary=frame", "--frame\r\nContent-Type: image/jpg\r\n\r\n"),
            ("multipart/x-mixed-replace; boundary=frame", "--frame\r\nContent-Length: {}\r\n\r\n"),
            ("multipart/x-mixed-replace; boundary=frame", ""),
        ],
        ids=["wrong type", "image/jpg", "length alone", "nothing between"],
    )
    def test_motion_jpeg_as_careless_cameras_send_it(self, content_type: str, part: str) -> None:
        server = MjpegServer(content_type, part)
        try:
            with open_source(f"http://127.0.0.1:{server.port}/") as source:
                frames = [source.read() for _ in range(5)]
                assert source.live
            numbers = [number_of(frame.image) for frame in frames]
            assert np.diff(numbers).tolist() == [1, 1, 1, 1]
        finally:
            server.stop()

    def test_an_address_without_pictures(self) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"<html>Welcome to your camera</html>" * 100)

            def log_message(self, *arguments: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            with pytest.raises(LivefanError, match="cannot be opened"):
                open_source(f"http://127.0.0.1:{server.server_port}/")
        finally:
            server.shutdown()
            server.server_close()

    def test_a_stream_that_stops_and_comes_back(
        self, mjpeg: MjpegServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live_sources, "FIRST_PAUSE_S", 0.05)
        said: list[str] = []
        source = open_source(f"http://127.0.0.1:{mjpeg.port}/video")
        with CaptureThread(source, on_status=said.append) as thread:
            before = thread.get(5)
            mjpeg.stop()
            wait_for(lambda: "lost" in thread.status)
            while (frame := thread.get(0.05)) is not None:
                before = frame
            mjpeg.start()
            after = thread.get(10)
        assert before is not None
        assert after is not None
        assert after.index == before.index + 1
        assert after.source_time > before.source_time
        assert said[-1] == ""
        assert thread.error is None

    def test_a_recording_behind_an_address_is_read_whole(self, clip: Path) -> None:
        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments: object) -> None:
                super().__init__(*arguments, directory=str(clip.parent))

            def log_message(self, *arguments: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            with open_source(f"http://127.0.0.1:{server.server_port}/clip.mp4") as source:
                assert not source.live
                assert [number_of(frame.image) for frame in source] == list(range(60))
        finally:
            server.shutdown()
            server.server_close()

    def test_nobody_there(self) -> None:
        with pytest.raises(
            LivefanError, match=r"http://127\.0\.0\.1:9/x: cannot be opened \(.*refused"
        ) as raised:
            open_source("http://user:secret@127.0.0.1:9/x?key=secret")
        assert "secret" not in str(raised.value)

    def test_addresses_and_paths(self) -> None:
        assert is_url("rtsp://camera/live")
        assert not is_url("C:/videos/clip.mp4")
        assert not is_url("clip.mp4")
        with pytest.raises(LivefanError, match="ftp://host/x: addresses of this kind are not supported"):
            is_url("ftp://me:secret@host/x")
        assert is_address("ftp://host/x")
        assert display_name("ftp://me:secret@host/x") == "ftp://host/x"
        assert not is_address("C:/videos/clip.mp4")
        assert public_name("RTSP://me:secret@10.0.0.5:554/live?t=1") == "rtsp://10.0.0.5:554/live"
        assert public_name("http://[::1/x") == "http://[::1/x"
        for password in ("s3/cr#et", "12/3", "a@b?c"):
            assert public_name(f"rtsp://me:{password}@10.0.0.5/live#t") == "rtsp://10.0.0.5/live"


class TestLiveCapture:
    def test_the_newest_frame_wins_and_the_others_are_counted(self) -> None:
        source = Numbered(100, live=True)
        with CaptureThread(source) as thread:
            taken, sent = [], 0
            for burst in (1, 4, 10):
                source.turns.release(burst)
                sent += burst
                newest = sent - 1
                wait_for(lambda: [frame.index for frame, _ in thread._frames] == [newest])  # noqa: B023
                frame = thread.get(1)
                assert frame is not None
                taken.append(frame.index)
            assert thread.get(0.02) is None
            assert not thread.finished
            source.turns.release()
        assert taken == [0, 4, 14]
        assert thread.dropped == 0 + 3 + 9

    def test_stop_does_not_wait_for_a_blocked_camera(self) -> None:
        source = Numbered(100, live=True)
        thread = CaptureThread(source)
        thread.start()
        started = time.perf_counter()
        thread.stop()
        assert time.perf_counter() - started < 5
        assert thread.finished
        assert thread.get() is None
        assert source.released == 0  # not while a read is in progress
        source.turns.release()
        thread._thread.join(5)
        assert not thread._thread.is_alive()
        assert source.released > 0

    def test_stop_wakes_a_reader(self) -> None:
        source = Numbered(100, live=True)
        with CaptureThread(source) as thread:
            threading.Timer(0.05, thread.stop).start()
            assert thread.get() is None
            source.turns.release()


class TestRecordedCapture:
    def test_nothing_is_dropped_for_a_slow_reader(self, clip: Path) -> None:
        numbers = []
        with CaptureThread(open_source(clip), paced=False) as thread:
            for frame in thread:
                numbers.append(number_of(frame.image))
                time.sleep(0.002)
            assert thread.finished
        assert numbers == list(range(60))
        assert thread.dropped == 0

    def test_only_a_few_frames_are_held(self) -> None:
        source = Numbered(100)
        with CaptureThread(source, paced=False) as thread:
            wait_for(lambda: len(thread._frames) == capture.AHEAD)
            time.sleep(0.05)
            assert source.given <= capture.AHEAD + 1

    def test_paced_frames_come_no_sooner_than_their_time(self) -> None:
        with CaptureThread(Numbered(20)) as thread:
            frames = list(thread)
        assert [frame.index for frame in frames] == list(range(20))
        for frame in frames:
            # A late reader only ever sets the clock back, never forward.
            assert frame.captured_at - frames[0].captured_at >= frame.source_time - 1e-6

    def test_a_reader_that_was_late_is_not_hurried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(capture, "LATE_S", 0.05)
        with CaptureThread(Numbered(12)) as thread:
            first = thread.get(5)
            time.sleep(0.4)
            rest = list(thread)
        assert first is not None
        for frame in rest:
            waited = frame.captured_at - rest[0].captured_at
            assert waited >= frame.source_time - rest[0].source_time - 1e-6

    def test_not_yet_due_is_not_the_end(self) -> None:
        source = Numbered(2)
        with CaptureThread(source) as thread:
            assert thread.get(5) is not None
            assert thread.get(0.0) is None
            assert not thread.finished
            assert thread.get(5) is not None
            assert thread.get(5) is None
            assert thread.finished

    def test_held_and_let_go_on(self) -> None:
        with CaptureThread(Numbered(5)) as thread:
            assert thread.get(5) is not None
            thread.paused = True
            assert thread.get(0.1) is None
            thread.paused = False
            assert [frame.index for frame in thread] == [1, 2, 3, 4]

    def test_the_rate_is_measured(self) -> None:
        with CaptureThread(Numbered(20)) as thread:
            assert thread.fps == 0
            list(thread)
            assert 0 < thread.fps <= 51

    @pytest.mark.parametrize("failure", [LivefanError("numbers: broke; mend them"), ValueError("a bug")])
    def test_an_error_follows_the_last_frame(self, failure: Exception) -> None:
        source = Numbered(3, fail=failure)
        with CaptureThread(source, paced=False) as thread:
            got = [thread.get(5) for _ in range(3)]
            with pytest.raises(LivefanError, match="numbers: "):
                thread.get(5)
            assert thread.finished
            assert isinstance(thread.error, LivefanError)
            wait_for(lambda: not thread._thread.is_alive())
        assert None not in got
        assert source.released > 0

    def test_the_source_is_closed_at_the_end(self) -> None:
        source = Numbered(3)
        thread = CaptureThread(source, paced=False)
        thread.start()
        assert len(list(thread)) == 3
        thread._thread.join(5)
        assert source.released > 0

    def test_stop_before_the_end_and_without_a_start(self) -> None:
        for started in (True, False):
            source = Numbered(1000)
            thread = CaptureThread(source)
            if started:
                thread.start()
            thread.stop()
            thread.stop()
            assert not thread._thread.is_alive()
            assert thread.get() is None
            assert source.released > 0


def test_a_source_that_is_closed_leaves_no_picture_and_no_decoder(clip: Path) -> None:
    """Without the garbage collector: what waits for it holds a decoder's threads and memory until then."""

    def pictures() -> int:
        return sum(type(each) is av.VideoFrame for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = pictures()
        for _ in range(3):
            with open_source(clip) as source:
                assert sum(1 for _ in source) == 60
        del source
        assert pictures() <= before
    finally:
        gc.enable()

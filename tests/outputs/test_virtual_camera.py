"""The virtual camera; a device exists on few machines, so its library is replaced."""

import sys
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from livefan.core.errors import LivefanError
from livefan.outputs.address import parse_address
from livefan.outputs.frame_result import FrameResult
from livefan.outputs.virtual_camera import VirtualCameraOutput

Make = Callable[..., FrameResult]


class Device:
    """Keeps the pictures that a camera gets."""

    opened: list["Device"]

    def __init__(self, width: int, height: int, fps: float, *, fmt: str, device: str | None) -> None:
        assert fmt == "bgr"
        self.shape = (height, width, 3)
        self.device = device
        self.pictures: list[np.ndarray] = []
        self.closed = False
        Device.opened.append(self)

    def send(self, picture: np.ndarray) -> None:
        assert picture.shape == self.shape
        assert picture.flags.c_contiguous
        self.pictures.append(picture)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    Device.opened = []
    made = SimpleNamespace(Camera=Device, PixelFormat=SimpleNamespace(BGR="bgr"))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", made)
    return made


def drawn(result: FrameResult) -> FrameResult:
    return FrameResult(
        result.frame, result.faces, result.scheme, result.finished_at, lambda: result.frame.image + 9
    )


@pytest.mark.parametrize(("text", "added"), [("camera://", 9), ("camera:///dev/video7?clean", 0)])
def test_drawn_or_clean_picture_in_the_size_of_the_frame(text: str, added: int, library, result: Make):
    output = VirtualCameraOutput(parse_address(text))
    output.open()
    assert output.send(drawn(result())) == 1
    assert output.send(drawn(result())) == 1
    output.close()
    camera = Device.opened[-1]
    assert camera.shape == (480, 640, 3)
    assert [int(picture[0, 0, 0]) for picture in camera.pictures] == [90 + added] * 2
    assert camera.device == ("/dev/video7" if "dev" in text else None)
    assert all(each.closed for each in Device.opened)


@pytest.mark.parametrize(
    ("platform", "mend"), [("linux", "v4l2loopback"), ("darwin", "OBS"), ("win32", "OBS")]
)
def test_missing_device_is_one_line_with_the_package_to_install(
    platform: str, mend: str, library, monkeypatch: pytest.MonkeyPatch
):
    def absent(*args, **options):
        raise RuntimeError("no backend:\n- no device found")

    library.Camera = absent
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(LivefanError, match=rf"^camera://: no virtual camera \(no backend: .*\); .*{mend}"):
        VirtualCameraOutput(parse_address("camera://")).open()

"""Results of a session to send, and free ports."""

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest

from livefan.core.boxes import bounding_box
from livefan.core.face_measures import Gaze
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import IBUG_68, LandmarkScheme
from livefan.measures.expressions import NAMES
from livefan.outputs.face_model import FACE_MODEL_MM
from livefan.outputs.frame_result import FrameResult
from livefan.outputs.output_group import OutputGroup


@pytest.fixture
def port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


def project(
    yaw: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
    shift_mm: tuple = (0.0, 0.0, 600.0),
    track_id: int = 1,
) -> Face:
    """Return the rigid face as a camera with focal length 640 px sees it on an image of 640 x 480 pixels."""
    turns = ((0.0, -yaw, 0.0), (-pitch, 0.0, 0.0), (0.0, 0.0, roll))
    across, up, around = (cv2.Rodrigues(np.radians(turn))[0] for turn in turns)
    points_mm = FACE_MODEL_MM @ (across @ up @ around).T + shift_mm
    points_px = 640 * points_mm[:, :2] / points_mm[:, 2:] + (319.5, 239.5)
    return Face(track_id, bounding_box(points_px), points_px, np.linspace(0.5, 1.0, 68))


@pytest.fixture
def posed_face() -> Callable[..., Face]:
    """Makes faces of known pose: yaw, pitch and roll in degrees, shift in mm."""
    return project


@pytest.fixture
def expressive_face() -> Callable[..., Face]:
    """Makes faces with pupils and expressions; coefficients that are not named are 0."""

    def make(gaze: Gaze | None = None, **coefficients: float) -> Face:
        face = project()
        eyes = [face.points_px[eye].mean(axis=0) for eye in (slice(36, 42), slice(42, 48))]
        values = np.array([coefficients.pop(name, 0.0) for name in NAMES], np.float32)
        assert not coefficients
        return replace(face, expressions=values, pupils_px=np.add(eyes, (2.0, 1.0)), gaze=gaze)

    return make


@pytest.fixture
def result() -> Callable[..., FrameResult]:
    """Makes results on grey frames, by default with one frontal face."""

    def make(
        index: int = 0,
        faces: tuple[Face, ...] | None = None,
        scheme: LandmarkScheme = IBUG_68,
        right_px: float = 0.0,
    ) -> FrameResult:
        frame = Frame(np.full((480, 640, 3), 90, np.uint8), index, source_time=index / 25)
        if faces is None:
            face = project()
            points = face.points_px + np.array([right_px, 0.0])
            faces = (Face(face.track_id, bounding_box(points), points, face.confidence),)
        return FrameResult(frame, faces, scheme, time.perf_counter())

    return make


@pytest.fixture
def outputs() -> Iterator[OutputGroup]:
    group = OutputGroup()
    yield group
    group.close()


class UdpReceiver:
    """Receives datagrams, up to a time limit."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind(("127.0.0.1", port))
        self._socket.settimeout(10)

    def take(self, count: int) -> list[bytes]:
        return [self._socket.recv(65535) for _ in range(count)]

    def nothing_follows(self) -> bool:
        self._socket.settimeout(0.2)
        try:
            self._socket.recv(65535)
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(10)
        return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def receiver(port: int) -> Iterator[UdpReceiver]:
    made = UdpReceiver(port)
    yield made
    made.close()

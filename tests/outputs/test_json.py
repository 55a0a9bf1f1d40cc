"""JSON over UDP and WebSocket, received as docs/stream.schema.json describes it."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from livefan.core.errors import LivefanError
from livefan.core.face_measures import Gaze
from livefan.core.frame import Face
from livefan.core.landmarks import COFW_29, WFLW_98, LandmarkScheme
from livefan.measures.expressions import NAMES
from livefan.outputs import websocket
from livefan.outputs.address import Address
from livefan.outputs.frame_result import FrameResult
from livefan.outputs.json_message import json_message
from livefan.outputs.output_group import OutputGroup
from livefan.outputs.websocket import WebSocketOutput

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "stream.schema.json").read_text("utf-8"))
Make = Callable[..., FrameResult]


def parsed(message: str | bytes) -> dict:
    data = json.loads(message, parse_constant=pytest.fail)  # NaN is not JSON
    jsonschema.validate(data, SCHEMA)
    return data


def blank(scheme: LandmarkScheme, number: int = 1) -> Face:
    points = np.zeros((scheme.n_points, 2))
    return Face(number, np.zeros(4), points, np.ones(scheme.n_points))


def test_object_holds_the_faces_of_the_frame(result: Make, posed_face: Callable[..., Face]):
    before = time.time()
    face = posed_face(yaw=20.0, pitch=-10.0, roll=5.0)
    sent = result(7, faces=(face,))
    data = parsed(json_message(sent))
    assert (data["frame"], data["source_time"], data["scheme"]) == (7, 0.28, "300w-68")
    assert (data["width"], data["height"]) == (sent.frame.image.shape[1], sent.frame.image.shape[0])
    assert before - 0.5 < data["captured_at"] < time.time() + 0.5
    (found,) = data["faces"]
    np.testing.assert_allclose(found["landmarks"], face.points_px, atol=0.006)
    np.testing.assert_allclose(found["box"], face.box_px, atol=0.006)
    np.testing.assert_allclose(found["confidences"], face.confidence, atol=0.0006)
    assert found["pose"]["yaw"] == pytest.approx(20.0, abs=1.0)
    assert found["pose"]["pitch"] == pytest.approx(-10.0, abs=1.0)
    assert found["pose"]["roll"] == pytest.approx(5.0, abs=1.0)
    np.testing.assert_allclose(found["pose"]["translation_mm"], [0.0, 0.0, 600.0], atol=10.0)
    assert 0.1 < found["aspect_ratios"]["right_eye"] < 0.6


def test_confidences_of_a_model_without_them_are_null(result: Make, posed_face: Callable[..., Face]):
    face = replace(posed_face(), confidence=np.full(68, np.nan))
    (found,) = parsed(json_message(result(faces=(face,))))["faces"]
    assert found["confidences"] is None


def test_object_holds_expressions_gaze_and_pupils(result: Make, expressive_face: Callable[..., Face]):
    face = expressive_face(Gaze(10.0, -5.0, 12.0, -4.0), jawOpen=0.4, eyeBlinkLeft=1.0)
    (found,) = parsed(json_message(result(faces=(face,))))["faces"]
    assert set(found["expressions"]) == set(NAMES)
    assert found["expressions"]["jawOpen"] == pytest.approx(0.4, abs=1e-4)
    assert found["expressions"]["eyeBlinkLeft"] == 1.0
    assert found["gaze"]["right_eye"] == {"yaw": 10.0, "pitch": -5.0}
    assert found["gaze"]["left_eye"] == {"yaw": 12.0, "pitch": -4.0}
    np.testing.assert_allclose(found["pupils"], face.pupils_px, atol=0.006)


def test_object_holds_occlusion_and_presence(result: Make, posed_face: Callable[..., Face]):
    face = posed_face()
    (found,) = parsed(json_message(result(faces=(face,))))["faces"]
    assert (found["occluded"], found["presence"]) == (None, None)
    occluded = np.linspace(0, 1, 68).astype(np.float32)
    face = replace(face, occluded=occluded, presence=0.98)
    (found,) = parsed(json_message(result(faces=(face,))))["faces"]
    np.testing.assert_allclose(found["occluded"], occluded, atol=0.0006)
    assert found["presence"] == 0.98


def test_gaze_follows_from_known_pupils(result: Make, expressive_face: Callable[..., Face]):
    (found,) = parsed(json_message(result(faces=(expressive_face(),))))["faces"]
    assert found["gaze"]["right_eye"]["yaw"] > 2  # the pupils lie right of the centres of the eyes


@pytest.mark.parametrize("scheme", [WFLW_98, COFW_29])
def test_degenerate_landmarks_give_null_instead_of_nan(scheme: LandmarkScheme, result: Make):
    (found,) = parsed(json_message(result(faces=(blank(scheme),), scheme=scheme)))["faces"]
    assert found["pose"] is None


@pytest.mark.slow
def test_every_frame_arrives_by_udp(result: Make, outputs: OutputGroup, receiver, port: int):
    outputs.open_all([f"udp+json://127.0.0.1:{port}"])
    for index in range(30):
        offer(outputs, result(index, right_px=index))
    frames = [parsed(data) for data in receiver.take(30)]
    assert [frame["frame"] for frame in frames] == list(range(30))
    first_x = [frame["faces"][0]["landmarks"][0][0] for frame in frames]
    np.testing.assert_allclose(np.diff(first_x), 1.0, atol=0.011)
    assert parsed(json_message(result(faces=())))["faces"] == []
    (statistics,) = outputs.statistics()
    assert statistics.packets == statistics.frames == 30
    assert statistics.dropped == 0


def test_too_many_faces_for_a_datagram_are_an_error_in_the_status(
    result: Make, outputs: OutputGroup, receiver, port: int
):
    outputs.open_all([f"udp+json://127.0.0.1:{port}"])
    outputs.offer(result(faces=tuple(blank(WFLW_98, number) for number in range(1, 100)), scheme=WFLW_98))
    until = time.monotonic() + 10
    while not (line := outputs.statistics()[0]).error:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert "use ws://" in line.line()
    outputs.offer(result(1))
    assert parsed(receiver.take(1)[0])["frame"] == 1
    assert outputs.statistics()[0].dropped == 1


def offer(outputs: OutputGroup, frame: FrameResult) -> None:
    """Offer a frame to the one output, and wait until it has taken the frame."""
    before = outputs.statistics()[0].frames
    outputs.offer(frame)
    while outputs.statistics()[0].frames == before:
        time.sleep(0.005)


def send_until(outputs: OutputGroup, result: Make, n_clients: int) -> None:
    """Offer frames until each makes as many messages as there should be clients."""
    until = time.monotonic() + 20
    made = -1
    while made != n_clients:
        assert time.monotonic() < until
        before = outputs.statistics()[0]
        offer(outputs, result(0))
        made = outputs.statistics()[0].packets - before.packets


@pytest.mark.slow
def test_clients_come_and_go(result: Make, outputs: OutputGroup, port: int):
    address = f"ws://127.0.0.1:{port}"
    outputs.open_all([address])
    outputs.offer(result(0))  # nobody listens
    with connect(address) as lost, connect(address) as kept:
        send_until(outputs, result, 2)
        lost.socket.close()  # killed, without a farewell
        send_until(outputs, result, 1)
        with connect(address) as again:
            send_until(outputs, result, 2)
            for index in range(1000, 1020):
                outputs.offer(result(index))
                time.sleep(0.005)
            for client in (kept, again):
                indices = []
                while not indices or indices[-1] < 1019:
                    indices.append(parsed(client.recv(timeout=10))["frame"])
                assert indices[-20:] == list(range(1000, 1020))
            outputs.close()
            with pytest.raises(ConnectionClosed):
                again.recv(timeout=10)


@pytest.mark.slow
def test_client_that_does_not_read_delays_nobody(result: Make, outputs: OutputGroup, port: int):
    address = f"ws://127.0.0.1:{port}"
    outputs.open_all([address])
    crowd = tuple(blank(WFLW_98, number) for number in range(1, 400))  # a megabyte
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # six messages fill the system's buffers
    small.connect(("127.0.0.1", port))
    # No answer to its close arrives: the messages before it are never read.
    silent = connect(address, sock=small, max_queue=1, close_timeout=0.1)
    with connect(address, max_size=None) as reading, silent:
        send_until(outputs, result, 2)
        for index in range(100, 108):
            outputs.offer(result(index, faces=crowd, scheme=WFLW_98))
            while json.loads(reading.recv(timeout=10))["frame"] != index:
                pass


@pytest.fixture
def served(port: int) -> Iterator[WebSocketOutput]:
    """A WebSocket output with one client that completes the handshake and reads nothing."""
    output = WebSocketOutput(Address("ws", "127.0.0.1", port))
    output.open()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        yield output
    output.close()  # after the client, which would hold up a faulty end


def fill_buffers(output: WebSocketOutput, result: Make) -> None:
    """Send more than the buffers of the system hold to the one client."""
    crowd = result(faces=tuple(blank(WFLW_98, number) for number in range(1, 400)), scheme=WFLW_98)
    until = time.monotonic() + 10
    while output.send(result()) != 1:
        assert time.monotonic() < until
        time.sleep(0.01)
    for _ in range(8):
        output.send(crowd)


@pytest.mark.slow
def test_client_that_reads_nothing_does_not_hold_up_the_end(served: WebSocketOutput, result: Make):
    fill_buffers(served, result)
    closing = threading.Thread(target=served.close, daemon=True)
    closing.start()
    closing.join(5)
    assert not closing.is_alive()


@pytest.mark.slow
def test_client_that_takes_too_long_for_a_message_is_dropped(
    served: WebSocketOutput, result: Make, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(websocket, "_LONGEST_SEND_S", 0.3)
    fill_buffers(served, result)
    until = time.monotonic() + 10
    while served.send(result()):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_web_sites_are_refused_and_pages_of_this_machine_are_not(outputs: OutputGroup, port: int):
    address = f"ws://127.0.0.1:{port}"
    outputs.open_all([address])
    for origin in ("https://example.com", "http://localhost.example.com", "null"):
        with pytest.raises(InvalidStatus):
            connect(address, origin=origin).__enter__()
    with connect(address, origin="http://localhost:8000"):
        pass


def test_used_port_is_one_line_and_opens_nothing(outputs: OutputGroup, port: int):
    outputs.open_all([f"ws://127.0.0.1:{port}"])
    second = OutputGroup()
    with pytest.raises(LivefanError, match="choose another host or port"):
        second.open_all(["udp+json://", f"ws://127.0.0.1:{port}"])
    assert not second
    assert second.statistics() == []

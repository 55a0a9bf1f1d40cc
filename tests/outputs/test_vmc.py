"""VMC over OSC, read by a parser of OSC 1.0 as https://protocol.vmc.info describes the messages."""

import math
import struct
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from livefan.core.face_measures import Gaze
from livefan.measures.expressions import NAMES
from livefan.outputs.frame_result import FrameResult
from livefan.outputs.output_group import OutputGroup

Make = Callable[..., FrameResult]
Message = tuple[str, list]


def _string(data: bytes, at: int) -> tuple[str, int]:
    """Read an OSC string: ASCII, ended by zeros up to a multiple of four bytes."""
    end = data.index(b"\0", at)
    return data[at:end].decode("ascii"), at + (end - at) // 4 * 4 + 4


def _message(data: bytes) -> Message:
    address, at = _string(data, 0)
    tags, at = _string(data, at)
    assert tags[0] == ","
    values: list = []
    for tag in tags[1:]:
        if tag == "s":
            value, at = _string(data, at)
        else:
            (value,) = struct.unpack_from({"i": ">i", "f": ">f"}[tag], data, at)
            at += 4
        values.append(value)
    assert at == len(data)
    return address, values


def read_bundle(data: bytes) -> list[Message]:
    """Read the messages of an OSC bundle that is to be applied at once."""
    assert data[:8] == b"#bundle\0"
    assert data[8:16] == b"\0\0\0\0\0\0\0\1"
    messages, at = [], 16
    while at < len(data):
        (size,) = struct.unpack_from(">i", data, at)
        messages.append(_message(data[at + 4 : at + 4 + size]))
        at += 4 + size
    return messages


@pytest.fixture
def exchange(outputs: OutputGroup, receiver, port: int) -> Callable[..., list[list[Message]]]:
    """Sends results to VMC and returns the messages of each bundle."""

    def send(*results: FrameResult, options: str = "") -> list[list[Message]]:
        outputs.open_all([f"vmc://127.0.0.1:{port}{options}"])
        bundles = []
        for each in results:
            outputs.offer(each)
            bundles.append(read_bundle(receiver.take(1)[0]))
        return bundles

    return send


def blend_values(messages: list[Message]) -> dict[str, float]:
    return dict(values for address, values in messages if address == "/VMC/Ext/Blend/Val")


def bones(messages: list[Message]) -> dict[str, np.ndarray]:
    """Return the rotation of each bone as a matrix, from Unity's quaternion x, y, z, w."""
    found = {}
    for address, values in messages:
        if address == "/VMC/Ext/Bone/Pos":
            name, *numbers = values
            assert numbers[:3] == [0, 0, 0]
            x, y, z, w = numbers[3:]
            assert math.hypot(x, y, z, w) == pytest.approx(1.0, abs=1e-5)
            found[name] = np.array(
                [
                    [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                    [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                    [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
                ]
            )
    return found


def test_every_frame_is_one_bundle_in_the_order_of_the_protocol(exchange, result: Make):
    bundles = exchange(*(result(index, right_px=index) for index in range(25)))
    times = []
    for messages in bundles:
        addresses = [address for address, _ in messages]
        assert messages[0] == ("/VMC/Ext/OK", [1])
        assert addresses[1] == "/VMC/Ext/T"
        assert addresses[2:4] == ["/VMC/Ext/Bone/Pos"] * 2
        assert set(addresses[4:-1]) == {"/VMC/Ext/Blend/Val"}
        assert messages[-1] == ("/VMC/Ext/Blend/Apply", [])
        times.append(messages[1][1][0])
    assert times[0] == 0
    assert np.all(np.diff(times) > 0)
    names = [values[0] for address, values in bundles[0] if address == "/VMC/Ext/Blend/Val"]
    assert len(names) == len(set(names))
    assert {"A", "I", "U", "E", "O", "Blink", "Blink_L", "Blink_R", "Joy", "Angry", "Sorrow", "Fun"} <= set(
        names
    )
    assert all(0 <= value <= 1 for messages in bundles for value in blend_values(messages).values())


def test_frame_without_a_face_keeps_the_connection_alone(exchange, result: Make):
    (messages,) = exchange(result(faces=()))
    assert [address for address, _ in messages] == ["/VMC/Ext/OK", "/VMC/Ext/T"]


@pytest.mark.parametrize(
    ("angles", "forwards", "upwards"),
    [
        # Unity's axes of the avatar: x to its right, y up, z forwards.
        ({"yaw": 30.0}, (-0.5, 0.0, 0.866), (0.0, 1.0, 0.0)),  # to the image's right: to the person's left
        ({"pitch": 30.0}, (0.0, 0.5, 0.866), (0.0, 0.866, -0.5)),  # up
        ({"roll": 30.0}, (0.0, 0.0, 1.0), (-0.5, 0.866, 0.0)),  # leans to the person's left
    ],
)
def test_neck_and_head_turn_as_the_person_does(
    angles: dict, forwards: tuple, upwards: tuple, exchange, result: Make, posed_face
):
    (messages,) = exchange(result(faces=(posed_face(**angles),)))
    turns = bones(messages)
    head = turns["Neck"] @ turns["Head"]  # the head is local to the neck
    np.testing.assert_allclose(head @ [0, 0, 1], forwards, atol=0.03)
    np.testing.assert_allclose(head @ [0, 1, 0], upwards, atol=0.03)
    share = math.acos((np.trace(turns["Neck"]) - 1) / 2) / math.acos((np.trace(head) - 1) / 2)
    assert share == pytest.approx(0.4, abs=0.01)


HEADS = [{}, {"yaw": 30.0}, {"pitch": -20.0}, {"yaw": -25.0, "pitch": 15.0, "roll": 20.0}]
"""Poses of a head whose eyes look elsewhere."""


def turned(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Return the rotation of a head to the camera: x to the image's right, y down, z away."""
    turns = ((0.0, -yaw, 0.0), (-pitch, 0.0, 0.0), (0.0, 0.0, roll))
    across, up, around = (cv2.Rodrigues(np.radians(turn))[0] for turn in turns)
    return across @ up @ around


def gaze_along(direction: np.ndarray) -> Gaze:
    """Return the gaze of two eyes that look along a direction in the axes of the camera."""
    x, y, z = direction
    return Gaze(*np.degrees([math.atan2(x, -z), math.asin(-y)] * 2))


@pytest.mark.parametrize("angles", HEADS)
@pytest.mark.parametrize(
    ("looks", "forwards"),
    [
        # On a frontal face, and as the avatar's eye: x to its right, y up, z forwards.
        ((0.0, 0.0, -1.0), (0.0, 0.0, 1.0)),  # along the head's axis
        ((0.5, 0.0, -0.866), (-0.5, 0.0, 0.866)),  # to the image's right: to the person's left
        ((0.0, -0.5, -0.866), (0.0, 0.5, 0.866)),  # up
        ((-0.3, 0.4, -0.866), (0.3, -0.4, 0.866)),  # to the person's right and down
    ],
)
def test_eyes_turn_in_the_head_as_the_person_looks(
    angles: dict, looks: tuple, forwards: tuple, exchange, result: Make, posed_face
):
    direction = turned(**angles) @ looks
    (messages,) = exchange(result(faces=(replace(posed_face(**angles), gaze=gaze_along(direction)),)))
    turns = bones(messages)
    head = turns["Neck"] @ turns["Head"]
    for name in ("LeftEye", "RightEye"):
        np.testing.assert_allclose(turns[name] @ [0, 0, 1], forwards, atol=0.03)
        np.testing.assert_allclose(head @ turns[name] @ [0, 0, 1], -direction, atol=0.001)
        assert (turns[name] @ [1, 0, 0])[1] == pytest.approx(0, abs=1e-6)  # an eye does not roll


def test_each_eye_has_its_own_gaze(exchange, result: Make, posed_face):
    face = replace(posed_face(), gaze=Gaze(right_yaw=20.0, right_pitch=0.0, left_yaw=-10.0, left_pitch=0.0))
    (messages,) = exchange(result(faces=(face,)))
    turns = bones(messages)
    assert (turns["RightEye"] @ [0, 0, 1])[0] == pytest.approx(-math.sin(math.radians(20)), abs=0.02)
    assert (turns["LeftEye"] @ [0, 0, 1])[0] == pytest.approx(math.sin(math.radians(10)), abs=0.02)


def test_unknown_gaze_moves_no_eyes(exchange, result: Make):
    (messages,) = exchange(result())
    assert set(bones(messages)) == {"Neck", "Head"}


def test_wink_and_open_mouth_move_the_presets(exchange, result: Make, posed_face):
    face = posed_face()
    face.points_px[[37, 38]] = face.points_px[[41, 40]]  # the person's right eye
    face.points_px[[65, 66, 67], 1] += 40
    (messages,) = exchange(result(faces=(face,)))
    values = blend_values(messages)
    assert values["EyeBlinkRight"] == values["Blink"] + values["Blink_R"] == 1
    assert values["EyeBlinkLeft"] == values["Blink"] < 0.8
    assert values["Blink_L"] == 0
    assert values["A"] > 0.7
    assert values["I"] == values["U"] == 0


ARKIT = {name: name[0].upper() + name[1:] for name in NAMES}
"""ARKit's names as Unity spells them."""
VRM_0 = {"A", "Blink", "Blink_L", "Joy", "LookUp"}
VRM_1 = {"aa", "blink", "blinkLeft", "happy", "lookUp"}


@pytest.mark.parametrize(
    ("options", "present", "absent"),
    [
        ("", {*ARKIT.values(), *VRM_0}, {*NAMES, *VRM_1}),
        ("?arkit", set(ARKIT.values()), {*NAMES, *VRM_0, *VRM_1}),
        ("?presets", VRM_0, {*ARKIT.values(), *NAMES, *VRM_1}),
        ("?vrm1", {*NAMES, *VRM_1}, {*ARKIT.values(), *VRM_0}),
        ("?arkit&vrm1", set(NAMES), {*ARKIT.values(), *VRM_0, *VRM_1}),
        ("?presets&vrm1", VRM_1, {*ARKIT.values(), *NAMES, *VRM_0}),
    ],
)
def test_options_choose_the_names(
    options: str, present: set, absent: set, exchange, result: Make, expressive_face
):
    (messages,) = exchange(result(faces=(expressive_face(),)), options=options)
    names = set(blend_values(messages))
    assert present <= names
    assert not absent & names
    assert len({name.lower() for name in names}) == len(names)


@pytest.mark.parametrize(
    ("coefficients", "presets"),
    [
        ({"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8}, {"Joy": 0.8, "Fun": 0.0, "Sorrow": 0.0}),
        ({"mouthPucker": 0.9}, {"U": 0.9, "A": 0.0}),
        ({"jawOpen": 0.5}, {"A": 0.65, "I": 0.0, "U": 0.0}),
        # Receivers add the presets, so that both sides share what is common to them.
        ({"eyeBlinkLeft": 1.0}, {"Blink": 0.0, "Blink_L": 1.0, "Blink_R": 0.0}),
        ({"eyeBlinkLeft": 0.9, "eyeBlinkRight": 0.6}, {"Blink": 0.6, "Blink_L": 0.3, "Blink_R": 0.0}),
        (
            {"mouthSmileLeft": 0.4, "mouthSmileRight": 0.4, "eyeSquintLeft": 1.0, "eyeSquintRight": 1.0},
            {"Joy": 0.4, "Fun": 0.3},
        ),
        ({"eyeLookOutLeft": 0.6, "eyeLookInRight": 0.6}, {"LookLeft": 0.6, "LookRight": 0.0}),
        ({"browInnerUp": 1.0, "eyeWideLeft": 1.0, "eyeWideRight": 1.0}, {"Surprised": 1.0, "Angry": 0.0}),
    ],
)
def test_coefficients_and_presets_follow_the_expression(
    coefficients: dict, presets: dict, exchange, result: Make, expressive_face
):
    (messages,) = exchange(result(faces=(expressive_face(**coefficients),)))
    values = blend_values(messages)
    for name in NAMES:
        assert values[ARKIT[name]] == pytest.approx(coefficients.get(name, 0.0), abs=1e-6)
    for name, value in presets.items():
        assert values[name] == pytest.approx(value, abs=1e-6)


def test_presets_of_vrm_1_have_the_same_values(exchange, result: Make, expressive_face):
    face = expressive_face(mouthSmileLeft=0.8, mouthSmileRight=0.8, eyeBlinkLeft=0.9, eyeBlinkRight=0.6)
    (messages,) = exchange(result(faces=(face,)), options="?vrm1")
    values = blend_values(messages)
    assert [values[name] for name in ("happy", "blink", "blinkLeft", "blinkRight")] == pytest.approx(
        [0.8, 0.6, 0.3, 0.0]
    )


def test_the_face_with_the_lowest_id_is_sent(exchange, result: Make, posed_face):
    faces = (posed_face(yaw=-20, track_id=5), posed_face(yaw=20, track_id=3))
    (messages,) = exchange(result(faces=faces))
    turns = bones(messages)
    assert (turns["Neck"] @ turns["Head"])[0, 2] < -0.2

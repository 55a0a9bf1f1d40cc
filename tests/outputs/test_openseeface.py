"""OpenSeeFace's packet, read as its receiver ``Unity/OpenSee.cs`` reads it."""

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from livefan.core.frame import Face
from livefan.core.landmarks import COFW_29, WFLW_98, WFLW_TO_IBUG
from livefan.outputs.frame_result import FrameResult
from livefan.outputs.output_group import OutputGroup

Make = Callable[..., FrameResult]
RECORD_BYTES = (
    8 + 4 + 2 * 4 + 2 * 4 + 1 + 4 + 3 * 4 + 3 * 4 + 4 * 4 + 4 * 68 + 4 * 2 * 68 + 4 * 3 * 70 + 4 * 14
)


@dataclass
class Record:
    """Fields of a record, with the signs that the receiver gives them."""

    time: float
    id: int
    size: tuple[float, float]
    right_eye_open: float
    left_eye_open: float
    got_3d: bool
    error: float
    quaternion: tuple[float, ...]
    rotation: np.ndarray
    translation: np.ndarray
    confidence: np.ndarray
    points: np.ndarray
    points_3d: np.ndarray
    features: np.ndarray


def read_records(data: bytes) -> list[Record]:
    """Read a datagram by offsets: the receiver drops those of another length."""
    assert len(data) % RECORD_BYTES == 0
    return [_read(data, start) for start in range(0, len(data), RECORD_BYTES)]


def _read(data: bytes, at: int) -> Record:
    def floats(offset: int, count: int) -> np.ndarray:
        return np.frombuffer(data, "<f4", count, at + offset).astype(float)

    raw_euler, raw_shift = floats(49, 3), floats(61, 3)
    rotation = raw_euler * [1, -1, 1]  # readVector3 changes the sign of y
    rotation[2] = np.fmod(rotation[2] - 90, 360)
    rotation[0] = np.fmod(-(rotation[0] + 180), 360)
    return Record(
        time=struct.unpack_from("<d", data, at)[0],
        id=struct.unpack_from("<i", data, at + 8)[0],
        size=tuple(floats(12, 2)),
        right_eye_open=floats(20, 1)[0],
        left_eye_open=floats(24, 1)[0],
        got_3d=data[at + 28] != 0,
        error=floats(29, 1)[0],
        quaternion=tuple(floats(33, 4)),
        rotation=rotation,
        translation=np.array([-raw_shift[1], raw_shift[0], -raw_shift[2]]),
        confidence=floats(73, 68),
        points=floats(345, 136).reshape(68, 2),
        points_3d=floats(889, 210).reshape(70, 3) * [1, -1, 1],
        features=floats(1729, 14),
    )


@pytest.fixture
def exchange(outputs: OutputGroup, receiver, port: int) -> Callable[..., list[list[Record]]]:
    """Sends results and returns the records of each datagram."""
    outputs.open_all([f"openseeface://127.0.0.1:{port}"])

    def send(*results: FrameResult) -> list[list[Record]]:
        records = []
        for each in results:
            outputs.offer(each)
            records.append(read_records(receiver.take(1)[0]))
        return records

    return send


def test_record_has_the_size_that_the_receiver_expects():
    assert RECORD_BYTES == 1785
    assert RECORD_BYTES == 1729 + 14 * 4


def test_every_frame_arrives_with_points_time_and_size(exchange, result: Make):
    before = time.time()
    datagrams = exchange(*(result(index, right_px=index) for index in range(25)))
    records = [record for (record,) in datagrams]
    times = [record.time for record in records]
    assert times == sorted(times)
    assert len(set(times)) == 25
    assert before - 0.5 < times[0] < time.time() + 0.5
    for index, record in enumerate(records):
        (face,) = result(index, right_px=index).faces
        np.testing.assert_allclose(record.points[:48], face.points_px[:48], atol=1e-3)
        np.testing.assert_allclose(record.confidence[:48], face.confidence[:48], atol=1e-6)
        np.testing.assert_allclose(record.points[66], face.points_px[36:42].mean(axis=0), atol=1e-3)
        np.testing.assert_allclose(record.points[67], face.points_px[42:48].mean(axis=0), atol=1e-3)
        assert record.size == (640, 480)
        assert record.id == 0
        assert record.got_3d
        assert record.error < 1.0


def test_mouth_has_the_order_of_the_receiver(exchange, result: Make):
    # Unity/OpenSeeExpression.cs has the corners and the lips, facetracker.py the mirrored pairs.
    right_corner, left_corner = 58, 62
    upper_lip, lower_lip = [*range(48, 53), 59, 60, 61], [*range(53, 58), 63, 64, 65]
    midline, mirrored = [50, 55, 60, 64], ((48, 52), (58, 62), (59, 61), (65, 63))
    frame = result()
    (face,) = frame.faces
    ((record,),) = exchange(frame)
    for across, down in (record.points.T, (record.points_3d[:, :2] * [1, -1]).T):
        assert down[upper_lip].max() < down[right_corner] < down[lower_lip].min()
        np.testing.assert_allclose(across[midline], across[30], atol=1e-3)
        for right, left in mirrored:
            assert across[right] + across[left] == pytest.approx(2 * across[30], abs=1e-3)
            assert down[right] == pytest.approx(down[left], abs=1e-3)
    inner_corners = face.points_px[[60, 64]]
    np.testing.assert_allclose(record.points[[right_corner, left_corner]], inner_corners, atol=1e-3)
    assert record.confidence[right_corner] == pytest.approx(face.confidence[60], abs=1e-6)


def test_frontal_face_is_at_rest_for_the_receiver(exchange, result: Make):
    ((record,),) = exchange(result())
    turn = np.mod(record.rotation + 180, 360) - 180
    np.testing.assert_allclose(turn, 0.0, atol=1.0)
    np.testing.assert_allclose(np.abs(record.quaternion), [0.707, 0.707, 0, 0], atol=0.01)
    # Behind the camera in the packet; the tip of the nose is 45 mm nearer than the eyes and 31 mm below them.
    np.testing.assert_allclose(record.translation, [0.0, -0.21, 3.9], atol=0.1)


@pytest.mark.parametrize(
    ("angles", "expected"),
    [
        # Angles that OpenCV's solvePnP finds as OpenSeeFace calls it: from no pose, on exchanged coordinates.
        ({"pitch": 15.0}, (15.0, 0.0, 0.0)),
        ({"pitch": -15.0}, (-15.0, 0.0, 0.0)),
        ({"yaw": 20.0}, (0.0, -20.0, 0.0)),
        ({"yaw": -20.0}, (0.0, 20.0, 0.0)),
        ({"roll": 10.0}, (0.0, 0.0, -10.0)),
    ],
)
def test_rotation_follows_the_head(angles: dict, expected: tuple, exchange, result: Make, posed_face):
    ((record,),) = exchange(result(faces=(posed_face(**angles),)))
    turn = np.mod(record.rotation + 180, 360) - 180
    np.testing.assert_allclose(turn, expected, atol=1.5)


def test_quaternion_is_that_of_the_angles_and_changes_evenly(exchange, result: Make, posed_face):
    turns = np.linspace(-25, 25, 11)
    results = [result(faces=(posed_face(yaw=turn, pitch=turn / 2, roll=-turn / 2),)) for turn in turns]
    quaternions = np.array([record.quaternion for (record,) in exchange(*results)])
    np.testing.assert_allclose(np.linalg.norm(quaternions, axis=1), 1.0, atol=1e-5)
    steps = np.degrees(2 * np.arccos(np.clip((quaternions[1:] * quaternions[:-1]).sum(axis=1), -1, 1)))
    assert (steps < 10).all()


def test_3d_points_are_those_of_a_head_at_rest(exchange, result: Make, posed_face):
    results = [result(faces=(posed_face(yaw=yaw),)) for yaw in (0.0, 25.0)]
    frontal, turned = (record.points_3d for (record,) in exchange(*results))
    # On the wire y and z change their sign; the receiver changes y back: x right, y up, z backwards.
    np.testing.assert_allclose(frontal[30, :2], 0.0, atol=1e-6)
    assert frontal[0, 0] > 0.4  # the person's right
    assert frontal[16, 0] < -0.4
    assert frontal[19, 1] > 0.3  # brow above the tip of the nose
    assert frontal[8, 1] < -0.5
    assert frontal[0, 2] > 0.5  # the cheek is behind it
    np.testing.assert_allclose(turned[:66], frontal[:66], atol=0.02)
    for pupil, eyeball, corners in ((66, 68, (36, 39)), (67, 69, (42, 45))):
        np.testing.assert_allclose(frontal[pupil, :2], frontal[eyeball, :2], atol=0.03)
        width = np.linalg.norm(frontal[corners[0]] - frontal[corners[1]])
        middle = frontal[list(corners)].mean(axis=0)
        np.testing.assert_allclose(frontal[eyeball] - middle, [0, 0, 0.385 * width], atol=1e-4)


def test_face_that_appears_gets_the_number_of_one_that_is_gone(exchange, result: Make, posed_face):
    def on_frame(*track_ids: int) -> FrameResult:
        return result(faces=tuple(posed_face(track_id=each) for each in track_ids))

    datagrams = exchange(*(on_frame(*ids) for ids in ((1,), (1, 2), (2,), (2, 3), (4,))))
    assert [[record.id for record in records] for records in datagrams] == [[0], [0, 1], [1], [1, 0], [0]]


def test_frames_without_a_face_are_not_sent(outputs: OutputGroup, receiver, port: int, result: Make):
    outputs.open_all([f"openseeface://127.0.0.1:{port}"])
    outputs.offer(result(faces=()))
    outputs.offer(result())
    assert len(receiver.take(1)[0]) == RECORD_BYTES
    assert receiver.nothing_follows()


def test_unknown_pose_is_marked(exchange, result: Make):
    points = np.full((68, 2), 100.0)
    ((record,),) = exchange(result(faces=(Face(1, np.zeros(4), points, np.ones(68)),)))
    assert not record.got_3d
    assert record.error == 99999
    assert not record.points_3d.any()


FEATURES = (
    *("eye_l", "eye_r", "steepness_l", "up_l", "quirk_l", "steepness_r", "up_r", "quirk_r"),
    *("corner_down_l", "corner_out_l", "corner_down_r", "corner_out_r", "mouth_open", "mouth_wide"),
)


def features(record: Record) -> dict[str, float]:
    return dict(zip(FEATURES, record.features, strict=True))


def test_closed_eyes_and_open_mouth(exchange, result: Make, posed_face):
    face = posed_face()
    face.points_px[[37, 38]] = face.points_px[[41, 40]]  # the person's right eye
    face.points_px[[65, 66, 67], 1] += 30
    datagrams = exchange(*(result() for _ in range(3)), result(faces=(face,)))
    record = datagrams[-1][0]
    assert record.right_eye_open == 0
    assert record.left_eye_open > 0.2
    found = features(record)
    assert found["eye_r"] == -1
    assert found["eye_l"] == pytest.approx(0)
    assert found["mouth_open"] > 0.5


def test_expressions_and_pupils_are_used_where_known(exchange, result: Make, expressive_face):
    smile = {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.6}
    face = expressive_face(eyeBlinkRight=0.75, eyeWideLeft=0.5, browInnerUp=0.6, jawOpen=0.3, **smile)
    datagrams = exchange(*(result(faces=(expressive_face(),)) for _ in range(3)), result(faces=(face,)))
    record = datagrams[-1][0]
    assert record.right_eye_open == pytest.approx(0.25)
    assert record.left_eye_open == 1
    np.testing.assert_allclose(record.points[66:], face.pupils_px, atol=1e-3)
    found = features(record)
    assert found["eye_l"] == pytest.approx(0.5)
    assert found["eye_r"] == -1  # the deepest closure of the eye
    assert found["up_l"] == found["up_r"] == pytest.approx(0.3)
    assert found["corner_down_l"] == pytest.approx(-0.8)  # raised
    assert found["corner_out_r"] == pytest.approx(0.6)
    assert found["mouth_open"] == pytest.approx(0.3)
    assert found["mouth_wide"] == pytest.approx(0.7)


def test_features_are_measured_from_the_usual_face(exchange, result: Make, expressive_face):
    def on_frame(blink: float, jaw: float, track_id: int = 1) -> FrameResult:
        face = expressive_face(eyeBlinkLeft=blink, jawOpen=jaw)
        return result(faces=(replace(face, track_id=track_id),))

    usual = [on_frame(0.3, 0.2)] * 5
    datagrams = exchange(
        *usual, on_frame(0.4, 0.2), on_frame(0.9, 0.2), on_frame(0.6, 0.7), on_frame(0.1, 0.2)
    )
    found = [features(record) for (record,) in datagrams]
    assert [each["mouth_open"] for each in found] == pytest.approx([0] * 7 + [0.5, 0])
    assert [each["eye_l"] for each in found[:5]] == pytest.approx([0] * 5)
    assert found[5]["eye_l"] == pytest.approx(-0.25)  # no closure before
    assert found[6]["eye_l"] == pytest.approx(-1)
    assert found[7]["eye_l"] == pytest.approx(-0.5)
    assert found[8]["eye_l"] == pytest.approx(0.2)


def test_another_face_has_features_of_its_own(exchange, result: Make, expressive_face):
    closed = expressive_face(eyeBlinkLeft=0.9)
    first, second = (result(faces=(replace(closed, track_id=each),)) for each in (1, 2))
    datagrams = exchange(result(faces=(expressive_face(),)), first, second, first)
    assert [record.id for (record,) in datagrams] == [0, 0, 0, 0]
    assert [features(record)["eye_l"] for (record,) in datagrams] == pytest.approx([0, -1, 0, 0])


def test_98_landmarks_give_the_same_points_and_their_own_pupils(exchange, result: Make, posed_face):
    face = posed_face()
    points = np.zeros((98, 2))
    points[list(WFLW_TO_IBUG)] = face.points_px
    points[96:] = [(280, 230), (350, 230)]
    turned = Face(1, face.box_px, points, np.linspace(0.5, 1.0, 98))
    ((record,),) = exchange(result(faces=(turned,), scheme=WFLW_98))
    np.testing.assert_allclose(record.points[36:42], face.points_px[36:42], atol=1e-3)
    np.testing.assert_allclose(record.points[66:], points[96:], atol=1e-3)


def test_other_landmarks_end_the_output_with_the_mend(outputs: OutputGroup, result: Make, port: int):
    outputs.open_all([f"openseeface://127.0.0.1:{port}"])
    face = Face(1, np.zeros(4), np.zeros((29, 2)), np.ones(29))
    outputs.offer(result(faces=(face,), scheme=COFW_29))
    until = time.monotonic() + 10
    while not outputs.statistics()[0].ended:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert "needs 68 or 98 landmarks, not cofw-29; choose other weights" in outputs.statistics()[0].line()


def test_restarted_receiver_gets_the_next_frames(outputs: OutputGroup, receiver, port: int, result: Make):
    outputs.open_all([f"openseeface://127.0.0.1:{port}"])
    outputs.offer(result(0))
    assert receiver.take(1)
    receiver.close()
    for index in range(20):
        outputs.offer(result(index))
    until = time.monotonic() + 10
    while outputs.statistics()[0].frames + outputs.statistics()[0].dropped < 21:
        assert time.monotonic() < until
        time.sleep(0.005)
    again = type(receiver)(port)
    for index in range(100, 110):
        outputs.offer(result(index, right_px=index))
        (record,) = read_records(again.take(1)[0])
        assert record.points[0, 0] == pytest.approx(
            result(0, right_px=index).faces[0].points_px[0, 0], abs=1e-3
        )
    again.close()
    assert outputs.statistics()[0].error == ""

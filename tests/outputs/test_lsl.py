"""Lab Streaming Layer, received by an inlet on this machine."""

import math
import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pylsl
import pytest

from livefan.core.face_measures import Gaze
from livefan.core.landmarks import IBUG_68
from livefan.outputs.frame_result import FrameResult
from livefan.outputs.lsl import channels, clock_offset, sample
from livefan.outputs.output_group import OutputGroup

Make = Callable[..., FrameResult]


def described(info: pylsl.StreamInfo) -> list[tuple[str, str, str]]:
    """Return label, unit and type of each channel."""
    found = []
    channel = info.desc().child("channels").child("channel")
    while not channel.empty():
        found.append(tuple(channel.child_value(field) for field in ("label", "unit", "type")))
        channel = channel.next_sibling("channel")
    return found


@pytest.mark.slow
def test_inlet_gets_every_frame_with_names_units_and_times(result: Make, outputs: OutputGroup, posed_face):
    name = f"livefan test {time.monotonic_ns()}"
    outputs.open_all([f"lsl://{name}"])
    outputs.prepare(IBUG_68)  # the stream is announced before the first frame
    found = pylsl.resolve_byprop("name", name, timeout=20)
    assert len(found) == 1
    inlet = pylsl.StreamInlet(found[0])
    info = inlet.info(timeout=20)
    assert (info.type(), info.nominal_srate(), info.channel_format()) == ("Face", 0.0, pylsl.cf_float32)
    assert info.desc().child_value("scheme") == "300w-68"
    named = described(info)
    assert len(named) == info.channel_count() == len({label for label, _, _ in named})
    assert ("yaw", "degrees", "HeadPose") in named
    assert ("jaw_0_x", "pixels", "Landmark") in named
    inlet.open_stream(timeout=20)
    faces = [posed_face(yaw=yaw) for yaw in range(10)]
    captured = []
    for index, face in enumerate(faces, start=1):
        sent = result(index, faces=(face,))
        captured.append(sent.frame.captured_at + clock_offset(pylsl.local_clock))
        outputs.offer(sent)
        time.sleep(0.01)
    outputs.offer(result(11, faces=()))
    samples, times = zip(*[inlet.pull_sample(timeout=20) for _ in range(11)], strict=True)
    np.testing.assert_allclose(times[:10], captured, atol=0.005)
    labels = [label for label, _, _ in named]
    for face, yaw, numbers in zip(faces, range(10), samples, strict=False):
        values = dict(zip(labels, numbers, strict=True))
        assert values["face"] == 1
        assert values["yaw"] == pytest.approx(yaw, abs=1.0)
        assert values["z"] == pytest.approx(600, abs=10)
        assert values["jaw_3_y"] == pytest.approx(face.points_px[3, 1], abs=1e-3)
        assert values["inner_lip_7_confidence"] == pytest.approx(1.0)
        assert math.isnan(values["right_eye_gaze_yaw"])
        assert math.isnan(values["mouthSmileLeft"])
    assert samples[10][0] == 0
    assert all(math.isnan(value) for value in samples[10][1:])


def test_sample_holds_expressions_gaze_and_pupils(result: Make, expressive_face):
    face = expressive_face(Gaze(10.0, -5.0, 12.0, -4.0), jawOpen=0.4)
    (measured,) = result(faces=(face,)).measured
    labels = [channel.label for channel in channels(IBUG_68)]
    values = dict(zip(labels, sample(measured, IBUG_68), strict=True))
    assert values["jawOpen"] == pytest.approx(0.4)
    assert (values["right_eye_gaze_pitch"], values["left_eye_gaze_yaw"]) == (-5.0, 12.0)
    assert values["left_pupil_x"] == pytest.approx(face.pupils_px[1, 0])


def test_channels_cover_every_landmark():
    labels = [channel.label for channel in channels(IBUG_68)]
    assert len(labels) == len(set(labels))
    assert sum(label.endswith("_confidence") for label in labels) == 68


def test_clock_offset_does_not_depend_on_an_interruption(monkeypatch: pytest.MonkeyPatch):
    times = iter([1.0, 1.1, 2.0, 2.5, 3.0, 3.2])  # before and after each of three comparisons
    clock = SimpleNamespace(perf_counter=lambda: next(times))
    monkeypatch.setattr("livefan.outputs.lsl.time", clock)  # here alone: other threads read the time, too
    others = iter([11.05, 12.45, 13.0])
    assert clock_offset(lambda: next(others)) == pytest.approx(10.0)

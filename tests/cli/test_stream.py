"""``livefan stream``: every frame of a source arrives at each receiver, without a window."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from clips import moved, write_recording

from livefan.cli.commands.stream import StatusLine
from livefan.cli.main import main
from livefan.io.open import open_source
from livefan.live.session_models import SessionModels
from livefan.outputs.output_group import OutputGroup
from livefan.runtimes.base import Runtime
from livefan.tracking.pipeline import Pipeline

N_FRAMES = 8
RUNTIME = ["--runtime", "openvino", "--precision", "float32"]


@pytest.fixture
def receivers() -> Iterator[Callable[[], socket.socket]]:
    """Makes UDP sockets on free ports."""
    made: list[socket.socket] = []

    def make() -> socket.socket:
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(60)
        made.append(receiver)
        return receiver

    yield make
    for receiver in made:
        receiver.close()


@pytest.fixture
def recording(tmp_path: Path, photo: np.ndarray) -> Path:
    """A short video of a face that moves to the right."""
    return write_recording(tmp_path / "face.mkv", [moved(photo, 3.0 * index) for index in range(N_FRAMES)])


def place(receiver: socket.socket) -> str:
    return f"127.0.0.1:{receiver.getsockname()[1]}"


def test_device_that_lacks_the_precision_gives_a_one_line_error(
    recording: Path, receivers: Callable, capsys: pytest.CaptureFixture
):
    to = f"udp+json://{place(receivers())}"
    assert main(["stream", str(recording), "--to", to, "--device", "gpu", "--precision", "int8"]) == 2
    assert "device gpu: runs float32 networks only" in capsys.readouterr().err


@pytest.mark.slow
def test_every_frame_arrives_at_three_programs_with_the_values_of_the_pipeline(
    recording: Path, receivers: Callable, runtime: Runtime, capsys: pytest.CaptureFixture
):
    by_json, by_openseeface, by_vmc = (receivers() for _ in range(3))
    addresses = [
        f"udp+json://{place(by_json)}",
        f"openseeface://{place(by_openseeface)}",
        f"vmc://{place(by_vmc)}",
    ]
    assert main(["stream", str(recording), *(f"--to={each}" for each in addresses), *RUNTIME]) == 0
    with Pipeline(runtime) as pipeline, open_source(recording) as source:
        expected = [pipeline.process(frame) for frame in source]
    assert len(expected) == N_FRAMES
    for index, (face,) in enumerate(expected):
        sent = json.loads(by_json.recv(65535))
        assert sent["frame"] == index
        np.testing.assert_allclose(sent["faces"][0]["landmarks"], face.points_px, atol=0.006)
        record = by_openseeface.recv(65535)
        points = np.frombuffer(record, "<f4", 2 * 48, 345).reshape(48, 2)
        np.testing.assert_allclose(points, face.points_px[:48], atol=1e-3)
        (captured_at,) = struct.unpack_from("<d", record)
        assert captured_at == pytest.approx(sent["captured_at"], abs=1e-5)
        assert b"/VMC/Ext/Blend/Apply" in by_vmc.recv(65535)
    lines = capsys.readouterr().err.splitlines()
    for address in addresses:
        assert any(f"{address}: {N_FRAMES} packets of {N_FRAMES} frames" in line for line in lines)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals for another process")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_in_order_and_qt_is_never_imported(
    ending: signal.Signals, images: Path, receivers: Callable
):
    receiver = receivers()
    code = (
        "import signal, sys\n"
        "from livefan.cli.main import main\n"
        # Where the tests run in the background of a shell, processes ignore SIGINT.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "code = main(sys.argv[1:])\n"
        "assert not any(name.startswith('PyQt6') for name in sys.modules)\n"
        "sys.exit(code)\n"
    )
    command = ["stream", str(images), "--loop", f"--to=udp+json://{place(receiver)}", *RUNTIME]
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "QT_QPA_PLATFORM")}
    process = subprocess.Popen(
        [sys.executable, "-c", code, *command], stderr=subprocess.PIPE, text=True, env=environment
    )
    indices = [json.loads(receiver.recv(65535))["frame"] for _ in range(8)]
    assert indices == [0, 1, 2, 3, 4, 5, 0, 1]
    process.send_signal(ending)
    _, errors = process.communicate(timeout=90)
    assert process.returncode == 0, errors
    assert "packets of" in errors
    assert "Traceback" not in errors


def test_status_on_a_terminal_is_one_line_that_is_rewritten(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, receivers: Callable
):
    outputs = OutputGroup()
    outputs.open_all([f"udp+json://{place(receivers())}", f"openseeface://{place(receivers())}"])
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    status = StatusLine(outputs, quiet=False)
    for _ in range(30):
        status.show()
    status.report("the camera is lost")
    status.end([replace(each, frames=1) for each in outputs.close()])
    written = capsys.readouterr().err
    rewritten, *lines = written.rstrip("\n").split("\n")
    shown = [part for part in rewritten.split("\r") if part.strip()]
    assert [len(part) for part in shown[:3]] == [59] * 3
    assert shown[0].startswith("udp+json://127.0.0.1:")
    assert shown[-1] == "livefan: the camera is lost"
    assert [line.partition(": ")[2].partition("://")[0] for line in lines] == ["udp+json", "openseeface"]


@pytest.mark.parametrize(
    ("addresses", "message"),
    [
        (["vmc:/127.0.0.1"], "is not the address of an output; use one of openseeface://"),
        (["vmc://127.0.0.1:0"], "the port is no number from 1 to 65535"),
        (
            ["vmc://?arkti"],
            "unknown option 'arkti', the options are arkit, presets, vrm1; use an address such as",
        ),
        (["udp+json://", "udp+json://127.0.0.1:11574"], "is given twice; leave one out"),
        (["openseeface://no.such.host.invalid"], "cannot be found"),
    ],
)
def test_wrong_address_is_one_line_before_the_source_is_opened(
    addresses: list[str], message: str, capsys: pytest.CaptureFixture
):
    assert main(["stream", "no such file.mp4", *(f"--to={each}" for each in addresses)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert "no such file" not in line


def test_landmarks_that_an_output_cannot_send_are_an_error_before_the_source_is_opened(
    capsys: pytest.CaptureFixture, receivers: Callable
):
    to = f"openseeface://{place(receivers())}"
    assert main(["stream", "no such file.mp4", f"--to={to}", "--weights", "mobilefan-cofw"]) == 2
    assert capsys.readouterr().err == (
        f"livefan: {to}: needs 68 or 98 landmarks, not cofw-29; choose other weights\n"
    )


@pytest.mark.slow
def test_notice_of_further_faces_names_the_option(
    recording: Path, receivers: Callable, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(SessionModels, "count_further_faces", lambda models, result: 2)
    to = f"udp+json://{place(receivers())}"
    assert main(["stream", str(recording), "--to", to, "--max-faces", "1", *RUNTIME]) == 0
    message = "livefan: 3 faces in the picture, 1 followed: give a larger --max-faces.\n"
    assert message in capsys.readouterr().err


def test_missing_source_is_one_line_without_totals(capsys: pytest.CaptureFixture, receivers: Callable):
    receiver = receivers()
    to = ["--to", f"udp+json://{place(receiver)}", "--to", "udp+json://192.0.2.7"]
    assert main(["stream", "no such file.mp4", *to]) == 2
    *before, line = capsys.readouterr().err.splitlines()
    assert before == [
        "livefan: udp+json://192.0.2.7:11574: sent to other machines",
        "livefan: opening no such file.mp4",
    ]
    assert line == "livefan: no such file.mp4: no such file or folder; check the path"
    receiver.settimeout(0.1)
    with pytest.raises(TimeoutError):
        receiver.recv(65535)

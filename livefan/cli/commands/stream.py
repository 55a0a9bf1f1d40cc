"""The command ``stream``: send the faces of a source to other programs, without a window."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import threading
from typing import TYPE_CHECKING

from livefan.cli.commands.options import (
    Commands,
    add_pipeline_options,
    add_runtime_options,
    picture_size,
)
from livefan.core.errors import LivefanError

if TYPE_CHECKING:
    import numpy as np

    from livefan.live.result import Result
    from livefan.outputs.frame_result import FrameResult
    from livefan.outputs.output_group import OutputGroup
    from livefan.outputs.sender import Statistics

_STATUS_S = 1.0
_LOG_S = 60.0
"""Seconds from one status line to the next on a terminal, and elsewhere."""
_WAIT_S = 0.1
_STOP_S = 5.0


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "stream",
        help="send landmarks live to other programs: OpenSeeFace, VMC, JSON, WebSocket, LSL, virtual camera",
        description="Send the faces of a source to other programs, frame by frame, without a window. Ctrl+C "
        "ends it. Nothing leaves this machine unless ADDRESS names another host, or is an LSL outlet.",
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="webcam number, device path, video, image, folder of images, or stream address "
        "(rtsp://, http://)",
    )
    parser.add_argument(
        "--to",
        action="append",
        required=True,
        metavar="ADDRESS",
        help="openseeface://HOST:PORT, vmc://HOST:PORT, udp+json://HOST:PORT, ws://HOST:PORT, lsl://NAME or "
        "camera://; can be given several times. The default host is 127.0.0.1",
    )
    parser.add_argument(
        "--size", type=picture_size, metavar="WxH", help="resolution to request from a camera"
    )
    parser.add_argument("--loop", action="store_true", help="repeat a recording from its end")
    parser.add_argument(
        "--neutral",
        action="store_true",
        help="take the first second of each face for its neutral expression, and measure expressions from it",
    )
    add_pipeline_options(parser)
    add_runtime_options(parser)
    parser.add_argument("--quiet", action="store_true", help="print errors alone")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Stream until the end of the source or Ctrl+C; return the exit code.

    Raises:
        LivefanError: if an output does not open, before the source is opened; or if the source fails.
    """
    from livefan.networks.checkpoint_info import read_weight_file
    from livefan.outputs.output_group import OutputGroup

    scheme = read_weight_file(arguments.weights).scheme
    outputs = OutputGroup()
    outputs.open_all(arguments.to)
    status = StatusLine(outputs, quiet=arguments.quiet)
    # A service manager ends it like Ctrl+C.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        outputs.prepare(scheme)
        for each in outputs.statistics():
            if each.leaves_machine:  # a narrow terminal cuts the status line
                status.report(f"{each.address}: sent to other machines")
        _stream(arguments, outputs, status)
    except KeyboardInterrupt:
        pass
    finally:
        status.end(outputs.close())
        signal.signal(signal.SIGTERM, before)
    return 0


def _stream(arguments: argparse.Namespace, outputs: OutputGroup, status: StatusLine) -> None:
    """Send the results of a session until it ends."""
    from livefan.io.camera import camera_index
    from livefan.live.heads import heads_in_use
    from livefan.live.session import LiveSession
    from livefan.live.view_state import View
    from livefan.tracking.model_spec import ModelChoice

    ended = threading.Event()
    failures: list[str] = []

    def end(error: str | None) -> None:
        failures.extend([error] if error else [])
        ended.set()

    camera = camera_index(arguments.source)
    session = LiveSession(
        arguments.source if camera is None else camera,
        ModelChoice(
            arguments.weights,
            arguments.runtime,
            arguments.precision,
            threads=arguments.threads,
            device=arguments.device,
        ),
        max_faces=arguments.max_faces,
        size=arguments.size,
        sequence=True,
        more_faces="give a larger --max-faces",
        on_result=lambda result: outputs.offer(frame_result(result)),
        on_status=status.report,
        on_end=end,
    )
    session.smoothing, session.loop = arguments.smoothing, arguments.loop
    session.neutral.automatic = arguments.neutral
    session.heads = heads_in_use(View(overlay=False), sent=outputs.reads)
    session.start()
    try:
        while not ended.wait(_WAIT_S) and not session.at_end:
            status.show()
            _check_outputs(outputs)
    finally:
        session.stop(_STOP_S)
    if failures:
        raise LivefanError(failures[0])


def frame_result(result: Result) -> FrameResult:
    """Return a session's result for the outputs, which draw on the image in the default style."""
    from livefan.drawing.faces import draw_faces
    from livefan.outputs.frame_result import FrameResult

    def draw() -> np.ndarray:
        image = result.frame.image.copy()
        draw_faces(image, result.faces, result.scheme)
        return image

    return FrameResult(result.frame, tuple(result.faces), result.scheme, result.finished_at, draw)


def _check_outputs(outputs: OutputGroup) -> None:
    """Raise the error of the last output once all have ended."""
    statistics = outputs.statistics()
    if all(each.ended for each in statistics):
        raise LivefanError(statistics[-1].error)


class StatusLine:
    """Shows the outputs on standard error: a line that is rewritten on a terminal, else a line a minute.

    Args:
        quiet: show nothing.
    """

    def __init__(self, outputs: OutputGroup, *, quiet: bool) -> None:
        self._outputs = outputs
        self._quiet = quiet or sys.stderr is None
        self._rewrites = not self._quiet and sys.stderr.isatty()
        self._lock = threading.Lock()
        self._width = 0
        self._ticks = 0
        self._reported = ""

    def report(self, message: str) -> None:
        """Print a message of the session, such as that a camera is lost; callable from any thread."""
        with self._lock:
            if self._quiet or not message or message == self._reported:
                return
            self._reported = message
            self._clear()
            print(f"livefan: {message}", file=sys.stderr, flush=True)

    def show(self) -> None:
        """Show the state of the outputs, if it is time."""
        self._ticks += 1
        interval = _STATUS_S if self._rewrites else _LOG_S
        if self._quiet or self._ticks % round(interval / _WAIT_S):
            return
        line = "; ".join(each.line() for each in self._outputs.statistics())
        with self._lock:
            if self._rewrites:
                self._clear()
                line = line[: shutil.get_terminal_size().columns - 1]  # a line that wraps cannot be removed
                print(line, end="", file=sys.stderr, flush=True)
                self._width = len(line)
            else:
                print(f"livefan: {line}", file=sys.stderr, flush=True)

    def end(self, last: list[Statistics]) -> None:
        """Print the totals, one line for each output."""
        with self._lock:
            if self._quiet:
                return
            self._clear()
            for each in last:
                if each.frames or each.dropped:
                    print(f"livefan: {each.total()}", file=sys.stderr, flush=True)

    def _clear(self) -> None:
        """Remove the line that was shown."""
        if self._width:
            print("\r" + " " * self._width, end="\r", file=sys.stderr, flush=True)
            self._width = 0

"""The command ``live``: open the window. Each setting of the window is also an option."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from livefan.cli.commands.options import (
    Commands,
    add_pipeline_options,
    add_runtime_options,
    add_style_options,
    check_png,
    listed,
    number_between,
    picture_size,
    seconds_up_to,
    share,
)
from livefan.core.errors import LivefanError
from livefan.core.files import check_folder
from livefan.core.resources import bundled_clip

if TYPE_CHECKING:
    from livefan.tracking.model_spec import ModelChoice

DESCRIPTION = (
    "Open the window. Without SOURCE it shows the first webcam; without a webcam it plays the bundled clip. "
    "Options that are not given keep their last value."
)
PANELS = ("models", "plots", "expressions", "none")
LAYOUTS = ("single", "side-by-side", "overlaid", "wipe", "difference")
_LONGEST_S = 1e6
_LARGEST_ZOOM = 40.0
"""The value of :data:`livefan.live.view_state.LARGEST_ZOOM`, whose import would load OpenCV."""


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "live",
        help="show the landmarks of a camera, recording or stream in a window (the default)",
        description=DESCRIPTION,
    )
    _add_arguments(parser)
    add_pipeline_options(parser, remembered=True)
    add_runtime_options(parser, remembered=True)
    parser.set_defaults(run=run)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that only this command has."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        nargs="?",
        help="webcam number, device path, video, image, folder of images, or stream address "
        "(rtsp://, http://)",
    )
    source = parser.add_argument_group("source")
    source.add_argument(
        "--size",
        type=picture_size,
        metavar="WxH",
        help="resolution to request from a camera, such as 1280x720",
    )
    source.add_argument(
        "--start-at",
        type=seconds_up_to(_LONGEST_S),
        default=0.0,
        metavar="S",
        help="start a recording at S seconds (default: 0)",
    )
    source.add_argument(
        "--loop",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="repeat a recording from its end",
    )
    source.add_argument(
        "--neutral",
        action="store_true",
        help="take the first second of each face for its neutral expression, and measure expressions from it",
    )
    source.add_argument(
        "--sequence",
        action="store_true",
        help="the images of a folder are the frames of one recording, in the order of their names (default: "
        "photographs, each processed independently)",
    )
    source.add_argument("--hold", action="store_true", help="start a recording paused")
    source.add_argument(
        "--raw",
        action="store_true",
        help="do not smooth the landmarks of this model; a second model keeps its smoothing",
    )
    comparing = parser.add_argument_group("comparing")
    comparing.add_argument(
        "--compare",
        metavar="MODEL",
        help="second model: a weight file or the name of a bundled one, mediapipe, dlib, or a network file "
        "with its description (see describe-model). Options follow an @, separated by commas: a runtime, a "
        "precision, a device, and raw for no smoothing, as in mobilefan-300w@torch,raw",
    )
    comparing.add_argument("--layout", choices=LAYOUTS, help="layout of two models (default: its last value)")
    comparing.add_argument(
        "--wipe",
        type=share,
        metavar="X",
        help="position of the dividing line of the layout wipe, from 0 (left edge) to 1",
    )
    drawing = parser.add_argument_group("drawing")
    add_style_options(drawing)
    drawing.add_argument(
        "--heatmaps", action="store_true", default=None, help="draw the heatmaps, which is slower"
    )
    drawing.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="mirror the picture",
    )
    drawing.add_argument(
        "--close-up",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="enlarge a face and follow it (default: on while two models are compared)",
    )
    drawing.add_argument(
        "--zoom",
        type=number_between(1.0, _LARGEST_ZOOM),
        default=1.0,
        metavar="Z",
        help="magnification, from 1 (the whole picture) to 40 (default: 1)",
    )
    drawing.add_argument(
        "--centre",
        type=_centre,
        default=(0.5, 0.5),
        metavar="X,Y",
        help="centre of the magnified part, as shares of width and height (default: 0.5,0.5)",
    )
    drawing.add_argument("--theme", choices=["system", "light", "dark"], help="colours of the window")
    drawing.add_argument("--full-screen", action="store_true", help="start with the picture alone")
    drawing.add_argument(
        "--panels",
        type=lambda text: listed(text, PANELS),
        metavar="PANELS",
        help=f"panels to show, separated by commas: {', '.join(PANELS)}",
    )
    sending = parser.add_argument_group("sending")
    sending.add_argument(
        "--to",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="send faces to another program, as 'livefan stream' does; can be given several times",
    )
    recording = parser.add_argument_group("recording")
    recording.add_argument(
        "--record", type=Path, metavar="FILE", help="record the picture as shown, as a video"
    )
    recording.add_argument(
        "--record-clean",
        type=Path,
        metavar="FILE",
        help="record the video without drawing, and the landmarks as data beside it",
    )
    recording.add_argument("--snapshot", type=Path, metavar="FILE", help="save the first picture (.png)")
    recording.add_argument("--copy", action="store_true", help="copy the first picture to the clipboard")


def run(arguments: argparse.Namespace) -> int:
    """Open the window; return the exit code.

    Raises:
        LivefanError: if there is no screen, or an option cannot be fulfilled.
    """
    if arguments.weights:
        _check_model(arguments)
    from livefan.gui.app import check_screen

    check_screen()
    import PyQt6  # noqa: F401 - here a missing package has a message of its own

    from livefan.gui.app import run_window
    from livefan.gui.session_config import CliOverrides
    from livefan.live.view_state import Layout
    from livefan.outputs.output_group import OutputGroup
    from livefan.tracking.model_spec import ModelChoice

    _check_snapshot(arguments.snapshot)
    first = _first(arguments)
    second = ModelChoice.parse(arguments.compare, arguments.threads) if arguments.compare else None
    if second is not None:
        second.check()
    if arguments.record and arguments.record_clean:
        raise LivefanError("--record and --record-clean exclude each other; leave one out")
    _check_recordings(arguments)
    source, notice = _source(arguments.source)
    outputs = OutputGroup()
    outputs.open_all(arguments.to)
    return run_window(
        CliOverrides(
            source=source,
            first=first,
            second=second,
            runtime=arguments.runtime,
            precision=arguments.precision,
            device=arguments.device,
            raw=arguments.raw,
            threads=arguments.threads,
            max_faces=arguments.max_faces,
            size=arguments.size,
            start_at=arguments.start_at,
            smoothing=arguments.smoothing,
            loop=arguments.loop,
            sequence=arguments.sequence,
            neutral=arguments.neutral,
            hold=arguments.hold,
            layout=Layout(arguments.layout) if arguments.layout else None,
            wipe=arguments.wipe,
            mirror=arguments.mirror,
            zoom=arguments.zoom,
            centre=arguments.centre,
            close_up=arguments.close_up,
            heatmaps=arguments.heatmaps,
            hide=arguments.hide,
            show=arguments.show,
            theme=arguments.theme,
            full_screen=arguments.full_screen,
            panels=arguments.panels,
            record=arguments.record,
            record_clean=arguments.record_clean,
            snapshot=arguments.snapshot,
            copy=arguments.copy,
            outputs=outputs,
            notice=notice,
        )
    )


def _check_model(arguments: argparse.Namespace) -> None:
    """Check the first model, before the window is imported."""
    first = _first(arguments)
    assert first is not None
    first.check()


def _check_snapshot(path: Path | None) -> None:
    """Check the picture to save, before the window opens."""
    check_png(path)
    if path is not None:
        check_folder(path.parent)
        if path.exists():
            raise LivefanError(f"{path}: exists already; choose another name for the snapshot, or remove it")


def _check_recordings(arguments: argparse.Namespace) -> None:
    """Check the files to record to, before the window opens."""
    from livefan.live.recorder import check_recording

    for path, data in ((arguments.record, False), (arguments.record_clean, True)):
        if path is not None:
            check_recording(path, data=data)


def _first(arguments: argparse.Namespace) -> ModelChoice | None:
    """Return the first model; None for that of the last session, with the runtime of the options."""
    from livefan.tracking.model_spec import ModelChoice

    if not arguments.weights:
        return None
    given = (arguments.weights, arguments.runtime or "auto", arguments.precision or "auto")
    return ModelChoice(*given, arguments.raw, arguments.threads, arguments.device or "cpu")


def _source(given: str | None) -> tuple[str | int, str]:
    """Return the source, and a message about the choice, if there is one."""
    from livefan.io.camera import camera_index
    from livefan.io.camera_list import list_cameras

    if given is not None:
        camera = camera_index(given)
        return given if camera is None else camera, ""
    cameras = list_cameras()
    if cameras:
        return cameras[0].index, ""
    notice = "No webcam found; playing the bundled clip."
    print(notice, file=sys.stderr)
    return str(bundled_clip()), notice


def _centre(text: str) -> tuple[float, float]:
    shares = [share(part) for part in text.split(",")]
    if len(shares) != 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not a pair of numbers from 0 to 1 such as 0.5,0.3")
    return shares[0], shares[1]

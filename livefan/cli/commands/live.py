"""``livefan live``: everything that can be set in the window can be asked for here."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from livefan.cli.commands.options import (
    Commands,
    add_pipeline_options,
    add_runtime_options,
    add_style_options,
    check_picture,
    listed,
    number_between,
    seconds_up_to,
    share,
)
from livefan.core.errors import LivefanError
from livefan.core.files import check_folder
from livefan.core.resources import bundled_clip, find_weights

if TYPE_CHECKING:
    from livefan.tracking.model_spec import ModelChoice

DESCRIPTION = (
    "Open the window. Without SOURCE it shows the first webcam; with no webcam it says so and plays the "
    "bundled clip. What is not given here is as it was left the last time."
)
PANELS = ("models", "plots", "none")
LAYOUTS = ("single", "side-by-side", "overlaid", "wipe", "difference")
_LONGEST_S = 1e6
_LARGEST_ZOOM = 40.0
"""As :data:`livefan.live.view_state.LARGEST_ZOOM`, which would bring OpenCV in before it is needed."""


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "live",
        help="watch a camera, recording or stream in a window (the default)",
        description=DESCRIPTION,
    )
    _add_arguments(parser)
    add_pipeline_options(parser, remembered=True)
    add_runtime_options(parser, remembered=True)
    parser.set_defaults(run=run)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the window takes beside a model and its runtime."""
    parser.add_argument(
        "source",
        nargs="?",
        help="webcam number, device path, video, image, folder of images, or stream address "
        "(rtsp://, http://)",
    )
    watching = parser.add_argument_group("watching")
    watching.add_argument(
        "--size", type=_size, metavar="WxH", help="resolution to ask a camera for, e.g. 1280x720"
    )
    watching.add_argument(
        "--start-at",
        type=seconds_up_to(_LONGEST_S),
        default=0.0,
        metavar="S",
        help="begin S seconds into a recording",
    )
    watching.add_argument(
        "--loop",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="begin a recording anew at its end",
    )
    watching.add_argument(
        "--sequence",
        action="store_true",
        help="the images of a folder are the frames of one recording, in the order of their names; else each "
        "is a photograph, looked at by itself",
    )
    watching.add_argument(
        "--hold", action="store_true", help="begin a recording held, to be stepped through or played"
    )
    watching.add_argument(
        "--raw",
        action="store_true",
        help="do not smooth this model, whatever it is compared with",
    )
    comparing = parser.add_argument_group("comparing")
    comparing.add_argument(
        "--compare",
        metavar="MODEL",
        help="compare with this model: a weight file or a bundled name; after an @ may follow, with commas "
        "between, a runtime, a precision, and raw for no smoothing, e.g. mobilefan-300w@torch,raw",
    )
    comparing.add_argument("--layout", choices=LAYOUTS, help="how two models are shown")
    comparing.add_argument(
        "--wipe", type=share, metavar="X", help="where a wipe is, from 0, the left edge, to 1"
    )
    drawing = parser.add_argument_group("drawing")
    add_style_options(drawing)
    drawing.add_argument(
        "--heatmaps", action="store_true", default=None, help="draw heatmaps too, which is slower"
    )
    drawing.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="left and right changed, as in a mirror",
    )
    drawing.add_argument(
        "--close-up",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="follow a face and show it large, as is done by itself while two models are compared",
    )
    drawing.add_argument(
        "--zoom",
        type=number_between(1.0, _LARGEST_ZOOM),
        default=1.0,
        metavar="Z",
        help="magnification, from 1, the whole picture, to 40",
    )
    drawing.add_argument(
        "--centre",
        type=_centre,
        default=(0.5, 0.5),
        metavar="X,Y",
        help="what is in the middle of a magnified picture, as shares of its width and height",
    )
    drawing.add_argument("--theme", choices=["system", "light", "dark"], help="colours of the window")
    drawing.add_argument("--full-screen", action="store_true", help="begin with the picture alone")
    drawing.add_argument(
        "--panels",
        type=lambda text: listed(text, PANELS),
        metavar="PANELS",
        help=f"which panels to show: {', '.join(PANELS)}",
    )
    recording = parser.add_argument_group("recording")
    recording.add_argument("--record", type=Path, metavar="FILE", help="write what is seen, as a video")
    recording.add_argument(
        "--record-clean",
        type=Path,
        metavar="FILE",
        help="write the clean video, and the landmarks beside it",
    )
    recording.add_argument(
        "--snapshot", type=Path, metavar="FILE", help="save the first picture that is shown, as .png"
    )
    recording.add_argument(
        "--copy", action="store_true", help="put the first picture that is shown on the clipboard"
    )


def run(arguments: argparse.Namespace) -> int:
    """Open the window as asked.

    Raises:
        LivefanError: if there is no screen, or what is asked for cannot be.
    """
    if arguments.weights:
        find_weights(arguments.weights)
    from livefan.gui.app import check_screen

    check_screen()
    from livefan.gui.app import run_window
    from livefan.gui.session_config import CliOverrides
    from livefan.live.view_state import Layout
    from livefan.tracking.model_spec import ModelChoice

    check_picture(arguments.snapshot)
    if arguments.snapshot:
        check_folder(arguments.snapshot.parent)
    first = _first(arguments)
    second = ModelChoice.parse(arguments.compare, arguments.threads) if arguments.compare else None
    if second is not None:
        find_weights(second.weights)
    if arguments.record and arguments.record_clean:
        raise LivefanError("--record and --record-clean: one of them at a time; leave one out")
    _check_recordings(arguments)
    source, notice = _source(arguments.source)
    return run_window(
        CliOverrides(
            source=source,
            first=first,
            second=second,
            runtime=arguments.runtime,
            precision=arguments.precision,
            raw=arguments.raw,
            threads=arguments.threads,
            max_faces=arguments.max_faces,
            size=arguments.size,
            start_at=arguments.start_at,
            smoothing=arguments.smoothing,
            loop=arguments.loop,
            sequence=arguments.sequence,
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
            notice=notice,
        )
    )


def _check_recordings(arguments: argparse.Namespace) -> None:
    """Refuse, before the window is open, what it could not record to."""
    from livefan.live.recorder import check_recording

    for path, data in ((arguments.record, False), (arguments.record_clean, True)):
        if path is not None:
            check_recording(path, data=data)


def _first(arguments: argparse.Namespace) -> ModelChoice | None:
    """The model to watch; None for the one that was watched the last time, run as is asked."""
    from livefan.tracking.model_spec import ModelChoice

    if not arguments.weights:
        return None
    given = (arguments.weights, arguments.runtime or "auto", arguments.precision or "auto")
    return ModelChoice(*given, arguments.raw, arguments.threads)


def _source(given: str | None) -> tuple[str | int, str]:
    """What to watch, and what to say of it."""
    from livefan.io.camera import camera_index, list_cameras

    if given is not None:
        camera = camera_index(given)
        return given if camera is None else camera, ""
    cameras = list_cameras()
    if cameras:
        return cameras[0].index, ""
    notice = "No webcam found; playing the bundled clip."
    print(notice, file=sys.stderr)
    return str(bundled_clip()), notice


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{1,4})[xX]([1-9]\d{1,4})", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a width and height such as 1280x720")
    return int(found[1]), int(found[2])


def _centre(text: str) -> tuple[float, float]:
    shares = [share(part) for part in text.split(",")]
    if len(shares) != 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not two numbers from 0 to 1 such as 0.5,0.3")
    return shares[0], shares[1]

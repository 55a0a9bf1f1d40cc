"""The command ``annotate``: its arguments, its progress, and what it says at the end."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from livefan.cli.commands.options import (
    Commands,
    add_pipeline_options,
    add_runtime_options,
    add_style_options,
    listed,
    seconds_up_to,
)
from livefan.core.errors import LivefanError
from livefan.core.files import check_folder
from livefan.formats.registry import FORMATS, SUFFIXES

if TYPE_CHECKING:
    from tqdm import tqdm

    from livefan.annotation.annotate import Annotated, AnnotationSettings
    from livefan.annotation.batch import Outcome, Task

_NONE = "none"
CODECS = ("h264", "hevc", "vp9", "av1")
_LONGEST_GAP_S = 60.0
DESCRIPTION = """\
Annotate recordings: what FFmpeg reads, an image, a folder of images, numbered images (frame_%04d.png), or -
for standard input. Several, a glob, or a folder of recordings make a batch, whose OUT is a folder. Every
frame has a row in the data, faces or none, and its own timestamp; sound and subtitles are copied. If it is
stopped, the same command goes on where it was."""


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "annotate",
        help="write recordings with their landmarks drawn, and the landmarks as data",
        description=DESCRIPTION,
    )
    _add_arguments(parser)
    add_pipeline_options(parser)
    add_runtime_options(parser, threads="1; 2 for a single recording where there are four cores or more")
    parser.set_defaults(run=run)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is the command's own."""
    parser.add_argument("recordings", metavar="IN", nargs="+", help="video, image, folder, glob, or -")
    parser.add_argument(
        "-o",
        "--out",
        metavar="OUT",
        required=True,
        help="video (.mp4, .mov, .mkv, .webm), image, data alone (.csv, .jsonl, .parquet, .coco.json, .pts), "
        "or a folder",
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        metavar="FORMATS",
        type=_formats,
        help=f"which to write beside the video: {', '.join(FORMATS)}, or none (default: csv)",
    )
    data.add_argument(
        "--longest-gap",
        type=seconds_up_to(_LONGEST_GAP_S),
        default=0.5,
        metavar="S",
        help="fill gaps of up to S seconds (default: %(default)s)",
    )
    video = parser.add_argument_group("video")
    video.add_argument("--no-video", action="store_true", help="write data only")
    video.add_argument("--codec", choices=CODECS, help="default: h264, or vp9 for .webm")
    video.add_argument(
        "--quality",
        type=int,
        metavar="CRF",
        help="constant rate factor, less is better and larger (default: h264 20, hevc 24, vp9 31, av1 32)",
    )
    add_style_options(video)
    work = parser.add_argument_group("work")
    work.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    work.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="recordings of a batch at a time (0: one for each core)",
    )
    work.add_argument(
        "--scheduler", metavar="ADDRESS", help="do a batch on a Dask cluster, which sees the same files"
    )
    work.add_argument("--quiet", action="store_true", help="no progress bar")


def _formats(text: str) -> tuple[str, ...]:
    names = listed(text, (*FORMATS, _NONE))
    if _NONE in names and len(names) > 1:
        raise argparse.ArgumentTypeError(f"{text!r}: {_NONE} stands alone")
    return () if names == (_NONE,) else names


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say; returns the exit code."""
    from livefan.annotation.batch import find_recordings

    recordings, many = find_recordings(arguments.recordings)
    folder = Path(arguments.out)
    many = many or folder.is_dir() or arguments.out.endswith(("/", os.sep))
    settings = _settings(arguments, Path("out.mp4") if many else folder, many=many)
    if many:
        return _run_batch(_tasks(arguments, recordings, folder, settings), arguments)
    if arguments.scheduler:
        raise LivefanError("--scheduler does batches; name a folder for OUT")
    return _run_one(arguments, recordings[0], folder, settings)


def _settings(arguments: argparse.Namespace, out: Path, *, many: bool) -> AnnotationSettings:
    from livefan.annotation.annotate import AnnotationSettings, spare_threads
    from livefan.annotation.encoder import CODECS as KNOWN
    from livefan.annotation.encoder import VideoFormat
    from livefan.drawing.faces import OverlayStyle
    from livefan.runtimes.base import RuntimeChoice

    codec = arguments.codec or ("vp9" if out.suffix.lower() == ".webm" else "h264")
    worst = KNOWN[codec].worst
    if arguments.quality is not None and not 0 <= arguments.quality <= worst:
        raise LivefanError(f"--quality {arguments.quality}: {codec} takes 0 to {worst}")
    if arguments.jobs < 0:
        raise LivefanError(f"--jobs {arguments.jobs}: give a number of processes, or 0 for one on each core")
    threads = arguments.threads or (1 if many else spare_threads())
    return AnnotationSettings(
        weights=arguments.weights,
        runtime=RuntimeChoice(arguments.runtime, arguments.precision, threads),
        smoothing=arguments.smoothing,
        max_faces=arguments.max_faces,
        longest_gap=arguments.longest_gap,
        style=OverlayStyle().having(
            **(dict.fromkeys(arguments.hide, False) | dict.fromkeys(arguments.show, True))
        ),
        video=VideoFormat(codec, arguments.quality),
    )


def _run_one(arguments: argparse.Namespace, recording: str, out: Path, settings: AnnotationSettings) -> int:
    from livefan.annotation.annotate import annotate
    from livefan.annotation.outputs import Outputs

    suffix = next((end for end in SUFFIXES if out.name.lower().endswith(end)), out.suffix)
    if not suffix or not out.name[: -len(suffix)].strip("."):
        raise LivefanError(f"{out}: name a file for the output, such as out.mp4, or an existing folder")
    formats = () if arguments.data is None else tuple(FORMATS[name].suffix for name in arguments.data)
    if suffix in SUFFIXES:
        outputs = Outputs(_without(out, suffix), None, tuple(dict.fromkeys((suffix, *formats))))
    else:
        formats = (".csv",) if arguments.data is None else formats
        outputs = Outputs(_without(out, suffix), None if arguments.no_video else suffix, formats)
    if outputs.picture is None or outputs.image:
        _refuse_video_options(arguments)
    with _FrameProgress(quiet=arguments.quiet) as progress:
        done = annotate(
            recording, outputs, settings, overwrite=arguments.overwrite, on_progress=progress.update
        )
    written = " and ".join(str(path) for path in list(outputs)[:-1])
    print(f"{written}: {_told(done)}")
    return _tell(done.problems)


def _refuse_video_options(arguments: argparse.Namespace) -> None:
    for name in ("codec", "quality"):
        if getattr(arguments, name) is not None:
            raise LivefanError(f"--{name}: no video is written; leave it out, or name a video for the output")


def _without(path: Path, suffix: str) -> Path:
    return path.with_name(path.name[: -len(suffix)])


def _told(done: Annotated) -> str:
    faces = f", {done.n_faces} faces" if done.n_faces > 1 else ""
    return f"{done.n_frames} frames, {done.n_with_face} with a face{faces}"


def _tell(problems: Iterable[str]) -> int:
    """Print what is wrong, and return the exit code that says so."""
    told = [print(f"livefan: {problem}", file=sys.stderr) for problem in problems]
    return 2 if told else 0


def _tasks(
    arguments: argparse.Namespace, recordings: Sequence[str], folder: Path, settings: AnnotationSettings
) -> list[Task]:
    from livefan.annotation.batch import Task, name_outputs

    check_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    check_folder(folder)
    if arguments.no_video:
        _refuse_video_options(arguments)
    suffix = None if arguments.no_video else ".webm" if settings.video.codec == "vp9" else ".mp4"
    ends = tuple(FORMATS[name].suffix for name in (("csv",) if arguments.data is None else arguments.data))
    return [
        Task(recording, outputs, settings, arguments.overwrite)
        for recording, outputs in zip(recordings, name_outputs(recordings, folder, suffix, ends), strict=True)
    ]


def _run_batch(tasks: Sequence[Task], arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from livefan.annotation.batch import run_batch, summary
    from livefan.annotation.cluster import run_on_cluster

    outcomes: list[Outcome] = []
    if arguments.scheduler:
        ready = run_on_cluster(tasks, arguments.scheduler)
    else:
        ready = run_batch(tasks, arguments.jobs or os.cpu_count() or 1)
    bar: tqdm[Outcome]
    with tqdm(
        total=len(tasks), unit="recording", disable=True if arguments.quiet else None, leave=False
    ) as bar:
        for outcome in ready:
            outcomes.append(outcome)
            bar.update()
    given = [task.recording for task in tasks]
    outcomes.sort(key=lambda outcome: given.index(outcome.recording))
    print(summary(outcomes))
    problems = []
    for outcome in outcomes:
        problems += [outcome.problem] if outcome.failed else []
        problems += outcome.annotated.problems if outcome.annotated else []
    return _tell(problems)


class _FrameProgress:
    """A bar with the share done, the time left, and the speed against the recording's own."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._begun: tuple[float, float] | None = None

    def __enter__(self) -> _FrameProgress:
        from tqdm import tqdm

        self._bar = tqdm(desc="annotating", unit="frame", disable=True if self._quiet else None, leave=False)
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def update(self, done: int, seconds: float, total: int | None) -> None:
        """Take in how far it is."""
        now = time.perf_counter()
        if self._begun is None:
            self._begun = (now, seconds)
            self._bar.total = total
        elif now - self._begun[0] > 1:
            speed = (seconds - self._begun[1]) / (now - self._begun[0])
            self._bar.set_postfix_str(f"{speed:.1f} x real time", refresh=False)
        self._bar.update(done - self._bar.n)

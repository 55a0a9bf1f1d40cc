"""The command ``annotate``: write the landmarks of recordings as data, and draw them."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
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
from livefan.cli.progress import Progress, counted
from livefan.core.errors import LivefanError
from livefan.core.files import check_folder
from livefan.formats.registry import FORMATS, SUFFIXES

if TYPE_CHECKING:
    from livefan.annotation.annotate import AnnotationResult
    from livefan.annotation.batch import Outcome, Task
    from livefan.annotation.recordings import Recording
    from livefan.annotation.settings import AnnotationSettings

_NONE = "none"
MEASURES = ("expressions", "gaze", "blinks", "occlusion")
CODECS = ("h264", "hevc", "vp9", "av1")
_LONGEST_GAP_S = 60.0
DESCRIPTION = """\
Annotate recordings: a video that FFmpeg reads, an image, a folder of images, numbered images
(frame_%04d.png), or - for standard input. Several recordings, a glob pattern, or a folder of recordings make
a batch; its OUT is a folder. Every frame has a row in the data and its own timestamp, also without a face.
Audio and subtitles are copied. After a stop, the same command continues."""


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "annotate",
        help="write landmarks of recordings as data, and draw them in a video",
        description=DESCRIPTION,
    )
    _add_arguments(parser)
    add_pipeline_options(parser)
    add_runtime_options(parser, threads="1; 2 for a single recording on four or more cores")
    parser.set_defaults(run=run)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that only this command has."""
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
        help=f"data formats to write beside the video: {', '.join(FORMATS)}, or none (default: csv)",
    )
    data.add_argument(
        "--measures",
        metavar="MEASURES",
        type=lambda text: listed(text, MEASURES),
        default=(),
        help="further columns of the data, separated by commas: expressions (ARKit's coefficients), gaze "
        "(irises and directions of the eyes), blinks, occlusion (probability that a landmark is covered, and "
        "that there is a face) (default: none)",
    )
    data.add_argument(
        "--neutral",
        action="store_true",
        help="take the first second of each face for its neutral expression, and measure expressions from it",
    )
    data.add_argument(
        "--longest-gap",
        type=seconds_up_to(_LONGEST_GAP_S),
        default=0.5,
        metavar="S",
        help="interpolate a face over gaps of up to S seconds (default: %(default)s)",
    )
    data.add_argument(
        "--sequence",
        action="store_true",
        help="take a folder of images, or several images, for the frames of one recording (default: each "
        "image is a photograph by itself)",
    )
    video = parser.add_argument_group("video")
    video.add_argument("--no-video", action="store_true", help="write data only")
    video.add_argument("--codec", choices=CODECS, help="codec of the video (default: h264, or vp9 for .webm)")
    video.add_argument(
        "--quality",
        type=int,
        metavar="CRF",
        help="constant rate factor; lower is better and larger (default: h264 20, hevc 24, vp9 31, av1 32)",
    )
    add_style_options(video)
    work = parser.add_argument_group("work")
    work.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    work.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="number of recordings to annotate at a time (0: one for each core; default: two for each "
        "three cores, fewer where memory is short)",
    )
    work.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="run the batch on a Dask cluster that has the same files",
    )
    work.add_argument("--quiet", action="store_true", help="report no progress")


def _formats(text: str) -> tuple[str, ...]:
    names = listed(text, (*FORMATS, _NONE))
    if _NONE in names and len(names) > 1:
        raise argparse.ArgumentTypeError(f"{text!r}: {_NONE} stands alone")
    return () if names == (_NONE,) else names


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from livefan.annotation.codecs import VIDEO_SUFFIXES
    from livefan.annotation.inputs import find_recordings, images_left_out, one_by_one, only_images

    recordings, many = find_recordings(arguments.recordings)
    for line in images_left_out(arguments.recordings):
        print(f"livefan: {line}", file=sys.stderr)
    folder = Path(arguments.out)
    is_pts = folder.suffix.lower() == ".pts"  # a folder of its own format, also where it exists
    names_folder = not folder.suffix.strip(".") and folder.name[:1] not in (".", "-")
    to_folder = not is_pts and (folder.is_dir() or arguments.out.endswith(("/", os.sep)) or names_folder)
    images = () if to_folder or not many or not folder.suffix else only_images(recordings)
    many = (many and not images) or to_folder
    if many and not to_folder and folder.name.lower().endswith((*VIDEO_SUFFIXES, *SUFFIXES)):
        raise LivefanError(f"{folder}: OUT of several recordings is a folder; name one without a suffix")
    if to_folder and not arguments.sequence:
        recordings = one_by_one(recordings)
    settings = _settings(arguments, Path("out.mp4") if many else folder, many=many)
    if many:
        return _run_batch(_tasks(arguments, recordings, folder, settings), arguments)
    if arguments.scheduler:
        raise LivefanError("--scheduler needs a batch; name a folder for OUT")
    return _run_one(arguments, images or recordings[0], folder, settings)


def _settings(arguments: argparse.Namespace, out: Path, *, many: bool) -> AnnotationSettings:
    from livefan.annotation.annotate import spare_threads
    from livefan.annotation.codecs import CODECS as KNOWN
    from livefan.annotation.codecs import VideoFormat
    from livefan.annotation.settings import AnnotationSettings
    from livefan.drawing.faces import OverlayStyle
    from livefan.runtimes.base import RuntimeChoice

    codec = arguments.codec or ("vp9" if out.suffix.lower() == ".webm" else "h264")
    worst = KNOWN[codec].worst
    if arguments.quality is not None and not 0 <= arguments.quality <= worst:
        raise LivefanError(f"--quality {arguments.quality}: {codec} takes 0 to {worst}")
    if (arguments.jobs or 0) < 0:
        raise LivefanError(f"--jobs {arguments.jobs}: give a number of processes, or 0 for one on each core")
    if arguments.neutral and "expressions" not in arguments.measures:
        raise LivefanError("--neutral changes expressions; add: --measures expressions")
    threads = arguments.threads or (1 if many else spare_threads())
    return AnnotationSettings(
        weights=arguments.weights,
        runtime=RuntimeChoice(arguments.runtime, arguments.precision, threads, arguments.device),
        smoothing=arguments.smoothing,
        max_faces=arguments.max_faces,
        longest_gap=arguments.longest_gap,
        sequence=arguments.sequence,
        style=OverlayStyle().having(
            **(dict.fromkeys(arguments.hide, False) | dict.fromkeys(arguments.show, True))
        ),
        video=VideoFormat(codec, arguments.quality),
        measures=arguments.measures,
        neutral=arguments.neutral,
    )


def _run_one(
    arguments: argparse.Namespace, recording: Recording, out: Path, settings: AnnotationSettings
) -> int:
    from livefan.annotation.annotate import annotate
    from livefan.annotation.outputs import Outputs

    suffix = next((end for end in SUFFIXES if out.name.lower().endswith(end)), out.suffix)
    if not suffix or not out.name[: -len(suffix)].strip("."):
        raise LivefanError(f"{out}: name a file for the output, such as out.mp4, or a folder")
    formats = () if arguments.data is None else tuple(FORMATS[name].suffix for name in arguments.data)
    if suffix in SUFFIXES:
        outputs = Outputs(_without(out, suffix), None, tuple(dict.fromkeys((suffix, *formats))))
    else:
        formats = (".csv",) if arguments.data is None else formats
        outputs = Outputs(_without(out, suffix), None if arguments.no_video else suffix, formats)
    if outputs.picture is None or outputs.image:
        _refuse_video_options(arguments)
    with Progress("annotating", "frame", quiet=arguments.quiet) as progress:
        result = annotate(
            recording,
            outputs,
            settings,
            overwrite=arguments.overwrite,
            on_progress=_FrameProgress(progress).update,
        )
    for note in result.notes:
        print(f"livefan: {note}", file=sys.stderr)
    written = ", ".join(str(path) for path in list(outputs)[:-1] if path.exists())
    print(f"{written}: {_summary(result)}")
    return _report(result.problems)


def _refuse_video_options(arguments: argparse.Namespace) -> None:
    for name in ("codec", "quality"):
        if getattr(arguments, name) is not None:
            raise LivefanError(
                f"--{name}: no video is written; leave the option out, or name a video for OUT"
            )


def _without(path: Path, suffix: str) -> Path:
    return path.with_name(path.name[: -len(suffix)])


def _summary(result: AnnotationResult) -> str:
    faces = f", {result.n_faces} faces" if result.n_faces > 1 else ""
    return f"{counted(result.n_frames, 'frame')}, {result.n_with_face} with a face{faces}"


def _report(problems: Sequence[str]) -> int:
    """Print the problems, one line each; return the exit code."""
    for problem in problems:
        print(f"livefan: {problem}", file=sys.stderr)
    return 2 if problems else 0


def _tasks(
    arguments: argparse.Namespace, recordings: Sequence[str], folder: Path, settings: AnnotationSettings
) -> list[Task]:
    from livefan.annotation.batch import Task
    from livefan.annotation.inputs import name_outputs

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
    from livefan.annotation.batch import best_jobs, run_batch, summary
    from livefan.annotation.cluster import run_on_cluster
    from livefan.annotation.inputs import earlier_names
    from livefan.annotation.runtimes_used import note_on_other_runtimes

    outcomes: list[Outcome] = []
    given = [task.recording for task in tasks]
    for note in (*earlier_names(given, [task.outputs for task in tasks]), note_on_other_runtimes(tasks)):
        if note:
            print(f"livefan: {note}", file=sys.stderr)
    if arguments.scheduler:
        ready = run_on_cluster(tasks, arguments.scheduler)
    else:
        cores = os.cpu_count() or 1
        ready = run_batch(tasks, best_jobs() if arguments.jobs is None else arguments.jobs or cores)
    with Progress("annotating", "recording", total=len(tasks), quiet=arguments.quiet) as progress:
        for outcome in ready:
            outcomes.append(outcome)
            progress.update(len(outcomes))
    outcomes.sort(key=lambda outcome: given.index(outcome.recording))
    print(summary(outcomes))
    for note in (note for each in outcomes if each.result for note in each.result.notes):
        print(f"livefan: {note}", file=sys.stderr)
    return _report([problem for outcome in outcomes for problem in outcome.problems])


class _FrameProgress:
    """Adds the speed of the annotation, against that of the recording, to its progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._begun: tuple[float, float] | None = None

    def update(self, done: int, seconds: float, total: int | None) -> None:
        """Report the number of frames done and the seconds of the recording that they cover."""
        now = time.perf_counter()
        self._begun = self._begun or (now, seconds)
        passed = now - self._begun[0]
        note = f"{(seconds - self._begun[1]) / passed:.1f} x real time" if passed > 1 else ""
        self._progress.update(done, total, note)

"""Annotate a recording: every frame with its overlay, and every landmark as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from livefan.capture import Source, display_name, open_source
from livefan.errors import LivefanError
from livefan.frame import Frame
from livefan.overlay import OverlayStyle, draw_faces
from livefan.pipeline import Pipeline
from livefan.sinks import IMAGE_SUFFIXES, VIDEO_SUFFIXES, CsvSink, ImageSink, PictureSink, VideoSink


@dataclass(frozen=True)
class Annotated:
    """What an annotation came to.

    Attributes:
        n_frames: frames read and written.
        n_with_face: those on which a face was found.
        problems: what the user should know, one line each: a cut recording, no face at all.
    """

    n_frames: int
    n_with_face: int
    problems: list[str]


def annotate(
    recording: str | Path,
    output: Path,
    table: Path,
    pipeline: Pipeline,
    *,
    style: OverlayStyle | None = None,
    overwrite: bool = False,
    quiet: bool = False,
) -> Annotated:
    """Write a recording with its landmarks drawn, and the landmarks as CSV; each whole or not at all.

    Args:
        recording: a video, an image, or a folder of images.
        output: the video or image to write, its kind by its suffix.
        table: the CSV file to write.
        overwrite: replace what is there.
        quiet: no progress bar.

    Raises:
        LivefanError: if the recording cannot be read or an output cannot be written.
    """
    _check_outputs(Path(recording), output, table, overwrite=overwrite)
    n_frames = n_with_face = 0
    with open_source(recording) as source:
        if source.live:
            raise LivefanError(f"{display_name(recording)}: is a live source; annotate takes a recording")
        # The last to open is the first to finish: the video's end is what a full disk would spoil.
        with CsvSink(table, pipeline.scheme) as rows, _picture_sink(output) as pictures:
            for frame in _with_progress(source, quiet=quiet):
                faces = pipeline.process(frame)
                rows.write(frame, faces)
                draw_faces(frame.image, faces, pipeline.scheme, style)
                pictures.write(frame.image, frame.source_time)
                n_frames += 1
                n_with_face += bool(faces)
        problems = list(source.warnings)
    if not n_with_face:
        problems.append(f"{display_name(recording)}: no face was found on any of its {n_frames} frames")
    return Annotated(n_frames, n_with_face, problems)


def _check_outputs(recording: Path, output: Path, table: Path, *, overwrite: bool) -> None:
    if output == table:
        raise LivefanError(f"{output}: named for both the picture and the table; use different names")
    for path in (output, table):
        if path.exists() and recording.exists() and path.samefile(recording):
            raise LivefanError(f"{path}: is the input; choose another name for the output")
        if path.exists() and not overwrite:
            raise LivefanError(f"{path}: exists already; add --overwrite to replace it")


def _picture_sink(output: Path) -> PictureSink:
    suffix = output.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return ImageSink(output)
    if suffix in VIDEO_SUFFIXES:
        return VideoSink(output)
    raise LivefanError(
        f"{output}: end the name in {', '.join(VIDEO_SUFFIXES)} for a video "
        f"or {', '.join(IMAGE_SUFFIXES)} for an image"
    )


def _with_progress(source: Source, *, quiet: bool) -> Iterator[Frame]:
    bar = tqdm(
        source,
        "annotating",
        total=source.n_frames,
        unit="frame",
        disable=True if quiet else None,
        leave=False,
    )
    with bar:
        yield from bar

"""Compare two models over a recording or a folder of images: a video of both and a report."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
from tqdm import tqdm

from livefan.core.agreement import Comparison, Seen
from livefan.core.errors import LivefanError
from livefan.core.frame import Frame
from livefan.drawing.faces import OverlayStyle
from livefan.io.images import ImageSource
from livefan.io.open import display_name, open_source
from livefan.io.source import Source
from livefan.io.video_writer import VideoWriter
from livefan.live.compare_report import Examples, write_report
from livefan.live.ground_truth import GroundTruth
from livefan.live.pairing import pair
from livefan.live.render import Shown, natural_size, render
from livefan.live.result import Pair
from livefan.live.view_state import Layout, View
from livefan.live.worker import Model
from livefan.tracking.kalman import DEFAULT_STRENGTH
from livefan.tracking.model_spec import ModelChoice

_MAX_UNKNOWN_FRAMES = 10000
"""Number of frames whose names are searched for ground truth, for a recording of unknown length."""


def compare(
    first: ModelChoice,
    second: ModelChoice,
    source: str | Path,
    output: Path,
    *,
    layout: Layout = Layout.SIDE_BY_SIDE,
    truth: Path | None = None,
    sequence: bool = False,
    max_faces: int = 5,
    smoothing: float = DEFAULT_STRENGTH,
    quiet: bool = False,
    on_frame: Callable[[int, int | None], None] = lambda done, total: None,
) -> Comparison:
    """Run two models over a recording or images, and write their differences into a folder.

    Both models process every frame, one after the other; each tracks faces by its own landmarks. Models of
    different landmark schemes are compared on the landmarks that both have. The images
    of a folder are processed independently and without smoothing, unless they are the frames of a recording.
    ``output`` gets a video named after its layout, ``report.html`` (one file, pictures included) and
    ``report.json``; if the comparison ends early, it is removed again unless it existed before.

    Args:
        first, second: the models; the second is the reference.
        source: a video, an image, or a folder of images.
        output: a folder, created if absent; files of the same names are replaced.
        layout: how the video shows the two models.
        truth: a folder of ``.pts`` files with ground truth, see :class:`GroundTruth`.
        sequence: whether the images of a folder are the frames of one recording, in the order of their names.
        max_faces: largest number of tracked faces.
        smoothing: strength of the filter of the landmarks, from 0 to 1; a raw model is never filtered.
        quiet: whether to hide the progress bar.
        on_frame: called before each frame with the number of processed frames and of all, None if unknown. An
            exception that it raises ends the comparison; no file is written then.

    Raises:
        LivefanError: if a model or the source cannot be read, or ``truth`` has no file for any frame.
    """
    schemes = first.scheme, second.scheme
    ground_truth = GroundTruth(truth, *schemes) if truth else None
    if output.exists() and not output.is_dir():
        raise LivefanError(f"{output}: is a file; name a folder for the comparison")
    video_path = output / f"{layout}.mp4"
    if video_path.exists() and _is_source(video_path, source):
        raise LivefanError(f"{video_path}: is the source; choose another folder for the comparison")
    with ExitStack() as stack:
        models = [
            stack.enter_context(_open_model(choice, max_faces, smoothing)) for choice in (first, second)
        ]
        frames = stack.enter_context(open_source(source, photographs=not sequence))
        if frames.live:
            raise LivefanError(f"{display_name(source)}: is a live source; compare takes a recording")
        stems = [path.stem for path in frames.paths] if isinstance(frames, ImageSource) else []
        if ground_truth is not None:
            ground_truth.tell_apart(frozenset(stems))
            _check_coverage(ground_truth, frames, stems, display_name(source))
        if frames.photographs and isinstance(frames, ImageSource):
            for model in models:
                model.photographs = tuple(path.name for path in frames.paths)
        stack.enter_context(_created(output))
        video = stack.enter_context(VideoWriter(video_path))
        comparison = Comparison(
            schemes,
            _labels(first, second),
            photographs=frames.photographs,
            truth=ground_truth.scheme if ground_truth else None,
        )
        examples = Examples()
        for frame in _with_progress(frames, quiet):
            on_frame(comparison.n_frames, frames.n_frames)
            both = _process_both(models[0], models[1], frame)
            _add(comparison, both, ground_truth, _frame_name(frame.index, stems))
            examples.offer(both)
            video.write(_picture(both, layout), frame.source_time)
        if not comparison.disagreements:
            raise LivefanError(
                f"{display_name(source)}: the models found no face in common; nothing to compare"
            )
    comparison.warnings += frames.warnings
    names = stems if frames.photographs else []
    strengths = both.first.smoothing, both.second.smoothing
    write_report(output, comparison, (first, second), strengths, display_name(source), names, examples)
    return comparison


def _is_source(path: Path, source: str | Path) -> bool:
    """Return whether an existing file is the source itself."""
    with suppress(OSError):  # the source is no file
        return path.samefile(os.path.expanduser(source))
    return False


@contextmanager
def _created(folder: Path) -> Iterator[None]:
    """Create a folder if it is absent; remove it afterwards if it is empty."""
    existed = folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        if not existed:
            with suppress(OSError):  # it has files
                folder.rmdir()


@contextmanager
def _open_model(choice: ModelChoice, max_faces: int, smoothing: float) -> Iterator[Model]:
    """Load a model; release it afterwards."""
    model = Model(choice, max_faces, lambda text: None, background=False)
    model.smoothing = smoothing
    try:
        model.prepare()
        yield model
    finally:
        model.close()


def _check_coverage(ground_truth: GroundTruth, frames: Source, stems: list[str], name: str) -> None:
    """Raise a LivefanError if no frame of the source has ground truth."""
    count = len(stems) or frames.n_frames or _MAX_UNKNOWN_FRAMES
    if not ground_truth.covers_any(_frame_name(index, stems) for index in range(count)):
        raise LivefanError(
            f"{ground_truth.folder}: none of its .pts files is named after "
            f"{'an image' if stems else 'a frame'} of {name}; name them {_frame_name(0, stems)}.pts and so on"
        )


def _frame_name(index: int, stems: list[str]) -> str:
    """Return the stem of the ground truth file of a frame: the image's, or a number in a recording."""
    return stems[index] if stems else f"frame_{index:06}"


def _labels(first: ModelChoice, second: ModelChoice) -> tuple[str, str]:
    """Return unique labels of the models, also of a model that is compared with itself."""
    if first.label != second.label:
        return first.label, second.label
    return f"{first.label} (A)", f"{second.label} (B)"


def _with_progress(frames: Source, quiet: bool) -> Iterator[Frame]:
    """Yield the frames of a source, with a progress bar on a terminal."""
    disable = True if quiet else None
    yield from tqdm(frames, "comparing", total=frames.n_frames, unit="frame", disable=disable, leave=False)


def _process_both(first: Model, second: Model, frame: Frame) -> Pair:
    """Run both models on a frame; they alternate in running first, while the caches are cold."""
    if frame.index % 2:
        reference = second.process(frame, 0)
        return pair(first.process(frame, 0), reference)
    result = first.process(frame, 0)
    return pair(result, second.process(frame, 0))


def _add(comparison: Comparison, both: Pair, ground_truth: GroundTruth | None, name: str) -> None:
    comparison.add(
        both.frame,
        Seen(both.first.faces, both.first.seconds),
        Seen(both.second.faces, both.second.seconds),
        ground_truth.points_of(name) if ground_truth else None,
    )


def _picture(both: Pair, layout: Layout) -> np.ndarray:
    shown = Shown(both.first, both)
    style = OverlayStyle(ids=False, boxes=False)
    return render(shown, View(layout=layout, style=style), natural_size(shown, layout)).image

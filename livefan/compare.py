"""Compare two models over a recording or a folder of images: a side-by-side video and a report."""

from __future__ import annotations

import base64
import io
import json
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from safetensors import safe_open
from tqdm import tqdm

from livefan.atomic import whole_file
from livefan.bundled import bundled_folder
from livefan.capture import display_name, open_source
from livefan.comparison import REGIONS, Comparison, Disagreement, Seen, Side, check_schemes, pair_faces
from livefan.datasets import read_pts
from livefan.errors import LivefanError
from livefan.frame import Face, Frame
from livefan.metrics import FAILURE_THRESHOLD, auc, failure_rate
from livefan.overlay import OverlayStyle, draw_faces
from livefan.pipeline import Pipeline
from livefan.runtimes.base import AUTO, PRECISIONS, RUNTIMES, RuntimeChoice
from livefan.scheme import LandmarkScheme
from livefan.sinks import VideoSink
from livefan.smooth import DEFAULT_STRENGTH
from livefan.weights_info import read_weight_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VIDEO_NAME, REPORT_NAME, NUMBERS_NAME = "side-by-side.mp4", "report.html", "report.json"
_TEMPLATE = "comparison.html.j2"
_WORST = 8
_BANNER_PX = 28
OURS = OverlayStyle(ids=False, boxes=False, outline_colour=(230, 160, 60))
THEIRS = OverlayStyle(ids=False, boxes=False, outline_colour=(60, 140, 240))
"""How the first and the second model are drawn; colours are BGR: blue, and orange."""


@dataclass(frozen=True)
class Contestant:
    """A model to compare.

    Attributes:
        label: what to call it in pictures and tables.
        pipeline: the model at work; this contestant's own.
        n_parameters: of the network.
        n_bytes: size of its weight file.
    """

    label: str
    pipeline: Pipeline
    n_parameters: int
    n_bytes: int


def contestant(spec: str, *, smoothing: float = DEFAULT_STRENGTH, max_faces: int = 5) -> Contestant:
    """A model from what a user types: ``WEIGHTS`` or ``WEIGHTS@WORD,WORD``.

    Args:
        spec: a weight file or the name of a bundled one; the words may name a runtime, a precision, and
            ``raw`` for no smoothing, e.g. ``mobilefan-300w@openvino,int8,raw``.
        smoothing: strength of the filter where the words do not say ``raw``.
        max_faces: follow at most this many.

    Raises:
        LivefanError: if the weights cannot be loaded, or a word is none of these.
    """
    name, _, words = spec.partition("@")
    runtime, precision = AUTO, AUTO
    for word in filter(None, words.split(",")):
        if word in RUNTIMES:
            runtime = word
        elif word in PRECISIONS:
            precision = word
        elif word == "raw":
            smoothing = 0.0
        else:
            known = ", ".join((*RUNTIMES, *PRECISIONS, "raw"))
            raise LivefanError(f"{spec}: {word!r} after the @ is none of {known}")
    file = read_weight_file(name)
    pipeline = Pipeline(
        name, smoothing=smoothing, max_faces=max_faces, runtime=RuntimeChoice(runtime, precision)
    )
    label = f"{file.path.stem}@{words}" if words else file.path.stem
    return Contestant(label, pipeline, _count_parameters(file.path), file.path.stat().st_size)


def _count_parameters(path: Path) -> int:
    """The numbers that were trained; the statistics of batch norm are not."""
    with safe_open(path, framework="np") as tensors:
        names = [name for name in tensors.keys() if "running_" not in name and "num_batches" not in name]  # noqa: SIM118
        return sum(math.prod(tensors.get_slice(name).get_shape()) for name in names)


class Truth:
    """True landmarks of a source's frames, from a folder of ``.pts`` files.

    The truth of an image is the file of the same stem, with ``_0``, ``_1`` ... appended where it shows
    several faces; that of a recording's frame is ``frame_000012.pts`` or ``frame_000012_face_1.pts``, as
    livefan writes them.

    Raises:
        LivefanError: if the folder holds no ``.pts`` file.
    """

    def __init__(self, folder: Path, scheme: LandmarkScheme) -> None:
        self._n_points = scheme.n_points
        self._files = sorted(folder.glob("*.pts"))
        if not self._files:
            raise LivefanError(f"{folder}: holds no .pts files; --truth must name a folder of them")

    def of(self, name: str) -> list[np.ndarray]:
        """``(n, 2)`` landmarks of each face of an image or frame, by its stem."""
        exact = [path for path in self._files if path.stem == name]
        numbered = [path for path in self._files if _is_numbered(path.stem, name)]
        return [read_pts(path, self._n_points) for path in exact or numbered if _holds_points(path)]


def _is_numbered(stem: str, name: str) -> bool:
    rest = stem.removeprefix(f"{name}_")
    return rest != stem and rest.removeprefix("face_").isdecimal()


def _holds_points(path: Path) -> bool:
    return "n_points: 0" not in path.read_text(errors="replace")


def compare(
    ours: Contestant,
    theirs: Contestant,
    source: str | Path,
    output: Path,
    *,
    truth: Path | None = None,
    quiet: bool = False,
) -> Comparison:
    """Run two models over a recording or images, and write what tells them apart into a folder.

    Both see every frame, one after the other; each follows faces by its own landmarks. ``output`` gets
    ``side-by-side.mp4``, ``report.html`` (one file, with its pictures) and ``report.json``.

    Args:
        source: a video, an image, or a folder of images.
        output: a folder, made if it is absent; results of the same names are replaced.
        truth: a folder of ``.pts`` files with the true landmarks, see :class:`Truth`.
        quiet: no progress bar.

    Raises:
        LivefanError: if the models' landmarks differ, or the source cannot be read.
    """
    scheme = ours.pipeline.scheme
    check_schemes(scheme, theirs.pipeline.scheme)
    known = Truth(truth, scheme) if truth else None
    if output.exists() and not output.is_dir():
        raise LivefanError(f"{output}: is a file; name a folder for the comparison")
    comparison = Comparison(scheme, (ours.label, theirs.label))
    gallery = _Gallery(scheme)
    with ExitStack() as stack:
        frames = stack.enter_context(open_source(source))
        if frames.live:
            raise LivefanError(f"{display_name(source)}: is a live source; compare takes a recording")
        output.mkdir(parents=True, exist_ok=True)
        video = stack.enter_context(VideoSink(output / VIDEO_NAME))
        paths = getattr(frames, "paths", None)
        for frame in tqdm(
            frames,
            "comparing",
            total=frames.n_frames,
            unit="frame",
            disable=True if quiet else None,
            leave=False,
        ):
            seen = _process_both(ours.pipeline, theirs.pipeline, frame)
            name = paths[frame.index].stem if paths else f"frame_{frame.index:06}"
            new = comparison.add(frame, *seen, known.of(name) if known else None)
            gallery.offer(frame, seen, new)
            video.write(_side_by_side(frame, seen, comparison, new), frame.source_time)
        if not comparison.disagreements:
            raise LivefanError(
                f"{display_name(source)}: the models found no face in common; nothing to compare"
            )
    numbers = _numbers(comparison, (ours, theirs), display_name(source))
    with whole_file(output / NUMBERS_NAME) as partial:
        partial.write_text(json.dumps(numbers, indent=1) + "\n")
    with whole_file(output / REPORT_NAME) as partial:
        partial.write_text(_render(comparison, numbers, gallery), encoding="utf-8")
    return comparison


def _process_both(ours: Pipeline, theirs: Pipeline, frame: Frame) -> tuple[Seen, Seen]:
    """What both make of a frame; they take turns at being first, when caches are cold."""
    if frame.index % 2:
        second = _process(theirs, frame)
        return _process(ours, frame), second
    first = _process(ours, frame)
    return first, _process(theirs, frame)


def _process(pipeline: Pipeline, frame: Frame) -> Seen:
    begun = time.perf_counter()
    faces = pipeline.process(frame)
    return Seen(faces, time.perf_counter() - begun)


def _side_by_side(
    frame: Frame, seen: tuple[Seen, Seen], comparison: Comparison, new: list[Disagreement]
) -> np.ndarray:
    """The frame twice, each with one model's landmarks, under a line that names them."""
    halves = []
    for side, one, style in zip(comparison.sides, seen, (OURS, THEIRS), strict=True):
        image = frame.image.copy()
        draw_faces(image, one.faces, comparison.scheme, style)
        halves.append(
            _under_banner(image, f"{side.label}  {1000 * one.seconds:.0f} ms", style.outline_colour)
        )
    if new:
        apart = f"apart {np.mean([each.overall for each in new]):.2f} %"
        _write(halves[1], apart, (240, 240, 240), right=True)
    return np.hstack(halves)


def _under_banner(image: np.ndarray, text: str, colour: tuple[int, int, int]) -> np.ndarray:
    framed = cv2.copyMakeBorder(image, _BANNER_PX, 0, 0, 0, cv2.BORDER_CONSTANT)
    _write(framed, text, colour)
    return framed


def _write(image: np.ndarray, text: str, colour: tuple[int, int, int], *, right: bool = False) -> None:
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
    x = max(6, image.shape[1] - width - 6) if right else 6
    cv2.putText(image, text, (x, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)


@dataclass(frozen=True)
class Picture:
    """A face on which the models disagree: both sets of landmarks drawn on its neighbourhood."""

    disagreement: Disagreement
    image: np.ndarray


class _Gallery:
    """Keeps pictures of the greatest disagreements, one for each half second at most."""

    def __init__(self, scheme: LandmarkScheme) -> None:
        self._scheme = scheme
        self._by_moment: dict[int, Picture] = {}

    def offer(self, frame: Frame, seen: tuple[Seen, Seen], new: list[Disagreement]) -> None:
        """Keep a picture of the frame's greatest disagreement if it is among the greatest."""
        if not new:
            return
        greatest = max(new, key=lambda each: each.overall)
        moment = int(greatest.time_s * 2)
        kept = self._by_moment.get(moment)
        if kept is not None and kept.disagreement.overall >= greatest.overall:
            return
        least = min(self._by_moment.values(), key=lambda each: each.disagreement.overall, default=None)
        if kept is None and len(self._by_moment) >= _WORST and least is not None:
            if least.disagreement.overall >= greatest.overall:
                return
            del self._by_moment[int(least.disagreement.time_s * 2)]
        for a, b in pair_faces(seen[0].faces, seen[1].faces):
            if a.track_id == greatest.track_id:
                self._by_moment[moment] = Picture(greatest, _overlaid(frame.image, a, b, self._scheme))

    @property
    def pictures(self) -> list[Picture]:
        """The pictures, greatest disagreement first."""
        return sorted(self._by_moment.values(), key=lambda each: -each.disagreement.overall)


def _overlaid(image: np.ndarray, ours: Face, theirs: Face, scheme: LandmarkScheme) -> np.ndarray:
    """The neighbourhood of a face, enlarged, with both models' landmarks and arrows between them."""
    low, high = theirs.box_px[:2], theirs.box_px[2:]
    side = float((high - low).max()) * 1.4
    scale = 420 / max(side, 1.0)
    origin = (low + high) / 2 - side / 2
    matrix = np.array([[scale, 0, -scale * origin[0]], [0, scale, -scale * origin[1]]])
    canvas = cv2.warpAffine(image, matrix, (420, 420), flags=cv2.INTER_LINEAR)
    places = [(face.points_px - origin) * scale for face in (ours, theirs)]
    for points, style in zip(places, (OURS, THEIRS), strict=True):
        for outline in scheme.outlines:
            line = np.round(points[list(outline.points)] * 16).astype(np.int32)
            cv2.polylines(canvas, [line], outline.closed, style.outline_colour, 1, cv2.LINE_AA, 4)
    for a, b in zip(*places, strict=True):
        start, end = (tuple(np.round(point * 16).astype(int).tolist()) for point in (b, a))
        cv2.line(canvas, start, end, (80, 80, 255), 1, cv2.LINE_AA, 4)
    return canvas


def _numbers(
    comparison: Comparison, contestants: tuple[Contestant, Contestant], source: str
) -> dict[str, Any]:
    """Everything the report says, as JSON takes it."""
    overall = np.array([each.overall for each in comparison.disagreements])
    return {
        "source": source,
        "scheme": comparison.scheme.name,
        "n_frames": comparison.n_frames,
        "unit": "percent of the inter-ocular distance",
        "disagreement": {
            "mean": float(overall.mean()),
            "median": float(np.median(overall)),
            "p95": float(np.percentile(overall, 95)),
            "by_region": comparison.by_region(),
        },
        "models": [
            _side_numbers(side, contestant, alone, comparison.scheme)
            for side, contestant, alone in zip(comparison.sides, contestants, comparison.n_alone, strict=True)
        ],
        "over_time": [
            {
                "frame": each.frame,
                "time_s": round(each.time_s, 6),
                "face": each.track_id,
                "overall": round(each.overall, 4),
                **{name: round(value, 4) for name, value in each.by_region(comparison.scheme).items()},
            }
            for each in comparison.disagreements
        ],
    }


def _side_numbers(side: Side, contestant: Contestant, n_alone: int, scheme: LandmarkScheme) -> dict[str, Any]:
    errors = np.array([each.overall for each in side.errors])
    threshold = FAILURE_THRESHOLD[scheme.name]
    truth = None
    if len(errors):
        truth = {
            "n_faces": len(errors),
            "nme": float(errors.mean()),
            "failure_rate": failure_rate(errors, threshold),
            "auc": auc(errors, threshold),
        }
    return {
        "label": side.label,
        "parameters": contestant.n_parameters,
        "bytes": contestant.n_bytes,
        "latency_ms": side.latency_ms,
        "latency_p95_ms": 1000.0 * float(np.percentile(side.seconds, 95)),
        "jitter": None if math.isnan(side.jitter.median) else side.jitter.median,
        "n_faces": side.n_faces,
        "n_faces_it_alone_found": n_alone,
        "against_truth": truth,
    }


def _render(comparison: Comparison, numbers: dict[str, Any], gallery: _Gallery) -> str:
    """The report as one HTML page that needs no other file."""
    import jinja2

    template = (bundled_folder("assets") / _TEMPLATE).read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(template).render(
        numbers=numbers,
        plots=[(title, _as_svg(figure)) for title, figure in _plots(comparison)],
        pictures=[
            (each.disagreement, each.disagreement.by_region(comparison.scheme), _as_data(each.image))
            for each in gallery.pictures
        ],
    )


def _plots(comparison: Comparison) -> Iterator[tuple[str, "Figure"]]:
    from matplotlib.figure import Figure

    colours = tuple(_hex(style.outline_colour) for style in (OURS, THEIRS))
    times = [each.time_s for each in comparison.disagreements]
    by_region = [each.by_region(comparison.scheme) for each in comparison.disagreements]
    figure = Figure((9, 3), layout="constrained")
    axes = figure.subplots()
    for region in REGIONS:
        if region in by_region[0]:
            axes.plot(times, [each[region] for each in by_region], linewidth=0.8, label=region)
    overall = [each.overall for each in comparison.disagreements]
    axes.plot(times, overall, "k", linewidth=1.4, label="all")
    axes.set(xlabel="time in s", ylabel="apart in %", ylim=(0, None))
    axes.legend(ncols=6, fontsize="small")
    yield "How far apart, over time", figure

    figure = Figure((9, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for side, colour in zip(comparison.sides, colours, strict=True):
        left.ecdf(1000 * np.array(side.seconds), label=side.label, color=colour)
        if side.jitter.values:
            right.ecdf(side.jitter.values, label=side.label, color=colour)
    left.set(xlabel="time for a frame in ms", ylabel="share of frames", xscale="log")
    right.set(xlabel="jitter in %", ylabel="share of frames", xscale="log")
    left.legend(fontsize="small")
    yield "Latency and jitter of each", figure

    if any(side.errors for side in comparison.sides):
        figure = Figure((5, 3), layout="constrained")
        axes = figure.subplots()
        for side, colour in zip(comparison.sides, colours, strict=True):
            if side.errors:
                axes.ecdf([each.overall for each in side.errors], label=side.label, color=colour)
        threshold = FAILURE_THRESHOLD[comparison.scheme.name]
        axes.set(xlim=(0, threshold), xlabel="NME in %", ylabel="share of faces")
        axes.legend(fontsize="small")
        yield "Cumulative error against the truth", figure


def _hex(bgr: tuple[int, int, int]) -> str:
    return "#{2:02x}{1:02x}{0:02x}".format(*bgr)


def _as_svg(figure: "Figure") -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _as_data(image: np.ndarray) -> str:
    encoded, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert encoded
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()

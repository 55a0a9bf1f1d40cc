"""Compare two models over a recording or a folder of images: a side-by-side video and a report."""

from __future__ import annotations

import base64
import io
import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from tqdm import tqdm

from livefan.core.agreement import REGIONS, Comparison, Disagreement, Seen, Side, check_schemes, regions
from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write
from livefan.core.frame import Frame
from livefan.core.landmarks import LandmarkScheme
from livefan.core.metrics import FAILURE_THRESHOLD, auc, failure_rate
from livefan.core.resources import bundled_folder
from livefan.drawing.faces import OverlayStyle
from livefan.io.images import ImageSource
from livefan.io.open import display_name, open_source
from livefan.io.pts_file import read_pts
from livefan.io.video_writer import VideoWriter
from livefan.live.pairing import pair
from livefan.live.render import FIRST_COLOUR, SECOND_COLOUR, Shown, natural_size, render
from livefan.live.result import Pair
from livefan.live.view_state import Layout, View
from livefan.live.worker import Model
from livefan.tracking.model_spec import ModelChoice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REPORT_NAME, NUMBERS_NAME = "report.html", "report.json"
_TEMPLATE = "comparison.html.j2"
_WORST = 8
_UNKNOWN = 10000
"""So many frames a recording is taken to have, to look for its truth, where its length is not known."""
_CLOSEUP_PX = 420
_CLOSEUP_MARGIN = 1.4
_NUMBER = re.compile(r"_(face_)?\d+$")
"""What follows the name of an image that shows several faces."""


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
        self._exact: dict[str, list[Path]] = defaultdict(list)
        self._numbered: dict[str, list[Path]] = defaultdict(list)
        for path in sorted(path for path in folder.glob("*.*") if path.suffix.lower() == ".pts"):
            self._exact[path.stem].append(path)
            self._numbered[_NUMBER.sub("", path.stem)].append(path)
        if not self._exact:
            raise LivefanError(f"{folder}: holds no .pts files; --truth must name a folder of them")

    def of(self, name: str) -> list[np.ndarray]:
        """``(n, 2)`` landmarks of each face of an image or frame, by its stem."""
        return [read_pts(path, self._n_points) for path in self._named(name) if _holds_points(path)]

    def tells_of(self, names: Iterable[str]) -> bool:
        """Whether any of its files is named after one of these images or frames."""
        return any(self._named(name) for name in names)

    def _named(self, name: str) -> list[Path]:
        return self._exact.get(name) or self._numbered.get(name, [])


def _holds_points(path: Path) -> bool:
    return "n_points: 0" not in path.read_text(errors="replace")


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
    quiet: bool = False,
) -> Comparison:
    """Run two models over a recording or images, and write what tells them apart into a folder.

    Both see every frame, one after the other; each follows faces by its own landmarks. The images of a folder
    are taken one by one, without smoothing, unless they are the frames of a recording. ``output`` gets a
    video named after its layout, ``report.html`` (one file, with its pictures) and ``report.json``.

    Args:
        first, second: the models; the second is the reference.
        source: a video, an image, or a folder of images.
        output: a folder, made if it is absent; results of the same names are replaced.
        layout: how the video shows the two.
        truth: a folder of ``.pts`` files with the true landmarks, see :class:`Truth`.
        sequence: the images of a folder are the frames of one recording, in the order of their names.
        max_faces: follow at most this many.
        quiet: no progress bar.

    Raises:
        LivefanError: if the models' landmarks differ, the source cannot be read, or ``truth`` tells of none
            of its frames.
    """
    scheme = first.file.scheme
    check_schemes(scheme, second.file.scheme)
    known = Truth(truth, scheme) if truth else None
    if output.exists() and not output.is_dir():
        raise LivefanError(f"{output}: is a file; name a folder for the comparison")
    with ExitStack() as stack:
        models = [Model(choice, max_faces, _ignore, background=False) for choice in (first, second)]
        for model in models:
            stack.callback(model.close)
            model.prepare()
        frames = stack.enter_context(open_source(source, photographs=not sequence))
        if frames.live:
            raise LivefanError(f"{display_name(source)}: is a live source; compare takes a recording")
        paths = frames.paths if isinstance(frames, ImageSource) else []
        stems = [path.stem for path in paths]
        names = stems if frames.photographs else []
        if known and not known.tells_of(stems or map(_frame_name, range(frames.n_frames or _UNKNOWN))):
            raise LivefanError(
                f"{truth}: none of its .pts files is named after {'an image' if stems else 'a frame'} of "
                f"{display_name(source)}; name them {stems[0] if stems else _frame_name(0)}.pts and so on"
            )
        output.mkdir(parents=True, exist_ok=True)
        video = stack.enter_context(VideoWriter(output / f"{layout}.mp4"))
        comparison = Comparison(scheme, _labels(first, second), photographs=frames.photographs)
        for model in models:
            model.photographs = tuple(path.name for path in paths) if frames.photographs else ()
        gallery = _Gallery()
        for frame in tqdm(
            frames,
            "comparing",
            total=frames.n_frames,
            unit="frame",
            disable=True if quiet else None,
            leave=False,
        ):
            both = _process_both(models[0], models[1], frame)
            name = stems[frame.index] if stems else _frame_name(frame.index)
            comparison.add(
                frame,
                Seen(both.first.faces, both.first.seconds),
                Seen(both.second.faces, both.second.seconds),
                known.of(name) if known else None,
            )
            gallery.offer(both)
            video.write(_picture(both, layout), frame.source_time)
        if not comparison.disagreements:
            raise LivefanError(
                f"{display_name(source)}: the models found no face in common; nothing to compare"
            )
    comparison.warnings += frames.warnings
    numbers = _numbers(comparison, (first, second), display_name(source), names)
    with atomic_write(output / NUMBERS_NAME) as partial:
        partial.write_text(json.dumps(numbers, indent=1) + "\n")
    with atomic_write(output / REPORT_NAME) as partial:
        partial.write_text(_render(comparison, numbers, gallery, names), encoding="utf-8")
    return comparison


def _frame_name(index: int) -> str:
    """What the truth of a recording's frame is named after."""
    return f"frame_{index:06}"


def _ignore(text: str) -> None:
    """Nobody waits to be told."""


def _labels(first: ModelChoice, second: ModelChoice) -> tuple[str, str]:
    """What to call the models; a model compared with itself is told apart by its place."""
    if first.label != second.label:
        return first.label, second.label
    return f"{first.label} (A)", f"{second.label} (B)"


def _process_both(ours: Model, theirs: Model, frame: Frame) -> Pair:
    """What both make of a frame; they take turns at being first, when caches are cold."""
    if frame.index % 2:
        second = theirs.process(frame, 0)
        return pair(ours.process(frame, 0), second)
    first = ours.process(frame, 0)
    return pair(first, theirs.process(frame, 0))


def _picture(both: Pair, layout: Layout) -> np.ndarray:
    shown = Shown(both.first, both)
    style = OverlayStyle(ids=False, boxes=False)
    return render(shown, View(layout=layout, style=style), natural_size(shown, layout)).image


@dataclass(frozen=True)
class Picture:
    """A face on which the models disagree: both sets of landmarks drawn on its neighbourhood."""

    disagreement: Disagreement
    image: np.ndarray


class _Gallery:
    """Keeps pictures of the greatest disagreements, one for each half second at most."""

    def __init__(self) -> None:
        self._by_moment: dict[int, Picture] = {}

    def offer(self, both: Pair) -> None:
        """Keep a picture of the frame's greatest disagreement if it is among the greatest."""
        if not both.disagreements:
            return
        greatest = max(both.disagreements, key=lambda each: each.overall)
        moment = _moment(greatest)
        kept = self._by_moment.get(moment)
        if kept is not None and kept.disagreement.overall >= greatest.overall:
            return
        least = min(self._by_moment.values(), key=lambda each: each.disagreement.overall, default=None)
        if kept is None and len(self._by_moment) >= _WORST and least is not None:
            if least.disagreement.overall >= greatest.overall:
                return
            del self._by_moment[_moment(least.disagreement)]
        self._by_moment[moment] = Picture(greatest, _closeup(both, greatest.track_id))

    @property
    def pictures(self) -> list[Picture]:
        """The pictures, greatest disagreement first."""
        return sorted(self._by_moment.values(), key=lambda each: -each.disagreement.overall)


def _moment(disagreement: Disagreement) -> int:
    return int(disagreement.time_s * 2)


def _closeup(both: Pair, track_id: int) -> np.ndarray:
    """The neighbourhood of a face, enlarged, with both models' landmarks and the arrows between them."""
    face = next(face for face in both.first.faces if face.track_id == track_id)
    height, width = both.frame.image.shape[:2]
    middle = (face.box_px[:2] + face.box_px[2:]) / 2 + 0.5
    side = float((face.box_px[2:] - face.box_px[:2]).max()) * _CLOSEUP_MARGIN
    view = View(
        layout=Layout.DIFFERENCE,
        style=OverlayStyle(ids=False, boxes=False),
        zoom=max(1.0, max(width, height) / max(side, 1.0)),
        centre=(float(middle[0] / width), float(middle[1] / height)),
    )
    return render(Shown(both.first, both), view, (_CLOSEUP_PX, _CLOSEUP_PX)).image


def _numbers(
    comparison: Comparison, choices: tuple[ModelChoice, ModelChoice], source: str, names: list[str]
) -> dict[str, Any]:
    """Everything the report says, as JSON takes it; of images that stand alone, by their names."""
    return {
        "source": source,
        "photographs": comparison.photographs,
        "scheme": comparison.scheme.name,
        "n_frames": comparison.n_frames,
        "warnings": comparison.warnings,
        "unit": "percent of the inter-ocular distance",
        "disagreement": _spread(comparison.disagreements, comparison.scheme),
        "models": [
            _side_numbers(side, choice, alone, comparison.scheme)
            for side, choice, alone in zip(comparison.sides, choices, comparison.n_alone, strict=True)
        ],
        "over_time": [
            {
                "frame": each.frame,
                **({"image": names[each.frame]} if names else {"time_s": round(each.time_s, 6)}),
                "face": each.track_id,
                "overall": round(each.overall, 4),
                **{name: round(value, 4) for name, value in each.by_region(comparison.scheme).items()},
            }
            for each in comparison.disagreements
        ],
    }


def _spread(errors: list[Disagreement], scheme: LandmarkScheme) -> dict[str, Any]:
    overall = np.array([each.overall for each in errors])
    points = np.mean([each.points for each in errors], axis=0)
    return {
        "mean": float(overall.mean()),
        "median": float(np.median(overall)),
        "p95": float(np.percentile(overall, 95)),
        "by_region": {name: float(points[indices].mean()) for name, indices in regions(scheme).items()},
    }


def _side_numbers(side: Side, choice: ModelChoice, n_alone: int, scheme: LandmarkScheme) -> dict[str, Any]:
    truth = None
    if side.errors:
        errors = np.array([each.overall for each in side.errors])
        threshold = FAILURE_THRESHOLD[scheme.name]
        truth = {
            "n_faces": len(errors),
            "nme": float(errors.mean()),
            **_spread(side.errors, scheme),
            "threshold": threshold,
            "failure_rate": failure_rate(errors, threshold),
            "auc": auc(errors, threshold),
        }
    return {
        "label": side.label,
        "parameters": choice.n_parameters,
        "bytes": choice.n_bytes,
        "latency_ms": side.latency_ms,
        "latency_p95_ms": 1000.0 * float(np.percentile(side.seconds, 95)),
        "jitter": None if math.isnan(side.jitter.median) else side.jitter.median,
        "n_faces": side.n_faces,
        "n_faces_it_alone_found": n_alone,
        "against_truth": truth,
    }


def _render(comparison: Comparison, numbers: dict[str, Any], gallery: _Gallery, names: list[str]) -> str:
    """The report as one HTML page that needs no other file."""
    import jinja2

    template = (bundled_folder("assets") / _TEMPLATE).read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(template).render(
        numbers=numbers,
        plots=[(title, _as_svg(figure)) for title, figure in _plots(comparison)],
        pictures=[
            (
                names[each.disagreement.frame]
                if names
                else f"{each.disagreement.time_s:.2f} s, frame {each.disagreement.frame}",
                each.disagreement,
                each.disagreement.by_region(comparison.scheme),
                _as_data(each.image),
            )
            for each in gallery.pictures
        ],
    )


def _plots(comparison: Comparison) -> Iterator[tuple[str, "Figure"]]:
    """The report's plots with their titles."""
    from matplotlib.figure import Figure

    alone = comparison.photographs
    drawn: dict[str, Any] = {"linestyle": "", "marker": "."} if alone else {}
    colours = tuple(_hex(colour) for colour in (FIRST_COLOUR, SECOND_COLOUR))
    times = [each.frame if alone else each.time_s for each in comparison.disagreements]
    by_region = [each.by_region(comparison.scheme) for each in comparison.disagreements]
    figure = Figure((9, 3), layout="constrained")
    axes = figure.subplots()
    for region in REGIONS:
        if region in by_region[0]:
            axes.plot(times, [each[region] for each in by_region], linewidth=0.8, label=region, **drawn)
    overall = [each.overall for each in comparison.disagreements]
    axes.plot(times, overall, color="k", linewidth=1.4, label="all", **drawn)
    along = "image, in the order of names" if alone else "time in s"
    axes.set(xlabel=along, ylabel="apart in %", ylim=(0, None))
    axes.legend(ncols=6, fontsize="small")
    yield "How far apart, from image to image" if alone else "How far apart, over time", figure

    shakes = any(side.jitter.values for side in comparison.sides)
    figure = Figure((9 if shakes else 5, 3), layout="constrained")
    left, *others = figure.subplots(1, 2 if shakes else 1, squeeze=False)[0]
    for side, colour in zip(comparison.sides, colours, strict=True):
        left.ecdf(1000 * np.array(side.seconds), label=side.label, color=colour)
        if side.jitter.values:
            others[0].ecdf(side.jitter.values, label=side.label, color=colour)
    left.set(xlabel="time for a frame in ms", ylabel="share of frames")
    _scale_by_log(left)
    left.legend(fontsize="small")
    for right in others:
        right.set(xlabel="jitter in %", ylabel="share of frames")
        _scale_by_log(right)
    yield "Latency and jitter of each" if shakes else "Latency of each", figure

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


def _scale_by_log(axes: "Axes") -> None:
    """Give the x axis a scale by powers, with few numbers, written out."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


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

"""Report of a comparison: numbers as JSON, and one HTML page with plots and examples."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from livefan.core.agreement import REGIONS, Comparison, Disagreement, Side, regions
from livefan.core.files import atomic_write
from livefan.core.landmarks import LandmarkScheme
from livefan.core.metrics import auc, failure_rate, failure_threshold
from livefan.core.resources import bundled_folder
from livefan.drawing.faces import OverlayStyle
from livefan.live.labels import FIRST_COLOUR, SECOND_COLOUR
from livefan.live.render import Shown, render
from livefan.live.result import Pair
from livefan.live.view_state import Layout, View
from livefan.tracking.model_spec import ModelChoice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REPORT_NAME, NUMBERS_NAME = "report.html", "report.json"
_TEMPLATE = "comparison.html.j2"
_N_EXAMPLES = 8
_EXAMPLE_PX = 420
_EXAMPLE_MARGIN = 1.4
"""Side of the region that an example shows, in face sizes."""


@dataclass(frozen=True)
class Example:
    """A face on which the models disagree.

    Attributes:
        disagreement: distances between the landmarks of both models.
        image: ``(420, 420, 3)`` uint8 BGR, the face enlarged, with the landmarks of both models.
    """

    disagreement: Disagreement
    image: np.ndarray


class Examples:
    """Keeps examples of the greatest disagreements, at most one for each half second."""

    def __init__(self) -> None:
        self._by_half_second: dict[int, Example] = {}

    def offer(self, both: Pair) -> None:
        """Keep an example of the frame's greatest disagreement if it is among the greatest."""
        if not both.disagreements:
            return
        greatest = max(both.disagreements, key=lambda each: each.overall)
        key = _half_second(greatest)
        kept = self._by_half_second.get(key)
        if kept is not None and kept.disagreement.overall >= greatest.overall:
            return
        least = min(self._by_half_second.values(), key=lambda each: each.disagreement.overall, default=None)
        if kept is None and len(self._by_half_second) >= _N_EXAMPLES and least is not None:
            if least.disagreement.overall >= greatest.overall:
                return
            del self._by_half_second[_half_second(least.disagreement)]
        self._by_half_second[key] = Example(greatest, _draw_example(both, greatest.track_id))

    def __iter__(self) -> Iterator[Example]:
        """Yield the examples, greatest disagreement first."""
        yield from sorted(self._by_half_second.values(), key=lambda each: -each.disagreement.overall)


def _half_second(disagreement: Disagreement) -> int:
    return int(disagreement.time_s * 2)


def _draw_example(both: Pair, track_id: int) -> np.ndarray:
    """Return a face, enlarged, with the landmarks of both models and arrows between them."""
    face = next(face for face in both.first.faces if face.track_id == track_id)
    height, width = both.frame.image.shape[:2]
    middle = (face.box_px[:2] + face.box_px[2:]) / 2 + 0.5
    side = float((face.box_px[2:] - face.box_px[:2]).max()) * _EXAMPLE_MARGIN
    view = View(
        layout=Layout.DIFFERENCE,
        style=OverlayStyle(ids=False, boxes=False),
        zoom=max(1.0, max(width, height) / max(side, 1.0)),
        centre=(float(middle[0] / width), float(middle[1] / height)),
    )
    return render(Shown(both.first, both), view, (_EXAMPLE_PX, _EXAMPLE_PX)).image


def write_report(
    folder: Path,
    comparison: Comparison,
    choices: tuple[ModelChoice, ModelChoice],
    smoothing: tuple[float, float],
    source: str,
    names: list[str],
    examples: Examples,
) -> None:
    """Write ``report.json`` and ``report.html`` into a folder that exists.

    Args:
        folder: the folder.
        comparison: the results; they must hold at least one disagreement.
        choices: the models.
        smoothing: strength of the filter of the landmarks of each model.
        source: name of the source.
        names: names of the images by frame index; empty for a recording.
        examples: faces on which the models disagree.
    """
    numbers = _numbers(comparison, choices, smoothing, source, names)
    with atomic_write(folder / NUMBERS_NAME) as partial:
        partial.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    with atomic_write(folder / REPORT_NAME) as partial:
        page = _page(comparison, numbers, examples, names)
        partial.write_text(page, encoding="utf-8", errors="replace")  # file names need not be UTF-8


def _numbers(
    comparison: Comparison,
    choices: tuple[ModelChoice, ModelChoice],
    smoothing: tuple[float, float],
    source: str,
    names: list[str],
) -> dict[str, Any]:
    """Return all numbers of the report as JSON values; photographs are listed by their names."""
    return {
        "source": source,
        "photographs": comparison.photographs,
        "scheme": comparison.scheme.name,
        "n_landmarks": comparison.scheme.n_points,
        "n_frames": comparison.n_frames,
        "warnings": comparison.warnings,
        "unit": "percent of the inter-ocular distance",
        "disagreement": _summary(comparison.disagreements, comparison.scheme),
        "models": [
            {"smoothing": strength, **_side_numbers(side, choice, alone, comparison.truth_scheme)}
            for side, choice, strength, alone in zip(
                comparison.sides, choices, smoothing, comparison.n_alone, strict=True
            )
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


def _summary(errors: list[Disagreement], scheme: LandmarkScheme) -> dict[str, Any]:
    overall = np.array([each.overall for each in errors])
    points = np.mean([each.points for each in errors], axis=0)
    return {
        "mean": float(overall.mean()),
        "median": float(np.median(overall)),
        "p95": float(np.percentile(overall, 95)),
        "by_region": {name: float(points[indices].mean()) for name, indices in regions(scheme).items()},
    }


def _side_numbers(
    side: Side, choice: ModelChoice, n_alone: int, truth_scheme: LandmarkScheme
) -> dict[str, Any]:
    return {
        "label": side.label,
        "scheme": choice.scheme.name,
        "n_landmarks": choice.scheme.n_points,
        "parameters": choice.n_parameters,
        "bytes": choice.n_bytes,
        "latency_ms": side.latency_ms,
        "latency_p95_ms": 1000.0 * float(np.percentile(side.seconds, 95)),
        "jitter": None if math.isnan(side.jitter.median) else side.jitter.median,
        "n_faces": side.n_faces,
        "n_faces_it_alone_found": n_alone,
        "against_truth": _truth_numbers(side, truth_scheme) if side.errors else None,
    }


def _truth_numbers(side: Side, scheme: LandmarkScheme) -> dict[str, Any]:
    """Return the errors of a model against ground truth."""
    errors = np.array([each.overall for each in side.errors])
    threshold = failure_threshold(scheme)
    return {
        "n_faces": len(errors),
        "n_landmarks": scheme.n_points,
        "nme": float(errors.mean()),
        **_summary(side.errors, scheme),
        "threshold": threshold,
        "failure_rate": failure_rate(errors, threshold),
        "auc": auc(errors, threshold),
    }


def _page(comparison: Comparison, numbers: dict[str, Any], examples: Examples, names: list[str]) -> str:
    """Return the report as one HTML page that needs no other file."""
    import jinja2

    template = (bundled_folder("assets") / _TEMPLATE).read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(template).render(
        numbers=numbers,
        plots=[(title, _as_svg(figure)) for title, figure in _plots(comparison)],
        pictures=[
            (
                _example_name(each.disagreement, names),
                each.disagreement,
                each.disagreement.by_region(comparison.scheme),
                _as_data_url(each.image),
            )
            for each in examples
        ],
    )


def _example_name(disagreement: Disagreement, names: list[str]) -> str:
    if names:
        return names[disagreement.frame]
    return f"{disagreement.time_s:.2f} s, frame {disagreement.frame}"


def _plots(comparison: Comparison) -> Iterator[tuple[str, Figure]]:
    """Yield the plots of the report with their titles."""
    colours = (_hex(FIRST_COLOUR), _hex(SECOND_COLOUR))
    has_jitter = any(side.jitter.values for side in comparison.sides)
    title = "How far apart, from image to image" if comparison.photographs else "How far apart, over time"
    yield title, _plot_distances(comparison)
    yield "Latency and jitter of each" if has_jitter else "Latency of each", _plot_sides(comparison, colours)
    if any(side.errors for side in comparison.sides):
        yield "Cumulative error against the truth", _plot_errors(comparison, colours)


def _plot_distances(comparison: Comparison) -> Figure:
    """Plot the distances over all frames, of each region and overall."""
    from matplotlib.figure import Figure

    photographs = comparison.photographs
    drawn: dict[str, Any] = {"linestyle": "", "marker": "."} if photographs else {}
    times = [each.frame if photographs else each.time_s for each in comparison.disagreements]
    by_region = [each.by_region(comparison.scheme) for each in comparison.disagreements]
    figure = Figure((9, 3), layout="constrained")
    axes = figure.subplots()
    for region in REGIONS:
        if region in by_region[0]:
            axes.plot(times, [each[region] for each in by_region], linewidth=0.8, label=region, **drawn)
    overall = [each.overall for each in comparison.disagreements]
    axes.plot(times, overall, color="k", linewidth=1.4, label="all", **drawn)
    x_label = "image, in the order of names" if photographs else "time in s"
    axes.set(xlabel=x_label, ylabel="apart in %", ylim=(0, None))
    axes.legend(ncols=6, fontsize="small")
    return figure


def _plot_sides(comparison: Comparison, colours: tuple[str, str]) -> Figure:
    """Plot the distributions of latency, and of jitter if known, of each model."""
    from matplotlib.figure import Figure

    has_jitter = any(side.jitter.values for side in comparison.sides)
    figure = Figure((9 if has_jitter else 5, 3), layout="constrained")
    left, *others = figure.subplots(1, 2 if has_jitter else 1, squeeze=False)[0]
    for side, colour in zip(comparison.sides, colours, strict=True):
        left.ecdf(1000 * np.array(side.seconds), label=side.label, color=colour)
        if side.jitter.values:
            others[0].ecdf(side.jitter.values, label=side.label, color=colour)
    left.set(xlabel="time for a frame in ms", ylabel="share of frames")
    _set_log_scale(left)
    left.legend(fontsize="small")
    for right in others:
        right.set(xlabel="jitter in %", ylabel="share of frames")
        _set_log_scale(right)
    return figure


def _plot_errors(comparison: Comparison, colours: tuple[str, str]) -> Figure:
    """Plot the cumulative distribution of the errors against ground truth."""
    from matplotlib.figure import Figure

    figure = Figure((5, 3), layout="constrained")
    axes = figure.subplots()
    for side, colour in zip(comparison.sides, colours, strict=True):
        if side.errors:
            axes.ecdf([each.overall for each in side.errors], label=side.label, color=colour)
    threshold = failure_threshold(comparison.truth_scheme)
    axes.set(xlim=(0, threshold), xlabel="NME in %", ylabel="share of faces")
    axes.legend(fontsize="small")
    return figure


def _set_log_scale(axes: Axes) -> None:
    """Give the x axis a logarithmic scale with few numbers, written in full."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _hex(bgr: tuple[int, int, int]) -> str:
    return "#{2:02x}{1:02x}{0:02x}".format(*bgr)


def _as_svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _as_data_url(image: np.ndarray) -> str:
    encoded, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert encoded
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()

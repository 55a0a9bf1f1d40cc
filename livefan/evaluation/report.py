"""Report evaluations: a table, a cumulative error curve, and a sheet of the worst faces."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from livefan.core.crop import crop_from_landmarks
from livefan.core.metrics import failure_threshold, inter_ocular
from livefan.drawing.text import write
from livefan.evaluation.evaluate import EvaluatedFace, Evaluation

_TRUTH, _PREDICTED, _TEXT = (80, 220, 80), (60, 60, 255), (255, 255, 255)
_TILE_PX, _LEGEND_PX = 256, 24
_COLUMNS = ("n_faces", "nme_inter_ocular", "nme_inter_pupil", "failure_rate", "auc", "n_missed")


def rows(evaluations: Sequence[Evaluation]) -> list[dict[str, object]]:
    """Return one row of figures for each evaluation, followed by one for each of its subsets.

    ``failure_threshold`` is the NME in percent above which a face counts as a failure, and up to which the
    area under the curve is taken.
    """
    return [
        {
            "crop": evaluation.crop,
            "decoder": evaluation.decoder,
            "subset": name,
            "scheme": evaluation.scheme.name,
            "failure_threshold": failure_threshold(evaluation.scheme),
            **part.numbers(),
        }
        for evaluation in evaluations
        # No dict: an image set may be a folder called "all".
        for name, part in [("all", evaluation), *evaluation.subsets().items()]
    ]


def table(evaluations: Sequence[Evaluation]) -> str:
    """Return the rows as text in columns; NMEs and failure rate in percent."""
    threshold = failure_threshold(evaluations[0].scheme)
    measures = ["faces", "NME ocular, %", "NME pupil, %", f"FR > {threshold:g} %", "AUC", "missed"]
    heads = ["crop", "decoder", "subset", *measures]
    lines = [heads]
    for row in rows(evaluations):
        figures = ["-" if row[name] is None else f"{row[name]:.4g}" for name in _COLUMNS]
        lines.append([str(row[name]) for name in ("crop", "decoder", "subset")] + figures)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index < 3 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def region_table(evaluation: Evaluation) -> str:
    """Return the mean error of each part of the face as text in columns, in percent as NME; - for no face.

    Parts are the names of landmarks without side and number, such as ``jaw`` and ``eye``.
    """
    scheme = evaluation.scheme
    found = [each for each in evaluation.faces if each.predicted_px is not None]
    predicted, truth = (
        np.array(points).reshape(-1, scheme.n_points, 2)
        for points in ([each.predicted_px for each in found], [each.face.points_px for each in found])
    )
    apart = np.linalg.norm(predicted - truth, axis=2) / inter_ocular(truth, scheme)[:, None]
    regions = [re.sub(r"^(right|left)_|_\d+$", "", name) for name in scheme.point_names]
    lines = [f"{'region':16}{'landmarks':>10}{'NME ocular, %':>15}"]
    for region in dict.fromkeys(regions):
        chosen = np.array([name == region for name in regions])
        error = f"{100 * apart[:, chosen].mean():.3f}" if found else "-"
        lines.append(f"{region:16}{chosen.sum():10}{error:>15}")
    return "\n".join(lines)


def draw_ced(evaluations: Sequence[Evaluation], path: Path) -> None:
    """Write the cumulative error curves up to the failure threshold as a PNG.

    Several evaluations have one curve each. A single evaluation also has a curve for each attribute.
    """
    # Imported here, since the import takes a second.
    from matplotlib import color_sequences
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    threshold = failure_threshold(evaluations[0].scheme)
    figure = Figure(figsize=(7, 5), dpi=120)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(
        xlabel="NME, inter-ocular (%)",
        ylabel="share of faces (%)",
        xlim=(0, threshold),
        ylim=(0, 100),
        title="Cumulative error",
    )
    axes.grid(alpha=0.3)
    axes.set_prop_cycle(color=["black", *color_sequences["tab10"]])
    curves = {f"{each.crop}, {each.decoder}": each for each in evaluations}
    if len(evaluations) == 1:
        (setting,) = curves
        axes.set_title(f"Cumulative error, {setting}")
        curves = {"all": evaluations[0], **_by_attribute(evaluations[0])}
    for name, part in curves.items():
        errors = np.sort(part.errors)
        share = 100 * np.arange(1, len(errors) + 1) / len(errors)
        last = share[errors <= threshold][-1:]
        axes.step(
            np.concatenate([[0], errors[errors <= threshold], [threshold]]),
            np.concatenate([[0], share[errors <= threshold], last if len(last) else [0]]),
            where="post",
            label=f"{name} ({part.accuracy.auc:.3f})",
        )
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.02, 1),
        borderaxespad=0,
        fontsize="small",
        title="area under the curve\nin brackets",
    )
    figure.savefig(path, format="png", bbox_inches="tight")


def _by_attribute(evaluation: Evaluation) -> dict[str, Evaluation]:
    named = {name for each in evaluation.faces for name in each.face.attributes}
    return {name: part for name, part in evaluation.subsets().items() if name in named}


def draw_faces_sheet(faces: Sequence[EvaluatedFace], path: Path) -> None:
    """Write a sheet of faces as a PNG: true landmarks in green, predicted ones in red, error and name below.

    A legend stands above the faces.

    Raises:
        LivefanError: if an image can no longer be read.
        OSError: if the sheet cannot be written.
    """
    tiles = [_tile(face) for face in faces]
    across = max(1, math.ceil(math.sqrt(len(tiles))))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % across)
    rows_ = [np.hstack(tiles[i : i + across]) for i in range(0, len(tiles), across)]
    sheet = np.vstack([_legend(across * _TILE_PX), *rows_])
    path.write_bytes(cv2.imencode(".png", sheet)[1].tobytes())


def _legend(width: int) -> np.ndarray:
    """Return a strip with the meaning of the colours."""
    strip = np.zeros((_LEGEND_PX, width, 3), np.uint8)
    left = 8
    for text, colour in (("label", _TRUTH), ("prediction", _PREDICTED)):
        cv2.circle(strip, (left, _LEGEND_PX // 2), 3, colour, -1, cv2.LINE_AA)
        write(strip, text, (left + 8, _LEGEND_PX - 2), _TEXT)
        left += 70
    return strip


def _tile(evaluated: EvaluatedFace) -> np.ndarray:
    face = evaluated.face
    crop = replace(crop_from_landmarks(face.points_px), size=_TILE_PX)
    tile = crop.cut(face.read_image()).copy()
    for points_px, colour in ((face.points_px, _TRUTH), (evaluated.predicted_px, _PREDICTED)):
        if points_px is not None:
            for x, y in np.round(16 * crop.to_crop(points_px)).astype(int).tolist():
                cv2.circle(tile, (x, y), 24, colour, -1, cv2.LINE_AA, 4)
    error = f"{evaluated.nme:.1f} %" if math.isfinite(evaluated.nme) else "not found"
    for line, text in enumerate((face.name[-34:], error)):
        # Not by cv2.putText: it draws ASCII alone, and ends the process at a file name that is not UTF-8.
        write(tile, text, (4, _TILE_PX - 16 * line), _TEXT)
    return tile

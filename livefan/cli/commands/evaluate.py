"""The command ``evaluate``: measure the accuracy of weights on labelled faces."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from livefan.cli.commands.options import (
    Commands,
    add_dataset_options,
    add_runtime_options,
    check_png,
    check_scheme,
    notice,
    part_share,
    print_left_out,
    runtime_choice,
)
from livefan.core.errors import LivefanError
from livefan.core.resources import DEFAULT_WEIGHTS

if TYPE_CHECKING:
    from livefan.datasets import FaceSet
    from livefan.evaluation.evaluate import Evaluation
    from livefan.runtimes.base import Runtime
    from livefan.tracking.landmark_model import LandmarkModel

_MOST_FACES = 100
"""Faces that a model of another project may find in an image; only one of them may be labelled."""
_RUNTIME = "torch"
"""The runtime of weights if the options name none."""


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "evaluate",
        help="measure the accuracy of weights on labelled faces",
        description="Measure the normalised mean error (NME), the failure rate and the AUC of weights on a "
        "data set in its official layout. Missing image sets are named and skipped.",
    )
    add_dataset_options(parser)
    parser.add_argument(
        "--split",
        default="validation",
        help="train; validation, which is held out of train, or its halves validation-choice and "
        "validation-report; for 300w common, challenging or full; for wflw and cofw test; for wflw also its "
        "halves test-reference and test-held-out; for pts all (default: %(default)s)",
    )
    parser.add_argument(
        "--validation",
        type=part_share,
        metavar="SHARE",
        help="measure on the faces that 'train --validation SHARE' holds out, in place of a split",
    )
    parser.add_argument(
        "--crop",
        choices=["landmarks", "detector", "all"],
        default="landmarks",
        help="crop around the true landmarks, crop by the face detector, or both (default: %(default)s)",
    )
    parser.add_argument(
        "--decoder",
        choices=["soft-argmax", "argmax", "all"],
        help="decoder of the heatmaps (default: that of the weights; others run without shape refiner)",
    )
    parser.add_argument(
        "--flip", action="store_true", help="average the landmarks with those of the mirrored image"
    )
    parser.add_argument(
        "--hard",
        action="store_true",
        help="measure on rotated, profile, occluded, blurred, dark, compressed and small variants of faces",
    )
    parser.add_argument(
        "--regions", action="store_true", help="also print the mean error of each part of the face"
    )
    parser.add_argument(
        "--as-68",
        action="store_true",
        help="measure 68-point weights on the 68 of WFLW's 98 landmarks that correspond to 300W; not a "
        "published protocol",
    )
    parser.add_argument(
        "--weights",
        default=DEFAULT_WEIGHTS,
        help="weight file, or the name of a bundled one; or mediapipe, dlib, or a network file with its "
        "description, which find the faces by themselves (default: %(default)s)",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures to a JSON file")
    add_runtime_options(parser, _RUNTIME)
    parser.add_argument(
        "--ced", metavar="FILE", type=Path, help="write a plot of the cumulative error distribution (.png)"
    )
    parser.add_argument(
        "--worst",
        nargs=2,
        metavar=("N", "FILE"),
        help="draw the N faces with the largest errors side by side (.png)",
    )
    parser.set_defaults(run=run)


def _evaluated_runtime(arguments: argparse.Namespace, decoder: str | None) -> tuple[str, Runtime]:
    """Return the name of the decoder and the runtime.

    Only torch runs another decoder than that of the weights. Their refiner was not fitted to it and is left
    out.
    """
    from livefan.networks.checkpoint_info import read_weight_file
    from livefan.runtimes.selection import open_runtime

    own = read_weight_file(arguments.weights).info.decoder
    if decoder is None:
        return own, open_runtime(arguments.weights, runtime_choice(arguments), log=notice(quiet=False))
    if arguments.runtime != "torch" or arguments.precision not in ("auto", "float32"):
        raise LivefanError("--decoder needs --runtime torch in float32; leave one of the options out")
    from livefan.networks.checkpoint import load_weights
    from livefan.runtimes.torch_runtime import TorchRuntime

    weights = load_weights(arguments.weights)
    unrefined = weights.refiner is not None and decoder != own
    name = f"{decoder}, not refined" if unrefined else decoder
    return name, TorchRuntime(weights, decoder, arguments.threads)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    import json
    from contextlib import ExitStack

    from livefan.core.files import atomic_write
    from livefan.datasets import print_skipped
    from livefan.evaluation import report
    from livefan.evaluation.evaluate import CROPS, evaluate, evaluate_external
    from livefan.networks.checkpoint_info import DECODERS

    n_worst, worst_path = _worst(arguments)
    for path in (arguments.ced, worst_path):
        check_png(path)
    model = _external_model(arguments)
    decoders = list(DECODERS) if arguments.decoder == "all" else [arguments.decoder]
    runtimes = [] if model else [_evaluated_runtime(arguments, decoder) for decoder in decoders]
    with ExitStack() as outputs:
        # Opened before the work, so that an output that cannot be written is reported at once.
        wanted = (arguments.json, arguments.ced, worst_path)
        as_json, ced, worst = (path and outputs.enter_context(atomic_write(path)) for path in wanted)
        faces = _faces_to_measure(arguments)
        if model is not None:
            outputs.callback(model.close)
            results = [evaluate_external(model, faces)]
        else:
            check_scheme(arguments.weights, runtimes[0][1].scheme, faces, arguments.root)
            results = [
                evaluate(runtime, faces, crop=crop, flip=arguments.flip, decoder=decoder)
                for crop in (CROPS if arguments.crop == "all" else [arguments.crop])
                for decoder, runtime in runtimes
            ]
        print_skipped(results[0].skipped)
        print(report.table(results))
        if arguments.regions:
            print(report.region_table(results[0]))
        if as_json:
            ran_by = _external_figures(model) if model else _runtime_figures(runtimes[0][1])
            numbers = _conditions(arguments, faces) | ran_by | _figures(results)
            as_json.write_text(json.dumps(numbers, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        if ced:
            report.draw_ced(results, ced)
        if worst:
            chosen = results[0].worst(n_worst)
            report.draw_faces_sheet(chosen, worst)
            for face in chosen:
                print(f"{face.nme:7.2f} %  {face.face.name}")
    return 0


def _external_model(arguments: argparse.Namespace) -> LandmarkModel | None:
    """Return the model of another project that is measured; None for weights."""
    from livefan.runtimes.base import AUTO
    from livefan.tracking.model_spec import ModelChoice

    asked = runtime_choice(arguments)
    runtime = AUTO if asked.runtime == _RUNTIME else asked.runtime
    choice = ModelChoice(
        arguments.weights, runtime, asked.precision, threads=asked.threads, device=asked.device
    )
    if not choice.is_external:
        return None
    if arguments.crop != "landmarks" or arguments.flip or arguments.decoder:
        raise LivefanError(
            f"{arguments.weights}: finds faces by itself; leave --crop, --flip and --decoder out"
        )
    return choice.pipeline(smoothing=0.0, max_faces=_MOST_FACES)


def _external_figures(model: LandmarkModel) -> dict[str, object]:
    return {"runtime": model.ran_by, "precision": None, "input_size": None}


def _runtime_figures(runtime: Runtime) -> dict[str, object]:
    return {"runtime": runtime.name, "precision": runtime.precision, "input_size": runtime.input_size}


def _conditions(arguments: argparse.Namespace, faces: FaceSet) -> dict[str, object]:
    from livefan.core.provenance import commit
    from livefan.tracking.model_spec import ModelChoice

    return {
        "weights": arguments.weights,
        "weights_sha256": ModelChoice(arguments.weights).sha256,
        "commit": commit(),
        "threads": arguments.threads,
        "faces": faces.title,
        "flip": arguments.flip,
        "hard": arguments.hard,
        "absent": [str(folder) for folder in faces.absent],
    }


def _figures(results: list[Evaluation]) -> dict[str, object]:
    """Return all figures; those of the first crop and decoder over all faces are also at the top level."""
    from livefan.evaluation import report

    skipped, rows = results[0].skipped, report.rows(results)
    return rows[0] | {"n_skipped": len(skipped), "skipped": skipped, "results": rows}


def _worst(arguments: argparse.Namespace) -> tuple[int, Path | None]:
    if not arguments.worst:
        return 0, None
    count, path = arguments.worst
    if not count.isdecimal() or int(count) == 0:
        raise LivefanError(f"--worst {count}: give a number of faces from 1")
    return int(count), Path(path)


def _faces_to_measure(arguments: argparse.Namespace) -> FaceSet:
    from livefan.core.landmarks import IBUG_68, WFLW_98, WFLW_TO_IBUG
    from livefan.datasets import load, load_held_out

    if arguments.validation:
        faces = load_held_out(arguments.dataset, arguments.root, arguments.validation)
    else:
        faces = load(arguments.dataset, arguments.root, arguments.split)
    print_left_out(faces)
    if arguments.dataset == "pts" and not (faces.faces or faces.skipped):
        raise LivefanError(
            f"{arguments.root}: too few photographs for the split {arguments.split}; add --split all"
        )
    if arguments.as_68:
        if faces.scheme != WFLW_98:
            raise LivefanError(f"--as-68 is for faces of scheme {WFLW_98.name}, not {faces.scheme.name}")
        faces = faces.in_scheme(IBUG_68, WFLW_TO_IBUG)
    if arguments.hard:
        from livefan.training.augmentation.robustness import hard_faces

        faces = hard_faces(faces)
    return faces

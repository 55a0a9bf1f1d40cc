"""The command line: parses arguments, wires the parts together, turns errors into one line."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import livefan
from livefan.bundled import DEFAULT_WEIGHTS, bundled_clip
from livefan.errors import LivefanError

if TYPE_CHECKING:
    from livefan.datasets import FaceSet
    from livefan.runtimes.base import Runtime, RuntimeChoice

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


DEFAULT_SMOOTHING = 0.5
"""As :data:`livefan.smooth.DEFAULT_STRENGTH`, which would bring numpy in before it is needed."""


def _add_live(commands: _Commands) -> None:
    from livefan.live import command

    parser = commands.add_parser(
        "live",
        help="watch a camera, recording or stream in a window (the default)",
        description=command.DESCRIPTION,
    )
    command.add_arguments(parser)
    _add_pipeline_options(parser)
    _add_runtime_options(parser)
    # Not given, it is as the window was left.
    parser.set_defaults(run=command.run, smoothing=None)


def _add_annotate(commands: _Commands) -> None:
    from livefan.annotation import command

    parser = commands.add_parser(
        "annotate",
        help="write recordings with their landmarks drawn, and the landmarks as data",
        description=command.DESCRIPTION,
    )
    command.add_arguments(parser)
    _add_pipeline_options(parser)
    _add_runtime_options(parser)
    parser.set_defaults(run=command.run)


def _whole(text: str) -> int:
    """A whole number from 0 up."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


def _positive(text: str) -> int:
    """A whole number from 1 up."""
    if _whole(text) == 0:
        raise argparse.ArgumentTypeError("must be at least 1")
    return int(text)


def _share(text: str) -> float:
    """A number from 0 to 1."""
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0.0 <= share <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return share


def _add_pipeline_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--weights",
        default=DEFAULT_WEIGHTS,
        help="weight file, or name of a bundled one (default: %(default)s)",
    )
    parser.add_argument(
        "--smoothing",
        type=_share,
        default=DEFAULT_SMOOTHING,
        metavar="S",
        help="how strongly landmarks are filtered over time, from 0, not at all, to 1 (default: %(default)s)",
    )
    parser.add_argument(
        "--no-smoothing", dest="smoothing", action="store_const", const=0.0, help="the same as --smoothing 0"
    )
    parser.add_argument(
        "--max-faces",
        type=_positive,
        default=5,
        metavar="N",
        help="follow at most N faces (default: %(default)s)",
    )


def _add_dataset_options(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    parser.add_argument(
        "--dataset",
        choices=["300w", "wflw", "cofw", "pts"],
        default="300w",
        help="layout of the folder; pts is any folder of images with .pts beside them (default: %(default)s)",
    )
    parser.add_argument(
        "--root", type=Path, required=required, help="folder that holds the data set's folders or files"
    )


def _print_left_out(faces: FaceSet) -> None:
    """Say on standard error what of a set of faces is absent or left out."""
    for folder in faces.absent:
        print(f"absent, done without: {folder}", file=sys.stderr)
    for line in faces.duplicates:
        print(f"left out: {line}", file=sys.stderr)


def _add_runtime_options(parser: argparse.ArgumentParser, runtime: str = "auto") -> None:
    parser.add_argument(
        "--runtime",
        choices=["auto", "openvino", "onnxruntime", "torch"],
        default=runtime,
        help="what runs the network; auto: the fastest that agrees with torch (default: %(default)s)",
    )
    parser.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16", "int8"],
        default="auto",
        help="numbers to compute in; auto: the fastest of those that are as accurate as float32, within 1 %% "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--threads",
        type=_positive,
        default=1,
        metavar="N",
        help="CPU threads for the network (default: %(default)s)",
    )


def _runtime_choice(arguments: argparse.Namespace) -> RuntimeChoice:
    from livefan.runtimes.base import RuntimeChoice

    return RuntimeChoice(arguments.runtime, arguments.precision, arguments.threads)


def _notice(*, quiet: bool) -> Callable[[str], None]:
    """Prints what takes long to a person who waits at a terminal."""

    def say(text: str) -> None:
        if not quiet and sys.stderr.isatty():
            print(text, file=sys.stderr)

    return say


def _add_evaluate(commands: _Commands) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="measure weights on labelled faces",
        description="Measure weights on a data set in its official layout. Image sets that are absent are "
        "named and skipped.",
    )
    _add_dataset_options(parser)
    parser.add_argument(
        "--split",
        default="validation",
        help="train, validation (held out of the training faces), or of 300w common, challenging, full; "
        "of wflw and cofw test; of pts all (default: %(default)s)",
    )
    parser.add_argument(
        "--crop",
        choices=["landmarks", "detector", "all"],
        default="landmarks",
        help="cut around the true landmarks, or find each face as the application does, or both",
    )
    parser.add_argument(
        "--decoder", choices=["soft-argmax", "argmax", "all"], help="default: the one the weights name"
    )
    parser.add_argument("--flip", action="store_true", help="average with the mirrored picture")
    parser.add_argument(
        "--hard",
        action="store_true",
        help="measure on the split's faces rotated, in profile, covered, blurred, dark, compressed and small",
    )
    parser.add_argument(
        "--as-68",
        action="store_true",
        help="take of WFLW's 98 landmarks those that stand for 300W's 68, to look at weights of that scheme; "
        "not a published protocol",
    )
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS, help="weight file, or name of a bundled one")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the numbers here too")
    _add_runtime_options(parser, "torch")
    parser.add_argument("--ced", metavar="FILE", type=Path, help="plot the cumulative error curve, a PNG")
    parser.add_argument(
        "--worst",
        nargs=2,
        metavar=("N", "FILE"),
        help="draw the N faces with the largest errors side by side, a PNG",
    )
    parser.set_defaults(run=_evaluate)


def _evaluated_runtime(arguments: argparse.Namespace, decoder: str | None) -> Runtime:
    """What runs the weights that are measured; another decoder than their own is there in torch only."""
    from livefan.runtimes.select import open_runtime

    if decoder is None:
        return open_runtime(arguments.weights, _runtime_choice(arguments), say=_notice(quiet=False))
    if arguments.runtime != "torch" or arguments.precision not in ("auto", "float32"):
        raise LivefanError("--decoder needs --runtime torch and float32; leave one of them out")
    from livefan.runtimes.pytorch import TorchRuntime
    from livefan.weights import load_weights

    return TorchRuntime(load_weights(arguments.weights), decoder, arguments.threads)


def _evaluate(arguments: argparse.Namespace) -> int:
    import json
    from contextlib import ExitStack

    from livefan import report
    from livefan.atomic import whole_file
    from livefan.decode import DECODERS
    from livefan.evaluate import CROPS, evaluate

    n_worst, worst_path = _worst(arguments)
    for picture in (arguments.ced, worst_path):
        _check_picture(picture)
    decoders = list(DECODERS) if arguments.decoder == "all" else [arguments.decoder]
    runtimes = [_evaluated_runtime(arguments, decoder) for decoder in decoders]
    with ExitStack() as outputs:
        # Entered before the work, so that a place that cannot be written to is told of at once.
        wanted = (arguments.json, arguments.ced, worst_path)
        as_json, ced, worst = (path and outputs.enter_context(whole_file(path)) for path in wanted)
        faces = _faces_to_measure(arguments)
        results = [
            evaluate(runtime, faces, crop=crop, flip=arguments.flip, decoder=decoder or "own")
            for crop in (CROPS if arguments.crop == "all" else [arguments.crop])
            for decoder, runtime in zip(decoders, runtimes, strict=True)
        ]
        skipped = results[0].skipped
        for line in skipped:
            print(f"skipped: {line}", file=sys.stderr)
        if skipped:
            print(f"skipped in all: {len(skipped)}", file=sys.stderr)
        print(report.table(results))
        if as_json:
            numbers = {
                "weights": arguments.weights,
                "faces": faces.title,
                "flip": arguments.flip,
                **results[0].numbers(),
                "results": report.rows(results),
            }
            as_json.write_text(json.dumps(numbers, indent=1) + "\n")
        if ced:
            report.draw_ced(results, ced)
        if worst:
            chosen = results[0].worst(n_worst)
            report.draw_faces_sheet(chosen, worst)
            for measured in chosen:
                print(f"{measured.nme:7.2f} %  {measured.face.name}")
    return 0


def _worst(arguments: argparse.Namespace) -> tuple[int, Path | None]:
    if not arguments.worst:
        return 0, None
    count, path = arguments.worst
    if not count.isdecimal() or int(count) == 0:
        raise LivefanError(f"--worst {count}: not a number of faces from 1 up")
    return int(count), Path(path)


def _faces_to_measure(arguments: argparse.Namespace) -> FaceSet:
    from livefan.datasets import load
    from livefan.scheme import IBUG_68, WFLW_98, WFLW_TO_IBUG

    faces = load(arguments.dataset, arguments.root, arguments.split)
    _print_left_out(faces)
    if arguments.as_68:
        if faces.scheme != WFLW_98:
            raise LivefanError(f"--as-68 is for faces of scheme {WFLW_98.name}, not {faces.scheme.name}")
        faces = faces.in_scheme(IBUG_68, WFLW_TO_IBUG)
    if arguments.hard:
        from livefan.training.hard import hard_faces

        faces = hard_faces(faces)
    return faces


def _add_train(commands: _Commands) -> None:
    parser = commands.add_parser(
        "train",
        help="train a network on labelled faces",
        description="Train a MobileFAN on a data set's training faces. The same command takes up a run that "
        "was stopped. The best weights by validation NME are OUT/best.safetensors.",
    )
    _add_dataset_options(parser)
    parser.add_argument(
        "--extra",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="train on this folder of images with .pts too, such as 'label' and 'synthesise-profiles' "
        "write; may be given several times",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--config", type=Path, help="TOML file of settings; see livefan/training/config.py")
    parser.add_argument("--width", type=float, help="width multiplier of the network (1.0 or 0.5)")
    parser.add_argument("--epochs", type=_positive, help="passes over the training faces")
    parser.add_argument("--init", help="weights to start from, a path or a bundled name; '' for random ones")
    parser.add_argument("--seed", type=_whole, help="decides initial weights, order and augmentations")
    parser.add_argument("--threads", type=_positive, help="CPU threads (default: all cores)")
    parser.add_argument("--keep-epochs", action="store_true", help="write the weights of every epoch too")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="train a quarter to a half faster after minutes of compiling; needs a C++ compiler",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> int:
    import torch

    from livefan.datasets import load_training
    from livefan.training.config import read_config
    from livefan.training.engine import train
    from livefan.training.run import BEST_NAME

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    given = {key: getattr(arguments, key) for key in ("width", "epochs", "init", "seed")}
    config = read_config(arguments.config, {key: value for key, value in given.items() if value is not None})
    training, validation = load_training(arguments.dataset, arguments.root, arguments.extra)
    first = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun may have started
    if first:
        _print_left_out(training)
    progress = train(
        training,
        validation,
        config,
        arguments.out,
        keep_epochs=arguments.keep_epochs,
        compiled=arguments.compile,
        quiet=arguments.quiet,
    )
    if first:
        print(f"{arguments.out / BEST_NAME}: validation NME {progress.best_nme:.3f} %")
    return 0


def _add_average(commands: _Commands) -> None:
    parser = commands.add_parser(
        "average",
        help="average the weights of several epochs where that helps",
        description="Average weight files greedily: from the best on, each further one goes in if the "
        "validation NME falls. Made for the epochs that 'train --keep-epochs' writes.",
    )
    parser.add_argument(
        "candidates", type=Path, nargs="+", metavar="FILE", help="weight files of one network"
    )
    _add_dataset_options(parser)
    parser.add_argument("-o", "--out", type=Path, required=True, help="weight file to write")
    parser.add_argument("--half", action="store_true", help="write 16-bit floats, half the size")
    parser.set_defaults(run=_average)


def _average(arguments: argparse.Namespace) -> int:
    from livefan.datasets import load
    from livefan.training.average import greedy_soup

    validation = load(arguments.dataset, arguments.root, "validation")
    chosen, error = greedy_soup(arguments.candidates, validation, arguments.out, half=arguments.half)
    print(f"{arguments.out}: mean of {len(chosen)}, validation NME {error:.3f} %")
    return 0


def _add_calibrate(commands: _Commands) -> None:
    parser = commands.add_parser(
        "calibrate",
        help="fit the map from detections to landmark crops",
        description="Fit the linear map from the face detector's key points to the crop that a face's "
        "landmarks would give, on a data set's training faces, and print what it leaves on validation.",
    )
    _add_dataset_options(parser)
    parser.add_argument("-o", "--out", type=Path, required=True, help="JSON file to write")
    parser.set_defaults(run=_calibrate)


def _calibrate(arguments: argparse.Namespace) -> int:
    from livefan.datasets import load_training
    from livefan.training.framing import calibrate

    training, validation = load_training(arguments.dataset, arguments.root)
    _print_left_out(training)
    for model, figures in calibrate(training, validation, arguments.out).items():
        print(f"{model}: " + ", ".join(f"{name} {value:g}" for name, value in figures.items()))
    return 0


def _check_picture(path: Path | None) -> None:
    """Say so before the work if a picture is to be written to a file of another kind."""
    if path is not None and path.suffix.lower() != ".png":
        raise LivefanError(f"{path}: name a .png file for the picture")


def _add_preview(commands: _Commands) -> None:
    parser = commands.add_parser(
        "preview",
        help="draw a sheet of augmented faces with their points, to look at",
        description="Draw training faces as a run's settings would change them, each beside its plain crop.",
    )
    _add_dataset_options(parser)
    parser.add_argument("--config", type=Path, help="TOML file of settings; see livefan/training/config.py")
    parser.add_argument("-o", "--out", metavar="FILE", type=Path, required=True, help="PNG file to write")
    parser.add_argument(
        "--faces", type=_positive, default=6, metavar="N", help="rows of the sheet (default: %(default)s)"
    )
    parser.add_argument(
        "--samples",
        type=_positive,
        default=5,
        metavar="N",
        help="samples of each face (default: %(default)s)",
    )
    parser.add_argument("--seed", type=_whole, help="decides the faces and what is done to them")
    parser.set_defaults(run=_preview)


def _preview(arguments: argparse.Namespace) -> int:
    from livefan.atomic import whole_file
    from livefan.datasets import load
    from livefan.training.config import read_config
    from livefan.training.preview import draw_preview

    _check_picture(arguments.out)
    given = {} if arguments.seed is None else {"seed": arguments.seed}
    config = read_config(arguments.config, given)
    with whole_file(arguments.out) as partial:
        faces = load(arguments.dataset, arguments.root, "train")
        _print_left_out(faces)
        draw_preview(faces, config, partial, rows=arguments.faces, samples=arguments.samples)
    return 0


def _add_synthesise_profiles(commands: _Commands) -> None:
    parser = commands.add_parser(
        "synthesise-profiles",
        help="draw labelled faces from new sides, to train on",
        description="Turn labelled faces in depth by 20 to 75 degrees and write the views as images with "
        ".pts beside them: a folder for train --extra. The same command takes up a run that was stopped.",
    )
    _add_dataset_options(parser)
    parser.add_argument("--split", default="train", help="faces to turn (default: %(default)s)")
    parser.add_argument("-o", "--out", metavar="DIR", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--views", type=_positive, default=3, metavar="N", help="views of each face (default: %(default)s)"
    )
    parser.add_argument("--seed", type=_whole, default=0, help="decides the angles (default: %(default)s)")
    parser.set_defaults(run=_synthesise_profiles)


def _synthesise_profiles(arguments: argparse.Namespace) -> int:
    from livefan.datasets import load, load_training
    from livefan.training.profile import synthesise

    if arguments.split == "train":
        faces, _ = load_training(arguments.dataset, arguments.root)
    else:
        faces = load(arguments.dataset, arguments.root, arguments.split)
    _print_left_out(faces)
    made = synthesise(faces, arguments.out, arguments.views, arguments.seed)
    for line in (*faces.skipped, *made.skipped):
        print(f"skipped: {line}", file=sys.stderr)
    print(f"{arguments.out}: {made.n_views} views of {len(faces.faces) - len(made.skipped)} faces")
    return 0


def _add_label(commands: _Commands) -> None:
    parser = commands.add_parser(
        "label",
        help="label faces that have no labels, where the network agrees with itself",
        description="Find the faces of a folder's images and write each with its landmarks, as an image with "
        "a .pts file, if several views of it, shifted, scaled, turned and mirrored, give nearly the same. "
        "'train --extra' takes the folder. Why others were left out is in its labels.json.",
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="images, in it and in the folders in it")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder to make")
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS, help="the teacher (default: %(default)s)")
    parser.add_argument(
        "--disagreement",
        type=_share,
        default=0.02,
        metavar="SHARE",
        help="largest mean distance of the views from their mean, as a share of the distance between the "
        "outer eye corners (default: %(default)s)",
    )
    parser.add_argument(
        "--confidence",
        type=_share,
        default=0.6,
        metavar="C",
        help="lowest mean confidence (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    _add_runtime_options(parser)
    parser.set_defaults(run=_label)


def _label(arguments: argparse.Namespace) -> int:
    from livefan.runtimes.select import open_runtime
    from livefan.training.label import Criteria, label

    runtime = open_runtime(arguments.weights, _runtime_choice(arguments), say=_notice(quiet=arguments.quiet))
    criteria = Criteria(disagreement=arguments.disagreement, confidence=arguments.confidence)
    labels = label(runtime, arguments.folder, arguments.out, criteria, quiet=arguments.quiet)
    print(f"{arguments.out}: {labels.kept} faces labelled, {len(labels.left_out)} left out")
    return 0


def _add_compare(commands: _Commands) -> None:
    parser = commands.add_parser(
        "compare",
        help="compare two models over a recording or images: a side-by-side video and a report",
        description="Run two models over the same frames. A model is a weight file or the name of a bundled "
        "one; after an @ may follow, with commas between, a runtime, a precision, and raw for no smoothing: "
        "mobilefan-300w@openvino,int8,raw. Where one is the other's teacher, name the teacher second: "
        "lengths are in percent of its distance between the eyes.",
    )
    parser.add_argument("first", metavar="A", help="a model")
    parser.add_argument("second", metavar="B", help="the model to compare it with")
    parser.add_argument(
        "--source", metavar="CLIP|DIR", help="video, image or folder of images (default: the bundled clip)"
    )
    parser.add_argument(
        "--truth", metavar="DIR", type=Path, help="folder of .pts files with the true landmarks"
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        help="folder for the video, report.html and report.json",
    )
    parser.add_argument(
        "--layout",
        choices=["side-by-side", "overlaid", "wipe", "difference"],
        default="side-by-side",
        help="how the video shows the two (default: %(default)s)",
    )
    parser.add_argument("--max-faces", type=_positive, default=5, metavar="N", help="follow at most N faces")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=_compare)


def _compare(arguments: argparse.Namespace) -> int:
    from livefan.compare import REPORT_NAME, compare
    from livefan.live.scene import Layout
    from livefan.model_choice import ModelChoice

    done = compare(
        ModelChoice.parse(arguments.first),
        ModelChoice.parse(arguments.second),
        arguments.source or bundled_clip(),
        arguments.out,
        layout=Layout(arguments.layout),
        truth=arguments.truth,
        max_faces=arguments.max_faces,
        quiet=arguments.quiet,
    )
    apart = sum(each.overall for each in done.disagreements) / len(done.disagreements)
    print(f"{arguments.out / REPORT_NAME}: {done.n_frames} frames, {apart:.2f} % apart")
    for side in done.sides:
        print(f"  {side.label}: {side.latency_ms:.1f} ms a frame, jitter {side.jitter.median:.3f} %")
    return 0


def _add_export(commands: _Commands) -> None:
    parser = commands.add_parser(
        "export",
        help="write a network as ONNX or OpenVINO, for use elsewhere",
        description="Write a network with its preprocessing and decoder: BGR crops in, landmarks out. The "
        "file says what it expects and gives, and appears only after it was checked against torch.",
    )
    parser.add_argument("weights", metavar="WEIGHTS", help="weight file, or name of a bundled one")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, help="file to write; openvino writes .bin beside its .xml"
    )
    parser.add_argument("--format", choices=["onnx", "openvino"], required=True)
    parser.set_defaults(run=_export)


def _export(arguments: argparse.Namespace) -> int:
    from livefan.export import export

    apart = export(arguments.weights, arguments.out, arguments.format)
    print(f"{arguments.out}: agrees with torch to {apart:.2g} pixels of a 256 pixel crop")
    return 0


def _add_quantise(commands: _Commands) -> None:
    parser = commands.add_parser(
        "quantise",
        help="make int8 weights, which run faster",
        description="Quantise a network by the range of its activations on real faces, and write the result "
        "beside its weight file, where it is found by itself. With a data set, what int8 costs in accuracy "
        "is measured on its validation faces; only what was measured is ever chosen by itself.",
    )
    parser.add_argument("weights", metavar="WEIGHTS", help="weight file, or name of a bundled one")
    _add_dataset_options(parser, required=False)
    parser.add_argument("--faces", type=Path, help="any folder with pictures of faces, instead of a data set")
    parser.set_defaults(run=_quantise)


def _quantise(arguments: argparse.Namespace) -> int:
    from livefan.datasets import load_training
    from livefan.quantise import found_crops, labelled_crops, quantise

    if (arguments.root is None) == (arguments.faces is None):
        raise LivefanError("name either a data set (--root) or a folder of faces (--faces)")
    if arguments.root is None:
        done = quantise(arguments.weights, found_crops(arguments.faces, arguments.weights))
    else:
        training, validation = load_training(arguments.dataset, arguments.root)
        _print_left_out(training)
        done = quantise(arguments.weights, labelled_crops(training), validation)
    print(f"{done.path}: by {done.faces} faces")
    for precision, error in done.nme.items():
        print(f"{precision:9} validation NME {error:.3f} %")
    if not done.nme:
        print("not measured on labelled faces, so used only where --precision int8 asks for it")
    return 0


def _add_benchmark(commands: _Commands) -> None:
    parser = commands.add_parser(
        "benchmark",
        help="measure how fast it runs here, beside MediaPipe's face mesh",
        description="Measure every stage, frames a second against faces and frame size, memory and start-up, "
        "and the whole way in turn with MediaPipe's face mesh. Other programs disturb the times; the ratios "
        "less.",
    )
    parser.add_argument(
        "clip", nargs="?", help="a recording that begins with a face (default: the bundled clip)"
    )
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS, help="weight file, or name of a bundled one")
    parser.add_argument(
        "--frames", type=_positive, default=100, help="frames to measure on (default: %(default)s)"
    )
    parser.add_argument(
        "--dlib", metavar="MODEL", type=Path, help="measure dlib too, with its 68 point model"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the numbers here too")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="write a picture of them (.png)")
    parser.add_argument(
        "--minutes",
        type=_positive,
        metavar="N",
        help="instead, follow the clip's faces in a loop for N minutes and show whether memory or times grow",
    )
    parser.add_argument(
        "--annotate", action="store_true", help="instead, measure how fast the clip is annotated as a whole"
    )
    parser.add_argument(
        "--gui",
        action="store_true",
        help="instead, open the window, use it by script, and measure start, capture to paint, every "
        "handling of an event, and closing",
    )
    _add_runtime_options(parser)
    parser.set_defaults(run=_benchmark)


def _benchmark_gui(clip: str, weights: str, choice: RuntimeChoice, json_path: Path | None) -> int:
    from livefan.benchmark.window import as_lines, benchmark_window, write_json

    report = benchmark_window(clip, weights, choice)
    print("\n".join(as_lines(report)))
    if json_path is not None:
        write_json(report, json_path)
    return 0


def _benchmark_annotate(clip: str, weights: str, choice: RuntimeChoice) -> int:
    from livefan.benchmark.annotating import as_lines, benchmark_annotate

    print("\n".join(as_lines(benchmark_annotate(clip, weights, choice))))
    return 0


def _benchmark(arguments: argparse.Namespace) -> int:
    from livefan.benchmark.report import as_table, write_json, write_plot
    from livefan.benchmark.run import benchmark

    clip = arguments.clip or str(bundled_clip())
    choice = _runtime_choice(arguments)
    if arguments.annotate:
        return _benchmark_annotate(clip, arguments.weights, choice)
    if arguments.gui:
        return _benchmark_gui(clip, arguments.weights, choice, arguments.json)
    if arguments.minutes:
        return _soak(clip, arguments.weights, choice, arguments.minutes)
    say = _notice(quiet=False)
    report = benchmark(
        clip, arguments.weights, choice, count=arguments.frames, dlib_model=arguments.dlib, say=say
    )
    print("\n".join(as_table(report)))
    if arguments.json:
        write_json(report, arguments.json)
    if arguments.plot:
        write_plot(report, arguments.plot)
    return 0


def _soak(clip: str, weights: str, choice: RuntimeChoice, minutes: int) -> int:
    from livefan.benchmark.soak import Sample, soak

    def show(sample: Sample) -> None:
        memory = "-" if sample.mebibytes is None else f"{sample.mebibytes:.1f}"
        print(
            f"{sample.minutes:8.1f} {memory:>10} {sample.frame.median:10.2f} {sample.frame.p95:10.2f} "
            f"{sample.frame.processor:12.2f} {sample.frame.n:8}",
            flush=True,
        )

    print(f"{'minute':>8} {'MiB':>10} {'median ms':>10} {'p95 ms':>10} {'processor ms':>12} {'frames':>8}")
    soak(clip, weights, choice, minutes, say=show)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(prog="livefan", description=livefan.__doc__)
    parser.add_argument("--version", action="version", version=f"livefan {livefan.__version__}")
    commands = parser.add_subparsers(title="commands", dest="command")
    _add_live(commands)
    _add_annotate(commands)
    _add_evaluate(commands)
    _add_train(commands)
    _add_average(commands)
    _add_calibrate(commands)
    _add_preview(commands)
    _add_synthesise_profiles(commands)
    _add_label(commands)
    _add_compare(commands)
    _add_export(commands)
    _add_quantise(commands)
    _add_benchmark(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 for success, 2 for what the user can put right."""
    given = list(sys.argv[1:] if argv is None else argv)
    arguments = build_parser().parse_args(given or ["live"])
    try:
        return int(arguments.run(arguments))
    except LivefanError as error:
        print(f"livefan: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = error.filename or "input or output"
        print(
            f"livefan: {place}: {error.strerror or error}; check the place, its permissions and free space",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("livefan: stopped", file=sys.stderr)
        return 130

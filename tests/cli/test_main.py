import errno
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import moved, shrunk, write_recording

import livefan
from livefan.cli.main import main, parse
from livefan.tracking.pipeline import Pipeline

MAIN = Path(__file__).parents[2] / "main.py"


def call(
    *arguments: object, prefix: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    return subprocess.run(
        [*prefix, sys.executable, str(MAIN), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture
def picture(tmp_path: Path, photo: np.ndarray) -> Path:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), photo)
    return path


@pytest.mark.parametrize("command", [[], ["live"], ["annotate"], ["train"], ["evaluate"], ["calibrate"]])
def test_help_describes_each_command(command: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as done:
        main([*command, "--help"])
    assert done.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: livefan")
    assert len(text.splitlines()) > 8


def test_version_names_the_version_and_the_commit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    for revision, shown in (("0123abc", ", commit 0123abc"), (livefan.__version__, "")):
        monkeypatch.setattr("livefan.core.provenance.commit", lambda revision=revision: revision)
        with pytest.raises(SystemExit) as done:
            main(["--version"])
        assert done.value.code == 0
        assert capsys.readouterr().out.strip() == f"livefan {livefan.__version__}{shown}"


@pytest.mark.parametrize(
    ("options", "strength"),
    [([], None), (["--smoothing", "0.8"], 0.8), (["--no-smoothing"], 0.0)],
    ids=["default", "chosen", "none"],
)
def test_smoothing_strength_is_an_option(options: list[str], strength: float):
    assert parse(["live", *options]).smoothing == strength


def run_python(code: str) -> tuple[int, str]:
    """Run code in a new interpreter; return its exit code and what it prints."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=MAIN.parent)
    return done.returncode, done.stdout


def test_help_loads_no_heavy_library():
    code = (
        "import sys, livefan.cli.main; livefan.cli.main.build_parser(); "
        "print(sorted({'torch', 'mediapipe', 'PyQt6', 'cv2'} & set(sys.modules)))"
    )
    assert run_python(code) == (0, "[]\n")


def test_command_imports_no_other_one():
    code = (
        "import sys; from livefan.cli.main import parse; parse(['runtimes']); "
        "print(*[name for name in sys.modules if name.startswith('livefan.cli.commands.')])"
    )
    assert run_python(code) == (0, "livefan.cli.commands.options livefan.cli.commands.runtimes\n")


def test_process_ends_after_its_threads_and_exit_functions():
    code = (
        "import atexit, threading; from livefan.core.process import end_process; "
        "atexit.register(print, 'last'); "
        "threading.Thread(target=lambda: print('worked', end=' ')).start(); end_process(3)"
    )
    assert run_python(code) == (3, "worked last\n")


def test_every_public_name_can_be_imported():
    for name in livefan.__all__:
        assert getattr(livefan, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        livefan.nonsense  # noqa: B018


@pytest.mark.parametrize(
    "arguments",
    [
        ["live", "--max-faces", "0"],
        ["benchmark", "--frames", "99999999999999999999"],
        ["runtimes", "--threads", "3000000000"],
        ["train", "--root", ".", "--out", "x", "--seed", "-1"],
        ["train", "--root", ".", "--out", "x", "--seed", "18446744073709551616"],
        ["refine", "w", "--root", ".", "-o", "x", "--seed", "18446744073709551616"],
        ["preview", "--root", ".", "-o", "x.png", "--seed", "18446744073709551616"],
        ["synthesise-profiles", "--root", ".", "-o", "x", "--seed", "18446744073709551616"],
        ["annotate", "x"],
        ["live", "--smoothing", "1.1"],
        ["live", "--smoothing", "much"],
        ["annotate", "x", "-o", "y", "--data", "csv,none"],
        ["annotate", "x", "-o", "y", "--data", "xlsx"],
        ["annotate", "x", "-o", "y", "--hide", "nose"],
        ["nothing"],
    ],
)
def test_wrong_arguments_give_a_one_line_error(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert done.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("livefan: ")
    assert error.endswith("--help\n")
    assert error.count("\n") == 1


def test_output_without_suffix_is_a_folder(picture: Path):
    assert main(["annotate", str(picture), "-o", str(picture.with_name("out")), "--no-video"]) == 0
    assert sorted(path.name for path in picture.with_name("out").iterdir()) == [
        *(f"{picture.stem}.csv", f"{picture.stem}.livefan.json")
    ]


def test_annotate_writes_image_and_table_of_a_photograph(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["annotate", str(picture), "-o", str(tmp_path / "out.jpg")]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "1 frame, 1 with a face" in printed.out
    assert (tmp_path / "out.jpg").is_file()
    assert (tmp_path / "out.csv").is_file()


@pytest.mark.slow
def test_annotate_works_without_network_access(tmp_path: Path, picture: Path):
    """A new network namespace has no route, not even to this machine."""
    isolated = ("unshare", "--user", "--map-root-user", "--net")
    if (
        not shutil.which("unshare")
        or subprocess.run([*isolated, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("no network namespaces here")
    done = call("annotate", picture, "-o", tmp_path / "out.png", prefix=isolated)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def labelled(tmp_path: Path, photo: np.ndarray, pipeline: Pipeline) -> Path:
    """A 300W challenging set of two images: a face labelled by the network to a pixel, and no face."""
    (face,) = pipeline.process_image(photo)
    folder = tmp_path / "300w/ibug"
    folder.mkdir(parents=True)
    points = face.points_px + np.random.default_rng(0).normal(0, 1, (68, 2))
    lines = "\n".join(f"{x + 1} {y + 1}" for x, y in points)
    for name, image in (("face", photo), ("nobody", np.full_like(photo, 90))):
        cv2.imwrite(str(folder / f"{name}.png"), image)
        (folder / f"{name}.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")
    return tmp_path / "300w"


@pytest.mark.slow
def test_evaluate_measures_landmark_crops_and_detector_crops(labelled: Path, tmp_path: Path):
    numbers = {}
    for crop in ("landmarks", "detector"):
        output = tmp_path / f"{crop}.json"
        arguments = ["--root", labelled, "--split", "challenging", "--crop", crop, "--json", output]
        assert main(["evaluate", *map(str, arguments)]) == 0
        numbers[crop] = json.loads(output.read_text())
    keys = ["n_faces", "nme_inter_ocular", "nme_inter_pupil", "failure_rate", "auc", "n_missed"]
    assert set(keys) < set(numbers["detector"])
    assert (numbers["landmarks"]["n_faces"], numbers["landmarks"]["n_missed"]) == (2, 0)
    assert (numbers["detector"]["n_faces"], numbers["detector"]["n_missed"]) == (2, 1)
    assert numbers["detector"]["nme_inter_ocular"] < 3  # against its own labels, moved by a pixel
    assert numbers["detector"]["nme_inter_pupil"] > numbers["detector"]["nme_inter_ocular"]
    assert numbers["detector"]["failure_rate"] == 50.0


def test_evaluate_names_absent_image_sets(labelled: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["evaluate", "--root", str(labelled), "--split", "full"]) == 0
    err = capsys.readouterr().err
    assert "lfpw" in err
    assert "helen" in err
    assert main(["evaluate", "--root", str(labelled), "--split", "common"]) == 2
    assert "lfpw/testset" in capsys.readouterr().err


def bad_inputs(folder: Path) -> list[tuple[str, str]]:
    """Return inputs that cannot be annotated, each with a word of the expected error."""
    (folder / "text.mp4").write_text("not a video")
    (folder / "empty.mp4").touch()
    (folder / "nothing").mkdir()
    return [
        ("none.mp4", "none.mp4"),
        ("text.mp4", "text.mp4"),
        ("empty.mp4", "empty.mp4"),
        ("nothing", "nothing"),
    ]


def test_bad_input_gives_a_one_line_error_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name, word in bad_inputs(tmp_path):
        code = main(["annotate", str(tmp_path / name), "-o", str(tmp_path / "out.mp4")])
        err = capsys.readouterr().err
        assert code == 2
        assert err.startswith("livefan: ")
        assert err.count("\n") == 1
        assert word in err
    assert not (tmp_path / "out.mp4").exists()
    assert not (tmp_path / "out.csv").exists()


def test_truncated_video_keeps_its_readable_frames_and_reports_the_cut(
    tmp_path: Path, photo: np.ndarray, capsys: pytest.CaptureFixture[str]
):
    whole, cut = tmp_path / "whole.mkv", tmp_path / "cut.mkv"
    write_recording(whole, [moved(shrunk(photo, 320, 240), number) for number in range(24)])
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 9 // 10])
    assert main(["annotate", str(cut), "-o", str(tmp_path / "out.mp4"), "--quiet"]) == 2
    error = capsys.readouterr().err
    assert "cut.mkv" in error
    assert error.count("\n") == 1
    assert (tmp_path / "out.mp4").stat().st_size > 1000
    assert 5 < len((tmp_path / "out.csv").read_text().splitlines()) < 24


def test_missing_camera_gives_a_one_line_error(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert main(["annotate", "93", "-o", str(tmp_path / "out.mp4")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "93" in err


@pytest.mark.slow
def test_window_without_a_screen_gives_a_one_line_error(tmp_path: Path):
    environment = dict.fromkeys(("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"), "")
    done = call(**environment)
    if sys.platform == "linux":
        assert done.returncode == 2
        assert "no screen" in done.stderr.splitlines()[-1]
        gone = call(**(environment | {"DISPLAY": ":987"}))
        assert gone.returncode == 2
        assert "Qt cannot open a window" in gone.stderr.splitlines()[-1]


def test_missing_weight_file_is_named(tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ["annotate", picture, "-o", tmp_path / "out.png", "--weights", tmp_path / "w.safetensors"]
    assert main([str(argument) for argument in arguments]) == 2
    assert "w.safetensors" in capsys.readouterr().err


def test_older_python_is_told_which_one_to_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "version_info", (3, 10, 12))
    with pytest.raises(SystemExit, match="2"):
        runpy.run_path(str(MAIN), run_name="__main__")
    error = capsys.readouterr().err
    assert error.startswith("livefan: needs Python 3.11 or newer, and this is 3.10; use the Python in .venv")
    assert error.count("\n") == 1


def test_interrupted_import_prints_no_traceback(monkeypatch: pytest.MonkeyPatch):
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("livefan.cli.main.program", interrupt)
    with pytest.raises(SystemExit, match="130"):
        runpy.run_path(str(MAIN), run_name="__main__")


@pytest.mark.parametrize(
    ("name", "package", "mend"),
    [("av.video", "av", "use the Python in .venv"), ("torch", "torch", "-m pip install torch")],
)
def test_missing_package_is_one_line_with_the_mend(
    name: str, package: str, mend: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def run(_: object) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("livefan.cli.commands.runtimes.run", run)
    assert main(["runtimes"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"livefan: this needs the package {package}, which {sys.executable} lacks; ")
    assert mend in error
    assert error.count("\n") == 1


def test_window_without_pyqt_names_the_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setitem(sys.modules, "PyQt6", None)
    assert main(["live"]) == 2
    assert capsys.readouterr().err.endswith(f"lacks; run: {sys.executable} -m pip install PyQt6\n")


def test_failed_copy_names_the_file_that_could_not_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def run(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "temporary.onnx", None, "full/net.onnx")

    monkeypatch.setattr("livefan.cli.commands.export.run", run)
    assert main(["export", "w", "--format", "onnx", "-o", "full/net.onnx"]) == 2
    assert capsys.readouterr().err.startswith("livefan: full/net.onnx: No space left on device; check")


def test_running_thread_does_not_keep_the_process():
    """A compilation of a network cannot be stopped when the window closes."""
    busy = (
        "import threading, time; from livefan.core.process import end_process; "
        "threading.Thread(target=time.sleep, args=(600,), name='livefan-second', daemon=True).start(); "
        "print('printed'); end_process(3)"
    )
    assert run_python(busy) == (3, "printed\n")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_no_text_are_escaped(tmp_path: Path, picture: Path):
    name = "caf\udce9.png"
    shutil.copy(picture, tmp_path / name)
    done = call("annotate", tmp_path / name, "-o", tmp_path / f"{name}.csv", PYTHONIOENCODING="utf-8:strict")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\udce9" in done.stdout


def test_file_that_begins_like_an_option_is_explained(
    tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    shutil.copy(picture, tmp_path / "-dash.png")
    with pytest.raises(SystemExit, match="2"):
        main(["annotate", "-dash.png", "-o", "out.csv"])
    assert capsys.readouterr().err == "livefan: -dash.png: begins like an option; write ./-dash.png\n"
    assert main(["annotate", "./-dash.png", "-o", "out.csv"]) == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["annotate", "a.mp4", "-o", "b.csv", "--mesures", "gaze"],
            "--mesures, did you mean --measures?; see livefan annotate",
        ),
        (["annotate", "a.mp4", "-o", "b.csv", "--xyz"], "unknown option --xyz; see livefan annotate"),
        (["live", "0", "1"], "one argument too many: 1; see livefan live"),
    ],
)
def test_unknown_argument_names_the_command_and_the_option_like_it(
    given: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit, match="2"):
        main(given)
    assert message in capsys.readouterr().err

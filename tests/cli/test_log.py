"""The log of the command line: a bounded file, and standard error with --verbose."""

import logging
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from livefan.cli import log, main
from livefan.cli.log import LogFile, log_path, open_log

TRACEBACK = "Traceback (most recent call last):"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("LIVEFAN_CACHE", str(folder))
    return folder


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of a command that fails by a defect of its code."""

    def divide_by_zero(_: object) -> float:
        return 1 / 0

    monkeypatch.setattr("livefan.cli.commands.annotate.run", divide_by_zero)
    return ["annotate", "in.mp4", "-o", "out.mp4"]


def test_log_has_version_command_and_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main.main(["annotate", str(tmp_path / "größe.mp4"), "-o", str(tmp_path / "out.mp4")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    text = log_path().read_text(encoding="utf-8")
    assert text.splitlines()[0].count("größe.mp4") == 1
    assert f"livefan {main.__version__}, Python 3." in text
    assert TRACEBACK in text


@pytest.mark.parametrize("before", [True, False], ids=["before the command", "after the command"])
def test_verbose_adds_log_and_traceback_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], before: bool
):
    command = ["annotate", str(tmp_path / "gone.mp4"), "-o", str(tmp_path / "out.mp4")]
    assert main.main(["--verbose", *command] if before else [*command, "--verbose"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("INFO livefan.cli.main: livefan ")
    assert TRACEBACK in lines
    assert lines[-1].startswith("livefan: ")
    assert "gone.mp4: no such file" in lines[-1]


@pytest.mark.slow
def test_verbose_says_which_detector_and_runtime_were_chosen(
    tmp_path: Path, photo: np.ndarray, capsys: pytest.CaptureFixture[str]
):
    cv2.imwrite(str(tmp_path / "photo.png"), photo)
    command = ["annotate", str(tmp_path / "photo.png"), "-o", str(tmp_path / "out.csv"), "--threads", "1"]
    command += ["--runtime", "openvino", "--precision", "float32", "--weights", "mobilefan-half-300w"]
    assert main.main([*command, "--verbose"]) == 0
    err = capsys.readouterr().err
    assert "mobilefan-half-300w.safetensors: openvino float32, CPU threads 1" in err
    assert "detector face_detection_short_range: runtime openvino" in err


def test_verbose_alone_opens_the_window():
    arguments = main.parse(["--verbose"])
    assert (arguments.command, arguments.verbose) == ("live", True)
    assert not main.parse([]).verbose


def test_unexpected_error_names_the_log_file(failing: list[str], capsys: pytest.CaptureFixture[str]):
    assert main.main(failing) == 1
    (line,) = capsys.readouterr().err.splitlines()
    reason = "unexpected error, ZeroDivisionError: division by zero"
    assert line == f"livefan: {reason}; its traceback is in {log_path()}"
    assert "in divide_by_zero" in log_path().read_text()


def test_unexpected_error_prints_the_traceback_if_the_log_cannot_be_written(
    failing: list[str], cache: Path, capsys: pytest.CaptureFixture[str]
):
    cache.write_text("a file where the folder should be")
    assert main.main(failing) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == TRACEBACK
    assert lines[-1] == "livefan: unexpected error, ZeroDivisionError: division by zero"


def test_log_file_is_bounded(cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(log, "_LARGEST_BYTES", 1000)  # private: a megabyte of records would take seconds
    with open_log(verbose=False):
        for number in range(100):
            logging.getLogger("livefan.test").info("record %d", number)
    assert sorted(path.name for path in cache.iterdir()) == ["livefan.log", "livefan.log.1"]
    assert all(path.stat().st_size < 1200 for path in cache.iterdir())
    assert "record 99" in log_path().read_text()


def test_nothing_of_the_log_remains_after_a_command(tmp_path: Path):
    logger, hook = logging.getLogger("livefan"), threading.excepthook
    before = (logger.level, list(logger.handlers))
    main.main(["annotate", str(tmp_path / "gone.mp4"), "-o", str(tmp_path / "out.mp4")])
    assert (logger.level, list(logger.handlers)) == before
    assert threading.excepthook is hook


def test_log_has_the_traceback_of_a_thread(capsys: pytest.CaptureFixture[str]):
    def divide_by_zero() -> float:
        return 1 / 0

    with open_log(verbose=False):
        thread = threading.Thread(target=divide_by_zero, name="livefan-painter")
        thread.start()
        thread.join()
    text = log_path().read_text()
    assert "the thread livefan-painter ended with an error" in text
    assert "in divide_by_zero" in text
    assert TRACEBACK in capsys.readouterr().err


def test_user_without_a_home_has_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for variable in ("LIVEFAN_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as for an unknown user
    monkeypatch.chdir(tmp_path)
    with open_log(verbose=False) as file:
        logging.getLogger("livefan.test").info("text")
    assert not file.written
    assert not list(tmp_path.iterdir())


def test_unwritable_log_is_silent(cache: Path, capsys: pytest.CaptureFixture[str]):
    cache.write_text("a file where the folder should be")
    file = LogFile(log_path())
    file.emit(logging.LogRecord("livefan", logging.INFO, "", 0, "text", None, None))
    assert not file.written
    assert capsys.readouterr().err == ""

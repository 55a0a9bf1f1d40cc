"""The command line in odd environments: closed streams, other encodings, little memory, no home."""

import errno
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from livefan.cli import environment
from livefan.cli.environment import is_out_of_memory, out_of_memory

MAIN = Path(__file__).parents[2] / "main.py"
RUN = f"{shlex.quote(sys.executable)} {shlex.quote(str(MAIN))}"
# A runtime that is named is not timed against others, which takes long on a busy machine.
ANNOTATE = f"{RUN} annotate --runtime openvino --precision float32 --quiet"
needs_shell = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")


@pytest.fixture
def folder(tmp_path: Path, photo: np.ndarray) -> Path:
    """A folder with a photograph whose name has an umlaut."""
    # OpenCV cannot write such a name on Windows.
    (tmp_path / "größe.png").write_bytes(cv2.imencode(".png", photo)[1].tobytes())
    return tmp_path


def shell(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command line in a shell; ``livefan annotate`` in it is the command."""
    return subprocess.run(
        ["sh", "-c", command.replace("livefan annotate", ANNOTATE)],
        capture_output=True,
        check=False,
        cwd=folder,
        env={**os.environ, **variables},
        encoding="utf-8",
    )


@needs_shell
@pytest.mark.slow
@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_no_result(folder: Path, closed: str):
    done = shell(f"livefan annotate größe.png -o out.csv {closed}", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (expected("out.csv") if closed == "2>&-" else "")
    assert len((folder / "out.csv").read_text().splitlines()) == 2


def expected(name: str) -> str:
    return f"{name}: 1 frame, 1 with a face\n"


@needs_shell
@pytest.mark.slow
def test_error_with_closed_standard_error_exits_with_2_and_writes_nothing(folder: Path):
    done = shell("livefan annotate gone.mp4 -o out.csv 2>&-", folder)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")
    assert not (folder / "out.csv").exists()


@needs_shell
@pytest.mark.slow
def test_closed_standard_input_is_a_one_line_error(folder: Path):
    done = shell("livefan annotate - -o out.csv <&-", folder)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("livefan: standard-input: ")


@needs_shell
@pytest.mark.slow
def test_output_that_is_not_read_to_its_end_is_no_error(folder: Path):
    command = "(livefan annotate größe.png -o out.csv; echo $? >code) | true"
    done = shell(command, folder, PYTHONUNBUFFERED="1")
    assert (done.stderr, (folder / "code").read_text()) == ("", "0\n")
    assert (folder / "out.csv").is_file()
    done = shell("livefan annotate --help | head -n 1", folder, PYTHONUNBUFFERED="")
    assert done.stderr == ""
    assert done.stdout.startswith("usage: livefan annotate")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.slow
@pytest.mark.parametrize("arguments", ["annotate größe.png -o out.csv", "annotate --help"])
def test_full_standard_output_is_a_one_line_error(folder: Path, arguments: str):
    done = shell(f"livefan {arguments} >/dev/full", folder, PYTHONUNBUFFERED="")
    assert done.returncode == 2
    assert done.stderr == "livefan: standard output: No space left on device; choose another place for it\n"


@needs_shell
@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({"PYTHONIOENCODING": "ascii"}, "gr\\xf6\\xdfe.csv"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "größe.csv"),
    ],
    ids=["ascii", "C locale without UTF-8"],
)
def test_file_names_with_umlauts_in_any_locale(folder: Path, variables: dict[str, str], shown: str):
    done = shell("livefan annotate größe.png -o größe.csv", folder, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == expected(shown)
    assert (folder / "größe.csv").is_file()
    failed = shell("livefan annotate fehlt-ä.png -o out.csv", folder, **variables)
    assert (failed.returncode, failed.stderr.count("\n")) == (2, 1)


@needs_shell
@pytest.mark.slow
def test_missing_home_and_temporary_folder_change_no_result(folder: Path):
    """The home cannot be written either: neither the log nor the cache is kept."""
    home = folder / "a file"
    home.touch()
    variables = {"LIVEFAN_CACHE": "", "HOME": str(home), "XDG_CACHE_HOME": "", "TMPDIR": "/nonexistent"}
    done = shell("livefan annotate größe.png -o out.csv --weights mobilefan-half-300w", folder, **variables)
    assert (done.returncode, done.stdout, done.stderr) == (0, expected("out.csv"), "")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the address space")
@pytest.mark.slow
@pytest.mark.parametrize("kib", [300_000, 1_400_000])
def test_too_little_memory_is_a_one_line_error(folder: Path, kib: int):
    # A cache of its own: it would be short of memory for what is not compiled yet.
    with tempfile.TemporaryDirectory() as cache:
        done = shell(f"ulimit -v {kib}; livefan annotate größe.png -o out.png", folder, LIVEFAN_CACHE=cache)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("livefan: ")
    if kib < 1_400_000:
        assert f"the shell limits it to {kib} KiB; raise the limit: ulimit -v" in done.stderr


def test_memory_errors_of_libraries_are_recognised(monkeypatch: pytest.MonkeyPatch):
    errors: list[BaseException] = [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("Exception from core.cpp:84: std::bad_alloc"),
        ImportError("libgomp.so.1: failed to map segment from shared object"),
    ]
    assert all(map(is_out_of_memory, errors))
    wrapped = ValueError("no network")
    wrapped.__cause__ = errors[0]
    assert is_out_of_memory(wrapped)
    assert not is_out_of_memory(ValueError("bad"))
    assert out_of_memory() == "out of memory; close other programs"
    monkeypatch.setattr(environment, "address_space", lambda: 2e9)
    assert is_out_of_memory(ValueError("bad"))

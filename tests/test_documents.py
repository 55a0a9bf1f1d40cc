"""Every code block of the documents works: Python blocks run, and command lines are parsed or run."""

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from clips import moved, shrunk, write_recording
from evaluations import write_labelled_folder

from livefan.cli.main import build_parser, main, parse
from livefan.core.frame import Face
from livefan.core.resources import find_weights
from livefan.io.pts_file import write_pts

ROOT = Path(__file__).parents[1]
FOLDERS = (".", "docs", "weights", "assets", "benchmarks")
DOCUMENTS = sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.md"))
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s#]*)#?([^)\s]*)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
BOOTSTRAP = ("run", "test", "lint", "setup", "lock")
MADE_BY_TRAINING = "runs/mine/best.safetensors"


@dataclass(frozen=True)
class Code:
    """A code block or a command line, and its place in the documents."""

    place: str
    text: str

    def __str__(self) -> str:
        return self.place


def code_blocks(language: str) -> list[Code]:
    """Return the code blocks of a language in all documents."""
    blocks = []
    for path in DOCUMENTS:
        text = path.read_text()
        for match in FENCED.finditer(text):
            if match[1] == language:
                line = text.count("\n", 0, match.start()) + 2
                blocks.append(Code(f"{path.relative_to(ROOT)}:{line}", match[2]))
    return blocks


def inline_code() -> list[Code]:
    """Return the inline code of all documents."""
    return [
        Code(f"{path.relative_to(ROOT)}:{number}", match[1])
        for path in DOCUMENTS
        for number, line in enumerate(FENCED.sub(_blank, path.read_text()).splitlines(), start=1)
        for match in INLINE.finditer(line)
    ]


def _blank(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def command_lines() -> list[Code]:
    """Return the command lines of all shell blocks, continued lines joined, and those in running text.

    A command without options in running text is a name.
    """
    lines = []
    for block in code_blocks("sh"):
        path, _, start = block.place.rpartition(":")
        text = block.text.replace("\\\n", "")
        lines += [Code(f"{path}:{int(start) + n}", line) for n, line in enumerate(text.splitlines())]
    return lines + [
        code for code in inline_code() if code.text.startswith("python main.py ") and " -" in code.text
    ]


def arguments_of(line: str) -> list[str] | None:
    """Return the arguments that a command line passes to livefan; None if another program gets them."""
    words = shlex.split(line, comments=True)
    if "main.py" not in words:
        return None
    return list(takewhile(lambda word: word != "|", words[words.index("main.py") + 1 :]))


LINES = [code for code in command_lines() if code.text.strip()]
LIVEFAN = {code: arguments for code in LINES if (arguments := arguments_of(code.text)) is not None}


def is_short(arguments: list[str]) -> bool:
    """Return whether a command finishes within seconds, without a data set, a window or a training run."""
    if arguments[:1] == ["evaluate"]:
        return "myfaces" in arguments and MADE_BY_TRAINING not in arguments
    return arguments[:1] in (["annotate"], ["compare"], ["export"])


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory, photo: np.ndarray) -> Path:
    """A recording of three small frames with one face."""
    path = tmp_path_factory.mktemp("documents") / "clip.mp4"
    return write_recording(path, [moved(shrunk(photo), number) for number in range(3)])


@pytest.fixture(scope="module")
def named_files(
    tmp_path_factory: pytest.TempPathFactory, recording: Path, photo: np.ndarray, face: Face
) -> Path:
    """A folder with the files that the documents name."""
    made = tmp_path_factory.mktemp("named")
    for name in ("clip.mp4", "talk.mp4", "talk.mkv", "recordings/a.mp4", "recordings/b.mp4"):
        (made / name).parent.mkdir(exist_ok=True)
        (made / name).symlink_to(recording)
    write_labelled_folder(made / "myfaces", photo, face.points_px)
    (made / "album").mkdir()
    (made / "photographs").mkdir()
    labelled = [f"myfaces/more{number}" for number in range(5)]  # so many that one is held out
    labelled += ["photographs/a", "photographs/b"]
    for name in labelled:
        write_pts(made / f"{name}.pts", face.points_px)
    for name in ("photo.jpg", "frame_0001.png", "album/first.jpg", *(f"{name}.png" for name in labelled)):
        cv2.imwrite(str(made / name), photo)
    shutil.copy(find_weights("mobilefan-half-300w"), made / "own.safetensors")
    torch.save({"weight": torch.zeros(2, 2)}, made / "checkpoint.pth")
    return made


@pytest.fixture
def folder(named_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with these files."""
    shutil.copytree(named_files, tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("block", code_blocks("python"), ids=str)
def test_python_block_runs(block: Code, folder: Path):
    if "load_annotations" in block.text:
        assert main(["annotate", "talk.mp4", "-o", "out.csv"]) == 0
    if "mobilefan.onnx" in block.text:
        assert main(["export", "mobilefan-300w", "-o", "mobilefan.onnx", "--format", "onnx"]) == 0
    exec(compile(block.text, block.place, "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("line", LIVEFAN, ids=str)
def test_command_line_is_parsed(line: Code):
    parse(LIVEFAN[line])


@pytest.mark.parametrize("line", [line for line in LINES if line not in LIVEFAN], ids=str)
def test_other_command_line_has_a_known_program(line: Code):
    words = shlex.split(line.text, comments=True)
    if words[:2] == ["python3", "bootstrap.py"]:
        assert words[2] in BOOTSTRAP
    else:
        assert words[:2] in (["pip", "download"], ["pip", "install"], ["pre-commit", "install"])


@pytest.mark.slow
@pytest.mark.parametrize("line", [code for code in LIVEFAN if is_short(LIVEFAN[code])], ids=str)
def test_command_line_runs_on_small_files(line: Code, folder: Path):
    arguments = LIVEFAN[line]
    if "-" in arguments:  # standard input must be a file of the operating system
        command = [sys.executable, str(ROOT / "main.py"), *arguments]
        with open("talk.mp4", "rb") as stream:
            assert subprocess.run(command, stdin=stream, check=False).returncode == 0
    else:
        assert main(arguments) == 0


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a document."""
    headings = HEADING.findall(FENCED.sub(_blank, path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(path: Path):
    broken = []
    for target, anchor in LINK.findall(path.read_text(encoding="utf-8")):
        if target.startswith(("http:", "https:")):
            continue
        file = path.parent / target if target else path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(f"{target}#{anchor}")
    assert not broken


def test_options_in_running_text_exist(capsys: pytest.CaptureFixture[str]):
    """Options of other programs stand in code that names the program."""
    usage = build_parser()[0].format_help()
    commands = re.findall(r"^ {4}([a-z][a-z-]*)", usage, re.MULTILINE)
    assert "annotate" in commands
    for command in commands:
        with pytest.raises(SystemExit):
            parse([command, "--help"])
    known = set(re.findall(r"--[a-z][a-z0-9-]*", usage + capsys.readouterr().out))
    unknown = {
        f"{code.place}: {option}"
        for code in inline_code()
        if not code.text.startswith(("torchrun", "pip", "python3"))
        for option in re.findall(r"(?<!\S)--[a-z][a-z0-9-]*", code.text)
        if option not in known
    }
    assert not unknown

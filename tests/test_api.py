"""The public names of livefan, and the examples in their docstrings."""

import doctest
import importlib
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import livefan
from livefan.benchmark.frames import write_frames
from livefan.io.video import VideoSource

CLASSES_AND_FUNCTIONS = [name for name in livefan.__all__ if callable(getattr(livefan, name))]


@pytest.fixture(scope="module")
def folder_of_examples(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the examples name: ``clip.mp4`` of three frames, and ``photo.jpg``."""
    folder = tmp_path_factory.mktemp("examples")
    with VideoSource(str(clip), clip.name) as source:
        frames = list(itertools.islice(source, 3))
    write_frames(folder / "clip.mp4", frames)
    cv2.imwrite(str(folder / "photo.jpg"), frames[0].image)
    return folder


@pytest.mark.parametrize("name", ["livefan", *CLASSES_AND_FUNCTIONS])
def test_examples_of_public_names_run(name: str, folder_of_examples: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder_of_examples)
    documented = livefan if name == "livefan" else getattr(livefan, name)
    module = importlib.import_module(getattr(documented, "__module__", "livefan"))
    examples = doctest.DocTestFinder(recurse=name != "livefan").find(
        documented, name, module=module, globs={"livefan": livefan}
    )
    assert any(test.examples for test in examples), f"the docstring of {name} has no example"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in examples:
        runner.run(test)
    assert runner.summarize().failed == 0


def test_dir_lists_every_public_name():
    assert set(livefan.__all__) <= set(dir(livefan))


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="crop"):
        livefan.crop_faces  # noqa: B018


@pytest.mark.parametrize("value", [None, ["clip.mp4"], 0.5, b"clip.mp4"], ids=repr)
@pytest.mark.parametrize("name", ["open_source", "load_annotations", "load_weights", "CaptureThread"])
def test_argument_of_a_wrong_type_gives_a_line_that_names_it(name: str, value: object):
    with pytest.raises(livefan.LivefanError) as caught:
        getattr(livefan, name)(value)
    assert re.fullmatch(rf"\w+={re.escape(repr(value))}: pass a [\w ]+", str(caught.value))


def test_name_in_place_of_a_landmark_scheme_gives_one_line():
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(livefan.LivefanError, match=r"^scheme='300w-68': pass a LandmarkScheme$"):
        livefan.draw_faces(image, [], "300w-68")  # type: ignore[arg-type]


def test_import_changes_no_environment_variable():
    code = "import os; before = dict(os.environ); import livefan; assert dict(os.environ) == before"
    root = Path(livefan.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(root)})

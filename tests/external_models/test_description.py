"""Descriptions of networks: good ones, and one line for each kind of wrong one."""

import math
from pathlib import Path

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops
from toy_network import DESCRIPTION, save_constant_network

from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68
from livefan.external_models.description import MAP_PARTS, read_description
from livefan.external_models.draft import draft_description
from livefan.external_models.network_file import NetworkFile

POINTS = np.linspace(0.1, 0.9, 136).reshape(1, 136)
MAPS = np.zeros((1, 68, 16, 16))
EYES_ONLY = """\
[landmarks.map]
right_eye = [7, -1, -1, 4, -1, -1]
left_eye = [-1, -1, -1, 9, -1, -1]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a network of 68 points, a score, and heatmaps."""
    made = tmp_path_factory.mktemp("described")
    save_constant_network(made / "net.xml", POINTS, np.array([[3.0]]), MAPS)
    return made


def described(folder: Path, text: str) -> Path:
    path = folder / "net.toml"
    path.write_text(text)
    return path


def test_description_beside_the_network(folder: Path):
    path = described(folder, DESCRIPTION)
    for named in (path, folder / "net.xml"):
        description = read_description(named)
        assert description.scheme == IBUG_68
        assert description.input.shape == (1, 32, 32, 3)
        assert description.indices.tolist() == list(range(68))
        assert description.score is None


def test_parts_of_the_landmarks_may_be_mapped(folder: Path):
    text = DESCRIPTION.replace('[landmarks]\nscheme = "300w-68"\n', EYES_ONLY)
    text = text.replace("upright = true", "upright = false")
    description = read_description(described(folder, text))
    assert description.scheme.point_names == ("right_eye_0", "right_eye_3", "left_eye_3")
    assert description.indices.tolist() == [7, 4, 9]
    parts = [f"{part} = {list(range(count))}" for part, count in MAP_PARTS.items()]
    text = DESCRIPTION.replace('[landmarks]\nscheme = "300w-68"\n', "\n".join(["[landmarks.map]", *parts]))
    assert read_description(described(folder, text)).scheme == IBUG_68


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("size = 32", "size = 64", r"\[input\] size: gives \[1, 64, 64, 3\]"),
        ("size = 32", "sise = 32", r"\[input\] sise: unknown; known are layout, size"),
        ("size = 32", 'size = "32"', r"\[input\] size: '32' is not a whole number from 8 to 2048"),
        ('"RGB"', '"grey"', r"\[input\] colour: gives \[1, 32, 32, 1\]"),
        ('"RGB"', '"rgb"', r"\[input\] colour: 'rgb' is none of RGB, BGR, grey"),
        ('"NHWC"', '"NCHW"', r"\[input\] layout: gives \[1, 3, 32, 32\]"),
        ("std = 255.0", "std = [1, 0, 1]", r"\[input\] std: must not be zero"),
        ("std = 255.0", "std = nan", r"\[input\] std: nan is neither a number nor a list of 3 numbers"),
        ("mean = 0.0", "mean = [1, 2]", r"\[input\] mean: \[1, 2\] is neither a number nor a list of 3"),
        ("side = 1.25", "side = 0", r"\[crop\] side: 0 is not a number from 0.1 to 10"),
        ("upright = true", "upright = 1", r"\[crop\] upright: 1 is neither true nor false"),
        ('"out_0"', '"out"', r"\[output\] name: 'out' is none of out_0, out_1, out_2"),
        ("values = 2", "values = 3", r"\[output\] values: 136 numbers cannot be divided by 3"),
        ("values = 2", "values = 4", r"\[landmarks\] scheme: 300w-68 has 68 landmarks, the output 34"),
        ("values = 2\n", "", r"\[output\] values: missing"),
        ('"coordinates"', '"heatmaps"\nlayout = "NCHW"', r"\[output\] kind: heatmaps have four sides, .* 2"),
        ("[landmarks]", '[score]\nname = "out_0"\n[landmarks]', r"\[score\] name: .* not a single number"),
        ('"300w-68"', '"300w"', r"\[landmarks\] scheme: unknown landmark scheme '300w'"),
        ('"300w-68"', '"own.toml"', r"\[landmarks\] scheme: .*own.toml: cannot be read"),
        ("[landmarks]", "[points]", r"\[landmarks\]: missing"),
        ('scheme = "300w-68"', "map = {eye = []}", r"\[landmarks\] map.eye: unknown; known are jaw"),
        ('scheme = "300w-68"', "map = {left_eye = [1]}", r"\[landmarks\] map.left_eye: is not a list of 6"),
        (
            'scheme = "300w-68"',
            "map = {left_eye = [1, 2, 3, 68, 4, 5]}",
            r"\[landmarks\] map.left_eye: the points of the output are 0 to 67",
        ),
        ('scheme = "300w-68"', "map = {}", r"\[landmarks\] map: lacks the first of right_eye"),
        ('[landmarks]\nscheme = "300w-68"\n', EYES_ONLY, r"\[crop\] upright: an upright crop needs"),
    ],
)
def test_wrong_key_gives_one_line_with_file_key_and_shapes(
    folder: Path, before: str, after: str, message: str
):
    assert before in DESCRIPTION
    with pytest.raises(LivefanError, match=message) as caught:
        read_description(described(folder, DESCRIPTION.replace(before, after)))
    text = str(caught.value)
    assert text.startswith(f"{folder / 'net.toml'}: ")
    shapes = "outputs out_0 [1, 136], out_1 [1, 1], out_2 [1, 68, 16, 16]"
    assert text.endswith(f"net.xml has inputs image [1, 32, 32, 3]; {shapes}")
    assert "\n" not in text


def test_missing_and_damaged_files_give_one_line(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    (tmp_path / "net.toml").write_text("model =")
    (tmp_path / "text.toml").write_text('model = "net.txt"')
    (tmp_path / "gone.toml").write_text('model = "gone.onnx"')
    (tmp_path / "broken.toml").write_text('model = "broken.onnx"')
    for name, message in (
        ("net.toml", "cannot be read as a description"),
        ("text.toml", "net.txt: not a network that can be described"),
        ("gone.toml", "gone.onnx: no such file"),
        ("broken.toml", "broken.onnx: OpenVINO cannot read the network"),
        ("other.onnx", "other.toml: no such file; write a draft with 'livefan describe-model"),
    ):
        with pytest.raises(LivefanError, match=message) as caught:
            read_description(tmp_path / name)
        assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""  # OpenVINO's importers write there


def test_draft_of_known_landmarks_is_a_valid_description(folder: Path, tmp_path: Path):
    network = save_constant_network(tmp_path / "net.xml", POINTS, np.array([[3.0]]))
    path = tmp_path / "elsewhere" / "draft.toml"
    path.parent.mkdir()
    path.write_text(draft_description(NetworkFile(network), path))
    description = read_description(path)
    assert (description.scheme, description.input.size, description.output.range) == (IBUG_68, 32, "unit")
    assert description.score is not None
    assert description.network.path.samefile(network)


@pytest.mark.parametrize(
    ("output", "lines"),
    [
        (POINTS * 2 - 1, ['range = "signed"', "values = 2"]),
        (np.tile(POINTS * 32, 3), ['range = "pixels"', "values = 2", "[landmarks.map]"]),
        (np.full((1, 106, 5), 9.0), ["values = 5", "0 to 105"]),
        (np.full((1, 1, 1, 1434), 9.0), ["values = 3", 'scheme = "mediapipe-478"']),
        (MAPS, ['kind = "heatmaps"', 'layout = "NCHW"', 'scheme = "300w-68"']),
        (np.zeros((1, 16, 16, 106)), ['layout = "NHWC"', "jaw = [-1, -1", "0 to 105"]),
    ],
)
def test_draft_guesses_from_shapes_and_values(tmp_path: Path, output: np.ndarray, lines: list[str]):
    network = save_constant_network(tmp_path / "net.xml", output, channels=1)
    draft = draft_description(NetworkFile(network), tmp_path / "net.toml")
    for line in (*lines, 'colour = "grey"'):
        assert line in draft


@pytest.mark.parametrize(
    ("shapes", "problem"),
    [
        ([[1, 8]], "one input of four sides"),
        ([[1, 3, 8, 8], [1, 136]], "one input of four sides"),
        ([[1, 3, 8, 16]], r"it refuses a square image, \[1, 3, 8, 8\]"),
    ],
)
def test_draft_of_a_network_for_something_else_gives_one_line_error(
    tmp_path: Path, shapes: list[list[int]], problem: str
):
    taken = [ops.parameter(shape, np.float32) for shape in shapes]
    rows = [
        ops.reshape(each, [1, math.prod(shape)], False) for each, shape in zip(taken, shapes, strict=True)
    ]
    openvino.save_model(openvino.Model([ops.concat(rows, 1)], taken), str(tmp_path / "net.xml"))
    with pytest.raises(LivefanError, match=rf"net\.xml: cannot be described: .*{problem}") as caught:
        draft_description(NetworkFile(tmp_path / "net.xml"), tmp_path / "net.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("kind", "std"), [(np.uint8, 1.0), (np.float32, 255.0)])
def test_draft_scales_pixels_for_floating_point_numbers_alone(tmp_path: Path, kind: type, std: float):
    """A network that takes bytes, as those that 'export' writes, would get zeros and ones otherwise."""
    network = save_constant_network(tmp_path / "net.xml", POINTS, kind=kind)
    path = tmp_path / "net.toml"
    path.write_text(draft_description(NetworkFile(network), path))
    assert read_description(path).input.std.tolist() == [std] * 3

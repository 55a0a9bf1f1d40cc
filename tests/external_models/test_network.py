"""Described networks at work: input, decoding, and tracking."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from toy_network import DESCRIPTION, save_described

from livefan.core.frame import Face
from livefan.external_models.description import InputFormat, OutputFormat, read_description
from livefan.external_models.network import DescribedFinder, decode, network_input
from livefan.external_models.network_file import NetworkFile


def test_input_has_the_described_colours_layout_and_range():
    crop = np.zeros((32, 32, 3), np.uint8)
    crop[..., 0], crop[..., 1], crop[..., 2] = 10, 20, 30  # blue, green, red
    mean, std = np.array([1, 2, 3], np.float32), np.array([2, 2, 2], np.float32)
    rgb = network_input(crop, InputFormat("NCHW", 32, "RGB", mean, std))
    assert rgb.shape == (1, 3, 32, 32)
    assert rgb[0, :, 5, 5].tolist() == [14.5, 9.0, 3.5]
    bgr = network_input(crop, InputFormat("NHWC", 32, "BGR", mean, std))
    assert bgr.shape == (1, 32, 32, 3)
    assert bgr[0, 5, 5].tolist() == [4.5, 9.0, 13.5]
    grey = network_input(crop, InputFormat("NCHW", 32, "grey", mean[:1], std[:1]))
    assert grey.shape == (1, 1, 32, 32)
    assert grey[0, 0, 5, 5] == (cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)[5, 5] - 1) / 2


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("pixels", [7.5, 31]),
        ("corner-pixels", [8, 31.5]),
        ("unit", [0.25, 63 / 64]),
        ("signed", [-0.5, 31 / 32]),
    ],
)
def test_ranges_of_coordinates(name: str, values: list[float]):
    """Each stands for the point (7.5, 31) of a crop of 32 pixels; a third value is left out."""
    output = np.array([[*values, 99.0] * 4])
    points, confidence = decode(output, OutputFormat(0, "coordinates", name, 3), 32)
    assert confidence is None
    assert points.shape == (4, 2)
    assert np.allclose(points, [7.5, 31])


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_peaks_and_means_of_heatmaps(layout: str):
    """A peak between two cells, at (5.25, 9) of 16 x 16 cells; a crop of 64 pixels has four in each."""
    maps = np.zeros((1, 2, 16, 16))
    maps[0, :, 9, 5], maps[0, :, 9, 6] = 0.9, 0.5
    peaks = OutputFormat(0, "heatmaps", layout=layout, decoder="argmax")
    means = replace(peaks, decoder="soft-argmax")
    turned = maps if layout == "NCHW" else maps.transpose(0, 2, 3, 1)
    points, confidence = decode(turned, peaks, 64)
    assert np.allclose(points, [4 * 5.25 + 1.5, 4 * 9 + 1.5])
    assert np.allclose(confidence, 0.9)
    points, confidence = decode(100 * turned, means, 64)
    assert np.allclose(points, [4 * 5 + 1.5, 4 * 9 + 1.5], atol=0.01)
    assert np.allclose(confidence, 1.0)


def test_peak_at_the_edge_is_not_moved_along_it():
    maps = np.zeros((1, 1, 8, 8))
    maps[0, 0, 0, 7] = 1.0
    points, _ = decode(maps, OutputFormat(0, "heatmaps"), 8)
    assert points.tolist() == [[7.0, 0.0]]


@pytest.fixture(scope="module")
def points(face: Face) -> np.ndarray:
    """The landmarks of the face as shares of its crop."""
    low, high = face.points_px.min(axis=0), face.points_px.max(axis=0)
    return (face.points_px - (low + high) / 2) / (1.25 * float((high - low).max())) + 0.5


@pytest.mark.parametrize("box", ["landmarks", "detector"])
def test_face_is_found_and_lost(tmp_path: Path, photo: np.ndarray, face: Face, points: np.ndarray, box: str):
    text = DESCRIPTION.replace('box = "landmarks"', f'box = "{box}"').replace(
        "upright = true", "upright = false"
    )
    finder = DescribedFinder(
        read_description(save_described(tmp_path, points.reshape(1, 136), description=text))
    )
    (found,) = finder.find_alone(photo, 5)
    assert found.confidence is None
    size = float(np.ptp(face.points_px, axis=0).max())
    assert np.linalg.norm(found.points_px.mean(axis=0) - face.points_px.mean(axis=0)) < 0.25 * size
    for number in range(3):
        assert len(finder.find(photo, number / 25, 5)) == 1
    grey = np.full_like(photo, 127)
    counts = [len(finder.find(grey, 0.2 * number + 0.1, 5)) for number in range(1, 8)]
    assert counts[-1] == 0
    finder.close()


def test_score_below_the_least_is_no_face(tmp_path: Path, photo: np.ndarray, points: np.ndarray):
    text = DESCRIPTION + '[score]\nname = "out_1"\nkind = "logit"\nleast = 0.9\n'
    for score, n_faces in ((3.0, 1), (2.0, 0)):  # 0.95 and 0.88
        path = save_described(tmp_path, points.reshape(1, 136), np.array([[score]]), description=text)
        finder = DescribedFinder(read_description(path))
        assert len(finder.find_alone(photo, 5)) == n_faces
        finder.close()


def test_weights_beside_an_onnx_file_are_part_of_its_hash(tmp_path: Path):
    hashes = []
    for value in (1.0, 2.0):
        weights = onnx.numpy_helper.from_array(np.full((136, 3), value, np.float32), "w")
        ends = [
            onnx.helper.make_tensor_value_info(name, 1, shape)
            for name, shape in (("x", [1, 3]), ("y", [1, 136]))
        ]
        node = onnx.helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)
        graph = onnx.helper.make_graph([node], "g", ends[:1], ends[1:], [weights])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
        (tmp_path / "numbers").unlink(missing_ok=True)
        onnx.save(
            model, tmp_path / "n.onnx", save_as_external_data=True, location="numbers", size_threshold=0
        )
        hashes.append(NetworkFile(tmp_path / "n.onnx").sha256)
    assert hashes[0] != hashes[1]

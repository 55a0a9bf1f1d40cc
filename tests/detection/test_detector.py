"""The detector is MediaPipe's, run without MediaPipe: both must find the same."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from livefan.core.errors import LivefanError
from livefan.core.quiet import quiet_mediapipe
from livefan.core.resources import bundled_folder
from livefan.detection import blazeface
from livefan.detection.blazeface import FULL_RANGE_MODEL, SHORT_RANGE_MODEL, BlazeFace

# _reduced is private: MediaPipe must get the very image that the detector gets.
from livefan.detection.detector import FULL_RANGE, SHORT_RANGE, FaceDetector, _reduced
from livefan.io.video import VideoSource


@pytest.fixture(scope="module")
def detector() -> Iterator[FaceDetector]:
    with FaceDetector() as made:
        yield made


@pytest.fixture(scope="module")
def mediapipes(mediapipe: None) -> Iterator[dict[str, Any]]:
    """MediaPipe's own detectors with the same model files and thresholds."""
    with quiet_mediapipe():
        from mediapipe.tasks.python import BaseOptions, vision

        detectors = {
            name: vision.FaceDetector.create_from_options(
                vision.FaceDetectorOptions(
                    BaseOptions(str(bundled_folder("assets") / model.file_name)),
                    min_detection_confidence=model.least_score,
                )
            )
            for name, model in ((SHORT_RANGE, SHORT_RANGE_MODEL), (FULL_RANGE, FULL_RANGE_MODEL))
        }
    yield detectors
    for each in detectors.values():
        each.close()


def _turned(photo: np.ndarray, degrees: float) -> np.ndarray:
    height, width = photo.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return cv2.warpAffine(photo, matrix, (width, height))


def _far(photo: np.ndarray, factor: float) -> np.ndarray:
    """The photograph shrunk, in the corner of a frame of its size."""
    small = cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    frame = np.full_like(photo, 90)
    frame[-len(small) :, : small.shape[1]] = small
    return frame


ODD = "upright, odd"
"""Of a size for which warpAffine rounds positions differently from warpPerspective, which MediaPipe uses."""
PICTURES = {
    "as it is": lambda photo: photo,
    "small": lambda photo: _far(photo, 0.25),
    "tiny": lambda photo: _far(photo, 0.12),
    "leaning": lambda photo: _turned(photo, 35),
    "on its side": lambda photo: _turned(photo, 90),
    "three faces": lambda photo: np.hstack([photo, photo[:, ::-1], _far(photo, 0.5)]),
    "six faces": lambda photo: np.vstack([np.hstack([photo, photo[:, ::-1], photo])] * 2),
    ODD: lambda photo: photo[:359, 301:590],
    "a strip": lambda photo: np.hstack([photo[20:220], np.full_like(photo[20:220], 200)]),
    "half a face": lambda photo: photo[:, photo.shape[1] // 2 :],
    "large": lambda photo: cv2.resize(photo, None, fx=1.9, fy=1.9),
    "dark": lambda photo: (photo * 0.2).astype(np.uint8),
    "no face": lambda photo: np.full_like(photo, 90),
    "noise": lambda photo: np.random.default_rng(0).integers(0, 256, photo.shape, np.uint8),
    "one pixel": lambda photo: photo[:1, :1],
}
WITHOUT_A_FACE = ("no face", "noise", "one pixel")


@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_detections_equal_those_of_mediapipe(
    name: str, photo: np.ndarray, detector: FaceDetector, mediapipes: dict[str, Any]
):
    """Key points and scores agree to a ten-thousandth, on the same reduced image.

    In the odd picture they agree to a thousandth. MediaPipe rounds its boxes to whole pixels, and changes
    those that reach beyond the image.
    """
    import mediapipe

    image = np.ascontiguousarray(PICTURES[name](photo))
    reduced = _reduced(image)  # private: MediaPipe must get the very image that the detector gets
    rgb = cv2.cvtColor(reduced, cv2.COLOR_BGR2RGB)
    picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)
    scale = np.array([image.shape[1] / reduced.shape[1], image.shape[0] / reduced.shape[0]])
    tolerance = 1e-3 if name == ODD else 1e-4
    by_model = detector.detect_by_model(image)
    assert by_model.keys() == mediapipes.keys()
    assert any(by_model.values()) == (name not in WITHOUT_A_FACE)
    for model, found in by_model.items():
        theirs = mediapipes[model].detect(picture).detections
        theirs = sorted(theirs, key=lambda detection: -detection.categories[0].score)
        assert len(found) == len(theirs)
        for ours, their in zip(found, theirs, strict=True):
            width = ours.box_px[2] - ours.box_px[0]
            points = np.array([(point.x, point.y) for point in their.keypoints])
            expected = points * (image.shape[1], image.shape[0]) - 0.5
            assert np.abs(ours.keypoints_px - expected).max() < tolerance * width
            box = their.bounding_box
            corners = np.array([[0, 0], [box.width, box.height]]) + np.array([box.origin_x, box.origin_y])
            expected_box = corners * scale - 0.5
            inside = (ours.box_px[:2] >= 0).all() and (ours.box_px[2:] < image.shape[1::-1]).all()
            if inside:
                assert (np.abs(ours.box_px.reshape(2, 2) - expected_box) < 2 * scale).all()
            assert ours.score == pytest.approx(their.categories[0].score, abs=tolerance)


def test_compared_images_have_faces_for_both_models(photo: np.ndarray, detector: FaceDetector):
    counts = dict.fromkeys((SHORT_RANGE, FULL_RANGE), 0)
    for make in PICTURES.values():
        for model, found in detector.detect_by_model(np.ascontiguousarray(make(photo))).items():
            counts[model] += len(found)
    assert counts[SHORT_RANGE] >= 8
    assert counts[FULL_RANGE] >= 12


@pytest.mark.slow
def test_all_frames_of_the_clip_have_their_one_face(clip: Path, detector: FaceDetector):
    with VideoSource(str(clip), clip.name) as source:
        counts = [len(detector.detect(frame.image)) for frame in source if frame.index % 20 == 0]
    assert counts == [1] * len(counts)


def test_large_image_is_reduced_before_detection(photo: np.ndarray, detector: FaceDetector):
    """A face in a frame six times as large lies there, to a fiftieth of its width."""
    (small,) = detector.detect(photo)
    (large,) = detector.detect(cv2.resize(photo, None, fx=6, fy=6))
    back = (large.keypoints_px + 0.5) / 6 - 0.5
    width = small.box_px[2] - small.box_px[0]
    assert np.abs(back - small.keypoints_px).max() < 0.02 * width


@pytest.mark.parametrize(("model", "boxes"), [(SHORT_RANGE_MODEL, 896), (FULL_RANGE_MODEL, 2304)])
def test_boxes_are_relative_to_the_centres_of_their_cells(model: blazeface.BlazeFaceModel, boxes: int):
    """Hand-computed: the first cell of the first grid, and the last of the last."""
    centres = model.centres()
    assert centres.shape == (boxes, 2)
    assert centres[0].tolist() == [model.cells[0] / 2] * 2
    assert centres[-1].tolist() == [model.size - model.cells[-1] / 2] * 2


def test_boxes_of_one_face_are_averaged_by_their_scores():
    """Two boxes that overlap by four fifths are one face, a third far away is another."""
    points = np.zeros((3, 8, 2))
    points[:, :2] = [[[0, 0], [10, 10]], [[1, 0], [11, 10]], [[50, 50], [60, 60]]]
    # Private: no image gives boxes of known overlap and score.
    one, other = blazeface._without_doubles(points, np.array([0.9, 0.6, 0.5]))
    assert np.allclose(one.points[:2], [[0.4, 0], [10.4, 10]])
    assert (one.score, other.score) == (0.9, 0.5)
    assert np.array_equal(other.points, points[2])


def test_missing_model_gives_one_line_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("livefan.core.resources.bundled_folder", lambda name: tmp_path / name)
    with pytest.raises(LivefanError, match=r"short_range\.tflite: no such file"):
        BlazeFace(SHORT_RANGE_MODEL)


@pytest.mark.slow
def test_faces_are_found_without_importing_mediapipe(photo: np.ndarray, tmp_path: Path):
    cv2.imwrite(str(tmp_path / "photo.png"), photo)
    code = (
        "import sys, cv2; from livefan.detection.detector import FaceDetector; "
        f"faces = FaceDetector().detect(cv2.imread({str(tmp_path / 'photo.png')!r})); "
        "print(len(faces), 'mediapipe' in sys.modules, 'jax' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.split() == ["1", "False", "False"], done.stderr


def test_second_model_runs_only_if_the_first_finds_too_few_faces(photo: np.ndarray):
    """The second model is not loaded before. Its list is private, since loading shows nowhere else."""
    with FaceDetector() as detector:
        assert len(detector.detect(photo, 1)) == 1
        assert len(detector._models) == 1
        assert len(detector.detect(photo, 2)) == 1
        assert len(detector._models) == 2


def test_faint_faces_are_found_only_if_asked_for(photo: np.ndarray):
    confident, faint = BlazeFace(SHORT_RANGE_MODEL), BlazeFace(replace(SHORT_RANGE_MODEL, least_score=0.999))
    (expected,) = confident.find(photo)
    assert faint.find(photo) == []
    (found,) = faint.find(photo, faint=True)
    assert found.score == expected.score
    (same,) = confident.find(photo, faint=True)
    assert np.array_equal(same.points, expected.points)


def test_faint_face_does_not_hide_a_confident_one_of_the_other_model(
    detector: FaceDetector, photo: np.ndarray
):
    """Three quarters of the face are covered: only the full-range model is confident."""
    (clear,) = detector.detect(photo)
    left, top, right, bottom = clear.box_px.astype(int)
    photo = photo.copy()
    photo[top : top + int(0.75 * (bottom - top)), left:right] = 40
    (expected,) = detector.detect(photo)
    assert expected.model == FULL_RANGE
    (found,) = detector.detect(photo, faint=True)
    assert (found.model, found.score) == (expected.model, expected.score)

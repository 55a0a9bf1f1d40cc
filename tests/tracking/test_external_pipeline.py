"""Ids, smoothing and confidence of the faces of external models."""

import numpy as np
import pytest

from livefan.core.frame import Frame
from livefan.core.landmarks import IBUG_68
from livefan.external_models.finder import FoundFace
from livefan.tracking.external_pipeline import ExternalPipeline

IMAGE = np.zeros((200, 400, 3), np.uint8)
SHAPE = np.random.default_rng(0).uniform(0, 80, (68, 2))


class Script:
    """An external model that finds faces at given places, one list for each frame."""

    name, scheme = "script 1.0", IBUG_68

    def __init__(self, *frames: list[float], confidence: np.ndarray | None = None) -> None:
        self._frames = list(frames)
        self._confidence = confidence
        self.resets = 0

    def find(self, image: np.ndarray, time: float, max_faces: int) -> list[FoundFace]:
        places = self._frames.pop(0)[:max_faces]
        return [FoundFace(SHAPE + np.array([x, 50]), self._confidence) for x in places]

    def find_alone(self, image: np.ndarray, max_faces: int) -> list[FoundFace]:
        return self.find(image, 0.0, max_faces)

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        pass


def ids(script: Script, *times: float) -> list[list[int]]:
    pipeline = ExternalPipeline(script, smoothing=0.0)
    return [
        [face.track_id for face in pipeline.process(Frame(IMAGE, number, 0.0, time))]
        for number, time in enumerate(times)
    ]


def test_faces_keep_their_ids_in_any_order():
    script = Script([0, 200], [210, 5], [10, 220], [15])
    pipeline = ExternalPipeline(script, smoothing=0.0)
    places = [
        {face.track_id: round(face.box_px[0] - SHAPE[:, 0].min()) for face in pipeline.process(frame)}
        for frame in (Frame(IMAGE, number, 0.0, number / 25) for number in range(4))
    ]
    assert places == [{1: 0, 2: 200}, {1: 5, 2: 210}, {1: 10, 2: 220}, {1: 15}]


def test_face_that_returns_soon_keeps_its_id_and_later_gets_a_new_one():
    assert ids(Script([0], [], [5], [], [5]), 0.0, 0.1, 0.2, 0.3, 1.0) == [[1], [], [1], [], [2]]


def test_ids_start_again_if_time_goes_back():
    script = Script([0], [200], [0])
    assert ids(script, 1.0, 1.1, 0.5) == [[1], [2], [1]]
    assert script.resets == 1


def test_faces_without_confidence_have_nan_and_others_keep_theirs():
    sure = np.linspace(0, 1, 68)
    for confidence in (None, sure):
        pipeline = ExternalPipeline(Script([0], [0], confidence=confidence))
        (face,) = pipeline.process(Frame(IMAGE, 0, 0.0, 0.0))
        assert np.isnan(face.confidence).all() if confidence is None else (face.confidence == sure).all()
        assert face.sigma_px is None
        (alone,) = pipeline.process_image(IMAGE)
        assert alone.track_id == 1


@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_smoothing_reduces_shaking(smoothing: float):
    places = [[0.1 * (number % 2)] for number in range(30)]
    pipeline = ExternalPipeline(Script(*places), smoothing=smoothing)
    found = [pipeline.process(Frame(IMAGE, n, 0.0, n / 25))[0] for n in range(30)]
    shaking = np.std([face.points_px[0, 0] for face in found[10:]])
    assert np.std([face.raw_points_px[0, 0] for face in found[10:]]) == pytest.approx(0.05)
    assert shaking == pytest.approx(0.05) if smoothing == 0 else shaking < 0.04

"""Looking at the next frame beside this one: as good as one after the other, and always the same."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import moved, shrunk

from livefan.core.frame import Face, Frame
from livefan.io.video import VideoSource
from livefan.networks.checkpoint_info import read_weight_file
from livefan.runtimes.base import Runtime, RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.tracking.detection_schedule import DetectionSchedule
from livefan.tracking.lookahead import LookingAhead
from livefan.tracking.pipeline import Pipeline


@pytest.fixture(scope="module")
def runtimes() -> list[Runtime]:
    return [open_runtime(read_weight_file(), RuntimeChoice()) for _ in range(3)]


@pytest.fixture(scope="module")
def talk(clip: Path) -> list[Frame]:
    with VideoSource(str(clip), clip.name) as source:
        return [frame for frame, _ in zip(source, range(60), strict=False)]


def frames_of(pictures: Sequence[np.ndarray]) -> list[Frame]:
    return [Frame(picture, n, 0.0, n / 25) for n, picture in enumerate(pictures)]


def looking_ahead(runtimes: list[Runtime], at_a_time: int = 2) -> LookingAhead:
    return LookingAhead(runtimes[0], runtimes[1 : 1 + at_a_time], smoothing=0.0)


def points(faces: list[Face]) -> np.ndarray:
    (face,) = faces
    return face.points_px


@pytest.mark.slow
def test_results_equal_those_of_frame_by_frame_processing(runtimes: list[Runtime], talk: list[Frame]):
    one_by_one = Pipeline(runtimes[0], smoothing=0.0)
    ahead = looking_ahead(runtimes)
    apart = []
    for (frame, faces), wanted in zip(ahead.process_all(talk), talk, strict=True):
        assert frame is wanted
        expected = points(one_by_one.process(wanted))
        across = float(np.linalg.norm(expected[36] - expected[45]))
        apart.append(np.linalg.norm(points(faces) - expected, axis=1).mean() / across)
    assert np.mean(apart) < 0.01
    assert max(apart) < 0.02


@pytest.mark.slow
def test_results_are_reproducible_also_after_an_interruption(runtimes: list[Runtime], talk: list[Frame]):
    whole = [points(faces) for _, faces in looking_ahead(runtimes).process_all(talk)]
    first = looking_ahead(runtimes)
    broken = []
    for _, faces in first.process_all(talk):
        broken.append(points(faces))
        if len(broken) == 23:
            break
    first.close()
    second = looking_ahead(runtimes)
    second.restore(first.state())
    broken += [points(faces) for _, faces in second.process_all(talk[23:])]
    np.testing.assert_array_equal(broken, whole)


def test_networks_process_later_frames_in_advance(
    runtimes: list[Runtime], talk: list[Frame], monkeypatch: pytest.MonkeyPatch
):
    """Once a face is followed, nothing is left for the thread that follows it to look at itself."""
    looked_at: list[int] = []
    run_each = type(runtimes[0]).run_each

    def counted(self: Runtime, count: int, cut: Callable[[int, np.ndarray], object]) -> np.ndarray:
        looked_at.append(runtimes.index(self))
        return run_each(self, count, cut)

    monkeypatch.setattr(type(runtimes[0]), "run_each", counted)
    list(looking_ahead(runtimes).process_all(talk[:20]))
    by_itself = looked_at.count(0)
    assert by_itself <= 5  # finding the face, and the frame that was begun before it was found
    assert looked_at.count(1) + looked_at.count(2) == 18


def test_face_that_jumps_is_found_at_its_new_place(runtimes: list[Runtime], photo: np.ndarray):
    small = shrunk(photo, 480, 270)
    pictures = [small] * 6 + [moved(small, 12)] * 6
    ahead = looking_ahead(runtimes)
    nose = []
    for _, faces in ahead.process_all(frames_of(pictures)):
        nose.append(points(faces)[30, 0])
    assert np.ptp(nose[:6]) < 0.5
    assert np.ptp(nose[7:]) < 1.5  # of 12, on a face of 160 pixels
    assert nose[-1] - nose[0] == pytest.approx(12, abs=1)


def test_networks_work_while_the_detector_runs(
    runtimes: list[Runtime], talk: list[Frame], monkeypatch: pytest.MonkeyPatch
):
    ahead = looking_ahead(runtimes)
    detect = DetectionSchedule.detect
    started: list[int] = []

    def counted(self: DetectionSchedule, *arguments: Any, **named: Any) -> Any:
        started.append(len(ahead._started))
        return detect(self, *arguments, **named)

    monkeypatch.setattr(DetectionSchedule, "detect", counted)
    list(ahead.process_all(talk[:40]))
    assert started[0] == 1  # no face was followed yet, so the third frame waits for its place
    assert len(started) > 1
    assert set(started[1:]) == {2}

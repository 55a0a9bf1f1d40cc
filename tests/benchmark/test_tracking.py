from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from livefan.benchmark.face_motions import FACE_PX, HEIGHT, WIDTH, Photograph, Placement, empty_scene, render
from livefan.benchmark.tracking import Shown, as_table, benchmark_tracking, measure
from livefan.core.errors import LivefanError
from livefan.core.frame import Face
from livefan.core.landmarks import IBUG_68
from livefan.datasets import FaceSet
from livefan.runtimes.base import Runtime

EMPTY = np.empty((1, 1, 3), np.uint8)


@pytest.fixture(scope="module")
def photographs(photo: np.ndarray, face: Face) -> list[Photograph]:
    return [Photograph(photo, face.points_px), Photograph(photo[:, ::-1].copy(), face.points_px + 1.0)]


class Replay:
    """A tracker that returns the truth, displaced by a share of the frame's width, and further faces."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, offset: float = 0.0, n_extra: int = 0) -> None:
        self._offset, self._n_extra = offset, n_extra
        self._truth = np.zeros((68, 2))

        def rendered(photograph: Photograph, placement: Placement) -> tuple[np.ndarray, np.ndarray]:
            # The image, which this tracker does not need, takes most of the time.
            with monkeypatch.context() as patch:
                patch.setattr("livefan.benchmark.face_motions.cv2.warpAffine", lambda *given, **named: EMPTY)
                _, self._truth = render(photograph, placement)
            return EMPTY, self._truth

        monkeypatch.setattr("livefan.benchmark.tracking.render", rendered)

    def start(self) -> None:
        pass

    def track(self, image: np.ndarray, time: float) -> list[Shown]:
        points_px = self._truth + self._offset * WIDTH
        return [Shown(1, points_px)] + [Shown(2 + extra, points_px + WIDTH) for extra in range(self._n_extra)]


@pytest.mark.slow
def test_perfect_tracker_has_no_wrong_and_no_missed_face(photographs, monkeypatch: pytest.MonkeyPatch):
    tracker = Replay(monkeypatch)
    tallies = measure(tracker, photographs)
    assert {"gap", "nod", "cut", "empty", "size", "after a jump"} <= tallies.keys()
    for row, tally in tallies.items():
        assert (tally.wrong, tally.missed) == (0, 0), row
        assert tally.false == (tally.frames if row == "empty" else 0)
    assert tallies["cut"].wrong_id > 0  # the tracker gives both people one id


@pytest.mark.slow
def test_displaced_landmarks_are_wrong_and_further_faces_false(photographs, monkeypatch: pytest.MonkeyPatch):
    tracker = Replay(monkeypatch, offset=0.2, n_extra=1)
    tally = measure(tracker, photographs)["nod"]
    assert (tally.wrong, tally.missed, tally.false) == (tally.frames, 0, tally.frames)


def test_too_few_photographs_are_one_line_that_names_no_missing_option(
    tmp_path: Path, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(LivefanError, match="name the folder above 300W's folders"):
        benchmark_tracking(tmp_path / "gone", runtime)
    monkeypatch.setattr("livefan.benchmark.tracking.load_300w", lambda root, split: FaceSet(IBUG_68, []))
    with pytest.raises(LivefanError, match="0 suitable faces, 8 needed; name the folder of all of 300W"):
        benchmark_tracking(tmp_path, runtime)


def test_trackers_are_closed(tmp_path: Path, runtime: Runtime, monkeypatch: pytest.MonkeyPatch):
    closed: list[str] = []

    def opened(name: str) -> SimpleNamespace:
        return SimpleNamespace(close=lambda: closed.append(name))

    monkeypatch.setattr("livefan.benchmark.tracking.Pipeline", lambda *given, **named: opened("livefan"))
    monkeypatch.setattr("livefan.benchmark.tracking.MediaPipeFinder", lambda: opened("MediaPipe"))
    monkeypatch.setattr("livefan.benchmark.tracking._photographs", lambda *given: [])  # private: 300W
    benchmark_tracking(tmp_path, runtime)
    assert sorted(closed) == ["MediaPipe", "livefan"]


def test_rendered_face_lies_where_its_landmarks_say(photographs):
    photograph = photographs[0]
    _, centred = render(photograph, Placement())
    low, high = centred.min(axis=0), centred.max(axis=0)
    assert (low + high) / 2 == pytest.approx([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    assert (high - low).max() == pytest.approx(FACE_PX)
    image, _ = render(photograph, Placement((0.5, 0.0), 2.0))
    assert image.shape == (HEIGHT, WIDTH, 3)


def test_empty_scenes_differ_and_are_reproducible():
    scenes = [empty_scene(number) for number in range(12)]
    assert len({scene.tobytes() for scene in scenes}) >= 9
    assert np.array_equal(scenes[7], empty_scene(7))


@pytest.mark.slow
def test_table_has_one_line_for_each_scene(photographs, monkeypatch: pytest.MonkeyPatch):
    tracker = Replay(monkeypatch)
    tallies = measure(tracker, photographs[:1] * 2)
    lines = as_table({"livefan": tallies, "other": tallies})
    assert len(lines) == 2 + len(tallies)
    assert len({line.count("|") for line in lines}) == 1
